import assert from 'node:assert/strict';

export default {
  async 'a request that is sent again is answered again, and does nothing twice'({ stripe }) {
    const params = { email: 'twice@example.com' };
    const first = await stripe.customers.create(params, { idempotencyKey: 'judged-1' });
    const again = await stripe.customers.create(params, { idempotencyKey: 'judged-1' });
    assert.equal(again.id, first.id);
    assert.equal(again.lastResponse.headers['idempotent-replayed'], 'true');
    assert.equal(first.lastResponse.headers['idempotent-replayed'], undefined);
    const { data } = await stripe.customers.list(params);
    assert.equal(data.length, 1);
    await assert.rejects(stripe.customers.create({ email: 'other@example.com' }, { idempotencyKey: 'judged-1' }), {
      type: 'StripeIdempotencyError',
    });
  },

  async 'a refusal is answered again as well'(shop) {
    const { stripe } = shop;
    const customer = await shop.customer('pm_card_chargeCustomerFail');
    const pay = () =>
      stripe.paymentIntents.create(
        {
          amount: 1000,
          currency: 'usd',
          customer: customer.id,
          payment_method: 'pm_card_chargeDeclined',
          confirm: true,
        },
        { idempotencyKey: 'judged-declined' },
      );
    const decline = async () => pay().then(() => assert.fail('a declined card pays nothing'), (error) => error);
    const [first, again] = [await decline(), await decline()];
    assert.equal(again.payment_intent.id, first.payment_intent.id);
    assert.equal(again.headers['idempotent-replayed'], 'true');
  },

  async 'a declined card is a card error'({ stripe }) {
    const pay = (payment_method) =>
      stripe.paymentIntents.create({
        amount: 1000,
        currency: 'usd',
        payment_method,
        confirm: true,
      });
    await assert.rejects(pay('pm_card_chargeDeclined'), (error) => {
      assert.deepEqual([error.type, error.code, error.decline_code], ['StripeCardError', 'card_declined', 'generic_decline']);
      assert.deepEqual([error.statusCode, error.payment_intent.status], [402, 'requires_payment_method']);
      return true;
    });
    await assert.rejects(pay('pm_card_chargeDeclinedInsufficientFunds'), { decline_code: 'insufficient_funds' });
    await assert.rejects(pay('pm_card_chargeDeclinedExpiredCard'), { type: 'StripeCardError', code: 'expired_card' });
  },

  async 'what is not there is an invalid request, and so is what makes no sense'(shop) {
    const { stripe } = shop;
    const expectRefusal = (call, more) => assert.rejects(call, { type: 'StripeInvalidRequestError', ...more });
    await expectRefusal(stripe.customers.retrieve('cus_nobody'), { code: 'resource_missing', statusCode: 404, param: 'id' });
    await expectRefusal(stripe.subscriptions.retrieve('sub_none'), { code: 'resource_missing' });
    await expectRefusal(stripe.subscriptions.create({ customer: 'cus_nobody', items: [] }), { statusCode: 400 });
    await expectRefusal(stripe.prices.create({ unit_amount: 100 }), { code: 'parameter_missing', param: 'currency' });
    await expectRefusal(stripe.customers.create({ nickname: 'Ada' }), { code: 'parameter_unknown', param: 'nickname' });
    const product = await stripe.products.create({ name: 'Pro' });
    const price = stripe.prices.create({ product: product.id, currency: 'usd', unit_amount: 'much' });
    await expectRefusal(price, { code: 'parameter_invalid_integer', param: 'unit_amount' });
    await expectRefusal(stripe.customers.list({ expand: ['data.nothing'] }), { statusCode: 400 });
  },

  async 'a key that is none is refused'(shop) {
    await assert.rejects(shop.as('nonsense').customers.list(), { type: 'StripeAuthenticationError', statusCode: 401 });
  },

  async 'more than a hundred customers are listed page by page'({ stripe }) {
    const email = 'many@example.com';
    const made = [];
    for (let number = 0; number < 105; number += 1) {
      made.push((await stripe.customers.create({ email, name: `Customer ${number}` })).id);
    }
    const listed = await stripe.customers.list({ email, limit: 10 }).autoPagingToArray({ limit: 200 });
    assert.deepEqual(listed.map((each) => each.id), [...made].reverse(), 'the newest come first');
    const page = await stripe.customers.list({ email, limit: 100 });
    assert.deepEqual([page.data.length, page.has_more, page.url], [100, true, '/v1/customers']);
    const before = await stripe.customers.list({ email, limit: 3, ending_before: page.data[3].id });
    assert.deepEqual(before.data.map((each) => each.id), page.data.slice(0, 3).map((each) => each.id));
  },

  async 'what an object refers to is sent along when that is asked for'(shop) {
    const { stripe } = shop;
    const customer = await shop.customer();
    const price = await shop.price('Creator', 1200);
    const { id } = await shop.subscription(customer, price);
    const plain = await stripe.subscriptions.retrieve(id);
    assert.equal(plain.customer, customer.id);
    const whole = await stripe.subscriptions.retrieve(id, {
      expand: ['customer', 'latest_invoice.payments.data.payment.payment_intent', 'items.data.price.product'],
    });
    assert.equal(whole.customer.email, 'ada@example.com');
    assert.equal(whole.items.data[0].price.product.name, 'Creator');
    const [payment] = whole.latest_invoice.payments.data;
    assert.equal(payment.payment.payment_intent.status, 'succeeded');
    const { data } = await stripe.subscriptions.list({ customer: customer.id, expand: ['data.customer'] });
    assert.equal(data[0].customer.id, customer.id);
  },

  async 'events are kept, and found by their types'(shop) {
    const { stripe } = shop;
    const customer = await shop.customer();
    const { id } = await shop.subscription(customer, await shop.price('Creator', 1200));
    const { data } = await stripe.events.list({ types: ['customer.subscription.created', 'invoice.paid'], limit: 2 });
    assert.deepEqual(data.map((each) => each.type).sort(), ['customer.subscription.created', 'invoice.paid']);
    const created = data.find((each) => each.type === 'customer.subscription.created');
    assert.equal(created.data.object.id, id);
    assert.equal((await stripe.events.retrieve(created.id)).id, created.id);
  },

  async 'a webhook endpoint is told its secret once'({ stripe }) {
    const endpoint = await stripe.webhookEndpoints.create({
      url: 'http://127.0.0.1:9/webhooks',
      enabled_events: ['invoice.paid'],
      api_version: '2026-10-28.endive',
    });
    assert.match(endpoint.secret, /^whsec_/);
    const again = await stripe.webhookEndpoints.retrieve(endpoint.id);
    assert.deepEqual([again.secret, again.api_version, again.status], [undefined, '2026-10-28.endive', 'enabled']);
    assert.equal((await stripe.webhookEndpoints.del(endpoint.id)).deleted, true);
  },
};
