import { beforeEach, describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { flow } from "../../src/flow/flow.ts";
import { task } from "../../src/flow/task.ts";
import { findPrunable, inOrder, listEndedFlows } from "../../src/postgres/queries/retention.ts";
import { tablesIn } from "../../src/postgres/tables.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { runExplained } from "../support/query-plan.ts";
import { soon, workerStarter } from "../support/workers.ts";

const start = workerStarter();
const tables = tablesIn("waymark");
const database = await createTestDatabase();
const backend = await database.connect();
const client = new Client(backend);
const poll = { pollInterval: 20, retention: false } as const;

const child = flow<number>("child")
  .then("double", (n) => n * 2)
  .build();
/** One of everything that leaves rows of its own. */
const everything = flow<number>("everything")
  .spawn("awaited", child)
  .spawn("left", child, { await: false, onParentClose: "abandon" })
  .map(
    "items",
    () => [1, 2, 3],
    task("item", (n: number) => n),
  )
  .waitForEvent("go", "go")
  .build();

beforeEach(async () => {
  await database.truncate();
});

async function rowsLeft(except: readonly string[] = []): Promise<[string, number][]> {
  const { rows } = await database.pool.query<{ name: string }>(
    "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'waymark' ORDER BY tablename",
  );
  const counted: [string, number][] = [];
  for (const { name } of rows) {
    if (["definitions", "lanes", "schema_version", "workers", "retention", ...except].includes(name)) continue;
    const { rowCount } = await database.pool.query(`SELECT FROM waymark."${name}"`);
    if (rowCount !== 0) counted.push([name, rowCount ?? 0]);
  }
  return counted;
}

async function completed(ids: readonly string[]): Promise<void> {
  await client.submitMany(
    child,
    ids.map((instanceId) => ({ instanceId, input: 1 })),
  );
  const worker = start(backend, { flows: [child], ...poll });
  await expect.poll(async () => (await backend.findEnded(ids)).length, soon).toBe(ids.length);
  await worker.drain();
}

describe("what is pruned", () => {
  test("leaves no row in any table", async () => {
    const worker = start(backend, { flows: [everything], ...poll });
    for (const id of ["a", "b"]) {
      const handle = await client.submit(everything, id, 1);
      await client.sendEvent(id, "other", 1, { dedupKey: "k" });
      await client.sendEvent(id, "go", 1);
      await handle.result({ timeout: "15s" });
    }
    await expect.poll(async () => (await client.list({ status: ["in_progress"] })).instances, soon).toEqual([]);
    await worker.drain();
    let pruned = 0;
    await expect.poll(async () => (pruned += (await client.prune({ olderThan: 0 })).pruned), soon).toBe(6);

    expect(await rowsLeft()).toEqual([]);
  });

  test("is not what somebody has locked, and nobody waits", async () => {
    await completed(["a", "b", "c"]);
    await client.sendEvent("b", "x", 1).catch(() => undefined);
    const [first, second] = [await database.pool.connect(), await database.pool.connect()];
    await first.query("BEGIN");
    await first.query("SELECT FROM waymark.instances WHERE instance_id = 'a' FOR SHARE");
    await second.query("BEGIN");
    await second.query("UPDATE waymark.mailboxes SET version = version + 1 WHERE instance_id = 'b'");
    expect(await client.prune({ olderThan: 0 })).toMatchObject({ pruned: 1, instanceIds: ["c"] });
    for (const held of [first, second]) {
      await held.query("ROLLBACK");
      held.release();
    }
    expect(await client.prune({ olderThan: 0 })).toMatchObject({ pruned: 2 });
    expect(await rowsLeft()).toEqual([]);
  });

  test("is found by reading just that, whatever else there is", async () => {
    await database.pool.query(`
      INSERT INTO waymark.instances (instance_id, flow, definition_hash, codec, input, status, output, ended_at)
      SELECT 'i-' || n, 'flow-' || n % 5, repeat('a', 64), 'json', '1', 'completed', '1', now() - n * interval '1 second'
      FROM generate_series(1, 20000) AS n;
      INSERT INTO waymark.instances (instance_id, flow, definition_hash, codec, input)
      SELECT 'live-' || n, 'flow-1', repeat('a', 64), 'json', '1' FROM generate_series(1, 20000) AS n;
      ANALYZE waymark.instances;
    `);
    const request = {
      flow: "flow-1",
      status: "completed",
      olderThanMs: 60_000,
      after: null,
      limit: 100,
      now: null,
    } as const;
    const plan = await runExplained(database.pool, findPrunable(tables, request), [inOrder().text]);
    expect(plan.rows).toBe(100);
    // The tables of what has yet to be told are empty but for moments.
    expect(plan.scans.filter(({ read }) => read > 0)).toMatchObject([
      { table: "instances", index: "instances_prunable", read: 100 },
    ]);
    const flows = await runExplained(database.pool, listEndedFlows(tables));
    for (const { index, read } of flows.scans.filter(({ table }) => table === "instances")) {
      expect(index).toBe("instances_prunable");
      expect(read).toBeLessThan(10);
    }
    expect(await backend.listEndedFlows()).toEqual(["flow-0", "flow-1", "flow-2", "flow-3", "flow-4"]);
  });
});

describe("tables under steady load", () => {
  test("stay as large as they are", async () => {
    const worker = start(backend, { flows: [everything], ...poll, concurrency: 50 });
    const sizes: number[] = [];
    for (let round = 0; round < 7; round++) {
      const ids = Array.from({ length: 25 }, (_, index) => `round-${round}-${index}`);
      await client.submitMany(
        everything,
        ids.map((instanceId) => ({ instanceId, input: 1 })),
      );
      for (const id of ids) await client.sendEvent(id, "go", 1, { dedupKey: "once" });
      const live = async (): Promise<number> =>
        (await client.list({ status: ["in_progress"], limit: 1 })).instances.length;
      await expect.poll(live, soon).toBe(0);
      // Of some, others have yet to be told.
      let pruned = 0;
      await expect.poll(async () => (pruned += (await client.prune({ olderThan: 0 })).pruned), soon).toBe(75);
      await database.pool.query("VACUUM");
      sizes.push(await sizeOfTables());
    }
    await worker.drain();

    expect(await rowsLeft()).toEqual([]);
    // The first rounds make room for what comes at the same time; after that, nothing is added.
    expect(Math.max(...sizes.slice(3))).toBeLessThanOrEqual(Math.max(...sizes.slice(0, 3)) + 10 * 8_192);
  });
});

/** In bytes, with indexes. */
async function sizeOfTables(): Promise<number> {
  const { rows } = await database.pool.query<{ bytes: string }>(
    "SELECT sum(pg_total_relation_size(c.oid)) AS bytes FROM pg_class AS c WHERE c.relnamespace = 'waymark'::regnamespace AND c.relkind = 'r'",
  );
  return Number(rows[0]?.bytes);
}
