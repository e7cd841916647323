import assert from 'node:assert/strict';
import { open as openPage } from '../browser.js';

const about = (id) => (object) => object.id === id;

/** Renews a subscription up to its draft; returns the clock, the customer, the subscription and the draft. */
export async function draftRenewal(shop, card = 'pm_card_visa', more = {}) {
  const { stripe } = shop;
  const clock = await shop.clock('2026-03-01T00:00:00Z');
  const customer = await shop.customer('pm_card_visa', { test_clock: clock.id, ...more });
  const subscription = await shop.subscription(customer, await shop.price('Creator', 1200));
  if (card !== 'pm_card_visa') await shop.attachDefault(customer, card);
  await shop.advance(clock, '2026-04-01T00:00:10Z');
  const { data } = await stripe.invoices.list({ subscription: subscription.id, status: 'draft' });
  assert.equal(data.length, 1);
  return { clock, customer, subscription, draft: data[0] };
}

/** Renews a subscription that the customer's balance pays: nothing is collected. */
async function payFromBalance(shop) {
  const { stripe, deliveries } = shop;
  const { clock, customer, draft } = await draftRenewal(shop);
  const change = { amount: -2000, currency: 'usd', description: 'Kindness', metadata: { why: 'judged' } };
  const made = await stripe.customers.createBalanceTransaction(customer.id, change);
  assert.deepEqual([made.type, made.ending_balance], ['adjustment', -2000]);
  await deliveries.about('customer.updated', (object) => object.id === customer.id && object.balance === -2000);
  assert.equal((await stripe.customers.retrieveBalanceTransaction(customer.id, made.id)).id, made.id);
  await stripe.customers.updateBalanceTransaction(customer.id, made.id, { description: 'More kindness' });
  await shop.advance(clock, '2026-04-01T01:00:00Z');
  const paid = await stripe.invoices.retrieve(draft.id, { expand: ['payments'] });
  assert.deepEqual([paid.status, paid.total, paid.amount_due, paid.amount_paid], ['paid', 1200, 0, 0]);
  assert.deepEqual([paid.starting_balance, paid.ending_balance, paid.payments.data], [-2000, -800, []]);
  const { data } = await stripe.customers.listBalanceTransactions(customer.id, { invoice: draft.id });
  assert.deepEqual(data.map((each) => [each.type, each.amount]), [['applied_to_invoice', 1200]]);
}

/** Renews a subscription with items that waited for it and items of its draft. */
async function renewWithItems(shop) {
  const { stripe, deliveries } = shop;
  const { clock, customer, draft, subscription } = await draftRenewal(shop);
  const put = (amount, more) =>
    stripe.invoiceItems.create({ customer: customer.id, amount, currency: 'usd', description: 'Setup', ...more });
  const onDraft = await put(300, { invoice: draft.id });
  await deliveries.about('invoiceitem.created', about(onDraft.id));
  const wrong = await put(100, { invoice: draft.id });
  await stripe.invoiceItems.update(wrong.id, { amount: 200 });
  assert.equal((await stripe.invoiceItems.del(wrong.id)).deleted, true);
  const waiting = await put(-400, { subscription: subscription.id, metadata: { why: 'judged' } });
  assert.equal((await stripe.invoiceItems.retrieve(waiting.id)).invoice, null);
  await shop.advance(clock, '2026-04-01T01:00:00Z');
  assert.equal((await stripe.invoices.retrieve(draft.id)).amount_paid, 1500);
  await shop.advance(clock, '2026-05-01T01:00:00Z');
  const { latest_invoice } = await stripe.subscriptions.retrieve(subscription.id, { expand: ['latest_invoice'] });
  assert.equal(latest_invoice.amount_paid, 800);
  const line = latest_invoice.lines.data.find((each) => each.parent.type === 'invoice_item_details');
  assert.deepEqual([line.amount, line.parent.invoice_item_details.invoice_item], [-400, waiting.id]);
  const { data } = await stripe.invoiceItems.list({ customer: customer.id, pending: false });
  assert.deepEqual(data.map((each) => each.id), [waiting.id, onDraft.id]);
}

export default {
  async "a renewal's draft is finalized early and paid at once"(shop) {
    const { stripe, deliveries } = shop;
    const { clock, draft, subscription } = await draftRenewal(shop);
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
    const { clock, draft } = await draftRenewal(shop);
    const open = await shop.stripe.invoices.finalizeInvoice(draft.id, { auto_advance: true });
    assert.equal(open.next_payment_attempt - open.status_transitions.finalized_at, 3600);
    await shop.advance(clock, '2026-04-01T01:00:10Z');
    assert.equal((await shop.stripe.invoices.retrieve(draft.id)).status, 'paid');
  },

  async "a renewal's invoice is voided, or given up, and the subscription goes on"(shop) {
    const { stripe, deliveries } = shop;
    const acts = [['voidInvoice', 'void', 'invoice.voided'], ['markUncollectible', 'uncollectible', 'invoice.marked_uncollectible']];
    for (const [act, status, event] of acts) {
      const { clock, draft, subscription } = await draftRenewal(shop, 'pm_card_chargeCustomerFail');
      await shop.advance(clock, '2026-04-01T02:00:00Z');
      assert.equal((await stripe.subscriptions.retrieve(subscription.id)).status, 'past_due');
      assert.equal((await stripe.invoices[act](draft.id)).status, status);
      await deliveries.about(event, about(draft.id));
      assert.equal((await stripe.subscriptions.retrieve(subscription.id)).status, 'active');
    }
  },

  async 'a renewal that its owner must confirm waits for them'(shop) {
    const { stripe, deliveries } = shop;
    const { draft } = await draftRenewal(shop, 'pm_card_authenticationRequired');
    await assert.rejects(stripe.invoices.pay(draft.id), { code: 'invoice_payment_intent_requires_action', statusCode: 402 });
    await deliveries.about('invoice.payment_action_required', about(draft.id));
    const open = await stripe.invoices.retrieve(draft.id, { expand: ['confirmation_secret'] });
    const intent = await shop.intentOf(open);
    assert.deepEqual([open.status, intent.status], ['open', 'requires_action']);
    assert.equal(open.confirmation_secret.client_secret, intent.client_secret);
    await (await openPage(open.hosted_invoice_url)).press('Complete authentication');
    assert.equal((await stripe.invoices.retrieve(draft.id)).status, 'paid');
  },

  "a renewal is paid from the customer's balance"(shop) {
    return payFromBalance(shop);
  },

  async 'an invoice that is voided gives the balance back'(shop) {
    const { stripe } = shop;
    const { customer, draft } = await draftRenewal(shop);
    await stripe.customers.update(customer.id, { balance: -500 });
    const open = await stripe.invoices.finalizeInvoice(draft.id, { auto_advance: false });
    assert.deepEqual([open.amount_due, open.starting_balance, open.ending_balance], [700, -500, 0]);
    await stripe.invoices.voidInvoice(draft.id);
    assert.equal((await stripe.customers.retrieve(customer.id)).balance, -500);
    const { data } = await stripe.customers.listBalanceTransactions(customer.id);
    assert.deepEqual(data.map((each) => each.type), ['unapplied_from_invoice', 'applied_to_invoice', 'adjustment']);
  },

  async 'a paid invoice is given back as a refund, as balance and outside'(shop) {
    const { stripe, deliveries } = shop;
    const customer = await shop.customer();
    const subscription = await shop.subscription(customer, await shop.price('Creator', 1200));
    const invoice = subscription.latest_invoice;
    const note = await stripe.creditNotes.create({
      invoice, amount: 900, refund_amount: 500, credit_amount: 300, out_of_band_amount: 100,
      reason: 'order_change', memo: 'Sorry', metadata: { why: 'judged' },
      expand: ['customer_balance_transaction', 'refunds.refund'],
    });
    assert.deepEqual([note.type, note.status, note.post_payment_amount], ['post_payment', 'issued', 900]);
    assert.deepEqual([note.customer_balance_transaction.amount, note.refunds[0].refund.amount], [-300, 500]);
    await deliveries.about('credit_note.created', about(note.id));
    const { data } = await stripe.creditNotes.list({ invoice });
    assert.deepEqual(data.map((each) => each.id), [note.id]);
    assert.equal((await stripe.creditNotes.retrieve(note.id)).lines.data[0].amount, 900);
    assert.equal((await stripe.creditNotes.listLineItems(note.id)).data.length, 1);
    await stripe.creditNotes.update(note.id, { memo: 'Very sorry' });
    await deliveries.about('credit_note.updated', about(note.id));
    const seen = await stripe.invoices.retrieve(invoice);
    assert.deepEqual([seen.post_payment_credit_notes_amount, seen.amount_paid], [900, 1200]);
    await assert.rejects(stripe.creditNotes.create({ invoice, amount: 301, refund_amount: 301 }), { code: 'amount_too_large' });
    const [line] = seen.lines.data;
    const rest = await stripe.creditNotes.create({
      invoice,
      lines: [{ type: 'invoice_line_item', invoice_line_item: line.id, amount: 300 }],
      credit_amount: 300,
    });
    assert.equal(rest.lines.data[0].invoice_line_item, line.id);
  },

  async 'an open invoice is lowered by a credit note, which can be voided'(shop) {
    const { stripe, deliveries } = shop;
    const { draft } = await draftRenewal(shop);
    await stripe.invoices.finalizeInvoice(draft.id, { auto_advance: false });
    const note = await stripe.creditNotes.create({ invoice: draft.id, amount: 200 });
    const amounts = async () => {
      const seen = await stripe.invoices.retrieve(draft.id);
      return [seen.total, seen.amount_due, seen.amount_remaining, seen.pre_payment_credit_notes_amount];
    };
    assert.deepEqual(await amounts(), [1200, 1000, 1000, 200]);
    assert.equal((await stripe.creditNotes.voidCreditNote(note.id)).status, 'void');
    await deliveries.about('credit_note.voided', about(note.id));
    assert.deepEqual(await amounts(), [1200, 1200, 1200, 0]);
    await stripe.creditNotes.create({
      invoice: draft.id,
      lines: [{ type: 'custom_line_item', description: 'All of it', quantity: 2, unit_amount: 600 }],
    });
    const paid = await stripe.invoices.retrieve(draft.id);
    assert.deepEqual([paid.status, paid.amount_paid, paid.amount_due], ['paid', 0, 0]);
  },

  'a renewal has a line that somebody put there'(shop) {
    return renewWithItems(shop);
  },

  async 'an invoice is written by hand'(shop) {
    const { stripe, deliveries } = shop;
    const customer = await shop.customer();
    const price = await shop.price('Setup', 800, null);
    await stripe.invoiceItems.create({ customer: customer.id, amount: -50, currency: 'usd', description: 'Kindness' });
    const draft = await stripe.invoices.create({
      customer: customer.id,
      pending_invoice_items_behavior: 'include',
      description: 'By hand',
    });
    assert.deepEqual([draft.status, draft.billing_reason, draft.lines.data[0].amount], ['draft', 'manual', -50]);
    await stripe.invoiceItems.create({ invoice: draft.id, customer: customer.id, pricing: { price: price.id }, quantity: 2 });
    await deliveries.about('invoice.updated', (object) => object.id === draft.id && object.total === 1550);
    await stripe.invoices.update(draft.id, { metadata: { why: 'judged' } });
    const paid = await stripe.invoices.pay(draft.id);
    assert.deepEqual([paid.status, paid.amount_paid, paid.metadata.why], ['paid', 1550, 'judged']);
  },
};
