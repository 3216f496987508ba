import { expect } from "vitest";
import { anEntry, bytesOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import type { ConformanceTest, ConformanceTests } from "./suite.ts";

const DAY = 86_400_000;

export const storeSignalTests: ConformanceTests = {
  "leaves a request of this kind pending": async ({ backend, given }) => {
    await given.held();
    await backend.storeSignal("order-1", "pause", { reason: "stock-taking", requestedBy: "anna" });

    expect(await backend.getSignal("order-1", "pause")).toEqual({ reason: "stock-taking", requestedBy: "anna" });
    expect(await backend.getSignal("order-1", "cancel")).toBeNull();
    expect((await given.stateOf("order-1")).signals).toEqual([
      { kind: "pause", request: { reason: "stock-taking", requestedBy: "anna" } },
    ]);
  },

  "leaves at most one of each kind pending: what the first said stays": async ({ backend, given }) => {
    await given.held();
    await backend.storeSignal("order-1", "cancel", { reason: "a", requestedBy: "anna" });
    for (const later of [{ reason: "b", requestedBy: "bob" }, { reason: "c" }, {}])
      await backend.storeSignal("order-1", "cancel", later);
    await backend.storeSignal("order-1", "pause", {});

    expect((await given.stateOf("order-1")).signals).toEqual([
      { kind: "cancel", request: { reason: "a", requestedBy: "anna" } },
      { kind: "pause", request: {} },
    ]);
  },

  "takes a reason, and whose it is, from a later one where the first gave none": async ({ backend, given }) => {
    await given.held();
    const seen = [];
    for (const request of [
      {},
      { requestedBy: "anna" },
      { requestedBy: "bob" },
      { reason: "b", requestedBy: "bob" },
      { reason: "c" },
    ]) {
      await backend.storeSignal("order-1", "cancel", request);
      seen.push(await backend.getSignal("order-1", "cancel"));
    }

    expect(seen).toEqual([
      {},
      { requestedBy: "anna" },
      { requestedBy: "anna" },
      { reason: "b", requestedBy: "bob" },
      { reason: "b", requestedBy: "bob" },
    ]);
  },

  "changes nothing but that: the instance stays in progress": async ({ backend, given }) => {
    await given.held();
    await backend.storeSignal("order-1", "cancel", {});

    expect(await given.statusOf("order-1")).toBe("in_progress");
    expect(await given.historyOf("order-1")).toEqual([]);
  },

  "stops a held position at its next checkpoint, which is accepted": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.storeSignal("order-1", "pause", {});

    const fate = await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "second" }) }, [
      anEntry(),
    ]);

    expect(fate).toEqual({ kind: "accepted", kept: false, interrupt: "pause", granted: [] });
    expect(await given.positionOf("order-1")).toMatchObject({ taskId: "second", ready: false, claim: null });
  },

  "does not take a claim away; its renewal tells of the request": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.storeSignal("order-1", "cancel", {});

    expect(await backend.renewClaims([claim], 1_000)).toEqual([{ held: true, interrupt: "cancel" }]);
  },

  "makes a ready position come up soon, with the request": async ({ backend, given }) => {
    await given.instance();
    await backend.storeSignal("order-1", "pause", {});
    given.after(1_000);

    expect(await given.claim()).toMatchObject([{ taskId: "first", interrupt: "pause" }]);
  },

  "makes a sleeping position come up soon, with the request": async ({ backend, given }) => {
    await given.asleep(DAY);
    await backend.storeSignal("order-1", "cancel", {});
    given.after(1_000);

    expect(await given.claim()).toMatchObject([{ taskId: "rest", interrupt: "cancel", armed: true, due: false }]);
  },

  "makes a parked wait come up soon, with the request": async ({ backend, given }) => {
    await given.parked();
    await backend.storeSignal("order-1", "cancel", {});
    given.after(1_000);

    expect(await given.claim()).toMatchObject([{ taskId: "payment", interrupt: "cancel" }]);
  },

  "reaches a join whose branches have not ended, too": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    await backend.storeSignal("order-1", "cancel", {});
    for (const [name, claim] of Object.entries(branches)) {
      const fate = await given.accepted(claim, { kind: "endBranch", joinPath: "" }, [anEntry({ taskId: name })]);
      expect(fate).toMatchObject({ kept: false, interrupt: "cancel", granted: [] });
    }
    given.after(1_000);

    expect(await given.claim()).toMatchObject([{ taskId: "both", interrupt: "cancel" }]);
  },

  "does not bring up a join whose branches have not ended: nobody could go on from it (INV-9)": async ({
    backend,
    given,
  }) => {
    await given.forked(["a", "b"]);
    await backend.storeSignal("order-1", "cancel", {});
    given.after(59_999);
    expect(await given.claim()).toEqual([]);
    given.after(1);

    expect((await given.claim()).map((claim) => [claim.path, claim.interrupt])).toEqual([
      ["both/a", "cancel"],
      ["both/b", "cancel"],
    ]);
  },

  "does not put off a position that comes up sooner by itself": async ({ backend, given }) => {
    await given.asleep(200);
    await backend.storeSignal("order-1", "pause", {});
    given.after(200);

    expect(await given.claim()).toMatchObject([{ interrupt: "pause", due: true }]);
  },

  "lets a cancel come before a pause, in either order": async ({ backend, given }) => {
    const first = await given.held();
    await backend.storeSignal("order-1", "pause", {});
    await backend.storeSignal("order-1", "cancel", {});
    const second = await given.held({ instanceId: "order-2" });
    await backend.storeSignal("order-2", "cancel", {});
    await backend.storeSignal("order-2", "pause", {});

    const renewals = await backend.renewClaims([first, second], 1_000);
    expect(renewals.map((renewal) => renewal.interrupt)).toEqual(["cancel", "cancel"]);
  },

  "reaches a paused instance with a cancel": async ({ backend, given }) => {
    await given.paused();
    await backend.storeSignal("order-1", "cancel", {});
    given.after(1_000);

    expect(await given.claim()).toMatchObject([{ interrupt: "cancel" }]);
  },

  "hides the instance from findAvailableTasks": async ({ backend, given }) => {
    await given.instance();
    await backend.storeSignal("order-1", "pause", {});
    given.after(1_000);

    expect(await backend.findAvailableTasks("worker-a", 10)).toEqual([]);
  },

  "does nothing if the instance is cancelled already, or paused already": async ({ backend, given }) => {
    await given.ended("cancelled");
    await given.paused({ instanceId: "order-2" });
    const before = [await given.seen("order-1"), await given.seen("order-2")];

    await backend.storeSignal("order-1", "cancel", { reason: "again" });
    await backend.storeSignal("order-2", "pause", { reason: "again" });

    expect([await given.seen("order-1"), await given.seen("order-2")]).toEqual(before);
    expect(await backend.getSignal("order-1", "cancel")).toBeNull();
    expect(await backend.getSignal("order-2", "pause")).toBeNull();
  },
};

export const storeSignalRefusalTests: ConformanceTests = {
  "refuses an unknown instance": async ({ backend }) => {
    await expectRefusal(backend.storeSignal("nowhere", "pause", {}), "INSTANCE_NOT_FOUND", { instanceId: "nowhere" });
    await expectRefusal(backend.storeSignal("nowhere", "cancel", {}), "INSTANCE_NOT_FOUND", { instanceId: "nowhere" });
  },

  ...Object.fromEntries(
    (
      [
        ["cancel", "completed"],
        ["cancel", "failed"],
        ["pause", "completed"],
        ["pause", "failed"],
        ["pause", "cancelled"],
      ] as const
    ).map(([kind, status]): [string, ConformanceTest] => [
      `refuses a ${kind} of a ${status} instance and changes nothing`,
      async ({ backend, given }) => {
        await given.ended(status);
        const before = await given.seen("order-1");

        await expectRefusal(backend.storeSignal("order-1", kind, {}), "INVALID_TRANSITION", {
          instanceId: "order-1",
          from: status,
          requested: kind,
        });
        await expectRefusal(backend.requestControl("order-1", kind, {}), "INVALID_TRANSITION", {
          instanceId: "order-1",
          from: status,
          requested: kind,
        });

        expect(await given.seen("order-1")).toEqual(before);
      },
    ]),
  ),

  "takes a reason of 1,000 characters and who asks of 255, and no longer ones": async ({ backend, given }) => {
    await given.held();
    const longest = { reason: "é".repeat(1_000), requestedBy: "x".repeat(255) };
    await backend.storeSignal("order-1", "pause", longest);

    await expectRefusal(backend.storeSignal("order-1", "pause", { reason: "x".repeat(1_001) }), "INVALID_ARGUMENT");
    await expectRefusal(backend.storeSignal("order-1", "pause", { requestedBy: "x".repeat(256) }), "INVALID_ARGUMENT");

    expect(await backend.getSignal("order-1", "pause")).toEqual(longest);
  },

  "keeps a reason as far as every store can keep it": async ({ backend, given }) => {
    await given.held();
    await backend.storeSignal("order-1", "pause", { reason: "a\u0000b\ud800c\n" });

    expect(await backend.getSignal("order-1", "pause")).toEqual({ reason: "a\ufffdb\ufffdc\n" });
  },

  "refuses a request that is none": async ({ backend, given }) => {
    await given.held();
    for (const request of [null, undefined, "stop", { reason: 5 }, { requestedBy: {} }]) {
      await expectRefusal(backend.storeSignal("order-1", "pause", request as object), "INVALID_ARGUMENT");
      await expectRefusal(backend.requestControl("order-1", "pause", request as object), "INVALID_ARGUMENT");
    }
    expect(await given.statusOf("order-1")).toBe("in_progress");
  },

  "refuses an unknown kind": async ({ backend, given }) => {
    await given.held();
    for (const kind of ["stop", "", "__proto__", undefined, 1]) {
      await expectRefusal(backend.storeSignal("order-1", kind as "pause", {}), "INVALID_ARGUMENT");
      await expectRefusal(backend.getSignal("order-1", kind as "pause"), "INVALID_ARGUMENT");
      await expectRefusal(backend.clearSignal("order-1", kind as "pause"), "INVALID_ARGUMENT");
      await expectRefusal(backend.requestControl("order-1", kind as "pause", {}), "INVALID_ARGUMENT");
    }
  },
};

export const getSignalTests: ConformanceTests = {
  "gives null if there is none, or no such instance": async ({ backend, given }) => {
    await given.instance();

    expect(await backend.getSignal("order-1", "cancel")).toBeNull();
    expect(await backend.getSignal("nowhere", "cancel")).toBeNull();
  },

  "tells a request without a reason from none": async ({ backend, given }) => {
    await given.held();
    await backend.storeSignal("order-1", "pause", {});

    expect(await backend.getSignal("order-1", "pause")).toEqual({});
  },

  "gives null once the instance has completed, or failed": async ({ backend, given }) => {
    const first = await given.held();
    const second = await given.held({ instanceId: "order-2" });
    for (const instanceId of ["order-1", "order-2"]) {
      await backend.storeSignal(instanceId, "cancel", {});
      await backend.storeSignal(instanceId, "pause", {});
    }
    await given.accepted(first, { kind: "complete", output: bytesOf("2"), codec: "json" });
    await given.accepted(second, given.failMove());

    for (const instanceId of ["order-1", "order-2"]) {
      expect(await backend.getSignal(instanceId, "cancel")).toBeNull();
      expect(await backend.getSignal(instanceId, "pause")).toBeNull();
    }
  },
};

export const clearSignalTests: ConformanceTests = {
  "leaves no request of this kind pending": async ({ backend, given }) => {
    await given.held();
    await backend.storeSignal("order-1", "pause", {});
    await backend.clearSignal("order-1", "pause");

    expect(await backend.getSignal("order-1", "pause")).toBeNull();
    expect(await backend.checkAndPause("order-1")).toBe(false);
  },

  "is idempotent, and does nothing for an unknown instance": async ({ backend, given }) => {
    await given.instance();
    const before = await given.seen("order-1");
    await backend.clearSignal("order-1", "pause");
    await backend.clearSignal("nowhere", "cancel");

    expect(await given.seen("order-1")).toEqual(before);
  },

  "lets a held position go on": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.storeSignal("order-1", "cancel", {});
    await backend.clearSignal("order-1", "cancel");

    const fate = await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "second" }) });
    expect(fate).toMatchObject({ kept: true, interrupt: null });
  },

  "makes a ready position ready again": async ({ backend, given }) => {
    await given.instance();
    await backend.storeSignal("order-1", "cancel", {});
    await backend.clearSignal("order-1", "cancel");

    expect(await given.claim()).toMatchObject([{ taskId: "first", interrupt: null }]);
  },

  "lets a delay sleep until its time, and no longer (INV-10)": async ({ backend, given }) => {
    await given.asleep(10_000);
    await backend.storeSignal("order-1", "cancel", {});
    await backend.clearSignal("order-1", "cancel");
    given.after(9_999);
    expect(await given.claim()).toEqual([]);
    given.after(1);

    expect(await given.claim()).toMatchObject([{ taskId: "rest", due: true }]);
  },

  "lets a wait look at its buffer again": async ({ backend, given }) => {
    await given.parked();
    await backend.storeSignal("order-1", "cancel", {});
    expect(await backend.sendEvent("order-1", "paid", bytesOf("9"))).toBe("buffered");
    await backend.clearSignal("order-1", "cancel");

    expect(await given.claim()).toMatchObject([{ taskId: "payment", recorded: null, interrupt: null }]);
  },

  "lets a join wait for its branches (INV-9)": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    await backend.storeSignal("order-1", "cancel", {});
    await backend.clearSignal("order-1", "cancel");
    given.after(30_000);
    expect(await given.claim()).toEqual([]);
    await given.accepted(branches["a"]!, { kind: "endBranch", joinPath: "" });

    expect(await given.accepted(branches["b"]!, { kind: "endBranch", joinPath: "" })).toMatchObject({
      granted: [{ path: "" }],
    });
  },

  "does not end a delay early that somebody held because of the request (INV-10)": async ({ backend, given }) => {
    await given.asleep(10_000);
    await backend.storeSignal("order-1", "cancel", {});
    given.after(1_000);
    const claim = await given.claimOf("order-1");
    await backend.clearSignal("order-1", "cancel");
    await backend.releaseClaims([claim]);
    expect(await given.claim()).toEqual([]);
    given.after(9_000);

    expect(await given.claim()).toMatchObject([{ taskId: "rest", due: true }]);
  },

  "leaves the other request in force": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.storeSignal("order-1", "pause", {});
    await backend.storeSignal("order-1", "cancel", {});
    await backend.clearSignal("order-1", "cancel");

    expect(await backend.renewClaims([claim], 1_000)).toEqual([{ held: true, interrupt: "pause" }]);
    expect(await backend.getSignal("order-1", "pause")).toEqual({});
  },

  "leaves a paused instance paused": async ({ backend, given }) => {
    await given.paused();
    await backend.storeSignal("order-1", "cancel", {});
    await backend.clearSignal("order-1", "cancel");
    given.after(10_000);

    expect(await given.claim()).toEqual([]);
    expect(await given.statusOf("order-1")).toBe("paused");
  },
};
