import assert from 'node:assert/strict';
import { card, open } from '../browser.js';

const about = (id) => (object) => object.id === id;
const IBANS = { good: 'DE89370400440532013000', bad: 'DE62370400440532013001' };

/** Completes the session of a customer on a clock with a bank account. */
async function completeByDebit(shop, mode, number) {
  const { stripe } = shop;
  const clock = await shop.clock('2026-03-01T00:00:00Z');
  const customer = await stripe.customers.create({ email: 'ada@example.com', test_clock: clock.id });
  const price = await shop.price('Creator', 1200, mode === 'payment' ? null : 'month');
  const session = await stripe.checkout.sessions.create({
    mode,
    customer: customer.id,
    line_items: [{ price: price.id, quantity: 1 }],
    success_url: 'https://shop.example/thanks',
  });
  const page = await open(session.url);
  await page.press(mode === 'payment' ? 'Pay $12.00' : 'Subscribe', card(number));
  const completed = await shop.deliveries.about('checkout.session.completed', about(session.id));
  const { status, payment_status } = completed.event.data.object;
  assert.deepEqual([status, payment_status], ['complete', 'unpaid']);
  return { clock, customer, session: await stripe.checkout.sessions.retrieve(session.id) };
}

export default {
  async 'a plan is paid from a bank account days after it was bought'(shop) {
    const { stripe, deliveries } = shop;
    for (const [number, event, status] of [
      [IBANS.good, 'checkout.session.async_payment_succeeded', ['active', 'paid']],
      [IBANS.bad, 'checkout.session.async_payment_failed', ['past_due', 'open']],
      ['000123456789', 'checkout.session.async_payment_succeeded', ['active', 'paid']],
    ]) {
      const { clock, session } = await completeByDebit(shop, 'subscription', number);
      const statuses = async () => {
        const found = await stripe.subscriptions.retrieve(session.subscription, { expand: ['latest_invoice'] });
        return [found.status, found.latest_invoice.status];
      };
      assert.deepEqual(await statuses(), ['active', 'open']);
      const intent = await shop.intentOf(session.invoice);
      assert.deepEqual([intent.status, intent.latest_charge.status], ['processing', 'pending']);
      await deliveries.about('payment_intent.processing', about(intent.id));
      await assert.rejects(stripe.invoices.voidInvoice(session.invoice), { code: 'payment_intent_unexpected_state' });
      await shop.advance(clock, '2026-03-06T00:00:00Z');
      await deliveries.about(event, about(session.id));
      assert.deepEqual(await statuses(), status);
    }
  },

  async 'a pack is paid from a bank account, or is not'(shop) {
    const { stripe } = shop;
    for (const [number, status] of [[IBANS.good, 'paid'], [IBANS.bad, 'unpaid']]) {
      const { clock, session } = await completeByDebit(shop, 'payment', number);
      await shop.advance(clock, '2026-03-06T00:00:00Z');
      const settled = await stripe.checkout.sessions.retrieve(session.id, { expand: ['payment_intent'] });
      assert.equal(settled.payment_status, status);
      if (status === 'unpaid') assert.equal(settled.payment_intent.last_payment_error.payment_method_type, 'sepa_debit');
      else await stripe.refunds.create({ payment_intent: settled.payment_intent.id });
    }
  },

  async 'a renewal is debited, and settles when that is said'(shop) {
    const { stripe, deliveries } = shop;
    const clock = await shop.clock('2026-03-01T00:00:00Z');
    const customer = await shop.customer('pm_card_visa', { test_clock: clock.id });
    const subscription = await shop.subscription(customer, await shop.price('Creator', 1200));
    const method = await stripe.paymentMethods.create({
      type: 'us_bank_account',
      us_bank_account: { account_number: '000000000009', routing_number: '110000000', account_holder_type: 'individual' },
      billing_details: { name: 'Ada' },
    });
    await shop.attachDefault(customer, method.id);
    await shop.advance(clock, '2026-04-20T00:00:00Z');
    const { status, latest_invoice } = await stripe.subscriptions.retrieve(subscription.id);
    assert.equal(status, 'active');
    const intent = await shop.intentOf(latest_invoice);
    assert.equal(intent.status, 'processing');
    await fetch(`${shop.url}/_control/payment_intents/${intent.id}/settle`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ succeeds: false }),
    });
    await deliveries.about('charge.failed', about(intent.latest_charge.id));
    await deliveries.about('invoice.payment_failed', about(latest_invoice));
    assert.equal((await stripe.subscriptions.retrieve(subscription.id)).status, 'past_due');
  },
};
