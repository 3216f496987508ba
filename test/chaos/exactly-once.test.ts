import { resolve } from "node:path";
import { Client as PgClient } from "pg";
import { afterEach, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { startLocalPostgres } from "../../src/local/index.ts";
import { PostgresBackend } from "../../src/postgres/index.ts";
import { effectFlow } from "../support/effect-flow.ts";
import { countLive } from "../support/storm-evidence.ts";
import { StormFaults, sleep } from "../support/storm-faults.ts";
import { StormFleet } from "../support/storm-fleet.ts";

// Repeat a failure with WAYMARK_STORM_SEED=<what was printed>.
const seed = process.env["WAYMARK_STORM_SEED"] ?? String(Date.now() % 100_000);
const PROGRAM = resolve("test/support/effect-worker.ts");
const SECONDS = 15;
const WAVES = 40;
const IN_A_WAVE = 50;
const TASKS = WAVES * IN_A_WAVE;
const DEADLINE_MS = 120_000;

const undo: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  const results = [];
  for (const step of undo.splice(0).reverse()) results.push(...(await Promise.allSettled([step()])));
  expect(results.filter(({ status }) => status === "rejected")).toEqual([]);
});

async function query<Row extends object>(url: string, text: string): Promise<Row[]> {
  const client = new PgClient({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

/** How many instances have written how often. */
async function effects(url: string, table: string): Promise<Record<string, number>> {
  const text = `SELECT times, count(*)::int AS instances FROM (SELECT count(*)::int AS times FROM ${table} GROUP BY id) AS t GROUP BY times`;
  const rows = await query<{ times: number; instances: number }>(url, text);
  return Object.fromEntries(rows.map(({ times, instances }) => [times, instances]));
}

/** All waves, each until it is acknowledged. */
async function submitAll(client: Client): Promise<void> {
  const flow = effectFlow(async () => undefined);
  for (let wave = 0; wave < WAVES; wave++) {
    const ids = Array.from({ length: IN_A_WAVE }, (_, index) => ({ instanceId: `e-${wave}-${index}`, input: null }));
    while ((await client.submitMany(flow, ids).catch(() => null)) === null) await sleep(100);
    await sleep((SECONDS * 1_000) / WAVES);
  }
}

test(`${TASKS} transactional tasks write once each, whoever dies (seed ${seed})`, { timeout: 300_000 }, async () => {
  const binaries = process.env["WAYMARK_TEST_BINARIES"];
  const server = await startLocalPostgres({ persistent: false, ...(binaries === undefined ? {} : { binaries }) });
  undo.push(async () => await server.stop({ mode: "immediate" }));
  const backend = await PostgresBackend.connect(server.url, { retryFor: "1s", applicationName: "submitter" });
  undo.push(async () => await backend.close());
  await query(server.url, "CREATE TABLE plain_effects (id text); CREATE TABLE transactional_effects (id text)");
  const fleet = new StormFleet(server.url, PROGRAM);
  undo.push(async () => await fleet.clear());
  await Promise.all(Array.from({ length: 4 }, async () => await fleet.start()));
  const said: string[] = [];
  const faults = new StormFaults(fleet, server, seed, (line) => said.push(line));

  const [counts] = await Promise.all([faults.run(SECONDS), submitAll(new Client(backend))]);
  const calmAt = Date.now();
  while ((await countLive(server.url)) > 0 && Date.now() - calmAt < DEADLINE_MS) await sleep(100);

  const plain = await effects(server.url, "plain_effects");
  const transactional = await effects(server.url, "transactional_effects");
  const statuses = await query(server.url, "SELECT status, count(*)::int AS n FROM waymark.instances GROUP BY status");
  console.log(`${said.join("\n")}\nplain: ${JSON.stringify(plain)}; transactional: ${JSON.stringify(transactional)}`);
  const failures =
    "SELECT instance_id, failure ->> 'code' AS code, failure ->> 'message' AS message FROM waymark.instances_json WHERE status = 'failed' LIMIT 5";
  expect(await query(server.url, failures)).toEqual([]);
  expect(statuses).toEqual([{ status: "completed", n: TASKS }]);
  expect(transactional).toEqual({ 1: TASKS });
  // The same storm, where nothing but a plain task's luck keeps it from writing twice: it must have been strong enough.
  expect(Object.keys(plain).some((times) => Number(times) > 1)).toBe(true);
  expect(counts.kills).toBeGreaterThan(0);
  expect(counts.restarts).toBe(2);
});
