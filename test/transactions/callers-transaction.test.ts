import type { PoolClient } from "pg";
import { beforeAll, describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { task } from "../../src/flow/task.ts";
import { InMemoryBackend } from "../../src/memory/memory-backend.ts";
import type { Queryable } from "../../src/transaction.ts";
import { fresh } from "../support/instance-ids.ts";
import { createTestDatabase, HEARS_OTHERS } from "../support/postgres.ts";
import { soon, workerStarter } from "../support/workers.ts";

const database = await createTestDatabase();
const backend = await database.connect({ migrate: false });
const client = new Client(backend);
const startWorker = workerStarter();

const double = flow<number>("tx-double")
  .then("double", (n) => 2 * n)
  .build();
const other = flow<number>("tx-other")
  .then("double", (n) => n)
  .build();
const wide = flow<number>("tx-wide")
  .fork([
    branch(
      "a",
      task("a", (n: number) => n),
    ),
    branch(
      "b",
      task("b", (n: number) => n + 1),
    ),
  ])
  .join("sum", ({ a, b }) => a + b)
  .waitForEvent<number>("wait", "go")
  .build();

beforeAll(async () => {
  await database.pool.query("CREATE TABLE orders (id text PRIMARY KEY)");
});

/** Does something in a transaction, and ends that as it is told to. */
async function inTransaction<T>(end: "COMMIT" | "ROLLBACK", work: (tx: PoolClient) => Promise<T>): Promise<T> {
  const tx = await database.pool.connect();
  try {
    await tx.query("BEGIN");
    const result = await work(tx);
    await tx.query(end);
    return result;
  } finally {
    tx.release();
  }
}

async function exists(id: string): Promise<boolean> {
  return (await backend.findInstance(id)) !== null;
}

describe("submit with { tx }", () => {
  test("makes the instance visible when the caller commits, together with what the caller has written", async () => {
    const id = fresh("committed");
    const handle = await inTransaction("COMMIT", async (tx) => {
      await tx.query("INSERT INTO orders VALUES ($1)", [id]);
      const submitted = await client.submit(double, id, 21, { tx, tags: ["a"], labels: { b: "c" }, priority: 1 });
      expect(await exists(id)).toBe(false);
      return submitted;
    });

    startWorker(backend, { flows: [double], pollInterval: 20 });
    expect(await handle.result()).toBe(42);
    expect((await client.list({ idPrefix: id })).instances).toMatchObject([
      { instanceId: id, tags: ["a"], labels: { b: "c" }, priority: 1 },
    ]);
  });

  test("leaves nothing when the caller rolls back, though a worker of this process has room", async () => {
    const id = fresh("rolled-back");
    startWorker(backend, { flows: [double], pollInterval: 20 });
    await inTransaction("ROLLBACK", async (tx) => {
      await client.submit(double, id, 1, { tx });
    });

    expect(await exists(id)).toBe(false);
    await client.submit(double, id, 1);
  });

  test("makes all positions of a flow that begins with a fork", async () => {
    const id = fresh("wide");
    await inTransaction("COMMIT", async (tx) => await client.submit(wide, id, 1, { tx }));

    startWorker(backend, { flows: [wide], pollInterval: 20 });
    await expect.poll(async () => (await client.status(id)).status, soon).toBe("awaiting_event");
    await inTransaction("COMMIT", async (tx) => await client.sendEvent(id, "go", 5, { tx }));
    expect(await client.result(id)).toBe(5);
  });

  test("wakes workers of other processes, and of this one, with the commit", async ({ skip }) => {
    skip(!HEARS_OTHERS, "hints of other processes don't come through a pooler, nor with NOTIFY off");
    const id = fresh("woken");
    const elsewhere = await database.connect({ migrate: false });
    startWorker(elsewhere, { flows: [double], pollInterval: "10m" });
    const watch = elsewhere.subscribe({});
    await expect.poll(() => watch.isLive, soon).toBe(true);
    watch.close();
    await inTransaction("COMMIT", async (tx) => {
      await client.submit(double, id, 3, { tx });
      // By now the worker has looked, and found nothing.
      await elsewhere.findInstance(id);
    });

    expect(await client.result(id)).toBe(6);
  });

  test("answers to a taken id as without it, and leaves the caller's transaction in order", async () => {
    const id = fresh("taken");
    await client.submit(double, id, 1);
    await inTransaction("COMMIT", async (tx) => {
      await expect(client.submit(double, id, 1, { tx })).rejects.toMatchObject({ code: "INSTANCE_EXISTS" });
      await client.submit(double, id, 1, { tx, onConflict: "useExisting" });
      await expect(client.submit(other, id, 1, { tx, onConflict: "useExisting" })).rejects.toMatchObject({
        code: "DEFINITION_MISMATCH",
      });
      await expect(client.submit(double, id, 1, { tx, onConflict: "terminateExisting" })).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        field: "options.onConflict",
      });
      await tx.query("INSERT INTO orders VALUES ($1)", [id]);
    });

    expect((await database.pool.query("SELECT FROM orders WHERE id = $1", [id])).rowCount).toBe(1);
  });

  test("useExisting finds what the same transaction has made", async () => {
    const id = fresh("own");
    await inTransaction("COMMIT", async (tx) => {
      await client.submit(double, id, 1, { tx });
      await client.submit(double, id, 1, { tx, onConflict: "useExisting" });
    });

    expect(await exists(id)).toBe(true);
  });

  test("submitMany makes all of them, or none", async () => {
    const ids = Array.from({ length: 1_200 }, (_, index) => fresh(`many-${index}`));
    const all = ids.map((instanceId) => ({ instanceId, input: 1 }));
    await inTransaction("ROLLBACK", async (tx) => await client.submitMany(double, all, { tx }));
    expect(await exists(ids[0] ?? "")).toBe(false);

    const made = await inTransaction("COMMIT", async (tx) => await client.submitMany(double, all, { tx }));
    expect(made.every(({ created }) => created)).toBe(true);
    expect(await exists(ids.at(-1) ?? "")).toBe(true);
  });
});

describe("sendEvent with { tx }", () => {
  test.each([
    ["COMMIT", "completed"],
    ["ROLLBACK", "awaiting_event"],
  ] as const)("that ends with %s leaves the waiting instance %s", async (end, status) => {
    const waiting = flow<null>("tx-waiting").waitForEvent<number>("wait", "go").build();
    const id = fresh("waiting");
    startWorker(backend, { flows: [waiting], pollInterval: 20 });
    const handle = await client.submit(waiting, id, null);
    await expect.poll(async () => (await handle.status()).status, soon).toBe("awaiting_event");

    const outcome = await inTransaction(end, async (tx) => {
      const sent = await handle.sendEvent("go", 1, { tx, dedupKey: "one" });
      expect(await handle.sendEvent("go", 1, { tx, dedupKey: "one" })).toBe("duplicate");
      return sent;
    });

    expect(outcome).toBe("delivered");
    await expect.poll(async () => (await handle.status()).status, soon).toBe(status);
    await handle.delete();
  });

  test("is buffered for an instance that does not exist yet, and comes in order with others", async () => {
    const id = fresh("early");
    await inTransaction("COMMIT", async (tx) => {
      expect(await client.sendEvent(id, "go", "first", { tx })).toBe("buffered");
    });
    await client.sendEvent(id, "go", "second");
    await inTransaction("ROLLBACK", async (tx) => await client.sendEvent(id, "go", "never", { tx }));

    const payloads = [await backend.consumeEvent(id, "go"), await backend.consumeEvent(id, "go")];
    expect(payloads.map((bytes) => Buffer.from(bytes ?? []).toString())).toEqual(['"first"', '"second"']);
    expect(await backend.consumeEvent(id, "go")).toBeNull();
  });

  test("to an instance that has ended is refused", async () => {
    const id = fresh("ended");
    await client.submit(double, id, 1);
    await client.terminate(id);
    await inTransaction("COMMIT", async (tx) => {
      const call = client.sendEvent(id, "go", 1, { tx });
      await expect(call).rejects.toMatchObject({ code: "INVALID_TRANSITION" });
    });
  });
});

describe("{ tx }", () => {
  test("refuses what is no transaction", async () => {
    for (const tx of [null, "tx", {}, []] as unknown as Queryable[]) {
      const call = client.submit(double, fresh("bad"), 1, { tx });
      await expect(call).rejects.toMatchObject({ code: "INVALID_ARGUMENT", field: "options.tx" });
    }
    const odd = { query: async () => "rows" } as unknown as Queryable;
    await expect(client.sendEvent("x", "go", 1, { tx: odd })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  test("refuses a pool, and a client without a transaction, before anything is written", async () => {
    const id = fresh("pool");
    const idle = await database.pool.connect();
    for (const tx of [database.pool, idle]) {
      const call = client.submit(double, id, 1, { tx });
      await expect(call).rejects.toMatchObject({ code: "INVALID_ARGUMENT", field: "options.tx" });
      await expect(client.submitMany(double, [{ instanceId: id, input: 1 }], { tx })).rejects.toThrow(/not inside/);
      await expect(client.sendEvent(id, "go", 1, { tx })).rejects.toThrow(/not inside of a transaction/);
    }
    idle.release();

    expect(await exists(id)).toBe(false);
    expect(await backend.consumeEvent(id, "go")).toBeNull();
  });

  test("needs a backend that can do it", async () => {
    const memory = new Client(new InMemoryBackend());
    const tx = database.pool;
    for (const call of [
      memory.submit(double, "a", 1, { tx }),
      memory.submitMany(double, [], { tx }),
      memory.sendEvent("a", "go", 1, { tx }),
    ]) {
      await expect(call).rejects.toMatchObject({ code: "TRANSACTION_UNSUPPORTED" });
    }
  });

  test("works inside of a transactional task: what it starts is there exactly if the task is done", async () => {
    const [id, child] = [fresh("parent"), fresh("child")];
    const parent = flow<null>("tx-parent")
      .then(
        task.transactional(
          "start",
          async (tx, _: null, { attempt }) => {
            await client.submit(double, `${child}-${attempt}`, attempt, { tx });
            if (attempt === 1) throw new Error("once more");
          },
          { retry: { attempts: 2, initialDelay: 0 } },
        ),
      )
      .build();
    startWorker(backend, { flows: [parent], pollInterval: 20 });
    await (await client.submit(parent, id, null)).result();

    expect(await exists(`${child}-1`)).toBe(false);
    expect(await exists(`${child}-2`)).toBe(true);
  });

  test("of an application whose driver parses values in its own way is read all the same", async () => {
    const id = fresh("parsers");
    await inTransaction("COMMIT", async (client_) => {
      const asText = {
        getTypeParser:
          () =>
          (value: string): string =>
            value,
      };
      const tx: Queryable = {
        query: async (text, values) => {
          const { rows } = await client_.query({ text, values: [...values], types: asText });
          return { rows: rows.map((row: object) => camelCased(row)) };
        },
      };
      await client.submit(double, id, 1, { tx });
      expect(await client.sendEvent(id, "go", 1, { tx })).toBe("buffered");
    });

    expect(await exists(id)).toBe(true);
  });
});

function camelCased(row: object): object {
  return Object.fromEntries(
    Object.entries(row).map(([key, value]: [string, unknown]) => [
      key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  );
}
