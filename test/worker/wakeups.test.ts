import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { flow } from "../../src/flow/flow.ts";
import type { WorkerHandle } from "../../src/worker/worker.ts";
import { withChanges } from "../support/both-backends.ts";
import { Gate } from "../support/gate.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { Probe } from "../support/probe.ts";
import { Standstill } from "../support/standstill.ts";
import { aborted, codeOf, severalRoundTrips, soon, workerStarter } from "../support/workers.ts";

const database = await createTestDatabase();
/** Two processes, as it were: nothing goes from one to the other but through the database. */
const [here, there] = [await database.connect(), await database.connect()];
const client = new Client(here);
const startWorker = workerStarter();
const one = flow<number>("one-wakeup")
  .then("work", (n) => n + 1)
  .build();
const waiting = flow<null>("waiting-wakeup").waitForEvent<string>("wait", "news").build();
const slow = { timeout: 30_000, interval: 20 };
/** For workers and clients that neither poll nor renew leases: no time passes for them. */
let still: Standstill;

beforeEach(async () => {
  still = new Standstill();
  await database.truncate();
});

// Before the workers are stopped.
afterEach(() => still.thaw());

/** A worker that listens, has looked for work once, and does not look again unless it is told to. */
async function idleWorker(options: Partial<Parameters<typeof startWorker>[1]> = {}): Promise<WorkerHandle> {
  const worker = startWorker(there, { ports: still.ports, leaseTtl: "1h", flows: [one, waiting], ...options });
  await expect.poll(() => worker.stats().isListening, slow).toBe(true);
  await expectIdle(worker);
  return worker;
}

/** What was on its way has arrived. */
async function expectIdle(worker: WorkerHandle): Promise<void> {
  for (let polls = -1; polls !== worker.stats().polls; ) {
    ({ polls } = worker.stats());
    await severalRoundTrips(there);
  }
}

function sessionsThatListen(): Promise<{ rows: { pid: number }[] }> {
  return database.pool.query<{ pid: number }>(
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'",
  );
}

describe("an idle worker is woken from another process", { timeout: 60_000 }, () => {
  test("by a submit, an event and an unpause", async () => {
    const worker = await idleWorker();
    expect(await (await client.submit(one, "woken", 1)).result()).toBe(2);

    const handle = await client.submit(waiting, "woken-wait", null);
    await expect.poll(async () => (await handle.status()).status, soon).toBe("awaiting_event");
    await expectIdle(worker);
    await handle.sendEvent("news", "hello");
    expect(await handle.result()).toBe("hello");

    const paused = await client.submit(waiting, "woken-pause", null);
    await expect.poll(async () => (await paused.status()).status, soon).toBe("awaiting_event");
    await paused.pause();
    await paused.sendEvent("news", "while paused");
    await expectIdle(worker);
    await paused.unpause();
    expect(await paused.result()).toBe("while paused");
  });

  test("by a retry, also of many", async () => {
    let isBroken = true;
    const mendable = flow<number>("mendable-wakeup")
      .then("work", (n) => {
        if (isBroken) throw new Error("It is broken.");
        return n;
      })
      .build();
    const worker = await idleWorker({ flows: [mendable] });
    const handles = [await client.submit(mendable, "mend-1", 1), await client.submit(mendable, "mend-2", 2)];
    for (const handle of handles) await expect(handle.result()).rejects.toMatchObject({ code: "INSTANCE_FAILED" });
    await expectIdle(worker);
    await handles[0]?.retry();
    await expect(handles[0]?.result()).rejects.toMatchObject({ code: "INSTANCE_FAILED" });
    isBroken = false;
    await expectIdle(worker);
    await client.retryMany({ flow: mendable.name });

    expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual([1, 2]);
  });

  test("by a submit of many, and goes on until all are done", async () => {
    await idleWorker({ concurrency: 3 });
    const all = Array.from({ length: 200 }, (_, n) => ({ instanceId: `many-${n}`, input: n }));
    await client.submitMany(one, all);
    const results = await Promise.all(all.map(async ({ instanceId }) => await client.result(instanceId)));

    expect(results).toEqual(all.map(({ input }) => input + 1));
  });

  test("though a worker of the submitting process has room, but does not know the flow", async () => {
    const stranger = flow<number>("stranger")
      .then("work", (n) => n)
      .build();
    startWorker(here, { ports: still.ports, flows: [stranger] });
    await idleWorker();

    expect(await (await client.submit(one, "not-for-here", 1)).result({ timeout: "8s" })).toBe(2);
  });

  test("though a worker of the submitting process has room, but lacks the tags", async () => {
    const tagged = flow<number>("tagged-wakeup")
      .then("work", (n) => n, { tags: ["gpu"] })
      .build();
    startWorker(here, { ports: still.ports, flows: [tagged], tags: ["cpu"] });
    await idleWorker({ flows: [tagged], tags: ["gpu"] });

    expect(await (await client.submit(tagged, "tagged-for-there", 1)).result({ timeout: "8s" })).toBe(1);
  });

  test("when a timer of a flow that only it knows has come due, whoever noticed it", async () => {
    const stranger = flow<number>("stranger-timer")
      .then("work", (n) => n)
      .build();
    const delayed = flow<number>("delayed-wakeup")
      .delay("rest", 300)
      .then("work", (n) => n + 1)
      .build();
    await idleWorker({ flows: [delayed] });
    const handle = await client.submit(delayed, "due", 1);
    // Looks all the time, and makes ready whatever has come due.
    startWorker(here, { pollInterval: 10, flows: [stranger] });

    expect(await handle.result({ timeout: "8s" })).toBe(2);
  });
});

describe("a running body", { timeout: 60_000 }, () => {
  test("is told of a cancel from another process at once, not at the next heartbeat", async () => {
    const probe = new Probe();
    const long = flow<null>("cancelled-wakeup")
      .then("work", async (_, { signal }) => {
        throw await aborted(signal);
      })
      .build();
    const worker = await idleWorker({ flows: [long], observer: probe.observer });
    const handle = await client.submit(long, "cancelled", null);
    await probe.first("task_started");
    expect(await handle.cancel({ reason: "no more" })).toBe("requested");

    await expect(handle.result({ timeout: "8s" })).rejects.toMatchObject({
      code: "INSTANCE_CANCELLED",
      reason: "no more",
    });
    expect(worker.stats().active).toBe(0);
  });

  test("is told of its cancel, though many others are cancelled at the same time", async () => {
    const probe = new Probe();
    const long = flow<null>("mass-cancel")
      .then("work", async (_, { signal }) => {
        throw await aborted(signal);
      })
      .build();
    const worker = await idleWorker({ flows: [long], observer: probe.observer });
    const ids = Array.from({ length: 60 }, (_, n) => `mass-${n}`);
    await client.submitMany(
      long,
      ids.map((instanceId) => ({ instanceId, input: null })),
    );
    await expect.poll(() => probe.of("task_started").length, soon).toBe(60);
    // From the worker's own process and from another one.
    const local = new Client(there);
    await Promise.all(ids.map(async (id, n) => await (n % 2 === 0 ? client : local).cancel(id)));

    await expect.poll(() => worker.stats().active, soon).toBe(0);
    // None of them has to wait for the end of a lease that could not be given back.
    await expect.poll(async () => await leftOf("mass-cancel"), soon).toEqual([]);
    for (const id of ids) await expect(client.result(id)).rejects.toMatchObject({ code: "INSTANCE_CANCELLED" });
  });
});

/** Positions of a flow's instances that are still live. */
async function leftOf(name: string): Promise<unknown[]> {
  const { rows } = await database.pool.query(
    "SELECT p.instance_id, p.worker_id, p.interrupt FROM waymark.positions AS p JOIN waymark.instances AS i USING (instance_id) WHERE i.flow = $1",
    [name],
  );
  return rows;
}

describe("a cancel that is requested while renewals are on their way", { timeout: 60_000 }, () => {
  test("is noticed after them, without waiting for the next heartbeat", async () => {
    const [probe, answer] = [new Probe(), new Gate()];
    let renewals = 0;
    const slowly = withChanges(there, {
      renewClaims: async (claims, leaseMs) => {
        const answers = await there.renewClaims(claims, leaseMs);
        renewals++;
        await answer.passed;
        return answers;
      },
    });
    const long = flow<null>("late-cancel")
      .then("work", async (_, { signal }) => {
        throw await aborted(signal);
      })
      .build();
    const worker = startWorker(slowly, { ports: still.ports, leaseTtl: "1h", flows: [long], observer: probe.observer });
    const own = new Client(slowly);
    const ids = ["c-1", "c-2", "c-3", "c-4", "c-5"];
    for (const id of ids) await own.submit(long, id, null);
    await expect.poll(() => probe.of("task_started").length, soon).toBe(5);
    for (const [n, id] of ids.entries()) {
      await own.cancel(id);
      // As many renewals as the engine sends at once.
      if (n === 2) await expect.poll(() => renewals, soon).toBe(3);
    }
    answer.open();

    await expect.poll(() => worker.stats().active, soon).toBe(0);
  });
});

describe("whoever waits for a result is woken", { timeout: 60_000 }, () => {
  test("by an end in another process: completed, failed, cancelled, deleted", async () => {
    const gate = new Gate();
    const gated = flow<number>("result-wakeup")
      .then("work", async (n) => {
        await gate.passed;
        if (n === 1) throw new Error("bad");
        return n;
      })
      .build();
    const elsewhere = new Client(there);
    startWorker(there, { ports: still.ports, flows: [gated, waiting] });
    const patient = new Client(here, { ports: still.ports });
    const running = await Promise.all([0, 1].map(async (n) => await elsewhere.submit(gated, `end-${n}`, n)));
    const parked = await Promise.all(["a", "b"].map(async (n) => await elsewhere.submit(waiting, `end-${n}`, null)));
    const codes = [...running, ...parked].map(async ({ instanceId }) => await patient.result(instanceId).catch(codeOf));
    for (const handle of parked)
      await expect.poll(async () => (await handle.status()).status, soon).toBe("awaiting_event");
    gate.open();
    await parked[0]?.cancel();
    await parked[1]?.delete();

    expect(await Promise.all(codes)).toEqual([0, "INSTANCE_FAILED", "INSTANCE_CANCELLED", "INSTANCE_NOT_FOUND"]);
  });
});

describe("messages on the channel that are not ours", { timeout: 60_000 }, () => {
  test.each([
    ["garbage", Array.from({ length: 300 }, (_, n) => `garbage ${n} 'x' "y" \\ ; DROP TABLE`)],
    ["empty ones", Array.from({ length: 300 }, () => "")],
    ["huge ones", Array.from({ length: 50 }, (_, n) => `${n}`.padEnd(7_999, ":r"))],
    ["binary ones", Array.from({ length: 100 }, (_, n) => `\u0001\u0002\u{1f600}\u202e${n}\ufffd\n\r\t`)],
    ["almost ours", ["", ":", ":r", "x:r", "abc:rr:e", "abc:rrrr", `${"a".repeat(41)}:r`, "ABC:r", "abc:r\n"]],
    ["forged ones", Array.from({ length: 1_000 }, (_, n) => `${n.toString(16)}-dead-beef:rei`)],
  ])("do no harm: %s", async (_, payloads) => {
    const worker = await idleWorker();
    for (const payload of payloads) await database.pool.query("SELECT pg_notify('waymark_waymark', $1)", [payload]);
    const pending = client.result("nobody", { timeout: 100 }).catch(codeOf);

    expect(await (await client.submit(one, "after-spam", 1)).result()).toBe(2);
    expect(await pending).toBe("INSTANCE_NOT_FOUND");
    expect(worker.stats()).toMatchObject({ state: "running", isListening: true });
  });
});

describe("other schemas of the database", { timeout: 60_000 }, () => {
  afterEach(() => database.pool.query("DROP SCHEMA IF EXISTS tenant CASCADE"));

  test("are not woken, and their messages wake nobody here", async () => {
    const tenant = await database.connect({ schema: "tenant", migrate: true });
    const worker = await idleWorker();
    const { polls } = worker.stats();
    const tenantWorker = startWorker(tenant, { flows: [one] });
    await expect.poll(() => tenantWorker.stats().isListening, slow).toBe(true);
    const handles = await Promise.all(
      Array.from({ length: 20 }, async (_, n) => await new Client(tenant).submit(one, `tenant-${n}`, n)),
    );
    expect(await Promise.all(handles.map(async (handle) => await handle.result()))).toEqual(
      handles.map((_, n) => n + 1),
    );
    await severalRoundTrips(there);

    expect(worker.stats()).toMatchObject({ polls, claimed: 0 });
    expect((await client.list()).instances).toEqual([]);
    await tenantWorker.drain();
    await tenant.close();
  });
});

describe("a worker whose LISTEN connection is ended by the server", { timeout: 60_000 }, () => {
  test("goes on by polling, and listens again", async () => {
    const worker = startWorker(there, { pollInterval: 50, flows: [one] });
    await expect.poll(() => worker.stats().isListening, slow).toBe(true);
    for (let round = 0; round < 3; round++) {
      const { rows } = await sessionsThatListen();
      expect(rows.length).toBeGreaterThan(0);
      for (const { pid } of rows) await database.pool.query("SELECT pg_terminate_backend($1)", [pid]);
      await expect.poll(() => worker.stats().isListening, slow).toBe(false);
      expect(await (await client.submit(one, `killed-${round}`, round)).result()).toBe(round + 1);
      await expect.poll(() => worker.stats().isListening, slow).toBe(true);
    }
  });
});
