import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { Worker, type WorkerHandle } from "../../src/worker/worker.ts";
import { bothBackends, withChanges } from "../support/both-backends.ts";
import { Gate } from "../support/gate.ts";
import { fresh } from "../support/instance-ids.ts";
import { HEARS_OTHERS } from "../support/postgres.ts";
import { Probe } from "../support/probe.ts";
import {
  aborted,
  holdersOf,
  hurried,
  LoggedLines,
  severalRoundTrips,
  soon,
  withLateClaims,
  workerStarter,
} from "../support/workers.ts";

const startWorker = workerStarter();
/** A lease longer than any test: whoever had to wait for its end would not be ready in time. */
const quick = { pollInterval: 10, leaseTtl: "1h" } as const;

function draining({ drain }: WorkerHandle): { drained: Promise<void>; isDrained(): boolean } {
  let isOver = false;
  const drained = drain().then(() => void (isOver = true));
  return { drained, isDrained: () => isOver };
}

describe.each(await bothBackends())("a worker on $name that is drained", ({ backend, open }) => {
  const client = new Client(backend);

  test("finishes the running task, gives the position back ready, and another worker goes on", async () => {
    const [gate, probe] = [new Gate(), new Probe()];
    const two = flow<number>("two")
      .then("first", async (n) => await gate.passed.then(() => n + 1))
      .then("second", (n) => n * 10)
      .build();
    const worker = startWorker(backend, { ...quick, flows: [two], observer: probe.observer });
    const handle = await client.submit(two, fresh("two"), 1);
    await probe.first("task_started");
    const drained = worker.drain();
    expect(worker.stats().state).toBe("draining");
    gate.open();
    await drained;

    expect(worker.stats()).toMatchObject({ state: "stopped", active: 0, completedTasks: 1 });
    expect((await backend.findInstance(handle.instanceId))?.positions).toMatchObject([
      { taskId: "second", attempt: 1, lost: 0, claim: null, ready: true },
    ]);
    expect(probe.of("task_started").map(({ taskId }) => taskId)).toEqual(["first"]);
    startWorker(backend, { ...quick, flows: [two] });
    expect(await handle.result()).toBe(20);
  });

  test("starts nothing any more: neither what is ready, nor what is submitted, nor branches", async () => {
    const [gate, probe] = [new Gate(), new Probe()];
    const forked = flow<number>("drained-fork")
      .then("start", async (n) => await gate.passed.then(() => n))
      .fork([branch("a", (b) => b.then("a", (n: number) => n)), branch("b", (b) => b.then("b", (n: number) => n))])
      .join("join", ({ a, b }) => a + b)
      .build();
    const worker = startWorker(backend, { ...quick, flows: [forked], concurrency: 1, observer: probe.observer });
    const first = await client.submit(forked, fresh("running"), 1);
    await probe.first("task_started");
    const ready = await client.submit(forked, fresh("ready"), 2);
    const drained = worker.drain();
    const late = await client.submit(forked, fresh("late"), 3);
    gate.open();
    await drained;

    expect(probe.of("task_started")).toHaveLength(1);
    for (const { instanceId } of [first, ready, late])
      expect(new Set(await holdersOf(backend, instanceId))).toEqual(new Set([null]));
    startWorker(backend, { ...quick, flows: [forked] });
    expect(await Promise.all([first.result(), ready.result(), late.result()])).toEqual([2, 4, 6]);
  });

  test("tells a body that outlasts the grace period to stop; another worker runs it in the same attempt", async () => {
    const [probe, reasons] = [new Probe(), [] as unknown[]];
    const long = flow<null>("outlasting")
      .then("work", async (_, { signal, attempt, idempotencyKey }) => {
        if (reasons.length > 0) return { attempt, idempotencyKey };
        reasons.push(await aborted(signal), idempotencyKey);
        throw signal.reason;
      })
      .build();
    const worker = startWorker(backend, { ...quick, flows: [long], gracePeriod: 20, observer: probe.observer });
    const handle = await client.submit(long, fresh("outlasting"), null);
    await probe.first("task_started");
    await worker.drain();

    expect(reasons[0]).toMatchObject({ code: "WORKER_STOPPED", name: "WorkerStoppedError" });
    expect(await holdersOf(backend, handle.instanceId)).toEqual([null]);
    expect(await handle.history()).toEqual([]);
    startWorker(backend, { ...quick, flows: [long] });
    expect(await handle.result()).toEqual({ attempt: 1, idempotencyKey: reasons[1] });
    expect(await handle.history()).toHaveLength(1);
  });

  test("records what a body returns though it was told to stop", async () => {
    const probe = new Probe();
    const stubborn = flow<null>("stubborn")
      .then("first", async (_, { signal }) => await aborted(signal).then(() => "finished all the same"))
      .then("second", (text) => text)
      .build();
    const worker = startWorker(backend, { ...quick, flows: [stubborn], gracePeriod: 0, observer: probe.observer });
    const handle = await client.submit(stubborn, fresh("stubborn"), null);
    await probe.first("task_started");
    await worker.drain();

    expect((await handle.history()).map(({ taskId, outcome }) => [taskId, outcome])).toEqual([["first", "completed"]]);
    startWorker(backend, { ...quick, flows: [stubborn] });
    expect(await handle.result()).toBe("finished all the same");
  });

  test("does not wait for ever for a body that ignores its signal, and gives its claim back", async () => {
    const [probe, gate] = [new Probe(), new Gate()];
    let runs = 0;
    const deaf = flow<null>("deaf")
      .then("work", async () => {
        const run = ++runs;
        if (run === 1) await gate.passed;
        return `run ${run}`;
      })
      .build();
    const ports = { timers: hurried(50) };
    const worker = startWorker(backend, {
      ...quick,
      flows: [deaf],
      gracePeriod: "1s",
      ports,
      observer: probe.observer,
    });
    const handle = await client.submit(deaf, fresh("deaf"), null);
    await probe.first("task_started");
    await worker.drain();

    expect(worker.stats().state).toBe("stopped");
    expect(await holdersOf(backend, handle.instanceId)).toEqual([null]);
    startWorker(backend, { ...quick, flows: [deaf] });
    expect(await handle.result()).toBe("run 2");
    gate.open();
    await severalRoundTrips(backend);
    expect((await handle.history()).map(({ output }) => output)).toEqual(["run 2"]);
  });

  test("gives back what a claim that was on its way has brought, before it says that it has stopped", async () => {
    const late = withLateClaims(backend);
    const one = flow<null>("in-flight")
      .then("work", () => "worked")
      .build();
    const handle = await client.submit(one, fresh("in-flight"), null);
    const worker = startWorker(late.backend, { ...quick, flows: [one] });
    await late.granted;
    const { drained, isDrained } = draining(worker);
    await severalRoundTrips(backend);
    expect(isDrained()).toBe(false);
    late.answer.open();
    await drained;

    expect(await holdersOf(backend, handle.instanceId)).toEqual([null]);
  });

  test("gives back what was being submitted into its slots, before it says that it has stopped", async () => {
    const [made, answer] = [new Gate(), new Gate()];
    const slow = withChanges(backend, {
      createInstances: async (instances, holder) => {
        const created = await backend.createInstances(instances, holder);
        made.open();
        await answer.passed;
        return created;
      },
    });
    const one = flow<null>("handed-over")
      .then("work", () => "worked")
      .build();
    const worker = startWorker(slow, { ...quick, flows: [one] });
    const submitting = new Client(slow).submit(one, fresh("handed-over"), null);
    await made.passed;
    const { drained, isDrained } = draining(worker);
    await severalRoundTrips(backend);
    expect(isDrained()).toBe(false);
    answer.open();
    const handle = await submitting;
    await drained;

    expect(await holdersOf(backend, handle.instanceId)).toEqual([null]);
  });

  test("is not counted as alive afterwards, though a heartbeat was on its way", async () => {
    const [asked, answer] = [new Gate(), new Gate()];
    const own = await open({});
    const slow = withChanges(own, {
      keepWorker: async (...args) => {
        asked.open();
        await answer.passed;
        return await own.keepWorker(...args);
      },
    });
    const worker = startWorker(slow, {
      ...quick,
      flows: [
        flow<null>("beating")
          .then("a", () => 1)
          .build(),
      ],
    });
    await asked.passed;
    const drained = worker.drain();
    await Promise.race([drained, severalRoundTrips(own)]);
    answer.open();
    await drained;
    await severalRoundTrips(own);

    expect(await own.keepWorker("observer", [], 60_000)).toBe(0);
    await own.unregisterWorker("observer");
  });

  test("can be drained and stopped again and again, and says when it is closed", async () => {
    const worker = startWorker(backend, {
      ...quick,
      flows: [
        flow<null>("again")
          .then("a", () => 1)
          .build(),
      ],
    });
    let isClosed = false;
    void worker.closed.then(() => (isClosed = true));
    await severalRoundTrips(backend);
    expect(isClosed).toBe(false);
    await Promise.all([worker.drain(), worker.stop(), worker.drain()]);
    await worker.closed;
    await worker.stop();

    expect(worker.stats()).toMatchObject({ state: "stopped", active: 0 });
  });

  test("is hurried by stop(): bodies are told at once", async () => {
    const probe = new Probe();
    const long = flow<null>("hurried")
      .then("work", async (_, { signal }) => {
        await aborted(signal);
        throw signal.reason;
      })
      .build();
    const worker = startWorker(backend, { ...quick, flows: [long], gracePeriod: "1h", observer: probe.observer });
    const handle = await client.submit(long, fresh("hurried"), null);
    await probe.first("task_started");
    const drained = worker.drain();
    await worker.stop();
    await drained;

    expect(await holdersOf(backend, handle.instanceId)).toEqual([null]);
    await handle.cancel();
  });
});

describe.each(await bothBackends())("starting a worker on $name", ({ backend, open, database }) => {
  const client = new Client(backend);
  const one = flow<number>("starting")
    .then("work", (n) => n + 1)
    .build();

  test("twice is refused while it runs and while it drains, and possible again after that", async () => {
    const [gate, probe] = [new Gate(), new Probe()];
    const gated = flow<null>("gated-start")
      .then("work", async () => await gate.passed)
      .build();
    const worker = new Worker(backend, { ...quick, ownsProcess: false, flows: [gated], observer: probe.observer });
    const first = worker.start();
    expect(() => worker.start()).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT", field: "worker" }));
    await client.submit(gated, fresh("gated"), null);
    await probe.first("task_started");
    const drained = first.drain();
    expect(() => worker.start()).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    gate.open();
    await drained;

    const second = worker.start();
    expect(second.stats()).toMatchObject({ state: "running", claimed: 0, completedTasks: 0 });
    expect(await (await client.submit(gated, fresh("gated"), null)).result()).toBeUndefined();
    await second.drain();
  });

  test("with the name of another one works: claims go by tokens", async () => {
    const probes = [new Probe(), new Probe()];
    for (const { observer } of probes)
      startWorker(backend, { ...quick, flows: [one], workerId: "same", concurrency: 2, observer });
    const handles = await Promise.all(
      Array.from({ length: 40 }, async (_, n) => await client.submit(one, fresh("same"), n)),
    );

    expect(await Promise.all(handles.map(async (handle) => await handle.result()))).toEqual(
      handles.map((_, n) => n + 1),
    );
    const started = probes.flatMap((probe) => probe.of("task_started").map(({ instanceId }) => instanceId));
    expect(started).toHaveLength(40);
    expect(probes.flatMap((probe) => probe.of("fenced"))).toEqual([]);
  });

  test("tells in its stats what it does and has done", async () => {
    const [gate, probe] = [new Gate(), new Probe()];
    const counted = flow<number>("counted-stats")
      .then("work", async (n) => {
        await gate.passed;
        if (n === 0) throw new Error("no");
      })
      .build();
    const own = await open({});
    const worker = startWorker(own, {
      ...{ ...quick, flows: [counted], concurrency: 2, workerId: "w-stats", leaseTtl: 300 },
      observer: probe.observer,
    });
    const handles = await Promise.all([0, 1, 2].map(async (n) => await new Client(own).submit(counted, fresh("s"), n)));
    await expect.poll(() => probe.of("task_started").length, soon).toBe(2);
    expect(worker.stats()).toMatchObject({ workerId: "w-stats", state: "running", concurrency: 2, active: 2 });
    gate.open();
    await Promise.all(handles.map(async (handle) => await handle.result().catch(() => undefined)));
    await expect
      .poll(() => worker.stats(), soon)
      .toMatchObject({ active: 0, claimed: 3, completedTasks: 2, failedAttempts: 1, fenced: 0, otherWorkers: 0 });
    expect(worker.stats().polls).toBeGreaterThan(0);
    const other = startWorker(own, { ...quick, flows: [counted], workerId: "other-stats" });

    await expect.poll(() => worker.stats().otherWorkers, soon).toBe(1);
    await other.drain();
    await expect.poll(() => worker.stats().otherWorkers, soon).toBe(0);
    await expect.poll(() => worker.stats().isListening, soon).toBe(database === null || HEARS_OTHERS);
  });

  test("whose backend is closed under it harms nobody, and it can still be drained", async () => {
    const [gate, probe, rejections] = [new Gate(), new Probe(), [] as unknown[]];
    const onRejection = (error: unknown): void => void rejections.push(error);
    process.on("unhandledRejection", onRejection);
    const gated = flow<null>("closed-under")
      .then("work", async () => await gate.passed)
      .then("more", () => 1)
      .build();
    const [own, logger] = [await open({}), new LoggedLines()];
    const worker = startWorker(own, { ...quick, leaseTtl: 100, flows: [gated], observer: probe.observer, logger });
    const submitter = new Client(own);
    await submitter.submit(gated, fresh("closed"), null);
    await probe.first("task_started");
    await own.close();
    gate.open();
    await expect.poll(() => worker.stats().active, soon).toBe(0);
    for (const told of ["Looking for work failed", "heartbeat could not be written"])
      await expect.poll(() => logger.has(told), soon).toBe(true);
    await worker.drain();
    process.off("unhandledRejection", onRejection);

    expect(rejections).toEqual([]);
    expect(worker.stats().state).toBe("stopped");
    await expect(submitter.submit(gated, fresh("closed"), null)).rejects.toMatchObject({ code: "BACKEND_CLOSED" });
  });
});
