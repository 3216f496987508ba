import { expect } from "vitest";
import { aCheckpoint, anEntry, bytesOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import type { ConformanceTests } from "./suite.ts";

const DAY = 86_400_000;

export const requestControlTests: ConformanceTests = {
  "applies a cancel at once if nobody holds a position": async ({ backend, given, clock }) => {
    await given.instance();

    expect(await backend.requestControl("order-1", "cancel", { reason: "not wanted", requestedBy: "anna" })).toBe(
      "applied",
    );

    expect(await given.stateOf("order-1")).toMatchObject({
      instance: { status: "cancelled", reason: "not wanted", endedAt: clock.now() },
      positions: [],
      signals: [],
    });
    expect(await given.entryOf("order-1", "$cancel")).toMatchObject({
      attempt: 1,
      kind: "instance",
      outcome: "noted",
      output: null,
      outputRef: null,
    });
    expect(await given.claim()).toEqual([]);
  },

  "applies a cancel to what is asleep, parked or paused": async ({ backend, given }) => {
    await given.asleep(DAY, { instanceId: "a" });
    await given.parked({ instanceId: "b" });
    await given.paused({ instanceId: "c" });

    for (const instanceId of ["a", "b", "c"]) {
      expect(await backend.requestControl(instanceId, "cancel", {})).toBe("applied");
      expect(await given.statusOf(instanceId)).toBe("cancelled");
    }
  },

  "leaves a cancel pending while somebody holds a position": async ({ backend, given }) => {
    const claim = await given.held();

    expect(await backend.requestControl("order-1", "cancel", { reason: "x" })).toBe("requested");

    expect(await given.statusOf("order-1")).toBe("in_progress");
    expect(await backend.getSignal("order-1", "cancel")).toEqual({ reason: "x" });
    expect(
      await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "second" }) }, [anEntry()]),
    ).toMatchObject({ kept: false, interrupt: "cancel" });
  },

  "takes one held branch for somebody who holds a position": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b", "c"]);
    await backend.releaseClaims([branches["a"]!, branches["b"]!]);

    expect(await backend.requestControl("order-1", "cancel", {})).toBe("requested");
  },

  "does not take an expired lease for one, and fences its holder": async ({ backend, given }) => {
    const claim = await given.held();
    given.after(60_000);

    expect(await backend.requestControl("order-1", "cancel", {})).toBe("applied");
    expect(await given.commit(aCheckpoint(claim))).toEqual({ kind: "fenced" });
  },

  "takes a claim without a ttl for one, however old it is": async ({ backend, given }) => {
    await given.instance();
    await backend.claimTask("order-1", "first", "worker-a");
    given.after(DAY);

    expect(await backend.requestControl("order-1", "cancel", {})).toBe("requested");
  },

  "applies a pause always, also while somebody holds a position": async ({ backend, given }) => {
    const claim = await given.held();

    expect(await backend.requestControl("order-1", "pause", { reason: "stock-taking" })).toBe("applied");

    expect(await given.stateOf("order-1")).toMatchObject({
      instance: { status: "paused", reason: "stock-taking", endedAt: null },
      signals: [],
    });
    expect(await given.historyOf("order-1")).toEqual(["$pause#1 noted"]);
    expect(
      await given.accepted(claim, { kind: "park", to: given.standing({ taskId: "second" }), wakeAfterMs: 0 }),
    ).toMatchObject({ kept: false, interrupt: "paused" });
    expect(await given.claim()).toEqual([]);
  },

  "keeps a paused instance out of reach, timers and expired leases included": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b", "c"]);
    await given.accepted(branches["a"]!, { kind: "park", to: given.delay(), wakeAfterMs: 1_000 });
    await backend.releaseClaims([branches["b"]!]);
    await backend.requestControl("order-1", "pause", {});
    given.after(DAY);

    expect(await given.claim()).toEqual([]);
    expect(await given.claim({ instanceId: "order-1" })).toEqual([]);
    expect(await backend.findAvailableTasks("worker-a", 10)).toEqual([]);
  },

  "clears a pending pause that it applies": async ({ backend, given }) => {
    await given.held();
    await backend.storeSignal("order-1", "pause", { reason: "a" });
    await backend.requestControl("order-1", "pause", { reason: "b" });

    expect(await given.stateOf("order-1")).toMatchObject({ instance: { status: "paused", reason: "b" }, signals: [] });
    await backend.unpause("order-1");
    expect(await given.statusOf("order-1")).toBe("in_progress");
  },

  "leaves a pending cancel in force when it pauses": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.requestControl("order-1", "cancel", {});
    expect(await backend.requestControl("order-1", "pause", {})).toBe("applied");
    await backend.releaseClaims([claim]);

    expect(await backend.settleInterrupt("order-1", "first")).toBe("cancelled");
  },

  "changes nothing if the instance is in that state already": async ({ backend, given }) => {
    await given.ended("cancelled");
    await given.paused({ instanceId: "order-2" });
    const before = [await given.seen("order-1"), await given.seen("order-2")];

    expect(await backend.requestControl("order-1", "cancel", { reason: "again" })).toBe("unchanged");
    expect(await backend.requestControl("order-2", "pause", { reason: "again" })).toBe("unchanged");

    expect([await given.seen("order-1"), await given.seen("order-2")]).toEqual(before);
  },

  "refuses an unknown instance": async ({ backend }) => {
    await expectRefusal(backend.requestControl("nowhere", "cancel", {}), "INSTANCE_NOT_FOUND", {
      instanceId: "nowhere",
    });
    await expectRefusal(backend.requestControl("nowhere", "pause", {}), "INSTANCE_NOT_FOUND");
  },

  "lets one of cancel and a claim come first, and strands neither": async ({ backend, given }) => {
    for (let round = 0; round < 10; round++) {
      const instanceId = `order-${round}`;
      await given.instance({ instanceId });

      const [outcome, claims] = await Promise.all([
        backend.requestControl(instanceId, "cancel", {}),
        given.claim({ instanceId }),
      ]);

      if (outcome === "applied")
        expect(await backend.renewClaims(claims, 1_000)).toEqual(claims.map(() => ({ held: false, interrupt: null })));
      else expect(await backend.renewClaims(claims, 1_000)).toEqual([{ held: true, interrupt: "cancel" }]);
    }
  },

  "lets one of pause and completion come first (INV-11)": async ({ backend, given }) => {
    for (let round = 0; round < 10; round++) {
      const instanceId = `order-${round}`;
      const claim = await given.held({ instanceId });

      const [paused, fate] = await Promise.allSettled([
        backend.requestControl(instanceId, "pause", {}),
        given.commit(aCheckpoint(claim)),
      ]);

      expect(fate).toMatchObject({ value: { kind: "accepted" } });
      expect(await given.statusOf(instanceId)).toBe("completed");
      if (paused.status === "rejected") expect(paused.reason).toMatchObject({ code: "INVALID_TRANSITION" });
    }
  },
};

export const terminateInstanceTests: ConformanceTests = {
  "cancels at once, and fences whoever holds a position": async ({ backend, given, clock }) => {
    const claim = await given.held();

    expect(await backend.terminateInstance("order-1", { reason: "it hangs", requestedBy: "anna" })).toBe("applied");
    expect(await given.stateOf("order-1")).toMatchObject({
      instance: { status: "cancelled", reason: "it hangs", endedAt: clock.now() },
      positions: [],
      signals: [],
    });
    expect(await given.commit(aCheckpoint(claim))).toEqual({ kind: "fenced" });
    expect(await given.historyOf("order-1")).toEqual(["$cancel#1 noted"]);
  },

  "ends all branches, and a request that was pending": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    await backend.requestControl("order-1", "cancel", { reason: "gently" });

    expect(await backend.terminateInstance("order-1", {})).toBe("applied");
    expect(await backend.renewClaims(Object.values(branches), 1_000)).toMatchObject([{ held: false }, { held: false }]);
    expect(await backend.getSignal("order-1", "cancel")).toBeNull();
  },

  "changes nothing of what is cancelled already": async ({ backend, given }) => {
    await given.ended("cancelled");

    expect(await backend.terminateInstance("order-1", { reason: "again" })).toBe("unchanged");
    expect((await given.stateOf("order-1")).instance.reason).toBe("not wanted");
  },

  "refuses what has completed or failed, and what isn't there": async ({ backend, given }) => {
    for (const status of ["completed", "failed"] as const) {
      await given.ended(status, { instanceId: status });
      await expectRefusal(backend.terminateInstance(status, {}), "INVALID_TRANSITION");
    }
    await expectRefusal(backend.terminateInstance("nowhere", {}), "INSTANCE_NOT_FOUND");
  },

  "tells whoever runs it, and whoever waits for its end": async ({ backend, given }) => {
    await given.held();
    const heard: string[] = [];
    const subscription = backend.subscribe({
      ended: (ends) => void heard.push(...(ends ?? []).map(({ instanceId }) => `ended ${instanceId}`)),
      interrupted: () => void heard.push("interrupted"),
    });
    heard.length = 0;
    await backend.terminateInstance("order-1", {});

    expect(heard).toEqual(expect.arrayContaining(["interrupted", "ended order-1"]));
    subscription.close();
  },
};

export const settleInterruptTests: ConformanceTests = {
  "gives null if the instance is gone": async ({ backend }) => {
    expect(await backend.settleInterrupt("nowhere", "first")).toBeNull();
  },

  "gives the status of an instance that has ended, and changes nothing": async ({ backend, given }) => {
    await given.ended("completed");
    const before = await given.seen("order-1");

    expect(await backend.settleInterrupt("order-1", "first")).toBe("completed");
    expect(await given.seen("order-1")).toEqual(before);
  },

  "applies a cancel once nobody holds a position any more": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    await backend.requestControl("order-1", "cancel", { reason: "x" });
    await given.accepted(branches["a"]!, { kind: "advance", to: given.standing({ taskId: "a2" }) }, [
      anEntry({ taskId: "a" }),
    ]);
    expect(await backend.settleInterrupt("order-1", "a2")).toBe("in_progress");
    await given.accepted(branches["b"]!, { kind: "endBranch", joinPath: "" }, [anEntry({ taskId: "b" })]);

    expect(await backend.settleInterrupt("order-1", "b")).toBe("cancelled");

    expect(await given.stateOf("order-1")).toMatchObject({
      instance: { status: "cancelled", reason: "x" },
      positions: [],
      signals: [],
    });
    expect(await given.entryOf("order-1", "$cancel")).toMatchObject({ outputRef: "b" });
  },

  "applies a cancel once the lease of a holder that died has expired": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    await backend.requestControl("order-1", "cancel", {});
    given.after(59_999);
    await given.accepted(branches["a"]!, { kind: "endBranch", joinPath: "" });
    expect(await backend.settleInterrupt("order-1", "a")).toBe("in_progress");
    given.after(1);

    expect(await backend.settleInterrupt("order-1", "a")).toBe("cancelled");
    expect(await given.commit(aCheckpoint(branches["b"]!))).toEqual({ kind: "fenced" });
  },

  "lets nobody strand a cancel: somebody is always told of it in the end (INV-13)": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    await backend.requestControl("order-1", "cancel", {});
    await given.accepted(branches["a"]!, { kind: "endBranch", joinPath: "" });
    given.after(60_000);
    const claims = await given.claim();

    expect(claims.length).toBeGreaterThan(0);
    expect(claims.every((claim) => claim.interrupt === "cancel")).toBe(true);
    await backend.releaseClaims(claims);
    expect(await backend.settleInterrupt("order-1", "both")).toBe("cancelled");
  },

  "applies a cancel of a paused instance": async ({ backend, given }) => {
    await given.paused();
    await backend.storeSignal("order-1", "cancel", {});

    expect(await backend.settleInterrupt("order-1", "first")).toBe("cancelled");
  },

  "applies a pause, also while positions are held": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    await backend.storeSignal("order-1", "pause", { reason: "stock-taking" });
    await given.accepted(branches["a"]!, { kind: "advance", to: given.standing({ taskId: "a2" }) });

    expect(await backend.settleInterrupt("order-1", "a2")).toBe("paused");

    expect(await given.stateOf("order-1")).toMatchObject({
      instance: { status: "paused", reason: "stock-taking" },
      signals: [],
    });
    expect(await backend.renewClaims([branches["b"]!], 1_000)).toEqual([{ held: true, interrupt: "paused" }]);
  },

  "does not let a pause take the place of a cancel that has to wait": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.storeSignal("order-1", "pause", {});
    await backend.storeSignal("order-1", "cancel", {});

    expect(await backend.settleInterrupt("order-1", "first")).toBe("in_progress");
    await backend.releaseClaims([claim]);
    expect(await backend.settleInterrupt("order-1", "first")).toBe("cancelled");
  },

  "leaves a paused instance as it is": async ({ backend, given }) => {
    await given.paused();
    const before = await given.seen("order-1");

    expect(await backend.settleInterrupt("order-1", "first")).toBe("paused");
    expect(await given.seen("order-1")).toEqual(before);
  },

  "lets positions go on where the request has been withdrawn": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.storeSignal("order-1", "pause", {});
    await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "second" }) }, [anEntry()]);
    await backend.clearSignal("order-1", "pause");

    expect(await backend.settleInterrupt("order-1", "second")).toBe("in_progress");
    expect(await given.claim()).toMatchObject([{ taskId: "second", interrupt: null }]);
  },

  "changes nothing of an instance without interrupts": async ({ backend, given }) => {
    await given.held({ input: bytesOf("7") });
    const before = await given.seen("order-1");

    expect(await backend.settleInterrupt("order-1", "first")).toBe("in_progress");
    expect(await given.seen("order-1")).toEqual(before);
  },

  "settles once where many ask at once": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.requestControl("order-1", "cancel", {});
    await backend.releaseClaims([claim]);

    const statuses = await Promise.all(Array.from({ length: 10 }, () => backend.settleInterrupt("order-1", "first")));

    expect(statuses).toEqual(Array(10).fill("cancelled"));
    expect(await given.historyOf("order-1")).toEqual(["$cancel#1 noted"]);
  },
};
