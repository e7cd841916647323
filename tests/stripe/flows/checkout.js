import assert from 'node:assert/strict';
import Stripe from 'stripe';
import { card, open } from '../browser.js';

const URLS = {
  success_url: 'https://shop.example/thanks?session={CHECKOUT_SESSION_ID}',
  cancel_url: 'https://shop.example/plans',
};

async function openSession(shop, more = {}) {
  const price = await shop.price('Creator', 1200);
  const customer = await shop.stripe.customers.create({ email: 'ada@example.com' });
  const session = await shop.stripe.checkout.sessions.create({
    mode: 'subscription',
    customer: customer.id,
    client_reference_id: 'ws_7',
    line_items: [{ price: price.id, quantity: 1 }],
    subscription_data: { metadata: { workspace: 'ws_7' } },
    metadata: { purpose: 'plan' },
    ...URLS,
    ...more,
  });
  return { price, customer, session };
}

export default {
  async 'a plan is bought on the hosted page, and the events say so'(shop) {
    const { stripe, deliveries } = shop;
    const { price, customer, session } = await openSession(shop);
    assert.deepEqual([session.status, session.payment_status], ['open', 'unpaid']);
    const page = await open(session.url);
    for (const words of ['Creator', '$12.00', 'month']) assert.ok(page.text.includes(words), `${words}: ${page.text}`);
    const { left } = await page.press('Subscribe', card('4242 4242 4242 4242'));
    assert.equal(left, `https://shop.example/thanks?session=${session.id}`);

    const done = await stripe.checkout.sessions.retrieve(session.id, { expand: ['subscription.latest_invoice'] });
    assert.deepEqual([done.status, done.payment_status, done.url], ['complete', 'paid', null]);
    const { subscription } = done;
    assert.deepEqual([subscription.status, subscription.metadata.workspace], ['active', 'ws_7']);
    assert.equal(subscription.items.data[0].price.id, price.id);
    const invoice = subscription.latest_invoice;
    assert.deepEqual([invoice.status, invoice.amount_paid, invoice.billing_reason], ['paid', 1200, 'subscription_create']);
    assert.equal(invoice.parent.subscription_details.subscription, subscription.id);
    assert.deepEqual(invoice.parent.subscription_details.metadata, { workspace: 'ws_7' });

    const completed = await deliveries.about('checkout.session.completed', (object) => object.id === session.id);
    assert.equal(completed.event.data.object.client_reference_id, 'ws_7');
    assert.equal(completed.event.api_version, '2026-10-28.endive');
    await deliveries.about('customer.subscription.created', (object) => object.id === subscription.id);
    const paid = await deliveries.about('invoice.paid', (object) => object.customer === customer.id);
    assert.equal(paid.event.data.object.lines.data[0].pricing.price_details.price, price.id);
    assert.equal((await open(session.url)).offers('Subscribe'), false);
  },

  async 'an event that was changed on its way is refused'({ deliveries }) {
    const { body, signature } = await deliveries.about('checkout.session.completed');
    const { constructEvent } = Stripe.webhooks;
    const check = (text, header, secret) => constructEvent.call(Stripe.webhooks, text, header, secret);
    assert.equal(check(body, signature, deliveries.secret).type, 'checkout.session.completed');
    const refused = { type: 'StripeSignatureVerificationError' };
    const changed = body.toString().replace('ws_7', 'ws_8');
    assert.notEqual(changed, body.toString());
    assert.throws(() => check(changed, signature, deliveries.secret), refused);
    assert.throws(() => check(body, signature, 'whsec_another'), refused);
  },

  async 'a card that is declined can be replaced by one that is not'(shop) {
    const { stripe } = shop;
    const { session } = await openSession(shop);
    const page = await open(session.url);
    const declined = await page.press('Subscribe', card('4000000000000002'));
    assert.match(declined.text, /declined/i);
    assert.equal((await stripe.checkout.sessions.retrieve(session.id)).status, 'open');
    const wrong = await declined.press('Subscribe', card('1234'));
    assert.match(wrong.text, /card number/i);
    const { left } = await wrong.press('Subscribe', card('4242424242424242'));
    assert.equal(left, `https://shop.example/thanks?session=${session.id}`);
  },

  async 'a bank may ask for a confirmation, which can fail'(shop) {
    const { stripe } = shop;
    const { session } = await openSession(shop);
    const page = await open(session.url);
    const asked = await page.press('Subscribe', card('4000002500003155'));
    assert.ok(asked.offers('Complete'), asked.text);
    const failed = await asked.press('Fail');
    assert.equal((await stripe.checkout.sessions.retrieve(session.id)).payment_status, 'unpaid');
    const again = await failed.press('Subscribe', card('4000002500003155'));
    const { left } = await again.press('Complete');
    assert.equal(left, `https://shop.example/thanks?session=${session.id}`);
    const done = await stripe.checkout.sessions.retrieve(session.id, { expand: ['subscription'] });
    assert.deepEqual([done.payment_status, done.subscription.status], ['paid', 'active']);
  },

  async 'a pack is bought once, by somebody who has no account yet'(shop) {
    const { stripe, deliveries } = shop;
    const price = await shop.price('1,000 credits', 1500, null);
    const session = await stripe.checkout.sessions.create({
      mode: 'payment',
      customer_creation: 'always',
      line_items: [{ price: price.id, quantity: 2 }],
      payment_intent_data: { metadata: { pack: 'credits-1000' } },
      ...URLS,
    });
    assert.equal(session.amount_total, 3000);
    const page = await open(session.url);
    assert.ok(page.text.includes('$30.00'), page.text);
    assert.equal(page.link('Back'), URLS.cancel_url);
    const { left } = await page.press('Pay', { email: 'new@example.com', ...card('5555555555554444') });
    assert.ok(left.endsWith(session.id), left);
    const done = await stripe.checkout.sessions.retrieve(session.id, { expand: ['payment_intent.latest_charge', 'customer'] });
    assert.equal(done.customer_details.email, 'new@example.com');
    assert.equal(done.customer.email, 'new@example.com');
    const intent = done.payment_intent;
    assert.deepEqual([intent.status, intent.amount_received, intent.metadata.pack], ['succeeded', 3000, 'credits-1000']);
    assert.equal(intent.latest_charge.payment_method_details.card.brand, 'mastercard');
    const { data } = await stripe.checkout.sessions.listLineItems(session.id);
    assert.deepEqual(data.map((each) => [each.price.id, each.quantity, each.amount_total]), [[price.id, 2, 3000]]);
    const { event } = await deliveries.about('checkout.session.completed', (object) => object.id === session.id);
    assert.equal(event.data.object.payment_status, 'paid');
    const { data: sessions } = await stripe.checkout.sessions.list({ payment_intent: intent.id });
    assert.deepEqual(sessions.map((each) => each.id), [session.id]);
  },

  async 'a means of payment is saved without a payment'(shop) {
    const { stripe } = shop;
    const customer = await stripe.customers.create({ email: 'ada@example.com' });
    const session = await stripe.checkout.sessions.create({
      mode: 'setup',
      currency: 'usd',
      customer: customer.id,
      custom_text: { submit: { message: 'Nothing is paid today.' } },
      ...URLS,
    });
    assert.deepEqual([session.amount_total, session.payment_status], [null, 'unpaid']);
    const page = await open(session.url);
    assert.ok(page.text.includes('Nothing is paid today.'), page.text);
    await page.press('Save', card('4242 4242 4242 4242'));
    const done = await stripe.checkout.sessions.retrieve(session.id);
    assert.deepEqual([done.status, done.payment_status], ['complete', 'no_payment_required']);
    const intent = await stripe.setupIntents.retrieve(done.setup_intent, { expand: ['payment_method'] });
    assert.deepEqual([intent.status, intent.payment_method.customer], ['succeeded', customer.id]);
    await shop.deliveries.about('setup_intent.succeeded', (object) => object.id === intent.id);
    const mixed = { mode: 'setup', currency: 'usd', line_items: [{ price: 'price_1', quantity: 1 }], ...URLS };
    await assert.rejects(stripe.checkout.sessions.create(mixed), { param: 'line_items' });
    await assert.rejects(stripe.checkout.sessions.create({ mode: 'setup', ...URLS }), { param: 'currency' });
  },

  async 'a session that was ended takes no money'(shop) {
    const { session } = await openSession(shop);
    const ended = await shop.stripe.checkout.sessions.expire(session.id);
    assert.deepEqual([ended.status, ended.url], ['expired', null]);
    const page = await open(session.url);
    assert.ok(!page.offers('Subscribe') && /expired/i.test(page.text), page.text);
    await shop.deliveries.about('checkout.session.expired', (object) => object.id === session.id);
  },
};
