import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { flow } from "../../src/flow/flow.ts";
import type { Backend } from "../../src/store/backend.ts";
import { TestClock } from "../../src/testing/index.ts";
import { bothBackends } from "../support/both-backends.ts";
import { Gate } from "../support/gate.ts";
import { fresh } from "../support/instance-ids.ts";
import { Probe } from "../support/probe.ts";
import { holdersOf, severalRoundTrips, soon, withLateClaims, workerStarter } from "../support/workers.ts";

const startWorker = workerStarter();
const HOUR = 3_600_000;
/** Longer than all the hours that pass on the test's clock. */
const quick = { pollInterval: 10, leaseTtl: "1000h" } as const;

/** Claims the instance's position so often that so many leases have been lost when the last one runs out, in an hour. */
async function loseLeases(backend: Backend, clock: TestClock, instanceId: string, times: number): Promise<void> {
  for (let lost = 1; lost <= times; lost++) {
    const request = { workerId: `dead-${lost}`, leaseMs: HOUR, limit: 1, lanes: [], instanceId };
    expect(await backend.claimPositions(request)).toHaveLength(1);
    if (lost < times) clock.advance(HOUR);
  }
}

describe.each(await bothBackends())("a position whose lease was lost, on $name,", ({ open }) => {
  const timed = async () => {
    const clock = new TestClock();
    const backend = await open({ clock });
    return { clock, backend, client: new Client(backend), probe: new Probe() };
  };

  test("twice runs alone: others are given back at their next boundary, and go on afterwards", async () => {
    const { clock, backend, client, probe } = await timed();
    const [others, suspect] = [new Gate(), new Gate()];
    const mixed = flow<string>("mixed-suspect")
      .then("first", async (who) => {
        await (who === "suspect" ? suspect : others).passed;
        return who;
      })
      .then("second", (who) => who)
      .build();
    const id = (await client.submit(mixed, fresh("suspect"), "suspect")).instanceId;
    await loseLeases(backend, clock, id, 2);
    const { workerId } = startWorker(backend, { ...quick, flows: [mixed], observer: probe.observer });
    const handles = await Promise.all(
      [1, 2, 3, 4].map(async () => await client.submit(mixed, fresh("other"), "other")),
    );
    await expect.poll(() => probe.of("task_started").length, soon).toBe(4);
    const isBegun = (): boolean => probe.of("task_started").some(({ instanceId }) => instanceId === id);
    clock.advance(HOUR);
    await expect.poll(async () => await holdersOf(backend, id), soon).toEqual([workerId]);
    await severalRoundTrips(backend);
    expect(isBegun()).toBe(false);

    others.open();
    await expect.poll(isBegun, soon).toBe(true);
    const late = await client.submit(mixed, fresh("late"), "late");
    await severalRoundTrips(backend);
    for (const { instanceId } of [...handles, late]) expect(await holdersOf(backend, instanceId)).toEqual([null]);
    expect(probe.of("task_started", "second")).toEqual([]);

    suspect.open();
    const results = await Promise.all([...handles, late].map(async (handle) => await handle.result()));
    expect(results).toEqual(["other", "other", "other", "other", "late"]);
    expect(await client.result(id)).toBe("suspect");
    expect((await client.history(id)).map(({ attempt }) => attempt)).toEqual([1, 1]);
  });

  test("twice lets other workers go on with what was given back for it", async () => {
    const { clock, backend, client, probe } = await timed();
    const gate = new Gate();
    const mixed = flow<string>("helped-suspect")
      .then("first", async (who) => {
        if (who === "suspect") await gate.passed;
        return who;
      })
      .then("second", (who) => who)
      .build();
    const id = (await client.submit(mixed, fresh("suspect"), "suspect")).instanceId;
    await loseLeases(backend, clock, id, 2);
    clock.advance(HOUR);
    startWorker(backend, { ...quick, flows: [mixed], observer: probe.observer, workerId: "busy" });
    await probe.first("task_started");
    const other = startWorker(backend, { ...quick, flows: [mixed], workerId: "free" });
    const handle = await client.submit(mixed, fresh("other"), "other");

    expect(await handle.result()).toBe("other");
    expect(other.stats().completedTasks).toBe(2);
    gate.open();
    expect(await client.result(id)).toBe("suspect");
  });

  test("once runs beside others", async () => {
    const { clock, backend, client, probe } = await timed();
    const gate = new Gate();
    const once = flow<string>("lost-once")
      .then("work", async (who) => await gate.passed.then(() => who))
      .build();
    const id = (await client.submit(once, fresh("once"), "once")).instanceId;
    await loseLeases(backend, clock, id, 1);
    startWorker(backend, { ...quick, flows: [once], observer: probe.observer });
    const other = await client.submit(once, fresh("other"), "other");
    await probe.first("task_started");
    clock.advance(HOUR);

    await expect.poll(() => probe.of("task_started").length, soon).toBe(2);
    gate.open();
    expect(await Promise.all([client.result(id), other.result()])).toEqual(["once", "other"]);
  });

  test("twice does not wait for ever for a task that runs beside it", async () => {
    const { clock, backend, client, probe } = await timed();
    const gate = new Gate();
    const patient = flow<string>("impatient-suspect")
      .then("work", async (who) => {
        if (who === "long") await gate.passed;
        return who;
      })
      .build();
    const id = (await client.submit(patient, fresh("suspect"), "suspect")).instanceId;
    await loseLeases(backend, clock, id, 2);
    // Real time passes for the worker, and none for the leases.
    startWorker(backend, { ...quick, leaseTtl: 200, flows: [patient], observer: probe.observer });
    const long = await client.submit(patient, fresh("long"), "long");
    await probe.first("task_started");
    clock.advance(HOUR);

    expect(await client.result(id)).toBe("suspect");
    expect(await holdersOf(backend, long.instanceId)).not.toEqual([null]);
    gate.open();
    await long.result();
  });

  test.each([
    [3, undefined],
    [5, 5],
  ])("%i times fails its instance, without another run", async (lost, maxLostLeases) => {
    const { clock, backend, client, probe } = await timed();
    const lostTask = flow<null>("lost-for-good")
      .then("work", () => 1)
      .then("never", () => 2)
      .build();
    const [id, spared] = [fresh("lost"), fresh("spared")];
    for (const [one, times] of [
      [spared, lost - 1],
      [id, lost],
    ] as const) {
      await client.submit(lostTask, one, null);
      await loseLeases(backend, clock, one, times);
      clock.advance(HOUR);
    }
    const options = maxLostLeases === undefined ? {} : { maxLostLeases };
    startWorker(backend, { ...quick, ...options, flows: [lostTask], observer: probe.observer });

    await expect(client.result(id)).rejects.toMatchObject({
      code: "INSTANCE_FAILED",
      failure: { code: "TASK_LOST", taskId: "work", retryable: false },
    });
    expect(await client.result(spared)).toBe(2);
    expect(probe.of("task_started").filter(({ instanceId }) => instanceId === id)).toEqual([]);
    expect(await client.history(id)).toMatchObject([{ taskId: "work", attempt: 1, outcome: "failed" }]);
  });

  test("twice, and that only waits for its turn, is not held by whoever runs another such one", async () => {
    const { clock, backend, client, probe } = await timed();
    const gate = new Gate();
    const doubtful = flow<null>("two-suspects")
      .then("work", async () => await gate.passed)
      .build();
    const ids = [fresh("suspect"), fresh("suspect"), fresh("suspect")];
    for (const id of ids) {
      await client.submit(doubtful, id, null);
      await loseLeases(backend, clock, id, 2);
    }
    clock.advance(HOUR);
    startWorker(backend, { ...quick, flows: [doubtful], observer: probe.observer });
    await probe.first("task_started");
    await severalRoundTrips(backend);

    // If the process dies now, only the one that runs has lost a lease.
    const held = await Promise.all(ids.map(async (id) => await holdersOf(backend, id)));
    expect(held.flat().filter((holder) => holder !== null)).toHaveLength(1);
    expect(probe.of("task_started")).toHaveLength(1);
    gate.open();
    expect(await Promise.all(ids.map(async (id) => await client.result(id)))).toEqual(ids.map(() => undefined));
  });

  test("may be lost again after a step forward: it counts anew", async () => {
    const { clock, backend, client, probe } = await timed();
    const stepping = flow<null>("stepping")
      .then("one", () => 1)
      .then("two", () => 2)
      .build();
    const id = (await client.submit(stepping, fresh("stepping"), null)).instanceId;
    await loseLeases(backend, clock, id, 2);
    clock.advance(HOUR);
    const gate = new Gate();
    const first = startWorker(backend, {
      ...{ ...quick, flows: [stepping] },
      observer: (event) => {
        probe.observer(event);
        // Takes nothing more once the first task has been recorded.
        if (event.kind === "task_completed") void first.drain().then(() => gate.open());
      },
    });
    await gate.passed;
    expect((await backend.findInstance(id))?.positions).toMatchObject([{ taskId: "two", lost: 0, claim: null }]);
    await loseLeases(backend, clock, id, 2);
    clock.advance(HOUR);
    startWorker(backend, { ...quick, flows: [stepping], observer: probe.observer });

    expect(await client.result(id)).toBe(2);
  });

  test("twice, and whose claim arrives while the worker is drained, is given back at once", async () => {
    const { clock, backend, client, probe } = await timed();
    const gate = new Gate();
    const mixed = flow<string>("late-suspect")
      .then("work", async (who) => {
        if (who === "long") await gate.passed;
        return who;
      })
      .build();
    const id = (await client.submit(mixed, fresh("suspect"), "suspect")).instanceId;
    await loseLeases(backend, clock, id, 2);
    const late = withLateClaims(backend);
    const options = { ...quick, flows: [mixed], gracePeriod: "1h", observer: probe.observer };
    const worker = startWorker(late.backend, options);
    const long = await new Client(late.backend).submit(mixed, fresh("long"), "long");
    await probe.first("task_started");
    clock.advance(HOUR);
    await late.granted;
    const drained = worker.drain();
    late.answer.open();

    // The other task still runs.
    await expect.poll(async () => await holdersOf(backend, id), soon).toEqual([null]);
    gate.open();
    await drained;
    await long.result();
  });
});
