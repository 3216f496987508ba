import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { Client } from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { chance } from "../../examples/order-fulfilment/seeded.ts";
import { goneOf, isAlive, Sandbox } from "../support/local-postgres.ts";
import { canMakeTerminal, OrderFulfilment } from "../support/order-fulfilment.ts";
import {
  countClaims,
  expectOrders,
  readCheckpoints,
  recordedWithoutRunning,
  rerunsAfterCheckpoint,
} from "../support/order-history.ts";
import { createTestDatabase } from "../support/postgres.ts";

/** Two orders to which nothing happens. */
const SMALL = ["--orders", "2", "--seed", "2"];
const db = await createTestDatabase(true);
let example: OrderFulfilment;

beforeEach(async () => {
  await db.pool.query("DROP SCHEMA IF EXISTS order_fulfilment CASCADE");
  example = new OrderFulfilment(db.url);
});

afterEach(async () => {
  await example.clear();
});

describe("a run that is left alone", { timeout: 120_000 }, () => {
  test("ends every order as predicted, and the next run begins a new batch", async () => {
    const first = example.start();
    await first.succeeds();

    expect(first.output).toContain("Batch 1: 24 new orders, order-1001 to order-1024.");
    await expectOrders(db.pool, 1_001, 1_024, 1);
    expect(rerunsAfterCheckpoint(example.oracle(), await readCheckpoints(db.pool))).toEqual([]);

    const second = example.start({ args: SMALL });
    await second.succeeds();
    expect(second.output).toContain("Batch 1 is complete.\nBatch 2: 2 new orders, order-1025 to order-1026.");
  });

  test("says plain lines to a pipe", async () => {
    const run = example.start({ args: SMALL });
    await run.succeeds();

    expect(run.output).toBe(stripVTControlCharacters(run.output));
    expect(run.output).toMatch(/^order-1002 .* delivered, /m);
    expect(run.errors).toBe("");
  });

  test("prints statements that show what happened", async () => {
    const run = example.start({ args: SMALL });
    await run.succeeds();

    expect(run.output).toContain('psql "$DATABASE_URL"');
    const statements = run.output.match(/ {2}SELECT [^;]*;/g) ?? [];
    const results = [];
    for (const statement of statements) results.push((await db.pool.query<Record<string, unknown>>(statement)).rows);
    expect(results).toEqual([
      [{ status: "completed", outcome: "delivered", count: "2" }],
      expect.arrayContaining([expect.objectContaining({ task_id: "notify", outcome: "completed" })]),
      [],
    ]);
  });
});

describe("a run that is killed", { timeout: 120_000 }, () => {
  // Repeat a failure with WAYMARK_CHAOS_SEED=<what was printed>.
  const seed = process.env["WAYMARK_CHAOS_SEED"] ?? String(Date.now() % 100_000);

  test(`goes on each time where it was (seed ${seed})`, { timeout: 180_000 }, async () => {
    const orders = 60;
    const args = ["--orders", `${orders}`, "--lease", "500ms"];
    console.log(`WAYMARK_CHAOS_SEED=${seed}`);
    let hits = 0;
    for (let round = 0; hits < 20; round += 1) {
      const run = example.start({ args });
      const before = example.countCalls();
      // Most in the midst of work, after a number of calls; some at any time, also while the process starts.
      const calls = before + 1 + Math.floor(chance(seed, round, "calls") * 40);
      const patience = Date.now() + chance(seed, round, "patience") * 1_000;
      const anyTime = round % 5 === 0;
      await run.until(() => (anyTime ? Date.now() >= patience : example.countCalls() >= calls));
      if (!run.isRunning) throw new Error(`Round ${round} found no work left:\n${run.output}${run.errors}`);
      await run.kill("SIGKILL");
      const worker = example.oracle().findLast(({ pid }) => pid === run.pid)?.worker;
      // Hit at work, if it held anything.
      if (worker !== undefined && (await countClaims(db.pool, worker)) > 0) hits += 1;
    }

    const kept = await readCheckpoints(db.pool);
    const last = example.start({ args });
    await last.succeeds();
    expect(last.output).toContain(`, ${kept.length} checkpoints kept, `);
    const [, resumed, done, fresh] =
      /goes on: (\d+) orders? resumed,.* (\d+) orders? done already, (\d+) new/.exec(last.output) ?? [];
    expect(Number(resumed) + Number(done) + Number(fresh)).toBe(orders);
    expect(Number(resumed)).toBeGreaterThan(0);

    await expectOrders(db.pool, 1_001, 1_000 + orders, 1);
    const checkpoints = await readCheckpoints(db.pool);
    expect(rerunsAfterCheckpoint(example.oracle(), checkpoints)).toEqual([]);
    expect(recordedWithoutRunning(example.oracle(), checkpoints)).toEqual([]);
  });
});

describe("a run that is asked to stop", { timeout: 120_000 }, () => {
  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("gives its claims back on %s", async (signal, code) => {
    // A lease longer than the test: whoever had to wait for its end would not be ready in time.
    const args = ["--orders", "12", "--seed", "2", "--lease", "300s"];
    const run = example.start({ args });
    await run.until(() => example.countCalls() >= 30);
    await run.kill(signal);

    await expect(run.ended()).resolves.toEqual({ code, signal: null });
    expect(run.output).toMatch(/Stopped\. \d+ of 12 orders have ended; run it again to go on/);
    const { rows } = await db.pool.query("SELECT * FROM order_fulfilment.positions_now WHERE worker_id IS NOT NULL");
    expect(rows).toEqual([]);

    const next = example.start({ args });
    await next.succeeds();
    expect(next.output).toContain("Batch 1 goes on: ");
    await expectOrders(db.pool, 1_001, 1_012, 2);
  });
});

// Reason: Node itself can't make a pseudo-terminal; the program `script` of Linux can.
describe.skipIf(!canMakeTerminal)("a run on a terminal", () => {
  test.each([100, 44])("redraws its lines in place, within %i columns", async (columns) => {
    const run = example.start({ args: SMALL, terminal: { columns, rows: 30 } });
    await run.succeeds();

    expect(run.output).toMatch(/\u001b\[\d+A\r/);
    expect(run.output).toContain("\u001b[32m✓");
    const [, drawn = ""] = run.output.split("stops it gently.\r\n");
    const shown = stripVTControlCharacters(drawn.slice(0, drawn.indexOf("2 of 2 orders of batch")));
    const lines = shown.split("\n").map((line) => line.replaceAll("\r", ""));
    expect(lines.filter((line) => line.length >= columns)).toEqual([]);
    expect(lines.filter((line) => line.includes("0 of 2 orders"))).not.toEqual([]);
    // Nothing that would have to be put back: a killed program could not.
    expect(run.output).not.toContain("\u001b[?");
  });
});

describe("a run without DATABASE_URL", { timeout: 120_000 }, () => {
  const sandbox = new Sandbox();
  afterEach(() => sandbox.clear());

  test("starts a server in the working directory, which the next run finds", { timeout: 60_000 }, async () => {
    const cwd = sandbox.folder();
    const local = new OrderFulfilment(null);
    const runs: string[] = [];
    try {
      for (const _ of [1, 2]) {
        const run = local.start({ cwd, args: SMALL });
        await run.succeeds();
        runs.push(run.output);
      }
    } finally {
      await local.clear();
      // From now on the sandbox stops it, whatever happens.
      await sandbox.start({ directory: join(cwd, ".waymark/postgres") });
    }

    expect(runs[0]).toMatch(/^Database: PostgreSQL [\d.]+ in \.waymark\/postgres, started in \d+\.\d s/);
    expect(runs[1]).toMatch(/^Database: PostgreSQL [\d.]+ in \.waymark\/postgres, found running in \d+\.\d s/);
    expect(runs[1]).toContain("Batch 2: 2 new orders");
    const [, url = ""] = /psql "(.*)"/.exec(runs[1] ?? "") ?? [];
    const client = new Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query(
      "SELECT count(*)::int AS ended FROM order_fulfilment.instances WHERE ended_at < now()",
    );
    await client.end();
    expect(rows).toEqual([{ ended: 4 }]);

    const pid = Number(/kill -INT (\d+)/.exec(runs[1] ?? "")?.[1]);
    expect(isAlive(pid)).toBe(true);
    process.kill(pid, "SIGINT");
    await goneOf(pid);
  });
});
