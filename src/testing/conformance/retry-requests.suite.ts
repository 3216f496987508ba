import { expect } from "vitest";
import type { RetryRequest } from "../../store/signal-store.ts";
import { bytesOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import { failedEntry } from "./retry-instance.suite.ts";
import type { ConformanceTest, ConformanceTests } from "./suite.ts";

const DAY = 86_400_000;

export const retryPausedTests: ConformanceTests = {
  "comes back paused if asked to: nothing can be taken until it is unpaused": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b", "c"]);
    await given.accepted(branches["b"]!, { kind: "park", to: given.delay(), wakeAfterMs: 1_000 });
    await given.accepted(branches["c"]!, { kind: "await", to: given.wait(), timeoutMs: null });
    await given.accepted(branches["a"]!, given.failMove({ taskId: "a" }), [failedEntry("a")]);
    await backend.retryInstance("order-1", { paused: true, reason: "charge by hand" });

    const state = await given.stateOf("order-1");
    expect(state.instance).toMatchObject({ status: "paused", reason: "charge by hand", endedAt: null });
    expect(state.positions.map(({ interrupt, ready }) => [interrupt, ready])).toEqual(
      Array.from({ length: 4 }, () => ["paused", false]),
    );
    given.after(DAY);
    expect(await given.claim()).toEqual([]);
    expect(await backend.sendEvent("order-1", "paid", bytesOf("7"))).toBe("buffered");
    await backend.unpause("order-1");
    expect((await given.claim()).map(({ taskId }) => taskId).toSorted()).toEqual(["a", "payment", "rest"]);
  },

  "lets a task be completed by hand before it goes on": async ({ backend, given }) => {
    await given.ended("failed");
    await backend.retryInstance("order-1", { paused: true });
    await backend.saveTaskResult("order-1", "first", bytesOf("5"));
    await backend.unpause("order-1");

    expect(await given.claim()).toMatchObject([{ taskId: "first", recorded: { output: bytesOf("5") } }]);
    expect(await given.historyOf("order-1")).toEqual([
      "first#1 failed",
      "$retry#1 noted",
      "first#2 completed",
      "$unpause#1 noted",
    ]);
  },

  "shows why, also where it is not paused": async ({ backend, given }) => {
    await given.ended("failed");
    await backend.retryInstance("order-1", { reason: "mended", requestedBy: "anna", paused: false });

    expect((await given.stateOf("order-1")).instance).toMatchObject({ status: "in_progress", reason: "mended" });
  },
};

export const retryRefusedTests: ConformanceTests = {
  "refuses an unknown instance": async ({ backend }) => {
    await expectRefusal(backend.retryInstance("nowhere", {}), "INSTANCE_NOT_FOUND", { instanceId: "nowhere" });
  },

  "refuses what is in progress or paused, and names its status": async ({ backend, given }) => {
    await given.instance();
    await given.paused({ instanceId: "order-2" });
    const before = [await given.seen("order-1"), await given.seen("order-2")];

    const facts = { requested: "retry", message: expect.stringContaining("has not failed") as string };
    await expectRefusal(backend.retryInstance("order-1", {}), "INVALID_TRANSITION", { from: "in_progress", ...facts });
    await expectRefusal(backend.retryInstance("order-2", {}), "INVALID_TRANSITION", { from: "paused", ...facts });
    expect([await given.seen("order-1"), await given.seen("order-2")]).toEqual(before);
  },

  ...Object.fromEntries(
    (["completed", "cancelled"] as const).map((status): [string, ConformanceTest] => [
      `refuses a ${status} instance, and changes nothing (INV-7)`,
      async ({ backend, given }) => {
        await given.ended(status);
        const before = await given.seen("order-1");

        await expectRefusal(backend.retryInstance("order-1", {}), "INVALID_TRANSITION", { from: status });
        expect(await given.seen("order-1")).toEqual(before);
      },
    ]),
  ),

  "refuses what was saved as failed, and says why": async ({ backend, given }) => {
    const ended = { status: "failed", failure: bytesOf("3"), endedAt: 1, positions: [] } as const;
    await backend.saveSnapshot(given.snapshot(ended));
    const before = await given.seen("order-1");

    await expectRefusal(backend.retryInstance("order-1", {}), "INVALID_TRANSITION", {
      from: "failed",
      message: expect.stringContaining("saved as failed") as string,
    });
    expect(await given.seen("order-1")).toEqual(before);
  },

  "refuses what has been made anew under the same id": async ({ backend, given }) => {
    await given.ended("failed");
    await backend.replaceInstance(given.newInstance());
    await expectRefusal(backend.retryInstance("order-1", {}), "INVALID_TRANSITION", { from: "in_progress" });
    await backend.deleteSnapshot("order-1");
    await expectRefusal(backend.retryInstance("order-1", {}), "INSTANCE_NOT_FOUND");
  },

  "refuses requests that make no sense": async ({ backend, given }) => {
    await given.ended("failed");
    const wrong: unknown[] = [null, 7, "paused", { paused: 1 }, { reason: 7 }, { reason: "x".repeat(1_001) }];
    for (const request of wrong)
      await expectRefusal(backend.retryInstance("order-1", request as RetryRequest), "INVALID_ARGUMENT");

    expect(await given.statusOf("order-1")).toBe("failed");
  },

  "is done by one of many callers": async ({ backend, given }) => {
    await given.ended("failed");

    const settled = await Promise.allSettled(Array.from({ length: 10 }, () => backend.retryInstance("order-1", {})));

    expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const result of settled)
      if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "INVALID_TRANSITION" });
    expect(await given.historyOf("order-1")).toEqual(["first#1 failed", "$retry#1 noted"]);
    expect(await given.claim()).toHaveLength(1);
  },

  "loses no event that is sent at the same time, and takes none that it refuses (INV-1)": async ({
    backend,
    given,
  }) => {
    for (let round = 0; round < 10; round++) {
      const instanceId = `order-${round}`;
      await given.ended("failed", { instanceId });

      const [retried, sent] = await Promise.allSettled([
        backend.retryInstance(instanceId, {}),
        backend.sendEvent(instanceId, "paid", bytesOf("7")),
      ]);

      expect(retried.status).toBe("fulfilled");
      if (sent.status === "rejected") expect(sent.reason).toMatchObject({ code: "INVALID_TRANSITION", from: "failed" });
      const event = await backend.consumeEvent(instanceId, "paid");
      expect(event).toEqual(sent.status === "fulfilled" ? bytesOf("7") : null);
    }
  },

  "and a deletion or a replacement come one after the other, and leave nothing between": async ({ backend, given }) => {
    for (let round = 0; round < 10; round++) {
      const [gone, remade] = [`gone-${round}`, `remade-${round}`];
      await given.ended("failed", { instanceId: gone });
      await given.ended("failed", { instanceId: remade });

      const [, , deleted, replaced] = await Promise.allSettled([
        backend.retryInstance(gone, {}),
        backend.retryInstance(remade, {}),
        backend.deleteSnapshot(gone),
        backend.replaceInstance(given.newInstance({ instanceId: remade, input: bytesOf("9") })),
      ]);

      expect([deleted.status, replaced.status]).toEqual(["fulfilled", "fulfilled"]);
      expect(await backend.findInstance(gone)).toBeNull();
      expect(await given.claim({ instanceId: gone })).toEqual([]);
      expect(await given.claim({ instanceId: remade })).toMatchObject([{ attempt: 1, input: bytesOf("9") }]);
    }
  },
};
