import assert from 'node:assert/strict';
import { card, open } from '../browser.js';

const RETURN = 'https://shop.example/account';

/** A customer with the cheaper of two plans, and what the portal lets them do. */
async function customerOfPortal(shop, update = {}) {
  const cheap = await shop.price('Creator', 1200);
  const dear = await shop.price('Pro', 2900);
  const hidden = await shop.price('Business', 9900);
  const customer = await shop.customer();
  const subscription = await shop.subscription(customer, cheap);
  const configuration = await shop.stripe.billingPortal.configurations.create({
    business_profile: { headline: 'Canvas' },
    features: {
      customer_update: { enabled: false },
      invoice_history: { enabled: true },
      payment_method_update: { enabled: true },
      subscription_cancel: { enabled: true, mode: 'at_period_end' },
      subscription_update: {
        enabled: true,
        default_allowed_updates: ['price'],
        proration_behavior: 'none',
        products: [cheap, dear].map((price) => ({ product: price.product, prices: [price.id] })),
        ...update,
      },
    },
  });
  const enter = (flow_data) =>
    shop.stripe.billingPortal.sessions.create({
      customer: customer.id,
      configuration: configuration.id,
      return_url: RETURN,
      ...(flow_data ? { flow_data } : {}),
    });
  const now = () => shop.stripe.subscriptions.retrieve(subscription.id, { expand: ['latest_invoice', 'schedule'] });
  return { cheap, dear, hidden, customer, subscription, configuration, enter, now };
}

export default {
  async 'the portal shows the plan and the invoices, and leads back'(shop) {
    const { enter } = await customerOfPortal(shop);
    const page = await open((await enter()).url);
    for (const words of ['Creator', '$12.00', 'Paid']) assert.ok(page.text.includes(words), `${words}: ${page.text}`);
    assert.equal(page.link('Back'), RETURN);
  },

  async 'a plan is canceled in the portal, and kept after all'(shop) {
    const { enter, now } = await customerOfPortal(shop);
    const page = await open((await enter()).url);
    const asked = await open(page.link('Cancel plan'));
    const canceled = await asked.press('Cancel plan');
    assert.equal((await now()).cancel_at, (await now()).items.data[0].current_period_end);
    const home = canceled.offers('Keep plan') ? canceled : await open(page.url);
    await home.press('Keep plan');
    assert.equal((await now()).cancel_at, null);
  },

  async 'another plan is chosen in the portal, among those that are offered'(shop) {
    const { dear, hidden, enter, now } = await customerOfPortal(shop, {
      billing_cycle_anchor: 'now',
      proration_behavior: 'none',
    });
    const page = await open((await enter()).url);
    const choice = await open(page.link('Change plan'));
    assert.ok(choice.text.includes('Pro') && !choice.text.includes('Business'), choice.text);
    const confirm = await choice.press('Continue', { price: dear.id });
    assert.ok(confirm.text.includes('$29.00'), confirm.text);
    await confirm.press('Confirm');
    const changed = await now();
    assert.equal(changed.items.data[0].price.id, dear.id);
    assert.deepEqual([changed.latest_invoice.amount_paid, changed.latest_invoice.status], [2900, 'paid']);
    const cheated = await choice.press('Continue', { price: hidden.id });
    assert.equal(cheated.offers('Confirm'), false, cheated.text);
  },

  async 'a cheaper plan begins when the period ends, where the portal says so'(shop) {
    const { cheap, dear, subscription, enter, now } = await customerOfPortal(shop, {
      schedule_at_period_end: { conditions: [{ type: 'decreasing_item_amount' }] },
    });
    const [item] = subscription.items.data;
    await shop.stripe.subscriptions.update(subscription.id, {
      items: [{ id: item.id, price: dear.id }],
      proration_behavior: 'none',
    });
    const page = await open((await enter()).url);
    const confirm = await (await open(page.link('Change plan'))).press('Continue', { price: cheap.id });
    await confirm.press('Confirm');
    const changed = await now();
    assert.equal(changed.items.data[0].price.id, dear.id, 'nothing changes before the period ends');
    const last = changed.schedule.phases.at(-1);
    assert.equal(last.items[0].price, cheap.id);
    assert.equal(last.start_date, changed.items.data[0].current_period_end);
  },

  async 'a link leads straight to the confirmation of a change, and back to the shop'(shop) {
    const { dear, subscription, enter, now } = await customerOfPortal(shop);
    const session = await enter({
      type: 'subscription_update_confirm',
      subscription_update_confirm: {
        subscription: subscription.id,
        items: [{ id: subscription.items.data[0].id, price: dear.id, quantity: 1 }],
      },
      after_completion: { type: 'redirect', redirect: { return_url: 'https://shop.example/upgraded' } },
    });
    assert.equal(session.flow.type, 'subscription_update_confirm');
    const page = await open(session.url);
    assert.ok(page.text.includes('Pro'), page.text);
    const { left } = await page.press('Confirm');
    assert.equal(left, 'https://shop.example/upgraded');
    assert.equal((await now()).items.data[0].price.id, dear.id);
  },

  async 'a link leads straight to canceling'(shop) {
    const { subscription, enter, now } = await customerOfPortal(shop);
    const session = await enter({
      type: 'subscription_cancel',
      subscription_cancel: { subscription: subscription.id },
      after_completion: { type: 'redirect', redirect: { return_url: 'https://shop.example/sorry' } },
    });
    const { left } = await (await open(session.url)).press('Cancel plan');
    assert.equal(left, 'https://shop.example/sorry');
    assert.equal((await now()).cancel_at, subscription.items.data[0].current_period_end);
  },

  async 'a link leads straight to another card'(shop) {
    const { customer, enter } = await customerOfPortal(shop);
    const session = await enter({
      type: 'payment_method_update',
      after_completion: { type: 'redirect', redirect: { return_url: 'https://shop.example/card' } },
    });
    const { left } = await (await open(session.url)).press('Save card', card('5555555555554444'));
    assert.equal(left, 'https://shop.example/card');
    const { invoice_settings } = await shop.stripe.customers.retrieve(customer.id, {
      expand: ['invoice_settings.default_payment_method'],
    });
    assert.equal(invoice_settings.default_payment_method.card.last4, '4444');
  },

  async 'an open invoice is paid on its own page'(shop) {
    const clock = await shop.clock('2026-03-01T00:00:00Z');
    const customer = await shop.customer('pm_card_visa', { test_clock: clock.id });
    const { id } = await shop.subscription(customer, await shop.price('Creator', 1200));
    await shop.attachDefault(customer, 'pm_card_chargeCustomerFail');
    await shop.advance(clock, '2026-04-01T02:00:00Z');
    const late = await shop.stripe.subscriptions.retrieve(id, { expand: ['latest_invoice'] });
    assert.equal(late.status, 'past_due');
    const page = await open(late.latest_invoice.hosted_invoice_url);
    assert.ok(page.text.includes('$12.00') && page.text.includes(late.latest_invoice.number), page.text);
    const declined = await page.press('Pay', card('4000000000000002'));
    assert.match(declined.text, /declined/i);
    const paid = await declined.press('Pay', card('4242424242424242'));
    assert.match(paid.text, /paid/i);
    assert.equal((await shop.stripe.subscriptions.retrieve(id)).status, 'active');
  },
};
