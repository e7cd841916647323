// Setting of every flow: the SDK pointed at the simulator, the events that were delivered, and a product to sell.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import Stripe from 'stripe';

// Maximum time of a delivery, in milliseconds; one takes a few.
const PATIENCE = 15_000;

/** Listens for events that are really delivered, and checks each with the SDK's own code. */
export class Deliveries {
  #waiting = new Set();
  all = [];
  // Errors with which the SDK refused deliveries.
  refusals = [];

  constructor(secret) {
    this.secret = secret;
    this.server = createServer((request, answer) => {
      const chunks = [];
      request.on('data', (chunk) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks);
        const signature = request.headers['stripe-signature'];
        try {
          this.all.push({ body, signature, event: Stripe.webhooks.constructEvent(body, signature, this.secret) });
        } catch (error) {
          this.refusals.push(error);
        }
        answer.end();
        this.#wake();
      });
    });
  }

  async listen() {
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${this.server.address().port}/webhooks`;
  }

  /** Waits for an event of a type that suits; returns the first that was delivered. */
  async about(type, suits = () => true) {
    const found = () => this.all.find(({ event }) => event.type === type && suits(event.data.object, event));
    let late = false;
    const timer = setTimeout(() => ((late = true), this.#wake()), PATIENCE);
    while (!found() && !late) await new Promise((resolve) => this.#waiting.add(resolve));
    clearTimeout(timer);
    if (!found()) throw new Error(`no ${type} was delivered that suits; there are: ${this.types}`);
    return found();
  }

  #wake() {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  get types() {
    return [...new Set(this.all.map(({ event }) => event.type))].join(', ');
  }
}

export const seconds = (text) => Date.parse(text) / 1000;
export const date = (instant) => new Date(instant * 1000).toISOString();

/** The SDK, pointed at the simulator, and the steps that several flows share. */
export class Shop {
  constructor(url, deliveries) {
    const { hostname, port } = new URL(url);
    this.options = { host: hostname, port, protocol: 'http', maxNetworkRetries: 0, telemetry: false };
    this.url = url;
    this.deliveries = deliveries;
    this.stripe = this.as('sk_test_judges');
  }

  /** The SDK with another key. */
  as(key) {
    return new Stripe(key, this.options);
  }

  /** A product with a price of so many cents. */
  async price(name, cents, interval = 'month', more = {}) {
    const product = await this.stripe.products.create({ name });
    const recurring = interval ? { recurring: { interval } } : {};
    return this.stripe.prices.create({ product: product.id, currency: 'usd', unit_amount: cents, ...recurring, ...more });
  }

  /** Creates a test clock at an instant. */
  async clock(instant) {
    return this.stripe.testHelpers.testClocks.create({ frozen_time: seconds(instant), name: 'judged' });
  }

  /** Advances a clock, and waits until it is ready. */
  async advance(clock, instant) {
    const frozen_time = typeof instant === 'number' ? instant : seconds(instant);
    await this.stripe.testHelpers.testClocks.advance(clock.id, { frozen_time });
    for (let tries = 0; tries < 1000; tries += 1) {
      const now = await this.stripe.testHelpers.testClocks.retrieve(clock.id);
      if (now.status === 'ready') return now;
      assert.equal(now.status, 'advancing');
    }
    throw new Error(`${clock.id} does not get ready`);
  }

  /** A customer who pays with a card. */
  async customer(card = 'pm_card_visa', more = {}) {
    const customer = await this.stripe.customers.create({ email: 'ada@example.com', name: 'Ada', ...more });
    await this.attachDefault(customer, card);
    return customer;
  }

  /** Lets a customer pay with another card from now on. */
  async attachDefault(customer, card) {
    const method = await this.stripe.paymentMethods.attach(card, { customer: customer.id });
    await this.stripe.customers.update(customer.id, { invoice_settings: { default_payment_method: method.id } });
    return method;
  }

  /** A subscription that is paid for. */
  async subscription(customer, price, more = {}) {
    return this.stripe.subscriptions.create({ customer: customer.id, items: [{ price: price.id }], ...more });
  }

  /** The payment intent that pays an invoice. */
  async intentOf(invoice) {
    const { data } = await this.stripe.invoicePayments.list({ invoice: invoice.id ?? invoice });
    const id = data[0].payment.payment_intent;
    return this.stripe.paymentIntents.retrieve(id, { expand: ['latest_charge'] });
  }

  /** Returns the types of the delivered events that suit, in the order of their delivery. */
  typesAbout(suits) {
    return this.deliveries.all.filter(({ event }) => suits(event.data.object, event)).map(({ event }) => event.type);
  }
}
