import { expect } from "vitest";
import { aCheckpoint, anEntry, bytesOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import type { ConformanceTest, ConformanceTests } from "./suite.ts";

const DAY = 86_400_000;

export const checkAndCancelTests: ConformanceTests = {
  "applies a pending cancel and clears it": async ({ backend, given, clock }) => {
    await given.held();
    await backend.storeSignal("order-1", "cancel", { reason: "not wanted" });

    expect(await backend.checkAndCancel("order-1")).toBe(true);

    expect(await given.stateOf("order-1")).toMatchObject({
      instance: { status: "cancelled", reason: "not wanted", endedAt: clock.now(), output: null, failure: null },
      positions: [],
      signals: [],
    });
    expect(await backend.checkAndCancel("order-1")).toBe(false);
  },

  "notes in the history where the instance was interrupted": async ({ backend, given }) => {
    await given.held();
    await backend.storeSignal("order-1", "cancel", {});
    await backend.checkAndCancel("order-1", "first");

    expect(await given.entryOf("order-1", "$cancel")).toMatchObject({
      attempt: 1,
      kind: "instance",
      outcome: "noted",
      output: null,
      outputRef: "first",
      failure: null,
      path: "",
      workerId: null,
    });
  },

  "fences whoever holds a position": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.storeSignal("order-1", "cancel", {});
    await backend.checkAndCancel("order-1");

    expect(await given.commit(aCheckpoint(claim))).toEqual({ kind: "fenced" });
    expect(await given.historyOf("order-1")).toEqual(["$cancel#1 noted"]);
  },

  "clears a pending pause as well": async ({ backend, given }) => {
    await given.held();
    await backend.storeSignal("order-1", "pause", {});
    await backend.storeSignal("order-1", "cancel", {});
    await backend.checkAndCancel("order-1");

    expect(await backend.getSignal("order-1", "pause")).toBeNull();
  },

  "is false and changes nothing if no cancel is pending": async ({ backend, given }) => {
    await given.held();
    await backend.storeSignal("order-1", "pause", {});
    const before = await given.seen("order-1");

    expect(await backend.checkAndCancel("order-1")).toBe(false);
    expect(await backend.checkAndCancel("nowhere")).toBe(false);

    expect(await given.seen("order-1")).toEqual(before);
  },

  "is false for a paused instance, whose cancel stays pending": async ({ backend, given }) => {
    await given.paused();
    await backend.storeSignal("order-1", "cancel", { reason: "x" });

    expect(await backend.checkAndCancel("order-1")).toBe(false);
    expect(await backend.getSignal("order-1", "cancel")).toEqual({ reason: "x" });
  },

  "is true for one of many callers": async ({ backend, given }) => {
    await given.held();
    await backend.storeSignal("order-1", "cancel", {});

    const applied = await Promise.all(Array.from({ length: 20 }, () => backend.checkAndCancel("order-1")));

    expect(applied.filter(Boolean)).toHaveLength(1);
    expect(await given.historyOf("order-1")).toEqual(["$cancel#1 noted"]);
  },

  "lets one of cancel and completion win (INV-11)": async ({ backend, given }) => {
    for (let round = 0; round < 10; round++) {
      const instanceId = `order-${round}`;
      const claim = await given.held({ instanceId });
      await backend.storeSignal(instanceId, "cancel", {});

      const [cancelled, fate] = await Promise.all([
        backend.checkAndCancel(instanceId),
        given.commit(aCheckpoint(claim)),
      ]);

      expect([cancelled, fate.kind]).toEqual(cancelled ? [true, "fenced"] : [false, "accepted"]);
      expect(await given.statusOf(instanceId)).toBe(cancelled ? "cancelled" : "completed");
      expect((await given.stateOf(instanceId)).signals).toEqual([]);
    }
  },
};

export const checkAndPauseTests: ConformanceTests = {
  "applies a pending pause and clears it": async ({ backend, given }) => {
    await given.instance();
    await backend.storeSignal("order-1", "pause", { reason: "stock-taking" });

    expect(await backend.checkAndPause("order-1")).toBe(true);

    expect(await given.stateOf("order-1")).toMatchObject({
      instance: { status: "paused", reason: "stock-taking", endedAt: null },
      signals: [],
    });
    expect(await given.historyOf("order-1")).toEqual(["$pause#1 noted"]);
    expect(await backend.checkAndPause("order-1")).toBe(false);
  },

  "keeps positions out of reach": async ({ backend, given }) => {
    await given.asleep(1_000);
    await backend.storeSignal("order-1", "pause", {});
    await backend.checkAndPause("order-1");
    given.after(DAY);

    expect(await given.claim()).toEqual([]);
    expect(await backend.claimTask("order-1", "rest", "worker-b")).toBeNull();
  },

  "lets whoever holds a position finish its task: the checkpoint is accepted": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.storeSignal("order-1", "pause", {});
    await backend.checkAndPause("order-1");

    expect(await backend.renewClaims([claim], 60_000)).toEqual([{ held: true, interrupt: "paused" }]);
    const fate = await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "second" }) }, [
      anEntry(),
    ]);

    expect(fate).toMatchObject({ kept: false, interrupt: "paused" });
    given.after(DAY);
    expect(await given.claim()).toEqual([]);
    expect(await given.positionOf("order-1")).toMatchObject({ taskId: "second", ready: false, availableAt: null });
  },

  "lets a paused instance complete by the task that was running": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.storeSignal("order-1", "pause", { reason: "x" });
    await backend.checkAndPause("order-1");
    await given.accepted(claim, { kind: "complete", output: bytesOf("2"), codec: "json" });

    expect((await given.stateOf("order-1")).instance).toMatchObject({
      status: "completed",
      reason: null,
      output: bytesOf("2"),
    });
  },

  "is false and changes nothing if no pause is pending": async ({ backend, given }) => {
    await given.held();
    await backend.storeSignal("order-1", "cancel", {});
    const before = await given.seen("order-1");

    expect(await backend.checkAndPause("order-1")).toBe(false);
    expect(await backend.checkAndPause("nowhere")).toBe(false);

    expect(await given.seen("order-1")).toEqual(before);
  },

  "leaves a pending cancel in force": async ({ backend, given }) => {
    await given.instance();
    await backend.storeSignal("order-1", "pause", {});
    await backend.storeSignal("order-1", "cancel", {});
    expect(await backend.checkAndPause("order-1")).toBe(true);
    given.after(1_000);

    expect(await given.claim()).toMatchObject([{ interrupt: "cancel" }]);
  },
};

export const unpauseTests: ConformanceTests = {
  "brings the instance back in progress, and gives its snapshot": async ({ backend, given }) => {
    await given.paused({ labels: { a: "1" } });

    const snapshot = await backend.unpause("order-1");

    expect(snapshot).toMatchObject({ status: "in_progress", reason: null, labels: { a: "1" } });
    expect(snapshot).toEqual(await backend.loadSnapshot("order-1"));
    expect(await given.historyOf("order-1")).toEqual(["$pause#1 noted", "$unpause#1 noted"]);
    expect(await given.claim()).toHaveLength(1);
  },

  "can be repeated after another pause": async ({ backend, given }) => {
    await given.paused();
    await backend.unpause("order-1");
    await backend.requestControl("order-1", "pause", {});
    await backend.unpause("order-1");

    expect(await given.historyOf("order-1")).toEqual([
      "$pause#1 noted",
      "$unpause#1 noted",
      "$pause#2 noted",
      "$unpause#2 noted",
    ]);
  },

  "makes due at once what is overdue": async ({ backend, given }) => {
    await given.asleep(1_000);
    await backend.requestControl("order-1", "pause", {});
    given.after(5_000);
    await backend.unpause("order-1");

    expect(await given.claim()).toMatchObject([{ taskId: "rest", armed: true, due: true }]);
  },

  "lets what is not due yet sleep until its time": async ({ backend, given }) => {
    await given.asleep(10_000);
    await backend.requestControl("order-1", "pause", {});
    given.after(5_000);
    await backend.unpause("order-1");
    expect(await given.claim()).toEqual([]);
    given.after(4_999);
    expect(await given.claim()).toEqual([]);
    given.after(1);

    expect(await given.claim()).toMatchObject([{ due: true }]);
  },

  "keeps the time limit of a wait running": async ({ backend, given }) => {
    await given.parked({ timeoutMs: 10_000 });
    await backend.requestControl("order-1", "pause", {});
    given.after(4_000);
    await backend.unpause("order-1");
    const claim = await given.claimOf("order-1");
    expect(claim).toMatchObject({ taskId: "payment", armed: true, due: false });
    await given.accepted(claim, { kind: "await", to: given.wait(), timeoutMs: "keep" });
    given.after(5_999);
    expect(await given.claim()).toEqual([]);
    given.after(1);

    expect(await given.claim()).toMatchObject([{ due: true }]);
  },

  "lets events be found that arrived meanwhile": async ({ backend, given }) => {
    await given.parked();
    await backend.requestControl("order-1", "pause", {});
    await backend.sendEvent("order-1", "paid", bytesOf("7"));
    await backend.unpause("order-1");
    const claim = await given.claimOf("order-1");

    expect(await given.accepted(claim, { kind: "await", to: given.wait(), timeoutMs: "keep" })).toMatchObject({
      kept: true,
    });
  },

  "lets whoever still holds a position go on": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.requestControl("order-1", "pause", {});
    await backend.unpause("order-1");

    const fate = await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "second" }) });
    expect(fate).toMatchObject({ kept: true, interrupt: null });
  },

  "lets a join go on waiting for its branches (INV-9)": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    await backend.requestControl("order-1", "pause", {});
    await given.accepted(branches["a"]!, { kind: "endBranch", joinPath: "" });
    await backend.unpause("order-1");
    expect(await given.claim()).toEqual([]);

    expect(await given.accepted(branches["b"]!, { kind: "endBranch", joinPath: "" })).toMatchObject({
      granted: [{ path: "" }],
    });
  },

  "brings a join up that was closed meanwhile": async ({ backend, given }) => {
    const { branches } = await given.forked(["a"]);
    await backend.requestControl("order-1", "pause", {});
    expect(await given.accepted(branches["a"]!, { kind: "endBranch", joinPath: "" })).toMatchObject({
      kept: false,
      interrupt: "paused",
      granted: [],
    });
    given.after(DAY);
    expect(await given.claim()).toEqual([]);
    await backend.unpause("order-1");

    expect(await given.claim()).toMatchObject([{ taskId: "both", kind: "join", input: null }]);
  },

  "leaves a pending cancel in force": async ({ backend, given }) => {
    await given.paused();
    await backend.storeSignal("order-1", "cancel", {});
    await backend.unpause("order-1");
    given.after(1_000);

    expect(await given.claim()).toMatchObject([{ interrupt: "cancel" }]);
  },

  "refuses an unknown instance": async ({ backend }) => {
    await expectRefusal(backend.unpause("nowhere"), "INSTANCE_NOT_FOUND", { instanceId: "nowhere" });
  },

  "refuses an instance that is in progress, and names its status": async ({ backend, given }) => {
    await given.instance();
    const before = await given.seen("order-1");

    await expectRefusal(backend.unpause("order-1"), "INVALID_TRANSITION", {
      instanceId: "order-1",
      from: "in_progress",
      requested: "unpause",
    });

    expect(await given.seen("order-1")).toEqual(before);
  },

  ...Object.fromEntries(
    (["completed", "failed", "cancelled"] as const).map((status): [string, ConformanceTest] => [
      `refuses a ${status} instance, and names its status`,
      async ({ backend, given }) => {
        await given.ended(status);

        await expectRefusal(backend.unpause("order-1"), "INVALID_TRANSITION", { from: status, requested: "unpause" });
      },
    ]),
  ),

  "is done by one of many callers": async ({ backend, given }) => {
    await given.paused();

    const settled = await Promise.allSettled(Array.from({ length: 10 }, () => backend.unpause("order-1")));

    expect(settled.filter((result) => result.status === "fulfilled")).toHaveLength(1);
    expect(await given.historyOf("order-1")).toEqual(["$pause#1 noted", "$unpause#1 noted"]);
  },
};
