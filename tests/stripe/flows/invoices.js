import assert from 'node:assert/strict';

const about = (id) => (object) => object.id === id;

/** A renewal's draft: its clock, its customer, its subscription and itself. */
export async function drafted(shop, card = 'pm_card_visa', more = {}) {
  const { stripe } = shop;
  const clock = await shop.clock('2026-03-01T00:00:00Z');
  const customer = await shop.customer('pm_card_visa', { test_clock: clock.id, ...more });
  const subscription = await shop.subscription(customer, await shop.price('Creator', 1200));
  if (card !== 'pm_card_visa') await shop.pays(customer, card);
  await shop.advance(clock, '2026-04-01T00:00:10Z');
  const { data } = await stripe.invoices.list({ subscription: subscription.id, status: 'draft' });
  assert.equal(data.length, 1);
  return { clock, customer, subscription, draft: data[0] };
}

export default {
  async "a renewal's draft is finalized early and paid at once"(shop) {
    const { stripe, deliveries } = shop;
    const { clock, draft, subscription } = await drafted(shop);
    assert.deepEqual([draft.auto_advance, draft.automatically_finalizes_at - draft.created], [true, 3600]);
    const open = await stripe.invoices.finalizeInvoice(draft.id, { auto_advance: false });
    assert.deepEqual([open.status, open.auto_advance, open.attempted], ['open', false, false]);
    await assert.rejects(stripe.invoices.finalizeInvoice(draft.id), { code: 'invoice_not_editable' });
    const paid = await stripe.invoices.pay(draft.id);
    assert.deepEqual([paid.status, paid.amount_paid, paid.attempt_count], ['paid', 1200, 1]);
    for (const type of ['invoice.created', 'invoice.finalized', 'invoice.paid']) await deliveries.about(type, about(draft.id));
    await shop.advance(clock, '2026-04-02T00:00:00Z');
    const { data } = await stripe.invoicePayments.list({ invoice: draft.id });
    assert.deepEqual(data.map((each) => each.status), ['paid'], 'nothing is collected twice');
    assert.equal((await stripe.subscriptions.retrieve(subscription.id)).status, 'active');
  },

  async "a renewal's draft that is finalized and advances is collected an hour later"(shop) {
    const { clock, draft } = await drafted(shop);
    const open = await shop.stripe.invoices.finalizeInvoice(draft.id, { auto_advance: true });
    assert.equal(open.next_payment_attempt - open.status_transitions.finalized_at, 3600);
    await shop.advance(clock, '2026-04-01T01:00:10Z');
    assert.equal((await shop.stripe.invoices.retrieve(draft.id)).status, 'paid');
  },

  async "a renewal's invoice is voided, or given up, and the subscription goes on"(shop) {
    const { stripe, deliveries } = shop;
    const acts = [['voidInvoice', 'void', 'invoice.voided'], ['markUncollectible', 'uncollectible', 'invoice.marked_uncollectible']];
    for (const [act, status, event] of acts) {
      const { clock, draft, subscription } = await drafted(shop, 'pm_card_chargeCustomerFail');
      await shop.advance(clock, '2026-04-01T02:00:00Z');
      assert.equal((await stripe.subscriptions.retrieve(subscription.id)).status, 'past_due');
      assert.equal((await stripe.invoices[act](draft.id)).status, status);
      await deliveries.about(event, about(draft.id));
      assert.equal((await stripe.subscriptions.retrieve(subscription.id)).status, 'active');
    }
  },

  async 'a renewal that its owner must confirm waits for them'(shop) {
    const { stripe, deliveries } = shop;
    const { draft } = await drafted(shop, 'pm_card_authenticationRequired');
    await assert.rejects(stripe.invoices.pay(draft.id), { code: 'invoice_payment_intent_requires_action', statusCode: 402 });
    await deliveries.about('invoice.payment_action_required', about(draft.id));
    const open = await stripe.invoices.retrieve(draft.id, { expand: ['confirmation_secret'] });
    const intent = await shop.intentOf(open);
    assert.deepEqual([open.status, intent.status], ['open', 'requires_action']);
    assert.equal(open.confirmation_secret.client_secret, intent.client_secret);
  },
};
