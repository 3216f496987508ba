import { Pool } from "pg";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { flow } from "../../src/flow/flow.ts";
import { PostgresBackend } from "../../src/postgres/index.ts";
import { withChanges } from "../support/both-backends.ts";
import { Gate } from "../support/gate.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { Probe } from "../support/probe.ts";
import { codeOf, severalRoundTrips, soon, workerStarter } from "../support/workers.ts";

const database = await createTestDatabase();
const there = await database.connect();
const startWorker = workerStarter();
const statements: string[] = [];
const pool = new Pool({ connectionString: database.url, max: 10 });
let connections = 0;
pool.on("connect", (client) => {
  connections++;
  const query = client.query.bind(client) as (...args: unknown[]) => unknown;
  (client as { query: unknown }).query = (...args: unknown[]) => {
    statements.push((args[0] as { text: string }).text);
    return query(...args);
  };
});
const counted = await PostgresBackend.connectWith(pool, { migrate: false });
const client = new Client(counted);

afterAll(async () => {
  await counted.close();
  await pool.end();
});

beforeEach(() => database.truncate());

const ones = Array.from({ length: 40 }, (_, n) => n);
const gate = new Gate();
const gated = flow<number>("gated-results")
  .then("work", async (n) => await gate.passed.then(() => n))
  .build();

describe("many who wait for results", () => {
  test("cost a statement now and then, and a look each when their instances have ended", async () => {
    const probe = new Probe();
    const ids = Array.from({ length: 500 }, (_, n) => `many-${n}`);
    await client.submitMany(
      gated,
      ids.map((instanceId, input) => ({ instanceId, input })),
    );
    startWorker(there, {
      flows: [gated],
      concurrency: 500,
      pollInterval: 20,
      leaseTtl: "1h",
      observer: probe.observer,
    });
    await expect.poll(() => probe.of("task_started").length, soon).toBe(500);
    let [looks, sweeps] = [0, 0];
    const watched = withChanges(counted, {
      findInstance: async (id) => await counted.findInstance(id).finally(() => looks++),
      findEnded: async (some) => await counted.findEnded(some).finally(() => (some.length > 1 ? sweeps++ : looks++)),
    });
    const waiter = new Client(watched);
    const results = Promise.all(ids.map(async (id) => await waiter.result(id)));
    results.catch(() => undefined);
    await expect.poll(() => looks, soon).toBe(500);
    // Each has looked once; from now on one looks for all.
    const before = [statements.length, sweeps];
    await expect.poll(() => sweeps - before[1]!, soon).toBeGreaterThanOrEqual(4);
    expect(looks).toBe(500);
    // Besides, the listener says that it listens, and asks for a message now and then.
    expect(statements.length - before[0]!).toBeLessThanOrEqual(sweeps - before[1]! + 6);
    gate.open();

    expect(await results).toEqual(ids.map((_, n) => n));
    expect(looks).toBeLessThanOrEqual(1_000);
    expect(sweeps - before[1]!).toBeLessThan(100);
  });

  test("for one instance share its end", async () => {
    const waiting = flow<null>("shared-results").waitForEvent<string>("wait", "news").build();
    startWorker(there, { flows: [waiting], pollInterval: 20 });
    const handle = await client.submit(waiting, "shared", null);
    const results = Array.from({ length: 100 }, async () => await handle.result());
    const impatient = Array.from({ length: 20 }, async (_, n) => await handle.result({ timeout: n }).catch(codeOf));
    expect(new Set(await Promise.all(impatient))).toEqual(new Set(["RESULT_TIMEOUT"]));
    await handle.sendEvent("news", "hello");

    expect(new Set(await Promise.all(results))).toEqual(new Set(["hello"]));
  });

  test("leave nothing running behind when they have gone", async () => {
    const waiting = flow<null>("gone-results").waitForEvent("wait", "news").build();
    const handle = await client.submit(waiting, "gone", null);
    const stop = new AbortController();
    const results = Array.from(
      { length: 50 },
      async () => await handle.result({ signal: stop.signal }).catch(() => "gone"),
    );
    await severalRoundTrips(counted);
    stop.abort();
    await Promise.all(results);
    await severalRoundTrips(there);
    const listening = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'";
    await expect.poll(async () => (await database.pool.query(listening)).rowCount, soon).toBe(0);
    const before = statements.length;
    for (let round = 0; round < 20; round++) await severalRoundTrips(there);

    expect(statements.length).toBe(before);
  });

  test("one after the other do not open a connection each", async () => {
    const quick = flow<number>("quick-results")
      .then("work", (n) => n)
      .build();
    startWorker(there, { flows: [quick], pollInterval: 20 });
    const handles = await Promise.all(ones.map(async (n) => await client.submit(quick, `quick-${n}`, n)));
    await Promise.all(handles.map(async (handle) => await handle.result()));
    const before = connections;
    for (const [n, handle] of handles.entries()) expect(await handle.result()).toBe(n);

    expect(connections - before).toBeLessThanOrEqual(2);
  });

  test("are told when their backend is closed, instead of waiting for ever", async () => {
    const own = await database.connect();
    const waiting = flow<null>("closed-results").waitForEvent("wait", "news").build();
    const handle = await new Client(own).submit(waiting, "closed", null);
    let outcome: unknown = "waiting";
    void handle.result().then(
      () => (outcome = "ended"),
      (error: unknown) => (outcome = codeOf(error)),
    );
    await severalRoundTrips(own);
    await own.close();

    await expect.poll(() => outcome, { timeout: 5_000 }).toBe("BACKEND_CLOSED");
  });
});
