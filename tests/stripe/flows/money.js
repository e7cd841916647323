import assert from 'node:assert/strict';
import { card, open } from '../browser.js';

const of = (charge) => (object) => object.charge === charge.id;

/** Buys a pack with a card; returns the charge. */
async function buyPack(shop, number) {
  const price = await shop.price('1,000 credits', 1500, null);
  const session = await shop.stripe.checkout.sessions.create({
    mode: 'payment',
    line_items: [{ price: price.id, quantity: 1 }],
    success_url: 'https://shop.example/thanks',
  });
  await (await open(session.url)).press('Pay', { email: 'ada@example.com', ...card(number) });
  const { payment_intent } = await shop.stripe.checkout.sessions.retrieve(session.id, {
    expand: ['payment_intent.latest_charge'],
  });
  assert.equal(payment_intent.status, 'succeeded');
  return payment_intent.latest_charge;
}

async function disputeCharge(shop) {
  const charge = await buyPack(shop, '4000000000000259');
  const created = await shop.deliveries.about('charge.dispute.created', of(charge));
  const dispute = created.event.data.object;
  assert.deepEqual([dispute.status, dispute.amount, dispute.reason], ['needs_response', 1500, 'fraudulent']);
  await shop.deliveries.about('charge.dispute.funds_withdrawn', of(charge));
  const { disputed } = await shop.stripe.charges.retrieve(charge.id);
  assert.equal(disputed, true);
  return { charge, dispute };
}

export default {
  async 'money is given back in parts, and no more than was paid'(shop) {
    const { stripe, deliveries } = shop;
    const charge = await buyPack(shop, '4242424242424242');
    const part = await stripe.refunds.create({ charge: charge.id, amount: 500, reason: 'requested_by_customer' });
    assert.deepEqual([part.status, part.amount], ['succeeded', 500]);
    const { amount_refunded, refunded } = await stripe.charges.retrieve(charge.id);
    assert.deepEqual([amount_refunded, refunded], [500, false]);
    const first = await deliveries.about('charge.refunded', (object) => object.id === charge.id);
    assert.equal(first.event.data.object.amount_refunded, 500);
    assert.equal(first.event.data.previous_attributes.amount_refunded, 0);
    await deliveries.about('refund.created', (object) => object.id === part.id);

    const tooMuch = stripe.refunds.create({ payment_intent: charge.payment_intent, amount: 1001 });
    await assert.rejects(tooMuch, { type: 'StripeInvalidRequestError' });
    const rest = await stripe.refunds.create({ payment_intent: charge.payment_intent });
    assert.equal(rest.amount, 1000);
    const whole = await stripe.charges.retrieve(charge.id);
    assert.deepEqual([whole.amount_refunded, whole.refunded], [1500, true]);
    const again = stripe.refunds.create({ charge: charge.id });
    await assert.rejects(again, { type: 'StripeInvalidRequestError', code: 'charge_already_refunded' });
    const { data } = await stripe.refunds.list({ charge: charge.id });
    assert.deepEqual(data.map((each) => each.amount), [1000, 500]);
  },

  async 'a paid invoice is found from its payment, and the payment from the invoice'(shop) {
    const { stripe } = shop;
    const customer = await shop.customer();
    const subscription = await shop.subscription(customer, await shop.price('Creator', 1200));
    const intent = await shop.intentOf(subscription.latest_invoice);
    assert.deepEqual([intent.status, intent.amount_received], ['succeeded', 1200]);
    const { data } = await stripe.invoicePayments.list({
      payment: { type: 'payment_intent', payment_intent: intent.id },
    });
    assert.deepEqual(data.map((each) => [each.invoice, each.status]), [[subscription.latest_invoice, 'paid']]);
    const refund = await stripe.refunds.create({ payment_intent: intent.id });
    assert.equal(refund.charge, intent.latest_charge.id);
    const { status } = await stripe.invoices.retrieve(subscription.latest_invoice);
    assert.equal(status, 'paid', 'an invoice stays paid when its money is given back');
  },

  async 'a dispute that is won brings the money back'(shop) {
    const { stripe, deliveries } = shop;
    const { charge, dispute } = await disputeCharge(shop);
    await stripe.disputes.update(dispute.id, { evidence: { uncategorized_text: 'winning_evidence' }, submit: true });
    const closed = await deliveries.about('charge.dispute.closed', of(charge));
    assert.equal(closed.event.data.object.status, 'won');
    await deliveries.about('charge.dispute.funds_reinstated', of(charge));
    assert.equal((await stripe.disputes.retrieve(dispute.id)).status, 'won');
  },

  async 'a dispute that is lost does not'(shop) {
    const { stripe, deliveries } = shop;
    const { charge, dispute } = await disputeCharge(shop);
    await stripe.disputes.update(dispute.id, { evidence: { uncategorized_text: 'losing_evidence' }, submit: true });
    const closed = await deliveries.about('charge.dispute.closed', of(charge));
    assert.equal(closed.event.data.object.status, 'lost');
    assert.ok(!shop.typesAbout(of(charge)).includes('charge.dispute.funds_reinstated'));
    const { data } = await stripe.disputes.list({ charge: charge.id });
    assert.deepEqual(data.map((each) => each.status), ['lost']);
  },

  async 'a dispute that nobody fights is lost'(shop) {
    const { dispute } = await disputeCharge(shop);
    assert.equal((await shop.stripe.disputes.close(dispute.id)).status, 'lost');
  },
};
