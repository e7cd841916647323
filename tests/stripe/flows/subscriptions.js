import assert from 'node:assert/strict';
import { date, seconds } from '../shop.js';

const about = (id) => (object) => object.id === id;
const period = (subscription) => {
  const [item] = subscription.items.data;
  return [date(item.current_period_start), date(item.current_period_end)];
};

/** Subscribes a customer on a clock of their own to a plan. */
async function openSubscription(shop, start, more = {}) {
  const clock = await shop.clock(start);
  const customer = await shop.customer('pm_card_visa', { test_clock: clock.id });
  const price = await shop.price('Creator', 1200);
  const subscription = await shop.subscription(customer, price, more);
  assert.equal(subscription.status, 'active');
  return { clock, customer, price, subscription };
}

export default {
  async 'an upgrade that starts a new cycle is paid in full at once'(shop) {
    const { stripe } = shop;
    const { clock, subscription } = await openSubscription(shop, '2026-03-01T00:00:00Z');
    const dearer = await shop.price('Pro', 2900);
    await shop.advance(clock, '2026-03-11T12:00:00Z');
    const upgraded = await stripe.subscriptions.update(subscription.id, {
      items: [{ id: subscription.items.data[0].id, price: dearer.id }],
      billing_cycle_anchor: { type: 'now' },
      proration_behavior: 'none',
      payment_behavior: 'pending_if_incomplete',
      expand: ['latest_invoice'],
    });
    assert.equal(upgraded.items.data[0].price.id, dearer.id);
    assert.equal(upgraded.pending_update, null);
    assert.deepEqual(period(upgraded), ['2026-03-11T12:00:00.000Z', '2026-04-11T12:00:00.000Z']);
    const invoice = upgraded.latest_invoice;
    assert.deepEqual([invoice.amount_paid, invoice.billing_reason], [2900, 'subscription_update']);
    assert.equal(invoice.lines.data.length, 1);
    await shop.deliveries.about('invoice.paid', about(invoice.id));
    const changed = await shop.deliveries.about('customer.subscription.updated', (object, { data }) =>
      object.id === subscription.id && data.previous_attributes.items);
    assert.equal(changed.event.data.object.items.data[0].price.id, dearer.id);
  },

  async 'an upgrade that is not paid waits, and is applied when it is paid'(shop) {
    const { stripe, deliveries } = shop;
    const { clock, customer, price, subscription } = await openSubscription(shop, '2026-03-01T00:00:00Z');
    const dearer = await shop.price('Pro', 2900);
    await shop.attachDefault(customer, 'pm_card_chargeCustomerFail');
    await shop.advance(clock, '2026-03-05T00:00:00Z');
    const upgrade = () =>
      stripe.subscriptions.update(subscription.id, {
        items: [{ id: subscription.items.data[0].id, price: dearer.id }],
        billing_cycle_anchor: { type: 'now' },
        proration_behavior: 'none',
        payment_behavior: 'pending_if_incomplete',
        expand: ['latest_invoice'],
      });
    const waiting = await upgrade();
    assert.deepEqual([waiting.status, waiting.items.data[0].price.id], ['active', price.id]);
    assert.equal(waiting.pending_update.subscription_items[0].price.id, dearer.id);
    assert.deepEqual(period(waiting), ['2026-03-01T00:00:00.000Z', '2026-04-01T00:00:00.000Z']);
    assert.equal(waiting.latest_invoice.status, 'open');
    await deliveries.about('invoice.payment_failed', about(waiting.latest_invoice.id));

    const method = await shop.attachDefault(customer, 'pm_card_visa');
    const paid = await stripe.invoices.pay(waiting.latest_invoice.id, { payment_method: method.id });
    assert.equal(paid.status, 'paid');
    const applied = await stripe.subscriptions.retrieve(subscription.id);
    assert.deepEqual([applied.pending_update, applied.items.data[0].price.id], [null, dearer.id]);
    await deliveries.about('customer.subscription.pending_update_applied', about(subscription.id));
  },

  async 'an upgrade that nobody pays is forgotten after 23 hours'(shop) {
    const { stripe, deliveries } = shop;
    const { clock, customer, price, subscription } = await openSubscription(shop, '2026-03-01T00:00:00Z');
    const dearer = await shop.price('Pro', 2900);
    await shop.attachDefault(customer, 'pm_card_chargeCustomerFail');
    const waiting = await stripe.subscriptions.update(subscription.id, {
      items: [{ id: subscription.items.data[0].id, price: dearer.id }],
      billing_cycle_anchor: { type: 'now' },
      proration_behavior: 'none',
      payment_behavior: 'pending_if_incomplete',
    });
    assert.equal(date(waiting.pending_update.expires_at), '2026-03-01T23:00:00.000Z');
    await shop.advance(clock, '2026-03-02T00:00:00Z');
    const after = await stripe.subscriptions.retrieve(subscription.id);
    assert.deepEqual([after.pending_update, after.items.data[0].price.id, after.status], [null, price.id, 'active']);
    const invoice = await stripe.invoices.retrieve(waiting.latest_invoice);
    assert.equal(invoice.status, 'void');
    await deliveries.about('customer.subscription.pending_update_expired', about(subscription.id));
  },

  async 'a plan that was canceled runs to the end of its period, and can be kept until then'(shop) {
    const { stripe, deliveries } = shop;
    const { clock, subscription } = await openSubscription(shop, '2026-03-01T00:00:00Z');
    const cancel = (cancel_at_period_end) => stripe.subscriptions.update(subscription.id, { cancel_at_period_end });
    const canceling = await cancel(true);
    assert.equal(canceling.cancel_at_period_end, true);
    assert.equal(date(canceling.cancel_at), '2026-04-01T00:00:00.000Z');
    const kept = await cancel(false);
    assert.deepEqual([kept.cancel_at_period_end, kept.cancel_at, kept.canceled_at], [false, null, null]);
    await shop.advance(clock, '2026-04-01T02:00:00Z');
    const renewed = await stripe.subscriptions.retrieve(subscription.id);
    assert.equal(period(renewed)[1], '2026-05-01T00:00:00.000Z');

    await cancel(true);
    await shop.advance(clock, '2026-05-01T02:00:00Z');
    const ended = await stripe.subscriptions.retrieve(subscription.id);
    assert.deepEqual([ended.status, date(ended.ended_at)], ['canceled', '2026-05-01T00:00:00.000Z']);
    assert.equal(ended.cancellation_details.reason, 'cancellation_requested');
    await deliveries.about('customer.subscription.deleted', about(subscription.id));
    const { data } = await stripe.invoices.list({ subscription: subscription.id });
    assert.equal(data.length, 2, 'nothing is charged for the month after the end');
  },

  async 'a plan that is ended at once is over'(shop) {
    const { stripe } = shop;
    const { subscription, customer } = await openSubscription(shop, '2026-03-01T00:00:00Z');
    assert.equal((await stripe.subscriptions.cancel(subscription.id)).status, 'canceled');
    const { data } = await stripe.subscriptions.list({ customer: customer.id });
    assert.deepEqual(data, [], 'what has ended is listed for those who ask for it');
    const { data: all } = await stripe.subscriptions.list({ customer: customer.id, status: 'all' });
    assert.deepEqual(all.map((each) => each.id), [subscription.id]);
    await assert.rejects(stripe.subscriptions.cancel(subscription.id), { type: 'StripeInvalidRequestError' });
  },

  async 'twelve months from the last of January end on the last day of each'(shop) {
    const { stripe } = shop;
    const { clock, subscription } = await openSubscription(shop, '2026-01-31T10:00:00Z');
    const ends = [];
    for (let month = 1; month <= 12; month += 1) {
      const { items } = await stripe.subscriptions.retrieve(subscription.id);
      ends.push(date(items.data[0].current_period_end).slice(0, 10));
      await shop.advance(clock, items.data[0].current_period_end + 2 * 3600);
    }
    const last = ['02-28', '03-31', '04-30', '05-31', '06-30', '07-31', '08-31', '09-30', '10-31', '11-30', '12-31'];
    assert.deepEqual(ends, [...last.map((day) => `2026-${day}`), '2027-01-31']);
    const invoices = await stripe.invoices.list({ subscription: subscription.id, limit: 100 }).autoPagingToArray({ limit: 100 });
    assert.equal(invoices.length, 13);
    assert.ok(invoices.every((each) => each.status === 'paid' && each.amount_paid === 1200));
    const reasons = invoices.map((each) => each.billing_reason).reverse();
    assert.deepEqual(reasons, ['subscription_create', ...Array(12).fill('subscription_cycle')]);
    const starts = invoices.map((each) => date(each.lines.data[0].period.start).slice(0, 10)).reverse();
    assert.deepEqual(starts, ['2026-01-31', ...ends]);
  },

  async 'a renewal is drafted, and paid an hour later'(shop) {
    const { stripe, deliveries } = shop;
    const { clock, subscription } = await openSubscription(shop, '2026-03-01T00:00:00Z');
    await shop.advance(clock, '2026-04-01T00:30:00Z');
    const renewed = await stripe.subscriptions.retrieve(subscription.id, { expand: ['latest_invoice'] });
    assert.equal(renewed.latest_invoice.status, 'draft');
    assert.deepEqual(period(renewed), ['2026-04-01T00:00:00.000Z', '2026-05-01T00:00:00.000Z']);
    await shop.advance(clock, '2026-04-01T01:30:00Z');
    const invoice = await stripe.invoices.retrieve(renewed.latest_invoice.id);
    assert.deepEqual([invoice.status, date(invoice.status_transitions.paid_at)], ['paid', '2026-04-01T01:00:00.000Z']);
    await deliveries.about('invoice.paid', about(invoice.id));
  },

  async 'a renewal that is declined again and again ends the plan'(shop) {
    const { stripe, deliveries } = shop;
    const { clock, customer, subscription } = await openSubscription(shop, '2026-03-01T00:00:00Z');
    await shop.attachDefault(customer, 'pm_card_chargeCustomerFail');
    await shop.advance(clock, '2026-04-01T02:00:00Z');
    const late = await stripe.subscriptions.retrieve(subscription.id, { expand: ['latest_invoice'] });
    assert.equal(late.status, 'past_due');
    const { latest_invoice: invoice } = late;
    assert.deepEqual([invoice.status, invoice.attempt_count, invoice.attempted], ['open', 1, true]);
    assert.ok(invoice.next_payment_attempt > seconds('2026-04-01T02:00:00Z'));
    const failed = await deliveries.about('invoice.payment_failed', about(invoice.id));
    assert.equal(failed.event.data.object.billing_reason, 'subscription_cycle');
    await deliveries.about('payment_intent.payment_failed', (object) => object.customer === customer.id);

    await shop.advance(clock, '2026-04-30T00:00:00Z');
    const ended = await stripe.subscriptions.retrieve(subscription.id);
    assert.deepEqual([ended.status, ended.cancellation_details.reason], ['canceled', 'payment_failed']);
    const given = await stripe.invoices.retrieve(invoice.id);
    assert.ok(given.attempt_count > 1, `${given.attempt_count} attempts`);
    assert.equal(given.next_payment_attempt, null);
    await deliveries.about('customer.subscription.deleted', about(subscription.id));
  },

  async 'a renewal that was declined is paid with another card, and the plan goes on'(shop) {
    const { stripe } = shop;
    const { clock, customer, subscription } = await openSubscription(shop, '2026-03-01T00:00:00Z');
    await shop.attachDefault(customer, 'pm_card_chargeCustomerFail');
    await shop.advance(clock, '2026-04-01T02:00:00Z');
    const { latest_invoice } = await stripe.subscriptions.retrieve(subscription.id);
    await assert.rejects(stripe.invoices.pay(latest_invoice), { type: 'StripeCardError', code: 'card_declined' });
    assert.equal((await stripe.invoices.retrieve(latest_invoice)).attempt_count, 1);
    await shop.attachDefault(customer, 'pm_card_mastercard');
    assert.equal((await stripe.invoices.pay(latest_invoice)).status, 'paid');
    assert.equal((await stripe.subscriptions.retrieve(subscription.id)).status, 'active');
  },
};

