import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { fresh } from "../support/instance-ids.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { type Act, flowOfActs } from "../support/worker-child.ts";
import { WorkerProcesses } from "../support/worker-process.ts";
import { workerStarter } from "../support/workers.ts";

const database = await createTestDatabase();
const backend = await database.connect();
const client = new Client(backend);
const startWorker = workerStarter();
/** A lease longer than any test: what was not given back would not be ready in time. */
const patient = { leaseTtl: "1h", workerId: "the-child" } as const;
/** Whatever the children were told to do: here it is done at once. */
const harmless = flowOfActs(() => undefined);
let processes: WorkerProcesses;

beforeEach(async () => {
  await database.truncate();
  processes = new WorkerProcesses(database.url);
});

afterEach(async () => {
  await processes.clear();
});

async function submit(act: Act, count: number = 1): Promise<readonly string[]> {
  const ids = Array.from({ length: count }, () => fresh(act.do));
  for (const id of ids) await client.submit(harmless, id, { first: act });
  return ids;
}

async function heldBy(): Promise<unknown[]> {
  const { rows } = await database.pool.query("SELECT instance_id FROM waymark.positions WHERE worker_id IS NOT NULL");
  return rows;
}

/** Another worker runs all of them to their ends, none in a second attempt. */
async function expectSuccession(ids: readonly string[]): Promise<void> {
  const worker = startWorker(backend, { flows: [harmless], pollInterval: 20 });
  expect(await Promise.all(ids.map(async (id) => await client.result(id)))).toEqual(ids.map(() => "done"));
  for (const id of ids) expect((await client.history(id)).map(({ attempt }) => attempt)).toEqual([1, 1]);
  await worker.drain();
}

describe("a process with a worker", { timeout: 60_000 }, () => {
  test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)(
    "on %s gives its claims back and exits with 0, so that a successor goes on at once",
    async (signal) => {
      const ids = await submit({ do: "hang" }, 5);
      const run = await processes.started({ worker: { ...patient, gracePeriod: 50 } });
      await run.until(() => processes.begun().length === 5);
      expect(await heldBy()).toHaveLength(5);
      await run.kill(signal);

      expect(await run.ended()).toEqual({ code: 0, signal: null });
      expect(await heldBy()).toEqual([]);
      const { rows } = await database.pool.query("SELECT FROM waymark.workers WHERE worker_id = 'the-child'");
      expect(rows).toEqual([]);
      await expectSuccession(ids);
    },
  );

  test("on SIGTERM lets running tasks finish, and starts nothing after them", async () => {
    const ids = await submit({ do: "work", ms: 700 }, 3);
    const run = await processes.started({ worker: { ...patient, gracePeriod: "20s" } });
    await run.until(() => processes.begun().length === 3);
    await run.kill("SIGTERM");

    expect(await run.ended()).toEqual({ code: 0, signal: null });
    expect(processes.begun().map(({ taskId }) => taskId)).toEqual(["first", "first", "first"]);
    for (const id of ids) expect(await client.history(id)).toMatchObject([{ taskId: "first", outcome: "completed" }]);
    expect(await heldBy()).toEqual([]);
    await expectSuccession(ids);
  });

  test.each(["SIGTERM", "SIGINT"] as const)("with nothing to do, ends on %s", async (signal) => {
    const run = await processes.started();
    await run.kill(signal);

    expect(await run.ended()).toEqual({ code: 0, signal: null });
  });

  test.each([
    ["SIGTERM", "SIGTERM", 143],
    ["SIGINT", "SIGINT", 130],
    ["SIGTERM", "SIGINT", 130],
  ] as const)("on %s and then %s exits at once", async (first, second, code) => {
    await submit({ do: "ignore" });
    const run = await processes.started({ worker: { ...patient, gracePeriod: "1h" } });
    await run.until(() => processes.begun().length === 1);
    process.kill(run.pid, first);
    await run.until(() => run.errors.includes("Draining"));
    await run.kill(second);

    expect(await run.ended()).toEqual({ code, signal: null });
  });

  test.each(["reject", "throw"] as const)(
    "in which user code leaves an error behind (%s) gives its claims back, says why and exits with 1",
    async (what) => {
      const ids = [...(await submit({ do: "hang" }, 3)), ...(await submit({ do: what }))];
      const run = await processes.started({ worker: patient });

      expect(await run.ended()).toEqual({ code: 1, signal: null });
      expect(run.errors).toContain("error: Nobody has caught an error");
      expect(run.errors).toContain("nobody catches this");
      expect(await heldBy()).toEqual([]);
      await expectSuccession(ids);
    },
  );

  test.each(["reject", "throw"] as const)(
    "tells the error that nobody has caught without a logger, too (%s)",
    async (what) => {
      await submit({ do: what });
      const run = await processes.started({ worker: patient, logs: false });

      expect(await run.ended()).toEqual({ code: 1, signal: null });
      expect(run.errors).toContain("nobody catches this");
    },
  );

  test("that ends after an error does not wait for a body that ignores its signal", async () => {
    await submit({ do: "ignore" });
    const run = await processes.started({ worker: { ...patient, gracePeriod: "1h" } });
    await run.until(() => processes.begun().length === 1);
    await submit({ do: "reject" });

    expect(await run.ended()).toEqual({ code: 1, signal: null });
  });
});

describe("a process that a worker does not own", { timeout: 60_000 }, () => {
  test("is ended by SIGTERM as Node does it", async () => {
    await submit({ do: "hang" });
    const run = await processes.started({ worker: { ...patient, ownsProcess: false } });
    await run.until(() => processes.begun().length === 1);
    await run.kill("SIGTERM");

    expect(await run.ended()).toEqual({ code: null, signal: "SIGTERM" });
    expect(await heldBy()).toHaveLength(1);
  });

  test.each(["reject", "throw"] as const)(
    "is ended by an error that nobody has caught as Node does it (%s)",
    async (what) => {
      await submit({ do: what });
      const run = await processes.started({ worker: { ...patient, ownsProcess: false } });

      expect(await run.ended()).toEqual({ code: 1, signal: null });
      expect(run.errors).toContain("Error: nobody catches this");
      expect(run.errors).not.toContain("Nobody has caught");
    },
  );
});

describe("a process whose database is away", { timeout: 60_000 }, () => {
  test("for a moment, in which all connections are cut, goes on afterwards", async () => {
    const proxy = await TcpProxy.to(database.url);
    try {
      await submit({ do: "hang" });
      const url = proxy.through(database.url);
      const run = await processes.started({ url, worker: { ...patient, leaseTtl: 600, gracePeriod: 0 } });
      for (let cuts = 0; cuts < 5; cuts++) {
        await run.until(() => processes.begun().length > 2 * cuts);
        // Also the connection on which leases are renewed has been used by then.
        const renewed =
          "SELECT FROM waymark.positions WHERE worker_id IS NOT NULL AND available_at > since + interval '0.7 s'";
        await expect.poll(async () => (await database.pool.query(renewed)).rowCount, { timeout: 10_000 }).toBe(1);
        proxy.reset();
        const [id = ""] = await submit({ do: "work" });
        await run.until(() =>
          processes.begun().some(({ instanceId, taskId }) => instanceId === id && taskId === "second"),
        );
        expect([run.isRunning, run.errors]).toEqual([
          true,
          expect.not.stringContaining("Nobody has caught") as unknown,
        ]);
      }
      await run.kill("SIGTERM");

      expect(await run.ended()).toEqual({ code: 0, signal: null });
    } finally {
      await proxy.close();
    }
  });

  test.each([
    ["does not answer", "blackHole"],
    ["is gone", "refuse"],
  ] as const)("because it %s ends on SIGTERM all the same", async (_, mode) => {
    const proxy = await TcpProxy.to(database.url);
    try {
      await submit({ do: "hang" }, 2);
      const run = await processes.started({
        url: proxy.through(database.url),
        worker: { ...patient, gracePeriod: 100 },
      });
      await run.until(() => processes.begun().length === 2);
      proxy[mode]();
      await run.kill("SIGTERM");

      expect(await run.ended()).toEqual({ code: 0, signal: null });
    } finally {
      await proxy.close();
    }
  });
});
