import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { flow } from "../../src/flow/flow.ts";
import type { Backend } from "../../src/store/backend.ts";
import { bothBackends, withChanges } from "../support/both-backends.ts";
import { Gate } from "../support/gate.ts";
import { fresh } from "../support/instance-ids.ts";
import { Probe } from "../support/probe.ts";
import { holdersOf, severalRoundTrips, soon, workerStarter } from "../support/workers.ts";

const startWorker = workerStarter();
/** Whoever has to wait for the next poll is too late. */
const sleepy = { pollInterval: "10m", leaseTtl: "1h" } as const;
const within = { timeout: "8s" } as const;

async function isDue(backend: Backend, instanceId: string): Promise<boolean> {
  const state = await backend.findInstance(instanceId);
  const wakeAt = state?.positions[0]?.wakeAt ?? null;
  return state !== null && wakeAt !== null && wakeAt <= state.now;
}

describe.each(await bothBackends())("what comes due on $name is taken in time", ({ backend }) => {
  const client = new Client(backend);
  const resting = (name: string, ms: number) =>
    flow<number>(name)
      .then("before", (n) => n)
      .delay("rest", ms)
      .then("after", (n) => n + 1)
      .build();

  test("though nobody looks for ten minutes", async () => {
    const delayed = resting("due-alone", 100);
    startWorker(backend, { ...sleepy, flows: [delayed] });

    expect(await (await client.submit(delayed, fresh("due"), 1)).result(within)).toBe(2);
  });

  test("one after the other, the later one first", async () => {
    const [long, brief] = [resting("due-long", 400), resting("due-brief", 60)];
    startWorker(backend, { ...sleepy, flows: [long, brief] });
    const handles = [await client.submit(long, fresh("long"), 1), await client.submit(brief, fresh("brief"), 2)];

    expect(await Promise.all(handles.map(async (handle) => await handle.result(within)))).toEqual([2, 3]);
  });

  test("as soon as there is room, where it came due while there was none", async () => {
    const [delayed, gate, probe] = [resting("due-full", 50), new Gate(), new Probe()];
    const blocking = flow<null>("due-blocking")
      .then("block", async () => await gate.passed)
      .build();
    const { observer } = probe;
    const worker = startWorker(backend, { ...sleepy, flows: [delayed, blocking], concurrency: 1, observer });
    await expect.poll(() => worker.stats().polls, soon).toBeGreaterThan(1);
    const handle = await client.submit(delayed, fresh("due"), 1);
    await probe.first("parked");
    const other = await client.submit(blocking, fresh("blocking"), null);
    await probe.first("task_started", "block");
    await expect.poll(async () => await isDue(backend, handle.instanceId), soon).toBe(true);
    await severalRoundTrips(backend);
    expect(await holdersOf(backend, handle.instanceId)).toEqual([null]);
    gate.open();

    await other.result();
    expect(await handle.result(within)).toBe(2);
  });

  test("where there was no room when the worker went to rest, but is again before it comes due", async () => {
    const [delayed, gate, probe] = [resting("due-later", 200), new Gate(), new Probe()];
    const blocking = flow<null>("due-blocked")
      .then("block", async () => await gate.passed)
      .build();
    const flows = [delayed, blocking];
    const worker = startWorker(backend, { ...sleepy, flows, concurrency: 1, observer: probe.observer });
    await expect.poll(() => worker.stats().polls, soon).toBeGreaterThan(1);
    const handle = await client.submit(delayed, fresh("due"), 1);
    await probe.first("parked");
    const other = await client.submit(blocking, fresh("blocking"), null);
    await probe.first("task_started", "block");
    gate.open();

    await other.result();
    expect(await handle.result(within)).toBe(2);
  });

  test("where it was parked while the worker was just asking what comes due", async () => {
    const [asked, answer, probe] = [new Gate(), new Gate(), new Probe()];
    let isFirst = true;
    const slow = withChanges(backend, {
      promoteDue: async () => {
        const promotion = await backend.promoteDue();
        if (isFirst) {
          isFirst = false;
          asked.open();
          await answer.passed;
        }
        return promotion;
      },
    });
    const delayed = resting("due-unseen", 50);
    startWorker(slow, { ...sleepy, flows: [delayed], observer: probe.observer });
    await asked.passed;
    const handle = await new Client(slow).submit(delayed, fresh("due"), 1);
    await probe.first("parked");
    answer.open();

    expect(await handle.result(within)).toBe(2);
  });

  test("where it was submitted for later in this process", async () => {
    const later = flow<number>("due-later")
      .then("work", (n) => n + 1)
      .build();
    const worker = startWorker(backend, { ...sleepy, flows: [later] });
    await expect.poll(() => worker.stats().polls, soon).toBeGreaterThan(1);

    expect(await (await client.submit(later, fresh("later"), 1, { startAfter: 100 })).result(within)).toBe(2);
  });

  test("where a retry or a time limit is what comes due", async () => {
    const retried = flow<null>("due-retry")
      .then(
        "try",
        (_, { attempt }) => {
          if (attempt < 3) throw new Error("not yet");
          return attempt;
        },
        { retry: { attempts: 3, initialDelay: 40 } },
      )
      .waitForEvent("wait", "news", { timeout: 60, onTimeout: "continue" })
      .build();
    startWorker(backend, { ...sleepy, flows: [retried] });

    expect(await (await client.submit(retried, fresh("retry"), null)).result(within)).toMatchObject({ timedOut: true });
  });
});

describe.each(await bothBackends())("a worker on $name", ({ backend }) => {
  const client = new Client(backend);
  const one = flow<number>("observed-worker")
    .then("work", (n) => n + 1)
    .build();

  test.each([
    [
      "throws",
      () => {
        throw new Error("exporter");
      },
    ],
    ["rejects", () => Promise.reject(new Error("exporter"))],
    ["never settles", () => new Promise(() => undefined)],
  ])("is not harmed by an observer that %s", async (_, observer) => {
    const rejections: unknown[] = [];
    const onRejection = (error: unknown): void => void rejections.push(error);
    process.on("unhandledRejection", onRejection);
    startWorker(backend, { pollInterval: 10, flows: [one], observer });
    const results = await Promise.all(
      [1, 2, 3].map(async (n) => await (await client.submit(one, fresh("seen"), n)).result()),
    );
    await severalRoundTrips(backend);
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", onRejection);

    expect(results).toEqual([2, 3, 4]);
    expect(rejections).toEqual([]);
  });

  test("is not harmed by a logger that throws", async () => {
    const fail = (): never => {
      throw new Error("log pipe is full");
    };
    const logged = flow<number>("logged-worker")
      .then("work", (n, { logger }) => {
        logger.info({}, "working");
        return n;
      })
      .build();
    const logger = { debug: fail, info: fail, warn: fail, error: fail, child: fail };
    let isDown = true;
    const flaky = withChanges(backend, {
      claimPositions: async (request) => {
        if (isDown) throw new Error("away");
        return await backend.claimPositions(request);
      },
      keepWorker: () => Promise.reject(new Error("away")),
    });
    const worker = startWorker(flaky, { pollInterval: 10, flows: [logged], logger });
    const handle = await client.submit(logged, fresh("logged"), 1);
    await expect.poll(() => worker.stats().polls, soon).toBeGreaterThan(3);
    isDown = false;

    expect(await handle.result()).toBe(1);
  });
});
