// Programs that are started, and what they print.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Starts a server; what it printed until it said where it listens, where that is, and how to stop it. */
export async function listening(program, options, settings, address) {
  const env = { ...process.env, SCRIP_LOG: 'warn', ...settings };
  const child = spawn(program, options, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  let said = '';
  for await (const line of createInterface({ input: child.stdout })) {
    said += `${line}\n`;
    const found = address.exec(line);
    if (found) return { url: found[0], said, stop: () => (child.kill(), ended) };
  }
  throw new Error(`${program} ended without saying where it listens`);
}

/** Runs a program to its end, which has to be a good one; what it printed. */
export function runToEnd(program, options, settings) {
  const child = spawn(program, options, { env: { ...process.env, ...settings }, stdio: ['ignore', 'pipe', 'pipe'] });
  return new Promise((resolve, reject) => {
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (more) => (said += more));
    child.on('error', reject);
    child.on('close', (code) => {
      try {
        assert.equal(code, 0, `${program} ${options.join(' ')}: ${said}`);
        resolve(said);
      } catch (error) {
        reject(error);
      }
    });
  });
}
