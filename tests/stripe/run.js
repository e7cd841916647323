// Starts the simulator, lets Stripe's own SDKs use it as people do, and lets the types of the SDK judge all of its
// answers:
//
//     node tests/stripe/run.js SIMULATOR PYTHON [WORDS]
//
// With WORDS, only the flows whose sentence has them are run, without the Python ones and without the types.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import api from './flows/api.js';
import catalogue from './flows/catalogue.js';
import checkout from './flows/checkout.js';
import debits from './flows/debits.js';
import invoices from './flows/invoices.js';
import money from './flows/money.js';
import portal from './flows/portal.js';
import subscriptions from './flows/subscriptions.js';
import { Specimens, judge } from './oracle.js';
import { startServer } from './processes.js';
import { record } from './recorder.js';
import { Deliveries, Shop } from './shop.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const SECRET = 'whsec_judges_0123456789abcdef';
const [simulator, python, words] = process.argv.slice(2);

/** Runs the flows of the Node SDK; returns their number, and the sentences of those that failed. */
async function runFlows(shop) {
  const flows = Object.entries({ ...catalogue, ...checkout, ...subscriptions, ...invoices, ...debits, ...money, ...portal, ...api });
  const chosen = flows.filter(([sentence]) => !words || sentence.includes(words));
  const failed = [];
  for (const [sentence, flow] of chosen) {
    try {
      await flow(shop);
      console.log(`${sentence}: good`);
    } catch (error) {
      failed.push(sentence);
      console.log(`${sentence}: NOT GOOD\n${error.stack ?? error}`);
    }
  }
  return { count: chosen.length, failed };
}

/** Runs the flows of the Python SDK; returns their output, and `good` if all passed. */
function runPython(url) {
  const env = { ...process.env, STRIPE_SIMULATOR: url, PYTHONDONTWRITEBYTECODE: '1' };
  const child = spawn(python, [join(HERE, 'flows.py')], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  return new Promise((resolve, reject) => {
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (more) => (output += more));
    child.on('error', reject);
    child.on('close', (code) => resolve({ output, good: code === 0 }));
  });
}

/** Collects the simulator's answers, the events it stores, and those that it delivered. */
async function collect(answers, deliveries, stripe) {
  const specimens = new Specimens();
  let events = 0;
  for await (const event of stripe.events.list({ limit: 100 })) events += Boolean(event);
  for (const { body } of deliveries.all) specimens.add(JSON.parse(body), 'a delivered event');
  for (const { where, text } of answers) specimens.add(JSON.parse(text), where);
  return { specimens, events };
}

async function main() {
  const deliveries = new Deliveries(SECRET);
  const webhook = ['--webhook', await deliveries.listen(), '--webhook-secret', SECRET];
  const { url, stop } = await startServer(simulator, ['--listen', '127.0.0.1:0', ...webhook], {}, /http:\/\/[\d.:]+/);
  const recorder = await record(url);
  const directory = mkdtempSync(join(tmpdir(), 'stripe-types-'));
  try {
    const shop = new Shop(recorder.url, deliveries);
    const others = words ? { output: '', good: true } : runPython(recorder.url);
    const { count, failed } = await runFlows(shop);
    const pythons = await others;
    process.stdout.write(pythons.output);
    const wrong = failed.map((sentence) => `not good: ${sentence}`);
    if (!pythons.good) wrong.push('the flows of the Python SDK are not good');
    wrong.push(...deliveries.refusals.map((error) => `the SDK refuses a delivered event: ${error.message}`));
    console.log(`${count} flows of the Node SDK, ${count - failed.length} good`);
    if (!words) {
      // The list of events passes the recorder as well, so that they are all among the answers.
      const { specimens, events } = await collect(recorder.answers, deliveries, shop.stripe);
      assert.ok(events > 0, 'there are no events');
      const result = await judge(specimens, directory);
      wrong.push(...result.findings);
      for (const [type, number] of specimens.counts) console.log(`${String(number).padStart(6)} ${type}`);
      console.log(
        `${result.judged} distinct objects and events judged by the SDK's types, ${events} events and ` +
          `${recorder.answers.length} answers; ${result.spoiled} spoiled ones refused`,
      );
    }
    for (const each of wrong) console.error(each);
    return wrong.length;
  } finally {
    rmSync(directory, { recursive: true });
    recorder.server.close();
    recorder.server.closeAllConnections();
    await stop();
    deliveries.server.close();
    deliveries.server.closeAllConnections();
  }
}

const wrong = await main();
process.exitCode = wrong ? 1 : 0;
if (wrong) console.error(`${wrong} ${wrong === 1 ? 'thing is' : 'things are'} wrong`);
