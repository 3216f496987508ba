import { Pool, type PoolClient } from "pg";
import { beforeAll, describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { flow } from "../../src/flow/flow.ts";
import { task } from "../../src/flow/task.ts";
import { InMemoryBackend } from "../../src/memory/memory-backend.ts";
import { PostgresBackend } from "../../src/postgres/index.ts";
import { Runner } from "../../src/runner/runner.ts";
import type { TransactionSource } from "../../src/transaction.ts";
import { countEffects, flowOf, makeEffects, write } from "../support/effects.ts";
import { fresh } from "../support/instance-ids.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { aborted } from "../support/workers.ts";

const database = await createTestDatabase();
const backend = await database.connect({ migrate: false });
const client = new Client(backend);
const runner = new Runner(backend, { pollInterval: 10 });
const effects = async (id: string): Promise<number> => await countEffects(database, id);

beforeAll(async () => await makeEffects(database));

describe("the transaction of a task", () => {
  test.each(["read committed", "repeatable read", "serializable"] as const)("can be %s", async (isolation) => {
    const asked = flowOf(async (tx) => (await tx.query("SHOW transaction_isolation")).rows, { isolation });
    expect(await runner.run(asked, fresh("level"), null)).toEqual({
      status: "completed",
      output: [{ transaction_isolation: isolation }],
    });
  });

  test("of a task whose claim is lost is rolled back, and what the next holder writes is there once", async () => {
    const id = fresh("fenced");
    let steal: () => Promise<void> = async () => undefined;
    const slow = flowOf(async (tx, _, context) => {
      await write(tx, context);
      await steal();
      return "done";
    });
    steal = async () => {
      steal = async () => undefined;
      await database.pool.query(
        "UPDATE waymark.positions SET token = nextval('waymark.fencing_tokens'), worker_id = NULL, available_at = now(), order_key = 1 WHERE instance_id = $1",
        [id],
      );
    };
    await runner.run(slow, id, null);
    const outcome = await runner.resume(slow, id, { until: "ended" });

    expect(outcome).toEqual({ status: "completed", output: "done" });
    expect(await effects(id)).toBe(1);
  });

  test("of a task that is cancelled while it runs is rolled back", async () => {
    const id = fresh("cancelled");
    const waiting = flowOf(async (tx, _, context) => {
      await write(tx, context);
      await client.cancel(id);
      throw await aborted(context.signal);
    });
    await new Runner(backend, { pollInterval: 10, leaseTtl: 300 }).run(waiting, id, null);

    expect((await client.status(id)).status).toBe("cancelled");
    expect(await effects(id)).toBe(0);
  });

  test("waits for a locked position instead of running the function again", async () => {
    const id = fresh("busy");
    let runs = 0;
    const blocker = await database.pool.connect();
    const busy = flowOf(async (tx, _, context) => {
      runs++;
      await write(tx, context);
      await blocker.query("BEGIN");
      await blocker.query("SELECT FROM waymark.positions WHERE instance_id = $1 FOR UPDATE", [id]);
      setTimeout(() => void blocker.query("ROLLBACK"), 100);
    });
    expect((await runner.run(busy, id, null)).status).toBe("completed");
    blocker.release();

    expect([runs, await effects(id)]).toEqual([1, 1]);
  });

  test("in the memory fails the instance before the function runs", async () => {
    let ran = false;
    const memory = new InMemoryBackend();
    const flowInMemory = flowOf(() => void (ran = true), { retry: { attempts: 2, initialDelay: 0 } });
    expect(await new Runner(memory).run(flowInMemory, "a", null)).toMatchObject({
      status: "failed",
      failure: { code: "TRANSACTION_UNSUPPORTED", message: expect.stringContaining("PostgresBackend") as unknown },
    });
    expect(ran).toBe(false);
  });

  test("on a pool of the caller's is one of five at most", async () => {
    const pool = new Pool({ connectionString: database.url, max: 7 });
    const own = await PostgresBackend.connectWith(pool, { migrate: false, notify: false });
    let [now, most] = [0, 0];
    const counted = flowOf(async (tx) => {
      most = Math.max(most, ++now);
      await tx.query("SELECT pg_sleep(0.02)");
      now--;
    });
    const ours = new Runner(own, { pollInterval: 10 });
    await Promise.all(Array.from({ length: 20 }, async () => await ours.run(counted, fresh("many"), null)));
    await own.close();
    await pool.end();

    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(5);
  });

  test("of an adapter that goes to another database, or opens none, fails the instance before the function runs", async () => {
    const elsewhere = await createTestDatabase();
    const ran: string[] = [];
    const problems = [/another database/, /does not open a transaction/, /has opened no transaction/];
    const sources: TransactionSource<PoolClient>[] = [
      source("elsewhere", elsewhere.pool, true),
      source("none", database.pool, false),
      { library: "never", transaction: async () => undefined, queryable: (tx) => tx },
    ];
    for (const [index, one] of sources.entries()) {
      const wrong = flow<null>("wrong-source")
        .then(task.transactional("work", () => void ran.push(one.library), { with: one }))
        .build();
      expect(await runner.run(wrong, fresh(one.library), null)).toMatchObject({
        status: "failed",
        failure: { code: "TRANSACTION_MISUSED", message: expect.stringMatching(problems[index] ?? "") as unknown },
      });
    }
    expect(ran).toEqual([]);
  });
});

/** Without a BEGIN, each statement would be committed at once. */
function source(library: string, pool: Pool, opens: boolean): TransactionSource<PoolClient> {
  return {
    library,
    transaction: async (work) => {
      const tx = await pool.connect();
      try {
        if (opens) await tx.query("BEGIN");
        await work(tx);
      } finally {
        tx.release(true);
      }
    },
    queryable: (tx) => tx,
  };
}
