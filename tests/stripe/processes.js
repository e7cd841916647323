// Programs that are started, and what they print.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Starts a server; returns its address, its output up to there, and a function that stops it. */
export async function startServer(program, options, settings, address) {
  const env = { ...process.env, SCRIP_LOG: 'warn', ...settings };
  const child = spawn(program, options, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  let output = '';
  for await (const line of createInterface({ input: child.stdout })) {
    output += `${line}\n`;
    const found = address.exec(line);
    if (found) return { url: found[0], output, stop: () => (child.kill(), ended) };
  }
  throw new Error(`${program} ended without saying where it listens`);
}

/** Runs a program that has to succeed; returns its output. */
export function runToEnd(program, options, settings) {
  const child = spawn(program, options, { env: { ...process.env, ...settings }, stdio: ['ignore', 'pipe', 'pipe'] });
  return new Promise((resolve, reject) => {
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (more) => (output += more));
    child.on('error', reject);
    child.on('close', (code) => {
      try {
        assert.equal(code, 0, `${program} ${options.join(' ')}: ${output}`);
        resolve(output);
      } catch (error) {
        reject(error);
      }
    });
  });
}
