// Holds and captures over Express and pg, as they are written by hand: one transaction a request, opened by the
// application, which locks the grants, reads them, and writes row by row what follows. One process a worker.

import cluster from "node:cluster";
import { createHash } from "node:crypto";
import express from "express";
import pg from "pg";

// For how long a key that was found is not looked up again, in milliseconds. # assumed
const KEY_IS_KNOWN_FOR = 10_000;

if (cluster.isPrimary) {
  for (let worker = 0; worker < Number(process.env.WORKERS); worker += 1) cluster.fork();
  cluster.on("exit", () => process.exit(1));
} else {
  serve();
}

class Refusal extends Error {
  constructor(status, code) {
    super(code);
    this.status = status;
  }
}

function serve() {
  // Credits are whole numbers below 2^53.
  pg.types.setTypeParser(pg.types.builtins.INT8, Number);
  const pool = new pg.Pool({ max: Number(process.env.POOL) });
  const keys = new Map();

  async function authenticated(request, response, next) {
    const [scheme, key] = (request.get("Authorization") ?? "").split(" ");
    if (scheme.toLowerCase() !== "bearer" || !key) throw new Refusal(401, "UNAUTHENTICATED");
    const sha256 = createHash("sha256").update(key).digest();
    const name = sha256.toString("hex");
    if (!(keys.get(name) > Date.now())) {
      const found = await pool.query({
        name: "key",
        text: "SELECT true FROM api_keys WHERE sha256 = $1",
        values: [sha256],
      });
      if (found.rowCount === 0) throw new Refusal(401, "UNAUTHENTICATED");
      keys.set(name, Date.now() + KEY_IS_KNOWN_FOR);
    }
    next();
  }

  const app = express();
  app.disable("x-powered-by");
  app.set("etag", false);
  app.get("/healthz", (request, response) => response.json({ worker: process.pid }));
  app.use(authenticated);
  app.use(express.json());
  app.post("/holds", async (request, response) => {
    response.status(201).json(await openHold(pool, request));
  });
  app.post("/holds/:id/capture", async (request, response) => {
    response.json(await captureHold(pool, request));
  });
  app.use((error, request, response, next) => {
    if (response.headersSent) return next(error);
    const status = error.status ?? 500;
    if (status === 500) console.error(error);
    response.status(status).json({ detail: status === 500 ? "INTERNAL" : error.message });
  });
  app.listen(Number(process.env.PORT), "127.0.0.1");
}

async function inTransaction(pool, work) {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    const result = await work((name, text, values) => client.query({ name, text, values }));
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  } finally {
    client.release();
  }
}

function openHold(pool, request) {
  const workspace = parseId("ws_", request.get("Scrip-Workspace") ?? "");
  const key = idempotencyKey(request);
  const { credits, reference } = request.body ?? {};
  if (!Number.isSafeInteger(credits) || credits < 1 || credits > 1_000_000_000 || typeof reference !== "string") {
    throw new Refusal(422, "INVALID_REQUEST");
  }
  const asked = `hold ${credits} ${reference}`;
  return inTransaction(pool, async (query) => {
    const grants = await query(
      "grants",
      `SELECT id, available FROM grants WHERE workspace_id = $1 AND expires_at > now() AND available > 0
       ORDER BY rank, expires_at, id FOR UPDATE`,
      [workspace],
    );
    const answer = await storedAnswer(query, workspace, key, asked);
    if (answer) return answer;
    let missing = credits;
    const parts = [];
    for (const grant of grants.rows) {
      if (missing === 0) break;
      const taken = Math.min(missing, grant.available);
      parts.push({ grant: grant.id, taken });
      missing -= taken;
    }
    if (missing > 0) throw new Refusal(402, "INSUFFICIENT_CREDITS");
    const opened = await query(
      "open",
      "INSERT INTO holds (workspace_id, reference, credits) VALUES ($1, $2, $3) RETURNING *",
      [workspace, reference, credits],
    );
    const hold = opened.rows[0];
    for (const [part, { grant, taken }] of parts.entries()) {
      await query("take", "UPDATE grants SET available = available - $2, held = held + $2 WHERE id = $1", [
        grant,
        taken,
      ]);
      await query("part", "INSERT INTO hold_parts (hold_id, part, grant_id, credits) VALUES ($1, $2, $3, $4)", [
        hold.id,
        part + 1,
        grant,
        taken,
      ]);
      await query(
        "held",
        "INSERT INTO entries (workspace_id, grant_id, hold_id, kind, credits) VALUES ($1, $2, $3, 'hold', $4)",
        [workspace, grant, hold.id, taken],
      );
    }
    return storeAnswer(query, workspace, key, asked, toAnswer(hold));
  });
}

function captureHold(pool, request) {
  const number = parseId("hd_", request.params.id);
  const key = idempotencyKey(request);
  const asked = `capture ${number}`;
  return inTransaction(pool, async (query) => {
    const found = await query("hold", "SELECT * FROM holds WHERE id = $1 FOR UPDATE", [number]);
    if (found.rowCount === 0) throw new Refusal(404, "NOT_FOUND");
    let hold = found.rows[0];
    const workspace = hold.workspace_id;
    const answer = await storedAnswer(query, workspace, key, asked);
    if (answer) return answer;
    if (hold.status === "open") {
      // In the order in which they were drawn: that is the order in which everyone locks grants.
      const parts = await query(
        "parts",
        "SELECT grant_id, credits FROM hold_parts WHERE hold_id = $1 ORDER BY part",
        [number],
      );
      for (const part of parts.rows) {
        await query("spend", "UPDATE grants SET held = held - $2, captured = captured + $2 WHERE id = $1", [
          part.grant_id,
          part.credits,
        ]);
        await query(
          "spent",
          "INSERT INTO entries (workspace_id, grant_id, hold_id, kind, credits) VALUES ($1, $2, $3, 'capture', $4)",
          [workspace, part.grant_id, number, part.credits],
        );
      }
      const ended = await query(
        "end",
        "UPDATE holds SET status = 'captured', captured = credits, ended_at = now() WHERE id = $1 RETURNING *",
        [number],
      );
      hold = ended.rows[0];
    }
    return storeAnswer(query, workspace, key, asked, toAnswer(hold));
  });
}

// What the key was answered with. Asked after the locks, so that whoever used the key just now has committed.
async function storedAnswer(query, workspace, key, asked) {
  const found = await query(
    "stored",
    "SELECT request, answer FROM idempotency_keys WHERE workspace_id = $1 AND key = $2",
    [workspace, key],
  );
  if (found.rowCount === 0) return null;
  if (found.rows[0].request !== asked) throw new Refusal(422, "IDEMPOTENCY_KEY_REUSED");
  return found.rows[0].answer;
}

async function storeAnswer(query, workspace, key, asked, answer) {
  await query("store", "INSERT INTO idempotency_keys (workspace_id, key, request, answer) VALUES ($1, $2, $3, $4)", [
    workspace,
    key,
    asked,
    JSON.stringify(answer),
  ]);
  return answer;
}

function toAnswer(hold) {
  return {
    id: `hd_${hold.id}`,
    reference: hold.reference,
    status: hold.status,
    unit: "credits",
    credits: hold.credits,
    captured: hold.captured,
    released: 0,
    created_at: hold.created_at,
    expires_at: hold.expires_at,
    ended_at: hold.ended_at,
  };
}

function parseId(prefix, text) {
  const number = text.startsWith(prefix) ? text.slice(prefix.length) : "";
  if (!/^[0-9]{1,15}$/.test(number)) throw new Refusal(404, "NOT_FOUND");
  return Number(number);
}

function idempotencyKey(request) {
  const key = request.get("Idempotency-Key") ?? "";
  if (key.length < 1 || key.length > 255) throw new Refusal(422, "INVALID_REQUEST");
  return key;
}
