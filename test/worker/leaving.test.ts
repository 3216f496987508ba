import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { bothBackends, withChanges } from "../support/both-backends.ts";
import { Gate } from "../support/gate.ts";
import { fresh } from "../support/instance-ids.ts";
import { aborted, holdersOf, severalRoundTrips, workerStarter } from "../support/workers.ts";

const startWorker = workerStarter();
const quick = { pollInterval: 10, leaseTtl: "1h" } as const;

describe.each(await bothBackends())("a worker on $name that leaves while the database answers", ({ backend }) => {
  const client = new Client(backend);

  test("does not wait for the grace period when its last look for work brings nothing", async () => {
    const [looking, answer] = [new Gate(), new Gate()];
    const watched = withChanges(backend, {
      claimPositions: async () => {
        looking.open();
        await answer.passed;
        return [];
      },
    });
    const idle = flow<null>("idle")
      .then("work", () => null)
      .build();
    const worker = startWorker(watched, { ...quick, flows: [idle], gracePeriod: "1h" });
    await looking.passed;
    const drained = worker.drain();
    await severalRoundTrips(backend);
    expect(worker.stats().state).toBe("draining");
    answer.open();
    await drained;

    expect(worker.stats().state).toBe("stopped");
  });

  test("tells a body whose input was still being read when it was stopped: it does not begin", async () => {
    const [reading, answer] = [new Gate(), new Gate()];
    const watched = withChanges(backend, {
      loadResults: async (...call) => {
        reading.open();
        await answer.passed;
        return await backend.loadResults(...call);
      },
    });
    const joined = flow<null>("read-late")
      .fork([branch("only", (b) => b.then("only", () => 1))])
      .join("join", async (_, { signal }) => await aborted(signal))
      .build();
    const worker = startWorker(watched, { ...quick, flows: [joined], gracePeriod: "1h" });
    const handle = await client.submit(joined, fresh("read-late"), null);
    await reading.passed;
    const drained = worker.drain();
    const stopped = worker.stop();
    answer.open();
    await Promise.all([drained, stopped]);

    expect(worker.stats()).toMatchObject({ state: "stopped", active: 0 });
    expect(await holdersOf(backend, handle.instanceId)).toEqual([null]);
    await handle.cancel();
  });
});
