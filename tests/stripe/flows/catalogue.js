import assert from 'node:assert/strict';

export default {
  async 'a product and its prices are there as they were made'({ stripe }) {
    const product = await stripe.products.create({ name: 'Creator', metadata: { plan: 'creator' } });
    const price = await stripe.prices.create({
      product: product.id,
      currency: 'usd',
      unit_amount: 1200,
      recurring: { interval: 'month' },
    });
    assert.equal(price.type, 'recurring');
    assert.deepEqual([price.recurring.interval, price.recurring.interval_count], ['month', 1]);
    assert.equal(price.unit_amount_decimal.toString(), '1200');
    await stripe.products.update(product.id, { default_price: price.id, description: 'Monthly credits' });
    const again = await stripe.products.retrieve(product.id, { expand: ['default_price'] });
    assert.equal(again.default_price.id, price.id);
    assert.equal(again.metadata.plan, 'creator');
    const once = await stripe.prices.create({ product: product.id, currency: 'usd', unit_amount: 500 });
    assert.deepEqual([once.type, once.recurring], ['one_time', null]);
    const { data } = await stripe.prices.list({ product: product.id, type: 'recurring' });
    assert.deepEqual(data.map((each) => each.id), [price.id]);
    const off = await stripe.prices.update(once.id, { active: false });
    assert.equal(off.active, false);
  },

  async 'a lookup key belongs to one price, and is handed over when that is asked for'({ stripe }) {
    const product = await stripe.products.create({ name: 'Pro' });
    const price = (unit_amount, more = {}) =>
      stripe.prices.create({
        product: product.id,
        currency: 'usd',
        unit_amount,
        recurring: { interval: 'month' },
        lookup_key: 'judged_pro_month',
        ...more,
      });
    const first = await price(2900);
    await assert.rejects(price(3900), { type: 'StripeInvalidRequestError', param: 'lookup_key' });
    const second = await price(3900, { transfer_lookup_key: true });
    const { data } = await stripe.prices.list({ lookup_keys: ['judged_pro_month'], expand: ['data.product'] });
    assert.deepEqual(data.map((each) => each.id), [second.id]);
    assert.equal(data[0].product.name, 'Pro');
    assert.equal((await stripe.prices.retrieve(first.id)).lookup_key, null);
  },

  async 'a customer is made, changed and deleted'({ stripe, deliveries }) {
    const customer = await stripe.customers.create({ email: 'grace@example.com', metadata: { workspace: 'ws_1' } });
    assert.equal(customer.livemode, false);
    await stripe.customers.update(customer.id, { name: 'Grace', metadata: { workspace: '', team: 'navy' } });
    const changed = await stripe.customers.retrieve(customer.id);
    assert.deepEqual([changed.name, changed.metadata], ['Grace', { team: 'navy' }]);
    const gone = await stripe.customers.del(customer.id);
    assert.equal(gone.deleted, true);
    assert.equal((await stripe.customers.retrieve(customer.id)).deleted, true);
    const { event } = await deliveries.about('customer.deleted', (object) => object.id === customer.id);
    assert.equal(event.data.object.name, 'Grace');
  },
};
