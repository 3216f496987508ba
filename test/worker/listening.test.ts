import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { flow } from "../../src/flow/flow.ts";
import { PostgresBackend } from "../../src/postgres/index.ts";
import { Gate } from "../support/gate.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { Standstill } from "../support/standstill.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { soon, workerStarter } from "../support/workers.ts";

const database = await createTestDatabase();
const direct = await database.connect();
const client = new Client(direct);
let proxy: TcpProxy;
let far: PostgresBackend;
// Hooks run last to first: the network comes back, workers are stopped, and then this.
afterEach(async () => {
  await far.close();
  await proxy.close();
});
const startWorker = workerStarter();
afterEach(() => proxy.pass());
const one = flow<number>("one-listening")
  .then("work", (n) => n + 1)
  .build();
/** A listener looks whether it is deaf when it has heard nothing for five seconds, and waits for as long. */
const slow = { timeout: 30_000, interval: 50 };
const quick = { pollInterval: 50, flows: [one] };

beforeEach(async () => {
  await database.truncate();
  proxy = await TcpProxy.to(database.url);
  const url = proxy.through(database.url);
  far = await PostgresBackend.connect(url, { migrate: false, retryFor: "1s", statementTimeout: "3s" });
});

describe("a worker behind a bad connection", { timeout: 90_000 }, () => {
  test("notices that messages never arrive, and works by polling", async () => {
    proxy.swallowNotifications();
    const worker = startWorker(far, quick);
    expect(await (await client.submit(one, "swallowed", 1)).result()).toBe(2);

    expect(worker.stats().isListening).toBe(false);
  });

  test("notices that messages do not arrive any more, and works by polling", async () => {
    const worker = startWorker(far, quick);
    await expect.poll(() => worker.stats().isListening, slow).toBe(true);
    proxy.swallowNotifications();

    await expect.poll(() => worker.stats().isListening, slow).toBe(false);
    expect(await (await client.submit(one, "deaf", 1)).result()).toBe(2);
  });

  test("notices that nothing arrives at all, and goes on when the network is back", async () => {
    const worker = startWorker(far, quick);
    await expect.poll(() => worker.stats().isListening, slow).toBe(true);
    proxy.blackHole();
    const handle = await client.submit(one, "stalled", 1);
    await expect.poll(() => worker.stats().isListening, slow).toBe(false);
    proxy.pass();

    expect(await handle.result()).toBe(2);
    await expect.poll(() => worker.stats().isListening, slow).toBe(true);
  });

  test("does not take a connection that is cut before anything arrived for one on which nothing ever does", async () => {
    proxy.swallowNotifications();
    const worker = startWorker(far, quick);
    const listens = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    await expect.poll(async () => (await database.pool.query(listens)).rowCount, slow).toBe(1);
    proxy.swallowNotifications(false);
    proxy.reset();

    await expect.poll(() => worker.stats().isListening, { ...slow, timeout: 20_000 }).toBe(true);
  });

  test("survives that its connections are cut, again and again", async () => {
    // A claim whose answer is cut off is held by nobody, until its lease has run out.
    const worker = startWorker(far, { ...quick, leaseTtl: "500ms" });
    for (let n = 0; n < 5; n++) {
      const handle = await client.submit(one, `cut-${n}`, n);
      proxy.reset();
      expect(await handle.result()).toBe(n + 1);
    }
    await expect.poll(() => worker.stats().isListening, slow).toBe(true);
  });

  test("works, though everything takes long", async () => {
    proxy.delay(60);
    startWorker(far, quick);
    const handles = await Promise.all([0, 1, 2].map(async (n) => await client.submit(one, `late-${n}`, n)));

    expect(await Promise.all(handles.map(async (handle) => await handle.result()))).toEqual([1, 2, 3]);
  });

  test("waits for a database that is away when it is started", async () => {
    proxy.refuse();
    const worker = startWorker(far, quick);
    const handle = await client.submit(one, "early", 1);
    expect(worker.stats()).toMatchObject({ state: "running", isListening: false, claimed: 0 });
    proxy.pass();

    expect(await handle.result()).toBe(2);
    await expect.poll(() => worker.stats().isListening, slow).toBe(true);
  });

  test("can be stopped, and its backend closed, while the database does not answer", async () => {
    const worker = startWorker(far, quick);
    await expect.poll(() => worker.stats().isListening, slow).toBe(true);
    proxy.blackHole();
    await worker.stop();
    await far.close();

    expect(worker.stats().state).toBe("stopped");
  });

  test("can be stopped, and its backend closed, before a process manager loses patience", {
    timeout: 30_000,
  }, async () => {
    // With the time limits that it has unless told otherwise, of which one alone is as long as this test may take.
    const patient = await PostgresBackend.connect(proxy.through(database.url), { migrate: false });
    const worker = startWorker(patient, quick);
    await expect.poll(() => worker.stats().isListening, slow).toBe(true);
    proxy.blackHole();
    await worker.stop();
    const asked = new Client(patient).status("nowhere");
    asked.catch(() => undefined);
    await patient.close();

    // Cut off at its first try, or not tried again any more.
    const code: unknown = expect.stringMatching(/^BACKEND_(UNAVAILABLE|CLOSED)$/);
    await expect(asked).rejects.toMatchObject({ code });
  });

  test("can be stopped, and its backend closed, while the database is away", async () => {
    const worker = startWorker(far, quick);
    await expect.poll(() => worker.stats().isListening, slow).toBe(true);
    proxy.refuse();
    await worker.stop();
    await far.close();

    expect(worker.stats().state).toBe("stopped");
  });
});

describe("with notify off", () => {
  test("a worker finds what other processes submit by polling", async () => {
    const deaf = await database.connect({ notify: false, applicationName: "deaf" });
    const worker = startWorker(deaf, quick);
    const handles = await Promise.all([0, 1, 2].map(async (n) => await client.submit(one, `deaf-${n}`, n)));

    expect(await Promise.all(handles.map(async (handle) => await handle.result()))).toEqual([1, 2, 3]);
    expect(worker.stats().isListening).toBe(false);
    const listening = "SELECT FROM pg_stat_activity WHERE application_name = 'deaf' AND query LIKE 'LISTEN %'";
    expect((await database.pool.query(listening)).rowCount).toBe(0);
  });

  test("hints within one process still arrive", async () => {
    const still = new Standstill();
    const [gate, deaf] = [new Gate(), await database.connect({ notify: false })];
    const busy = flow<number>("busy-listening")
      .then("work", async (n) => await gate.passed.then(() => n))
      .waitForEvent<number>("wait", "news")
      .build();
    const worker = startWorker(deaf, { ports: still.ports, flows: [busy], concurrency: 1, leaseTtl: "1h" });
    const own = new Client(deaf, { ports: still.ports });
    // The first is handed over; the second has to be claimed when there is room.
    const handles = [await own.submit(busy, "busy-0", 0), await own.submit(busy, "busy-1", 1)];
    gate.open();
    for (const handle of handles)
      await expect.poll(async () => (await handle.status()).status, soon).toBe("awaiting_event");
    for (const [n, handle] of handles.entries()) await handle.sendEvent("news", n);

    expect(await Promise.all(handles.map(async (handle) => await handle.result()))).toEqual([0, 1]);
    expect(worker.stats().isListening).toBe(false);
    still.thaw();
  });
});
