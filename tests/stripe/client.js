// Lets Scrip sell through the simulator, and lets the types of Stripe's SDK judge everything it asked for on the way:
//
//     node tests/stripe/client.js SCRIP SIMULATOR
//
// Each request that Scrip sent is written down as the SDK's own call with the same parameters. A parameter of another
// name, one in the wrong place, one too few or a word that an enumeration does not have is an error of the compiler. A
// form says numbers and words alike, so whether a number is one is not judged.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile, writeSdk } from './oracle.js';
import { startServer, runToEnd } from './processes.js';
import { record } from './recorder.js';
import { Shop, seconds } from './shop.js';

const KEY = 'sk_test_of_scrip';
const CATALOG = 'catalogs/canvas-tiers.toml';
const SINCE = '2026-01-10T00:00:00Z';
const [scrip, simulator] = process.argv.slice(2);

// Every call that Scrip's client makes, as the SDK has it. Each has to be seen, so that none is left unjudged.
const CALLS = {
  'GET /account': 'accounts.retrieveCurrent',
  'GET /charges': 'charges.list',
  'GET /charges/*': 'charges.retrieve',
  'GET /checkout/sessions': 'checkout.sessions.list',
  'GET /checkout/sessions/*': 'checkout.sessions.retrieve',
  'POST /checkout/sessions': 'checkout.sessions.create',
  'POST /checkout/sessions/*/expire': 'checkout.sessions.expire',
  'GET /customers/*': 'customers.retrieve',
  'GET /customers/*/payment_methods': 'customers.listPaymentMethods',
  'POST /customers': 'customers.create',
  'GET /disputes': 'disputes.list',
  'GET /events': 'events.list',
  'GET /invoices': 'invoices.list',
  'POST /invoices/*/finalize': 'invoices.finalizeInvoice',
  'POST /invoices/*/pay': 'invoices.pay',
  'POST /invoices/*/void': 'invoices.voidInvoice',
  'GET /credit_notes': 'creditNotes.list',
  'GET /customers/*/balance_transactions': 'customers.listBalanceTransactions',
  'GET /webhook_endpoints': 'webhookEndpoints.list',
  'GET /payment_intents': 'paymentIntents.list',
  'POST /payment_intents': 'paymentIntents.create',
  'GET /billing_portal/configurations': 'billingPortal.configurations.list',
  'POST /billing_portal/configurations': 'billingPortal.configurations.create',
  'POST /billing_portal/sessions': 'billingPortal.sessions.create',
  'GET /prices': 'prices.list',
  'GET /prices/*': 'prices.retrieve',
  'POST /prices': 'prices.create',
  'POST /prices/*': 'prices.update',
  'GET /products': 'products.list',
  'POST /products': 'products.create',
  'POST /products/*': 'products.update',
  'GET /subscriptions': 'subscriptions.list',
  'GET /subscriptions/*': 'subscriptions.retrieve',
  'POST /subscriptions/*': 'subscriptions.update',
  'DELETE /subscriptions/*': 'subscriptions.cancel',
  'GET /setup_intents/*': 'setupIntents.retrieve',
  'GET /subscription_schedules/*': 'subscriptionSchedules.retrieve',
  'POST /subscription_schedules': 'subscriptionSchedules.create',
  'POST /subscription_schedules/*': 'subscriptionSchedules.update',
  'POST /subscription_schedules/*/release': 'subscriptionSchedules.release',
};
// Requested only where an invoice has more lines or payments than fit into it; they say `limit` and whose, and no more.
const RARE = ['GET /invoices/*/lines', 'GET /invoice_payments'];

// Calls that Scrip makes when a renewal is late, paid from a balance, given up or costs another price, or when no
// event reported the end of a checkout session, as the client writes them: judged without being seen.
const AHEAD = [
  ['POST', '/v1/invoices/in_1A/finalize', 'auto_advance=false&expand[0]=payments'],
  ['POST', '/v1/invoices/in_1A/pay', 'off_session=true&expand[0]=payments'],
  ['POST', '/v1/invoices/in_1A/void', 'expand[0]=payments'],
  ['GET', '/v1/credit_notes', 'limit=100&invoice=in_1A'],
  ['GET', '/v1/customers/cus_1A/balance_transactions', 'limit=100&created[gte]=1'],
  ['DELETE', '/v1/subscriptions/sub_1A', ''],
  ['GET', '/v1/checkout/sessions/cs_1A', ''],
  [
    'POST',
    '/v1/subscriptions/sub_1A',
    'items[0][id]=si_1A&items[0][price]=price_1A&proration_behavior=none&metadata[scrip_repriced]=price_1A',
  ],
];

/** Scrip as a seller: the requests that its operator makes. */
class Seller {
  constructor(url, key, settings) {
    Object.assign(this, { url, key, settings });
  }

  async ask(method, path, body, workspace) {
    const headers = { Authorization: `Bearer ${this.key}`, 'Content-Type': 'application/json' };
    if (method !== 'GET') headers['Idempotency-Key'] = randomUUID();
    if (workspace) headers['Scrip-Workspace'] = workspace;
    const answer = await fetch(this.url + path, { method, headers, body: body && JSON.stringify(body) });
    const output = await answer.text();
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${output}`);
    return output ? JSON.parse(output) : null;
  }

  async workspace(more = {}) {
    const owner = { email: `ada${Math.random()}@example.com` };
    return (await this.ask('POST', '/v1/workspaces', { name: 'Judged', owner, ...more })).id;
  }

  /** Reconciles a workspace with its Stripe customer now. */
  reconcile(workspace) {
    return this.ask('POST', `/v1/workspaces/${workspace}/customer/sync`);
  }
}

/** Syncs a catalog to the account, changes it, and syncs the first one again. */
async function sync(settings, directory) {
  const dearer = join(directory, 'dearer.toml');
  const text = readFileSync(CATALOG, 'utf8');
  writeFileSync(dearer, text.replace('amount = 1200\n', 'amount = 1500\n').replace('name = "Pro"', 'name = "Plus"'));
  assert.notEqual(readFileSync(dearer, 'utf8'), text);
  for (const catalog of [CATALOG, dearer, 'catalogs/weekly-yearly.toml', CATALOG]) {
    await runToEnd(scrip, ['stripe', 'sync', '--apply', '--catalog', catalog], settings);
  }
}

/** Pays a checkout session with a card. */
async function buy(seller, shop, workspace, wish, card) {
  const { url } = await seller.ask('POST', '/v1/checkout', wish, workspace);
  const paid = await fetch(`${shop.url}/_control/checkout/${url.split('/').at(-1)}/pay`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ card }),
  });
  assert.ok(paid.ok, await paid.text());
  await seller.reconcile(workspace);
}

/** Spends credits, and sets automatic top-ups. */
async function topUp(seller, workspace, credits) {
  const hold = await seller.ask('POST', '/v1/holds', { credits, reference: 'judged' }, workspace);
  await seller.ask('POST', `/v1/holds/${hold.id}/capture`, {}, workspace);
  const terms = { pack: 'credits-1000', below: 500, monthly_max: 5000 };
  await seller.ask('PUT', '/v1/billing/top_up', terms, workspace);
  await seller.reconcile(workspace);
}

/** Buys through checkout sessions: a plan, another plan, packs, one of which is disputed. */
async function buyByCheckout(seller, shop) {
  const workspace = await seller.workspace();
  const checkout = (wish) => seller.ask('POST', '/v1/checkout', wish, workspace);
  await checkout({ plan: 'pro', interval: 'month' });
  await checkout({ plan: 'creator' });
  await buy(seller, shop, workspace, { pack: 'credits-1000' }, 'pm_card_visa');
  await topUp(seller, workspace, 1200);
  await buy(seller, shop, workspace, { pack: 'credits-1000' }, 'pm_card_createDispute');
  await seller.ask('POST', '/v1/billing/sweep');
  // The findings of the sweep are reconciled after its answer; a request for it now waits until they are.
  await seller.reconcile(workspace);
}

/** Subscribes a customer who existed before the workspace, on a test clock. */
async function subscribeCustomer(seller, shop, workspace, key) {
  const { stripe } = shop;
  const clock = await shop.clock(SINCE);
  const customer = await shop.customer('pm_card_visa', { test_clock: clock.id });
  await seller.ask('PUT', `/v1/workspaces/${workspace}/customer`, { customer: customer.id });
  const { data } = await stripe.prices.list({ lookup_keys: [key] });
  const subscription = await shop.subscription(customer, data[0]);
  await seller.reconcile(workspace);
  return subscription;
}

/** Creates a workspace on a test clock of its own. */
async function workspaceOnClock(seller) {
  const here = await seller.ask('POST', '/v1/test_clocks', { now: SINCE });
  return seller.workspace({ test_clock: here.id });
}

/** Changes from a month of a plan to a year of a lower one. */
async function downgrade(seller, shop) {
  const workspace = await workspaceOnClock(seller);
  const application = { review: 'business_verification', form: { company: 'Judged' } };
  const review = await seller.ask('POST', '/v1/reviews', application, workspace);
  await seller.ask('POST', `/v1/reviews/${review.id}/approve`, { reason: 'seen' });
  await subscribeCustomer(seller, shop, workspace, 'scrip:plan:business:month');
  await buy(seller, shop, workspace, { plan: 'pro', interval: 'year' }, 'pm_card_visa');
}

/** Subscribes, changes, cancels, withdraws that, and tops up. */
async function subscribe(seller, shop) {
  const workspace = await workspaceOnClock(seller);
  const subscription = await subscribeCustomer(seller, shop, workspace, 'scrip:plan:creator:month');
  await seller.ask('POST', '/v1/checkout', { plan: 'pro', interval: 'month' }, workspace);
  for (const flow of [undefined, 'cancel', 'payment_method']) {
    await seller.ask('POST', '/v1/billing_portal', { flow }, workspace);
  }
  await shop.stripe.subscriptionSchedules.create({ from_subscription: subscription.id });
  await seller.reconcile(workspace);
  const path = `/v1/workspaces/${workspace}/subscription`;
  await seller.ask('DELETE', path);
  await seller.ask('DELETE', `${path}?undo=true`);
  await topUp(seller, workspace, 1900);
}

/** Returns a form as an object. */
function unfold(text) {
  const whole = {};
  for (const [name, value] of new URLSearchParams(text)) {
    // `a[b][0][]` leads through a, b and 0, and to the next of what is there.
    const path = name.replaceAll(']', '').split('[');
    const last = path.pop();
    let place = whole;
    for (const part of path) place = place[part] ??= {};
    place[last === '' ? Object.keys(place).length : last] = value;
  }
  return whole;
}

/** Returns a value as TypeScript. A text that may be a number or a boolean is left open. */
function toTypeScript(value) {
  const quoted = JSON.stringify(value);
  if (typeof value === 'string') return /^(-?\d+|true|false)$/.test(value) ? `open(${quoted})` : quoted;
  const members = Object.entries(value);
  if (members.length && members.every(([key]) => /^\d+$/.test(key))) {
    return `[${members.map(([, each]) => toTypeScript(each)).join(', ')}]`;
  }
  return `{ ${members.map(([key, each]) => `${JSON.stringify(key)}: ${toTypeScript(each)}`).join(', ')} }`;
}

/** The path of a request with its ids left out, and the ids. */
function shape(method, path) {
  const parts = path.replace('/v1/', '').split('/');
  const isId = (part) => /^[a-z]+_[A-Za-z0-9_]*[A-Z0-9]/.test(part);
  return { kind: `${method} /${parts.map((part) => (isId(part) ? '*' : part)).join('/')}`, ids: parts.filter(isId) };
}

/** Returns the SDK's call with the parameters of a request. */
function call({ method, path, query, body }) {
  const { kind, ids } = shape(method, path);
  const params = toTypeScript(unfold(method === 'GET' ? query : body));
  const given = [...ids.map((id) => JSON.stringify(id)), ...(params === '{  }' ? [] : [params])];
  return { kind, text: CALLS[kind] && `void stripe.${CALLS[kind]}(${given.join(', ')});` };
}

/** The kind of a request, with the names of its parameters. */
function parameters({ method, path, query, body }) {
  const form = method === 'POST' ? body : query;
  return [shape(method, path).kind, ...Object.keys(unfold(form ?? '')).sort()].join(' ');
}

/** Calls that have to be refused: the compiler that passes these judges nothing. */
const SPOILED = [
  'void stripe.customers.create({ "mail": "ada@example.com" });',
  'void stripe.checkout.sessions.create({ "mode": "buy" });',
  'void stripe.checkout.sessions.create({ "mode": "payment", "line_items": [{ "price": "p", "amount": open("1") }] });',
  'void stripe.subscriptions.update("sub_1", { "billing_cycle_anchor": "later" });',
  'void stripe.billingPortal.sessions.create({ "customer": "c", "flow_data": { "type": "upgrade" } });',
];

/** Judges calls; returns the findings. */
async function judge(calls, directory) {
  writeSdk(join(directory, 'sdk'));
  const head = ["import type { Stripe } from './sdk/stripe.esm.node.js';", 'declare const stripe: Stripe;'];
  head.push('declare const open: (word: string) => any;');
  const lines = [...head, ...calls, ...SPOILED];
  writeFileSync(join(directory, 'calls.ts'), `${lines.join('\n')}\n`);
  const { output } = await compile(directory);
  const wrong = [];
  const refused = new Set();
  for (const line of output.split('\n').filter((line) => line && !/^\s/.test(line))) {
    const match = /^calls\.ts\((\d+),\d+\): (.*)$/.exec(line);
    const text = match && lines[match[1] - 1];
    if (SPOILED.includes(text)) refused.add(text);
    else wrong.push(match ? `${text}: ${match[2]}` : `the compiler says: ${line}`);
  }
  return [...wrong, ...SPOILED.filter((text) => !refused.has(text)).map((text) => `${text} is not refused`)];
}

async function main() {
  const directory = mkdtempSync(join(tmpdir(), 'stripe-client-'));
  const account = await startServer(simulator, ['--listen', '127.0.0.1:0'], {}, /http:\/\/[\d.:]+/);
  const recorder = await record(account.url);
  const pace = { SCRIP_STRIPE_REQUESTS_PER_SECOND: '1000000' };
  const settings = { SCRIP_STRIPE_SECRET_KEY: KEY, SCRIP_STRIPE_API_URL: recorder.url, ...pace };
  let server;
  try {
    await sync(settings, directory);
    const options = ['serve', '--listen', '127.0.0.1:0', '--catalog', CATALOG, '--data', join(directory, 'data')];
    server = await startServer(scrip, options, settings, /(?<=Scrip listens on )\S+/);
    const key = readFileSync(/(?<=operator key is in )[^:]+/.exec(server.output)[0], 'utf8').trim();
    const seller = new Seller(server.url, key, settings);
    const shop = new Shop(account.url, undefined);
    await buyByCheckout(seller, shop);
    await subscribe(seller, shop);
    await downgrade(seller, shop);
    const ahead = AHEAD.map(([method, path, form]) => ({ method, path, query: form, body: form }));
    const asked = recorder.requests.map(parameters);
    const early = ahead.map(parameters).filter((known) => asked.includes(known));
    const calls = [...recorder.requests, ...ahead].map(call);
    const seen = new Set(calls.map(({ kind }) => kind));
    const unlisted = [...seen].filter((kind) => !CALLS[kind] && !RARE.includes(kind));
    const unseen = Object.keys(CALLS).filter((kind) => !seen.has(kind));
    const wrong = unlisted.map((kind) => `${kind} is not listed`);
    wrong.push(...early.map((kind) => `${kind} is asked: it need not be judged ahead any more`));
    wrong.push(...unseen.map((kind) => `${kind} was not asked`));
    const distinct = [...new Set(calls.map(({ text }) => text).filter(Boolean))];
    const types = join(directory, 'types');
    mkdirSync(types);
    wrong.push(...(await judge(distinct, types)));
    console.log(`${calls.length} requests of Scrip's, ${distinct.length} distinct calls of ${seen.size} kinds judged`);
    console.log(`${SPOILED.length} spoiled ones refused`);
    for (const each of wrong) console.error(each);
    return wrong.length;
  } finally {
    await server?.stop();
    recorder.server.close();
    recorder.server.closeAllConnections();
    await account.stop();
    rmSync(directory, { recursive: true });
  }
}

const wrong = await main();
process.exitCode = wrong ? 1 : 0;
if (wrong) console.error(`${wrong} ${wrong === 1 ? 'thing is' : 'things are'} wrong`);
