import { beforeEach, describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { flow } from "../../src/flow/flow.ts";
import { withChanges } from "../support/both-backends.ts";
import { Gate } from "../support/gate.ts";
import { inSession } from "../support/positions.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { Probe } from "../support/probe.ts";
import { aborted, holdersOf, severalRoundTrips, soon, workerStarter } from "../support/workers.ts";

const database = await createTestDatabase();
const backend = await database.connect();
const client = new Client(backend);
const startWorker = workerStarter();
const ids = Array.from({ length: 200 }, (_, n) => `other-${n}`);

beforeEach(() => database.truncate());

describe("an open transaction of somebody else", { timeout: 60_000 }, () => {
  test("that has locked one position holds up that one alone: the others go on and keep their leases", async () => {
    const [gate, probe] = [new Gate(), new Probe()];
    const steps = flow<number>("locked-position")
      .then("one", async (n) => await gate.passed.then(() => n + 1))
      .then("two", (n) => n * 10)
      .build();
    let renewals = 0;
    const counted = withChanges(backend, {
      renewClaims: async (claims, leaseMs) => await backend.renewClaims(claims, leaseMs).finally(() => renewals++),
    });
    startWorker(counted, {
      flows: [steps],
      leaseTtl: 300,
      pollInterval: 10,
      concurrency: 300,
      observer: probe.observer,
    });
    await client.submitMany(
      steps,
      ["locked", ...ids].map((instanceId) => ({ instanceId, input: 1 })),
    );
    await expect.poll(() => probe.of("task_started").length, soon).toBe(201);
    await inSession(database.pool, async (session) => {
      await session.query("BEGIN");
      await session.query("SELECT FROM waymark.positions WHERE instance_id = 'locked' FOR UPDATE");
      // Several leases' lengths, in which nobody may lose one.
      const before = renewals;
      await expect.poll(() => renewals - before, soon).toBeGreaterThanOrEqual(8);
      gate.open();
      expect(await Promise.all(ids.map(async (id) => await client.result(id)))).toEqual(ids.map(() => 20));
      expect((await client.status("locked")).status).toBe("in_progress");
      await session.query("ROLLBACK");
    });

    expect(await client.result("locked")).toBe(20);
    expect(probe.of("fenced").filter(({ instanceId }) => instanceId !== "locked")).toEqual([]);
    const started = probe.of("task_started", "one").filter(({ instanceId }) => instanceId !== "locked");
    expect(started).toHaveLength(200);
  });

  test("that has sent an event holds up that instance alone, while others park on the same name", async () => {
    const probe = new Probe();
    const waiting = flow<number>("locked-mailbox")
      .then("before", (n) => n)
      .waitForEvent<string>("wait", "news")
      .then("after", (news) => news)
      .build();
    await client.submitMany(
      waiting,
      ["concerned", ...ids].map((instanceId) => ({ instanceId, input: 1 })),
    );
    await inSession(database.pool, async (session) => {
      await session.query("BEGIN");
      await session.query("SELECT waymark.send_event('concerned', 'news', '\\x22686922'::bytea, 'json', NULL)");
      startWorker(backend, {
        flows: [waiting],
        leaseTtl: 300,
        pollInterval: 10,
        concurrency: 300,
        observer: probe.observer,
      });
      const parked = (): number => probe.of("parked").filter(({ instanceId }) => instanceId !== "concerned").length;
      await expect.poll(parked, soon).toBe(200);
      await Promise.all(ids.map(async (id) => await client.sendEvent(id, "news", id)));
      expect(await Promise.all(ids.map(async (id) => await client.result(id)))).toEqual(ids);
      expect((await client.status("concerned")).status).toBe("in_progress");
      await session.query("COMMIT");
    });

    expect(await client.result("concerned")).toBe("hi");
    expect(probe.of("task_completed", "before")).toHaveLength(201);
    expect(probe.of("fenced")).toEqual([]);
  });

  test("that has locked ready positions does not keep a worker from taking the others", async () => {
    const one = flow<number>("locked-ready")
      .then("work", (n) => n)
      .build();
    const all = ids.map((instanceId, input) => ({ instanceId, input }));
    await client.submitMany(one, all);
    await inSession(database.pool, async (session) => {
      await session.query("BEGIN");
      await session.query("SELECT FROM waymark.positions WHERE right(instance_id, 1) <> '7' FOR UPDATE");
      startWorker(backend, { flows: [one], leaseTtl: 300, pollInterval: 10, concurrency: 5 });
      const free = all.filter(({ instanceId }) => instanceId.endsWith("7"));
      const results = await Promise.all(free.map(async ({ instanceId }) => await client.result(instanceId)));
      expect(results).toEqual(free.map(({ input }) => input));
      await session.query("ROLLBACK");
    });

    expect(await Promise.all(ids.map(async (id) => await client.result(id)))).toEqual(all.map(({ input }) => input));
  });

  test("that has locked a position for a moment does not keep a worker from giving it back", async () => {
    const probe = new Probe();
    const hanging = flow<null>("locked-release")
      .then("work", async (_, { signal }) => {
        throw await aborted(signal);
      })
      .build();
    const worker = startWorker(backend, { flows: [hanging], leaseTtl: "1h", observer: probe.observer });
    await client.submit(hanging, "locked-release", null);
    await probe.first("task_started");
    await inSession(database.pool, async (session) => {
      await session.query("BEGIN");
      await session.query("SELECT FROM waymark.positions FOR UPDATE");
      const stopped = worker.stop();
      await severalRoundTrips(backend);
      await session.query("ROLLBACK");
      await stopped;
    });

    expect(await holdersOf(backend, "locked-release")).toEqual([null]);
  });
});
