// The type oracle: what the simulator answered and sent is written down as TypeScript and shown to the compiler, with
// the types that the SDK publishes for this version of the API. A field too many, too few or of another type is an
// error, and so is a word that an enumeration does not have.
//
// In a copy, the SDK's types are made to say what is sent:
// - every enumeration is open there (`| OtherString`), for words of later versions; here it is closed;
// - the SDK turns decimal strings into objects of its class Decimal; what is judged is the answer before that, in which
//   a decimal is a string that reads as a number;
// - `previous_attributes` is `Partial` there, to one level; what is sent has the changed fields alone at every level
//   (`{"status_transitions": {"paid_at": null}}`), lists as a whole, and null for a key that was not there.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const MODULES = join(HERE, 'node_modules');
// Objects in one file: the compiler checks a file as a whole, and a short one is easier to read.
const PER_FILE = 100;

// Values of `object`, and the type that each has to have.
const TYPES = {
  balance_transaction: 'Stripe.BalanceTransaction',
  'billing_portal.configuration': 'Stripe.BillingPortal.Configuration',
  'billing_portal.session': 'Stripe.BillingPortal.Session',
  charge: 'Stripe.Charge',
  'checkout.session': 'Stripe.Checkout.Session',
  coupon: 'Stripe.Coupon',
  credit_note: 'Stripe.CreditNote',
  credit_note_line_item: 'Stripe.CreditNoteLineItem',
  customer: 'Stripe.Customer',
  customer_balance_transaction: 'Stripe.CustomerBalanceTransaction',
  dispute: 'Stripe.Dispute',
  invoice: 'Stripe.Invoice',
  invoice_payment: 'Stripe.InvoicePayment',
  invoiceitem: 'Stripe.InvoiceItem',
  item: 'Stripe.LineItem',
  line_item: 'Stripe.InvoiceLineItem',
  payment_intent: 'Stripe.PaymentIntent',
  payment_method: 'Stripe.PaymentMethod',
  price: 'Stripe.Price',
  product: 'Stripe.Product',
  refund: 'Stripe.Refund',
  setup_intent: 'Stripe.SetupIntent',
  subscription: 'Stripe.Subscription',
  subscription_item: 'Stripe.SubscriptionItem',
  subscription_schedule: 'Stripe.SubscriptionSchedule',
  'test_helpers.test_clock': 'Stripe.TestHelpers.TestClock',
  webhook_endpoint: 'Stripe.WebhookEndpoint',
};
// The same of deleted objects.
const DELETED = {
  customer: 'Stripe.DeletedCustomer',
  invoice: 'Stripe.DeletedInvoice',
  invoiceitem: 'Stripe.DeletedInvoiceItem',
  price: 'Stripe.DeletedPrice',
  product: 'Stripe.DeletedProduct',
  subscription_item: 'Stripe.DeletedSubscriptionItem',
  'test_helpers.test_clock': 'Stripe.TestHelpers.DeletedTestClock',
  webhook_endpoint: 'Stripe.DeletedWebhookEndpoint',
};

/** The type that an object has to have, or nothing when it is of no kind that is known. */
function typeOf(value) {
  if (value.error) return '{ error: Raw }';
  if (value.object === 'event') return `Extract<Stripe.Event, { type: ${JSON.stringify(value.type)} }>`;
  return (value.deleted === true ? DELETED : TYPES)[value.object];
}

/** Objects to judge: every distinct one, with its type and the place where it was seen first. */
export class Specimens {
  #found = new Map();
  #unknown = new Map();

  /** Takes in an answer or an event. The elements of a list are judged one by one, and the list without them. */
  add(value, where) {
    if (value.object === 'list') {
      this.#keep('Stripe.ApiList<never>', { ...value, data: [] }, where);
      for (const each of value.data) this.add(each, where);
      return;
    }
    const type = typeOf(value);
    if (type) this.#keep(type, value, where);
    else this.#unknown.set(`${value.object}${value.deleted ? ', deleted' : ''}`, where);
  }

  #keep(type, value, where) {
    const text = JSON.stringify(value, null, 1);
    // An event is the same one after it was delivered.
    const key = value.object === 'event' ? value.id : `${type} ${text}`;
    if (!this.#found.has(key)) this.#found.set(key, { type, text, where });
  }

  get all() {
    return [...this.#found.values()];
  }

  get unknown() {
    return [...this.#unknown].map(([kind, where]) => `${where}: no type is known for an object \`${kind}\``);
  }

  /** Returns the number of objects of each type. */
  get counts() {
    const counts = new Map();
    for (const { type } of this.all) counts.set(type, (counts.get(type) ?? 0) + 1);
    return [...counts].sort(([one], [other]) => (one < other ? -1 : 1));
  }
}

/** Replaces a text that occurs exactly once. */
function replaceOnce(text, from, to) {
  assert.equal(text.split(from).length, 2, `the SDK's types have changed: ${from}`);
  return text.replace(from, () => to);
}

/** Writes the SDK's types into a directory, with the two changes that are named above. */
export function writeSdk(directory) {
  const types = (path) => !path.includes('.') || path.endsWith('.d.ts');
  cpSync(join(MODULES, 'stripe', 'esm'), directory, {
    recursive: true,
    filter: (path) => types(path.slice(join(MODULES, 'stripe', 'esm').length)),
  });
  const change = (name, from, to) => {
    const path = join(directory, name);
    writeFileSync(path, replaceOnce(readFileSync(path, 'utf8'), from, to));
  };
  change('shared.d.ts', 'type OtherString = string & Record<never, never>;', 'type OtherString = never;');
  const events = join(directory, 'resources', 'Events.d.ts');
  const partial = /previous_attributes\?: Partial<([\w.]+)>;/g;
  const before = 'type Before<T> = T extends unknown[] ? T : T extends object ? { [K in keyof T]?: Before<T[K]> | null } : T;';
  const text = readFileSync(events, 'utf8');
  assert.ok(text.match(partial)?.length > 200, "the SDK's types have changed: previous_attributes");
  writeFileSync(events, `${text.replace(partial, 'previous_attributes?: Before<$1>;')}\n${before}\n`);
  change('Decimal.d.ts', 'export type Decimal = DecimalImpl & {', 'export type Decimal = `${number}`;\ntype Unused = {');
}

/** Objects that have to be refused, made from good ones: the compiler that passes these judges nothing. */
function spoilObjects(good) {
  const made = [];
  const spoil = (type, what, change) => {
    const found = good.find((each) => each.type === type);
    assert.ok(found, `nothing was seen of ${type}, which the oracle is tried with`);
    const value = JSON.parse(found.text);
    change(value);
    made.push({ type, text: JSON.stringify(value, null, 1), where: `${type} with ${what}` });
  };
  for (const type of new Set(good.map((each) => each.type))) {
    if (type !== '{ error: Raw }') spoil(type, 'a field removed', (value) => delete value.object);
  }
  const lacks = (type, field) => spoil(type, `no ${field}`, (value) => delete value[field]);
  lacks('Stripe.Invoice', 'parent');
  lacks('Stripe.Subscription', 'billing_mode');
  lacks('Stripe.Checkout.Session', 'payment_status');
  const wrong = (type, what, change) => spoil(type, what, change);
  wrong('Stripe.Invoice', 'a wrong status', (value) => (value.status = 'payed'));
  wrong('Stripe.Subscription', 'a wrong status', (value) => (value.status = 'live'));
  wrong('Stripe.Subscription', 'the period of old versions', (value) => (value.current_period_end = 1));
  wrong('Stripe.Invoice', 'the subscription of old versions', (value) => (value.subscription = 'sub_1'));
  wrong('Stripe.Price', 'a decimal that is a number', (value) => (value.unit_amount_decimal = 1));
  wrong('Stripe.Price', 'a decimal that is none', (value) => (value.unit_amount_decimal = 'much'));
  const event = (name) => `Extract<Stripe.Event, { type: "${name}" }>`;
  wrong(event('invoice.paid'), 'another object', (value) => (value.data.object = { id: 'cus_1', object: 'customer' }));
  wrong(event('invoice.paid'), 'a wrong word inside', (value) => (value.data.object.billing_reason = 'renewal'));
  wrong(event('customer.subscription.updated'), 'a change of no field', (value) => {
    value.data.previous_attributes = { plans: 1 };
  });
  made.push({ ...good.find((each) => each.type === event('invoice.paid')), type: event('invoice.payed') });
  made.at(-1).where = 'an event of a type that there is not';
  return made;
}

/** Writes objects into files; returns the object that each line of each file belongs to. */
function write(directory, name, objects) {
  const files = new Map();
  for (let start = 0; start < objects.length; start += PER_FILE) {
    const lines = ["import type { Stripe } from './sdk/stripe.esm.node.js';"];
    lines.push("import type { StripeRawError as Raw } from './sdk/Types.js';");
    const owners = lines.map(() => undefined);
    for (const [index, each] of objects.slice(start, start + PER_FILE).entries()) {
      const text = `export const o${start + index}: ${each.type} = ${each.text};`.split('\n');
      lines.push(...text);
      owners.push(...text.map(() => each));
    }
    const file = `${name}${start / PER_FILE}.ts`;
    writeFileSync(join(directory, file), `${lines.join('\n')}\n`);
    files.set(file, { lines, owners });
  }
  return files;
}

/** Runs the compiler; returns its output and its exit code. */
export function compile(directory) {
  const options = {
    strict: true,
    noEmit: true,
    noErrorTruncation: true,
    skipLibCheck: true,
    target: 'es2022',
    module: 'nodenext',
    types: ['node'],
    typeRoots: [join(MODULES, '@types')],
  };
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, include: ['*.ts'] }));
  writeFileSync(join(directory, 'package.json'), '{"type": "module"}');
  const tsc = join(MODULES, 'typescript', 'bin', 'tsc');
  const child = spawn(process.execPath, [tsc, '--project', directory, '--pretty', 'false'], { cwd: directory });
  return new Promise((resolve, reject) => {
    let output = '';
    child.stdout.on('data', (more) => (output += more));
    child.stderr.on('data', (more) => (output += more));
    child.on('error', reject);
    child.on('close', (code) => resolve({ output, code }));
  });
}

/** Judges objects in a directory of its own; returns each finding with its place. */
export async function judge(specimens, directory) {
  mkdirSync(directory, { recursive: true });
  writeSdk(join(directory, 'sdk'));
  const good = specimens.all;
  const bad = spoilObjects(good);
  const files = new Map([...write(directory, 'good', good), ...write(directory, 'bad', bad)]);
  const { output, code } = await compile(directory);
  const findings = [];
  const refused = new Set();
  const begun = /^(?<file>[^(\s]+)\((?<line>\d+),\d+\): error TS\d+: (?<words>.*)$/;
  for (const line of output.split('\n')) {
    const match = begun.exec(line);
    if (!match) {
      if (!/^\s|^$/.test(line)) findings.push(`the compiler says: ${line}`);
      else if (findings.length && !findings.quiet && line.trim()) findings[findings.length - 1] += `\n    ${line.trim()}`;
      continue;
    }
    const { file, words } = match.groups;
    const number = Number(match.groups.line) - 1;
    const owner = files.get(file)?.owners[number];
    findings.quiet = bad.includes(owner);
    if (findings.quiet) refused.add(owner);
    else findings.push(`${owner?.where}: ${owner?.type}: \`${files.get(file)?.lines[number]?.trim()}\`: ${words}`);
  }
  for (const each of bad) if (!refused.has(each)) findings.push(`${each.where} is not refused: the oracle judges nothing`);
  assert.ok(code !== 0, 'the compiler has to refuse what was spoiled, and refuses nothing');
  return { findings: [...specimens.unknown, ...findings], judged: good.length, spoiled: bad.length };
}
