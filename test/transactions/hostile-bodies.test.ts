import { afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { PostgresBackend } from "../../src/postgres/index.ts";
import { Runner } from "../../src/runner/runner.ts";
import { type Body, countEffects, flowOf, makeEffects, write } from "../support/effects.ts";
import { fresh } from "../support/instance-ids.ts";
import { createTestDatabase } from "../support/postgres.ts";

const database = await createTestDatabase();
// One connection for transactions, so that whatever is left on it would meet the next one.
const backend = await database.connect({ migrate: false, maxTransactions: 1, poolSize: 2 });
const client = new Client(backend);
const runner = new Runner(backend, { pollInterval: 10 });
const once = { attempts: 2, initialDelay: 0 };

const effects = async (id: string): Promise<number> => await countEffects(database, id);

beforeAll(async () => {
  await makeEffects(database);
  await database.pool.query(`
    CREATE TABLE once (id text PRIMARY KEY DEFERRABLE INITIALLY DEFERRED);
    CREATE TABLE counters (id int PRIMARY KEY, n int NOT NULL);
    CREATE FUNCTION sneaky_set() RETURNS void LANGUAGE plpgsql AS $$ BEGIN SET search_path = 'nowhere'; END $$;
  `);
});

afterEach(async () => {
  // Nothing is left open, and nothing holds a lock.
  const open = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
  await expect.poll(async () => (await database.pool.query(open)).rowCount).toBe(0);
});

describe("a transactional task whose function", () => {
  test.each(["COMMIT", "ROLLBACK", "BEGIN", " -- no\n/* this */ commit", "END", "ABORT", "PREPARE TRANSACTION 'x'"])(
    "runs %s fails for good, even if it catches the refusal",
    async (statement) => {
      const id = fresh("ends");
      const ending = flowOf(
        async (tx, _, context) => {
          await write(tx, context);
          await tx.query(statement).catch(() => undefined);
        },
        { retry: once },
      );

      expect(await runner.run(ending, id, null)).toMatchObject({
        status: "failed",
        failure: { code: "TRANSACTION_MISUSED" },
      });
      expect(await effects(id)).toBe(0);
      expect(await client.history(id)).toHaveLength(1);
    },
  );

  test.each([
    "SET search_path = x",
    "SET SESSION x.y = 1",
    "RESET ALL",
    "LISTEN x",
    "PREPARE p AS SELECT 1",
    "DISCARD ALL",
    "COPY effects FROM STDIN",
    "COPY effects TO STDOUT",
  ])("runs %s, which would outlast it or never end, fails for good", async (statement) => {
    let runs = 0;
    const call = await runner.run(
      flowOf(async (tx) => {
        runs++;
        await tx.query(statement);
      }),
      fresh("outlasts"),
      null,
    );
    expect(runs).toBe(1);
    expect(call).toMatchObject({ status: "failed", failure: { code: "TRANSACTION_MISUSED" } });
  });

  test("sends two statements as one is refused by the server", async () => {
    const id = fresh("two");
    const two = flowOf(async (tx, _, { instanceId }) => {
      await tx.query(`INSERT INTO effects VALUES ('${instanceId}'); COMMIT; SELECT 1`);
    });

    expect(await runner.run(two, id, null)).toMatchObject({ status: "failed" });
    expect(await effects(id)).toBe(0);
  });

  test("may use savepoints, SET LOCAL and what else ends with the transaction", async () => {
    const id = fresh("savepoints");
    const saving = flowOf(async (tx, _, context) => {
      await tx.query("SET LOCAL lock_timeout = '5s'");
      await write(tx, context);
      await tx.query("SAVEPOINT a");
      await tx.query("INSERT INTO nowhere VALUES (1)").catch(() => undefined);
      await tx.query("ROLLBACK TO SAVEPOINT a");
      await tx.query("SELECT pg_advisory_xact_lock(1)");
      return "done";
    });

    expect(await runner.run(saving, id, null)).toEqual({ status: "completed", output: "done" });
    expect(await effects(id)).toBe(1);
  });

  test("goes on after a statement has failed, without a savepoint, fails with what that said", async () => {
    const id = fresh("goes-on");
    const careless = flowOf(async (tx, _, context) => {
      await write(tx, context);
      await tx.query("INSERT INTO nowhere VALUES (1)").catch(() => undefined);
      return "done";
    });

    expect(await runner.run(careless, id, null)).toMatchObject({
      status: "failed",
      failure: { code: "TRANSACTION_FAILED", cause: { message: expect.stringContaining("nowhere") as unknown } },
    });
    expect(await effects(id)).toBe(0);
  });

  test("is refused by a deferred constraint at the commit is tried again by its policy, and leaves nothing", async () => {
    const id = fresh("deferred");
    await database.pool.query("INSERT INTO once VALUES ($1)", [id]);
    const twice = flowOf(
      async (tx, _, context) => {
        await write(tx, context);
        if (context.attempt === 1) await tx.query("INSERT INTO once VALUES ($1)", [id]);
      },
      { retry: once },
    );

    expect((await runner.run(twice, id, null)).status).toBe("completed");
    expect(await effects(id)).toBe(1);
    const [first, second] = await client.history(id);
    expect([first?.outcome, second?.outcome]).toEqual(["failed", "completed"]);
    expect(first?.failure?.message).toContain("it has to set a SAVEPOINT before them.");
  });

  test("leaves statements running when it returns has them awaited", async () => {
    const id = fresh("unawaited");
    const hasty = flowOf((tx, _, context) => {
      void write(tx, context);
      void tx.query("SELECT pg_sleep(0.05)");
      void write(tx, context);
      return "done";
    });

    expect((await runner.run(hasty, id, null)).status).toBe("completed");
    expect(await effects(id)).toBe(2);
  });

  test.each<[string, Body, string]>([
    [
      "when it returns",
      (tx, _, context) => {
        void write(tx, context);
        void tx.query("SELECT 1/0");
        return "done";
      },
      "TRANSACTION_FAILED",
    ],
    [
      "before it returns",
      async (tx, _, context) => {
        void tx.query("SELECT 1/0");
        await write(tx, context).catch(() => undefined);
        return "done";
      },
      "TRANSACTION_FAILED",
    ],
    [
      "by a refusal",
      async (tx, _, context) => {
        void tx.query("COMMIT");
        await write(tx, context);
      },
      "TRANSACTION_MISUSED",
    ],
    [
      "by a refusal of a step",
      async (tx, _, context) => {
        void context.step("a", () => 1);
        await write(tx, context);
      },
      "TRANSACTION_MISUSED",
    ],
  ])("does not await what fails %s has failed, and ends no process", async (_, body, code) => {
    const id = fresh("unheard");
    const unhandled: unknown[] = [];
    const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", onUnhandled);
    onTestFinished(() => void process.off("unhandledRejection", onUnhandled));

    expect(await runner.run(flowOf(body), id, null)).toMatchObject({ status: "failed", failure: { code } });
    expect(await effects(id)).toBe(0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([]);
  });

  test("uses tx after its end is told so, and nothing is run", async () => {
    const id = fresh("late");
    let late: Promise<unknown> = Promise.resolve();
    const lingering = flowOf((tx, _, context) => {
      late = new Promise((resolve) => setTimeout(resolve, 200)).then(async () => await write(tx, context));
      late.catch(() => undefined);
    });
    await runner.run(lingering, id, null);

    await expect(late).rejects.toMatchObject({ code: "TRANSACTION_ENDED" });
    expect(await effects(id)).toBe(0);
  });

  test.each<[string, Body]>([
    ["hangs", async (tx, _, context) => await write(tx, context).then(() => new Promise(() => undefined))],
    [
      "has the server hang",
      async (tx, _, context) => await write(tx, context).then(() => tx.query("SELECT pg_sleep(100)")),
    ],
    ["waits for a lock", async (tx) => await tx.query("UPDATE counters SET n = 1 WHERE id = -1")],
  ])("%s is ended by its timeout, and so is what the server does for it", async (_, body) => {
    const id = fresh("hangs");
    const blocker = await database.pool.connect();
    await blocker.query("INSERT INTO counters VALUES (-1, 0) ON CONFLICT DO NOTHING");
    await blocker.query("BEGIN");
    await blocker.query("SELECT FROM counters WHERE id = -1 FOR UPDATE");

    expect(await runner.run(flowOf(body, { timeout: 100 }), id, null)).toMatchObject({
      status: "failed",
      failure: { code: "TASK_TIMEOUT" },
    });
    expect(await effects(id)).toBe(0);
    const active =
      "SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep(100)%' AND pid <> pg_backend_pid() AND state = 'active'";
    expect((await database.pool.query(active)).rowCount).toBe(0);
    await blocker.query("ROLLBACK");
    blocker.release();
  });

  test("loses its connection is run again, and spends no attempt", async () => {
    const id = fresh("cut");
    let runs = 0;
    const cut = flowOf(async (tx, _, context) => {
      await write(tx, context);
      if (++runs === 1) await tx.query("SELECT pg_terminate_backend(pg_backend_pid())");
      return context.attempt;
    });

    expect(await runner.run(cut, id, null)).toEqual({ status: "completed", output: 1 });
    expect([runs, await effects(id)]).toEqual([2, 1]);
  });

  test.each(["40001", "40P01"])(
    "meets %s is run again, up to ten times, without spending attempts",
    async (sqlstate) => {
      const id = fresh("conflict");
      let runs = 0;
      const raise = `DO $$ BEGIN RAISE EXCEPTION 'in the way' USING ERRCODE = '${sqlstate}'; END $$`;
      const contended = flowOf(async (tx, _, context) => {
        await write(tx, context);
        if (++runs < 4) await tx.query(raise);
        return context.attempt;
      });
      expect(await runner.run(contended, id, null)).toEqual({ status: "completed", output: 1 });
      expect([runs, await effects(id)]).toEqual([4, 1]);

      runs = 0;
      const hopeless = flowOf(async (tx) => {
        runs++;
        await tx.query(raise).catch(() => undefined);
      });
      expect(await runner.run(hopeless, fresh("hopeless"), null)).toMatchObject({
        status: "failed",
        failure: { code: "TRANSACTION_FAILED" },
      });
      expect(runs).toBe(11);
    },
  );

  test("calls context.step is refused", async () => {
    const stepping = flowOf(async (_tx, _, { step }) => await step("a", () => 1));
    expect(await runner.run(stepping, fresh("step"), null)).toMatchObject({
      status: "failed",
      failure: { code: "TRANSACTION_MISUSED", message: expect.stringContaining("context.step") as unknown },
    });
  });

  test("returns what can't be stored leaves nothing", async () => {
    const id = fresh("unstorable");
    const odd = flowOf(async (tx, _, context) => {
      await write(tx, context);
      return () => 1;
    });

    expect(await runner.run(odd, id, null)).toMatchObject({ status: "failed", failure: { code: "CODEC_ENCODE" } });
    expect(await effects(id)).toBe(0);
  });

  test.each(["text", "values"])("gives a wrong %s is told so", async (field) => {
    const wrong = flowOf(async (tx) =>
      field === "text" ? await tx.query(5 as never) : await tx.query("SELECT 1", "x" as never),
    );
    expect(await runner.run(wrong, fresh("wrong"), null)).toMatchObject({
      status: "failed",
      failure: { code: "INVALID_ARGUMENT", message: expect.stringContaining(field) as unknown },
    });
  });
});

// A pooler keeps the server's session when its client leaves.
describe("what a transactional task leaves on a direct connection", () => {
  const connectDirectly = async (): Promise<Runner> => {
    const own = await PostgresBackend.connect(database.directUrl, {
      migrate: false,
      notify: false,
      maxTransactions: 1,
    });
    onTestFinished(async () => await own.close());
    return new Runner(own, { pollInterval: 10 });
  };

  test.each<[string, string]>([
    ["a session's setting, made by a function", "SELECT sneaky_set()"],
    ["a temporary table", "CREATE TEMP TABLE left_behind (a int)"],
    ["an advisory lock", "SELECT pg_advisory_lock(4711)"],
    ["a cursor", "DECLARE left_behind CURSOR WITH HOLD FOR SELECT 1"],
  ])("does not meet its next user: %s", async (_, statement) => {
    const leave = flowOf(async (tx) => {
      await tx.query(statement);
      return (await tx.query<{ pid: number }>("SELECT pg_backend_pid() AS pid")).rows[0]?.pid;
    });
    const look = flowOf(async (tx) => (await tx.query<{ pid: number }>("SELECT pg_backend_pid() AS pid")).rows[0]?.pid);
    const direct = await connectDirectly();
    const [left, kept] = [await direct.run(leave, fresh("leave"), null), await direct.run(look, fresh("look"), null)];

    expect(kept.status).toBe("completed");
    expect(kept).not.toEqual(left);
    const locks = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711";
    await expect.poll(async () => (await database.pool.query(locks)).rowCount).toBe(0);
  });

  test("is nothing normally: the connection is used again", async () => {
    const pid = flowOf(async (tx) => (await tx.query<{ pid: number }>("SELECT pg_backend_pid() AS pid")).rows[0]?.pid);
    const ours = await connectDirectly();
    const pids = new Set<unknown>();
    for (let i = 0; i < 20; i++) {
      const outcome = await ours.run(pid, fresh("same"), null);
      pids.add(outcome.status === "completed" ? outcome.output : outcome.status);
    }
    // The pool has ten.
    expect(pids.size).toBeLessThan(11);
  });
});
