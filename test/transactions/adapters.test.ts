import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fromDrizzle } from "../../src/adapters/index.ts";
import { Client } from "../../src/client/client.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { task } from "../../src/flow/task.ts";
import { Runner } from "../../src/runner/runner.ts";
import { fresh } from "../support/instance-ids.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { libraries } from "../support/transaction-libraries.ts";

const database = await createTestDatabase();
const backend = await database.connect({ migrate: false });
const client = new Client(backend);
const runner = new Runner(backend, { pollInterval: 10 });
const known = await libraries(database.url);

beforeAll(async () => {
  await database.pool.query("CREATE TABLE effects (key serial PRIMARY KEY, id text NOT NULL, made_by int NOT NULL)");
  await database.pool.query("CREATE TABLE once (id text PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)");
});

afterAll(async () => {
  for (const { end } of known) await end();
});

async function effects(id: string): Promise<number> {
  return (await database.pool.query("SELECT FROM effects WHERE id = $1", [id])).rowCount ?? 0;
}

const waiting = flow<number>("adapter-waiting")
  .waitForEvent<number>("wait", "go")
  .then("done", (n) => n)
  .build();

describe.each(known)("a transaction of $name", ({ source, from, insert, raw, refusesToEnd }) => {
  const settings = { isolation: "read committed", timeoutMs: null } as const;

  test("that is committed has submitted, sent and written all", async () => {
    const [id, other] = [fresh("commit"), fresh("commit")];
    await source.transaction(async (tx) => {
      await insert(tx, id);
      await client.submit(waiting, id, 1, { tx: from(tx), tags: ["a", "b"], labels: { c: "d\"\\ '?$1" } });
      await client.submitMany(
        waiting,
        [
          { instanceId: other, input: 2, tags: ["x"] },
          { instanceId: id, input: 3 },
        ],
        {
          tx: from(tx),
        },
      );
      expect(await client.sendEvent(id, "go", { big: 2n ** 70n }, { tx: from(tx), dedupKey: "once" })).toBe("buffered");
      expect(await client.sendEvent(id, "go", 8, { tx: from(tx), dedupKey: "once" })).toBe("duplicate");
      expect(await backend.findInstance(id)).toBeNull();
    }, settings);

    expect(await runner.resume(waiting, id)).toEqual({ status: "completed", output: { big: 2n ** 70n } });
    expect((await client.list({ idPrefix: id })).instances[0]).toMatchObject({
      tags: ["a", "b"],
      labels: { c: "d\"\\ '?$1" },
    });
    expect((await client.list({ idPrefix: other })).instances[0]).toMatchObject({ tags: ["x"] });
    expect(await effects(id)).toBe(1);
  });

  test("that is rolled back has done nothing", async () => {
    const id = fresh("rollback");
    const failed = source.transaction(async (tx) => {
      await insert(tx, id);
      await client.submit(waiting, id, 1, { tx: from(tx) });
      await client.sendEvent(id, "go", 7, { tx: from(tx) });
      throw new Error("no");
    }, settings);

    await expect(failed).rejects.toThrow("no");
    expect([await backend.findInstance(id), await backend.consumeEvent(id, "go"), await effects(id)]).toEqual([
      null,
      null,
      0,
    ]);
  });

  test.each(["read committed", "repeatable read", "serializable"] as const)(
    "is a task's, %s: what it writes is there once, with its output",
    async (isolation) => {
      const id = fresh("task");
      const pay = task.transactional(
        "pay",
        async (tx, n: number, { instanceId, attempt }) => {
          await insert(tx, instanceId);
          if (attempt === 1) throw new Error("once more");
          return n + 1;
        },
        { with: source, isolation, retry: { attempts: 2, initialDelay: 0 } },
      );
      const paying = flow<number>("adapter-paying").then(pay).build();

      expect(await runner.run(paying, id, 1)).toEqual({ status: "completed", output: 2 });
      expect(await effects(id)).toBe(1);
    },
  );

  test("ends a branch that can be abandoned, and an item that fails in a map that bears it", async () => {
    const id = fresh("leaving");
    const record = async (tx: unknown, instanceId: string): Promise<void> => void (await insert(tx, instanceId));
    const racing = flow<number>("adapter-racing")
      .race("first", [
        branch("quick", (b) =>
          b.then(
            task.transactional(
              "win",
              async (tx, n: number, { instanceId }) => {
                await record(tx, instanceId);
                return n + 1;
              },
              { with: source },
            ),
          ),
        ),
        branch("slow", (b) => b.delay("rest", "1h")),
      ])
      .map(
        "each",
        ({ output }) => [output, 0, output],
        flow<number>("item")
          .then(
            task.transactional(
              "invert",
              async (tx, n: number, { instanceId }) => {
                await record(tx, instanceId);
                if (n === 0) throw new Error("no inverse");
                return 1 / n;
              },
              { with: source },
            ),
          )
          .build(),
        { onFailure: "collect", concurrency: 2 },
      )
      .then("count", (list) => list.length)
      .build();

    expect(await runner.run(racing, id, 1, { until: "ended" })).toMatchObject({ status: "completed", output: 3 });
    expect(await effects(id)).toBe(3);
  });

  test("moves on into branches, joins, waits and loops", async () => {
    const id = fresh("shapes");
    const step = (name: string) =>
      task.transactional(name, async (tx, _: unknown, { instanceId }) => void (await insert(tx, instanceId)), {
        with: source,
      });
    const shapes = flow<null>("adapter-shapes")
      .then(step("a"))
      .fork([branch("left", step("b")), branch("right", (b) => b.then(step("c")).delay("d", 0).then(step("e")))])
      .join(
        task.transactional("f", async (tx, _: unknown, { instanceId }) => void (await insert(tx, instanceId)), {
          with: source,
        }),
      )
      .waitForEvent("g", "go", { timeout: 1, onTimeout: "continue" })
      .then(step("h"))
      .build();

    expect((await runner.run(shapes, id, null)).status).toBe("completed");
    expect(await effects(id)).toBe(6);
  });

  test("that meets a serialization failure is run again, without spending an attempt", async () => {
    const id = fresh("conflict");
    let runs = 0;
    const contended = flow<null>("adapter-contended")
      .then(
        task.transactional(
          "pay",
          async (tx, _: null, { instanceId, attempt }) => {
            await insert(tx, instanceId);
            if (++runs < 3) await raw(tx, "DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END $$");
            return attempt;
          },
          { with: source },
        ),
      )
      .build();

    expect(await runner.run(contended, id, null)).toEqual({ status: "completed", output: 1 });
    expect([runs, await effects(id)]).toEqual([3, 1]);
  });

  test("that its function ends itself fails for good, and no outcome is recorded", async () => {
    const id = fresh("ended");
    const ending = flow<null>("adapter-ending")
      .then(
        task.transactional(
          "pay",
          async (tx, _: null, { instanceId }) => {
            await insert(tx, instanceId);
            await raw(tx, "ROLLBACK");
            await raw(tx, "BEGIN");
          },
          { with: source },
        ),
      )
      .build();

    const outcome = await runner.run(ending, id, null);
    const failure = outcome.status === "failed" ? outcome.failure : undefined;
    expect([failure?.code, failure?.cause?.code]).toContain(refusesToEnd ?? "TRANSACTION_MISUSED");
    expect(await effects(id)).toBe(0);
  });

  test("that a deferred constraint refuses, or that had failed before, fails the attempt and leaves nothing", async () => {
    const id = fresh("refused");
    await database.pool.query("INSERT INTO once VALUES ($1)", [id]);
    const refused = flow<null>("adapter-refused")
      .then(
        task.transactional(
          "pay",
          async (tx, _: null, { instanceId, attempt }) => {
            await insert(tx, instanceId);
            if (attempt === 1) await raw(tx, `INSERT INTO once VALUES ('${id}')`);
            if (attempt === 2) await raw(tx, "INSERT INTO nowhere VALUES (1)").catch(() => undefined);
          },
          { with: source, retry: { attempts: 3, initialDelay: 0 } },
        ),
      )
      .build();

    expect((await runner.run(refused, id, null)).status).toBe("completed");
    expect(await effects(id)).toBe(1);
    expect((await client.history(id)).map(({ outcome, failure }) => failure?.code ?? outcome)).toEqual([
      "TRANSACTION_FAILED",
      "TRANSACTION_FAILED",
      "completed",
    ]);
  });

  test("that takes too long is rolled back, and what the server does for it is stopped", async () => {
    const id = fresh("late");
    const late = flow<null>("adapter-late")
      .then(
        task.transactional(
          "pay",
          async (tx, _: null, { instanceId }) => {
            await insert(tx, instanceId);
            await raw(tx, "SELECT pg_sleep(50)");
          },
          { with: source, timeout: 100 },
        ),
      )
      .build();

    expect(await runner.run(late, id, null)).toMatchObject({ status: "failed", failure: { code: "TASK_TIMEOUT" } });
    expect(await effects(id)).toBe(0);
    const asleep =
      "SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep(50)%' AND state = 'active' AND pid <> pg_backend_pid()";
    expect((await database.pool.query(asleep)).rowCount).toBe(0);
  });
});

describe.each(known.filter(({ diesWithConnection }) => !diesWithConnection))(
  "a transaction of $name",
  ({ source, insert, raw }) => {
    test("whose connection is cut is run again, without spending an attempt", async () => {
      const id = fresh("cut");
      let runs = 0;
      const cut = flow<null>("adapter-cut")
        .then(
          task.transactional(
            "pay",
            async (tx, _: null, { instanceId, attempt }) => {
              await insert(tx, instanceId);
              if (++runs === 1) await raw(tx, "SELECT pg_terminate_backend(pg_backend_pid())");
              return attempt;
            },
            { with: source },
          ),
        )
        .build();

      expect(await runner.run(cut, id, null)).toEqual({ status: "completed", output: 1 });
      expect([runs, await effects(id)]).toEqual([2, 1]);
    });
  },
);

test("fromDrizzle refuses a transaction of another driver", () => {
  expect(() => fromDrizzle({ execute: async () => undefined })).toThrow(/node-postgres or postgres-js/);
});
