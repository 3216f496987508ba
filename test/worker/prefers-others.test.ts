import { beforeEach, describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { RetryAfterError } from "../../src/errors/task-errors.ts";
import { flow } from "../../src/flow/flow.ts";
import { laneOf } from "../../src/snapshot/standing.ts";
import { TestClock } from "../../src/testing/index.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { Probe } from "../support/probe.ts";
import { severalRoundTrips, soon, workerStarter } from "../support/workers.ts";

const database = await createTestDatabase();
const clock = new TestClock();
const [backend, other] = await Promise.all([1, 2].map(async () => await database.connect({ testClock: clock })));
const client = new Client(backend!);
const startWorker = workerStarter();
const MINUTE = 60_000;
/** The lease is counted on the test's clock, too. */
const quick = { pollInterval: 10, leaseTtl: "1h" } as const;
const flaky = flow<null>("flaky-prefers")
  .then(
    "try",
    (_, { attempt }) => {
      if (attempt === 1) throw new RetryAfterError("not yet", MINUTE);
      return attempt;
    },
    { retries: 2 },
  )
  .build();
const lanes = [...flaky.nodes()].map((located) => laneOf(flaky, located, "json"));

beforeEach(() => database.truncate());

/** An instance that has failed once in the hands of "first", which is gone now, and whose retry has just come due. */
async function failedOnce(id: string): Promise<void> {
  const probe = new Probe();
  const first = startWorker(backend!, { ...quick, flows: [flaky], workerId: "first", observer: probe.observer });
  await client.submit(flaky, id, null);
  await probe.first("parked");
  await first.stop();
  clock.advance(MINUTE);
}

const claim = async (workerId: string, sparesFailed: boolean): Promise<readonly string[]> => {
  const claimed = await other!.claimPositions({ workerId, leaseMs: 1_000, limit: 5, lanes, sparesFailed });
  await other!.releaseClaims(claimed);
  return claimed.map(({ instanceId }) => instanceId);
};

describe("a retry", () => {
  test("is left to others for two seconds by whoever failed, if it spares what it failed", async () => {
    await failedOnce("spared");

    expect(await claim("first", true)).toEqual([]);
    clock.advance(1_999);
    expect(await claim("first", true)).toEqual([]);
    clock.advance(2);
    expect(await claim("first", true)).toEqual(["spared"]);
  });

  test("is taken at once by another worker, and by whoever failed if there is no other", async () => {
    await failedOnce("taken");

    expect(await claim("second", true)).toEqual(["taken"]);
    await failedOnce("alone");
    expect(await claim("first", false)).toContain("alone");
  });

  test("goes to another worker that is alive", async () => {
    const probes = [new Probe(), new Probe()];
    const workers = ["first", "second"].map((workerId, n) =>
      startWorker([backend!, other!][n]!, {
        ...quick,
        leaseTtl: "1h",
        flows: [flaky],
        workerId,
        observer: probes[n]!.observer,
      }),
    );
    // Each learns of the other at a heartbeat; the later one knows of both at once.
    await expect.poll(() => workers.some((worker) => worker.stats().otherWorkers === 1), soon).toBe(true);
    const knowing = workers.findIndex((worker) => worker.stats().otherWorkers === 1);
    const [own, unaware] = [probes[knowing]!, probes[1 - knowing]!];
    const submitter = new Client([backend!, other!][knowing]!);
    // Handed over to the worker of the submitting process, which knows that it is not alone.
    const handles = await Promise.all(
      Array.from({ length: 10 }, async (_, n) => await submitter.submit(flaky, `goes-${n}`, null)),
    );
    await expect.poll(() => own.of("parked").length, soon).toBe(10);
    clock.advance(MINUTE);

    expect(await Promise.all(handles.map(async (handle) => await handle.result()))).toEqual(handles.map(() => 2));
    expect(unaware.of("task_completed")).toHaveLength(10);
    expect(own.of("task_completed")).toEqual([]);
  });

  test("is run by a single worker itself, without another wait", async () => {
    const probe = new Probe();
    const worker = startWorker(backend!, { ...quick, flows: [flaky], observer: probe.observer });
    const handle = await client.submit(flaky, "single", null);
    await probe.first("parked");
    expect(worker.stats().otherWorkers).toBe(0);
    await severalRoundTrips(backend!);
    expect(probe.of("task_started")).toHaveLength(1);
    clock.advance(MINUTE);

    // The clock stands still from now on.
    expect(await handle.result()).toBe(2);
  });

  test("is run by the worker itself, without another wait, where the others that are alive can't run it", async () => {
    const [probe, stranger] = [
      new Probe(),
      flow<null>("stranger-prefers")
        .then("work", () => 1)
        .build(),
    ];
    startWorker(other!, { ...quick, flows: [stranger], workerId: "stranger" });
    const worker = startWorker(backend!, { ...quick, leaseTtl: "1h", flows: [flaky], observer: probe.observer });
    const handle = await client.submit(flaky, "not-theirs", null);
    await probe.first("parked");
    await severalRoundTrips(backend!);
    clock.advance(MINUTE);

    // The clock stands still from now on.
    expect(await handle.result({ timeout: "5s" })).toBe(2);
    expect(worker.stats().completedTasks).toBe(1);
  });
});
