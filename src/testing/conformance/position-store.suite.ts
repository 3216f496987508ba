import { expect } from "vitest";
import { aCheckpoint, aForgedClaim, bytesOf } from "../builders.ts";
import { batchTests, consumingTests, fencedTests, recordedTests } from "./checkpoint-fates.suite.ts";
import { checkpointMistakesTests, refusedTests } from "./checkpoint-mistakes.suite.ts";
import { claimOrderTests } from "./claim-order.suite.ts";
import { claimedInputTests, claimPositionsTests, comingDueTests } from "./claim-positions.suite.ts";
import { collapseTests } from "./collapse.suite.ts";
import { advanceTests, awaitTests, endTests, parkTests } from "./commit-checkpoints.suite.ts";
import { cancellingTests, keptTests } from "./ending.suite.ts";
import { expectRefusal } from "./errors.ts";
import { failingItemsTests, interruptedLeaveTests } from "./failing-items.suite.ts";
import { endBranchTests, forkTests, interruptedMovesTests } from "./fork-join.suite.ts";
import { endItemsInBatchTests, endItemTests, forkIntoItemsTests } from "./items.suite.ts";
import { interruptedItemsTests, savedItemsTests } from "./items-kept.suite.ts";
import { closingLeaveTests, leaveBranchTests } from "./leave-branch.suite.ts";
import { noteTests } from "./note.suite.ts";
import { parkUntilTests } from "./park-until.suite.ts";
import { restartTests } from "./restart.suite.ts";
import type { ConformanceSuite, ConformanceTests } from "./suite.ts";
import { toleratedTests } from "./tolerated.suite.ts";

const renewClaimsTests: ConformanceTests = {
  "ends the leases so long from now": async ({ backend, given, clock }) => {
    const claims = [await given.held({ instanceId: "a" }), await given.held({ instanceId: "b" })];
    given.after(50_000);
    expect(await backend.renewClaims(claims, 30_000)).toEqual([
      { held: true, interrupt: null },
      { held: true, interrupt: null },
    ]);

    expect((await given.positionOf("a"))?.claim?.expiresAt).toBe(clock.now() + 30_000);
    given.after(29_999);
    expect(await given.claim()).toEqual([]);
    given.after(1);
    expect(await given.claim()).toHaveLength(2);
  },

  "is absolute, never additive": async ({ backend, given, clock }) => {
    const claim = await given.held();
    for (let time = 0; time < 5; time++) await backend.renewClaims([claim], 5_000);

    expect((await given.positionOf("order-1"))?.claim?.expiresAt).toBe(clock.now() + 5_000);
  },

  "gives one result each, in order, and tells which claims do not hold": async ({ backend, given }) => {
    const claim = await given.held({ instanceId: "a" });
    const ended = await given.held({ instanceId: "b" });
    await given.accepted(ended, { kind: "complete", output: bytesOf("2"), codec: "json" });
    const asked = await given.held({ instanceId: "c" });
    await backend.storeSignal("c", "pause", {});

    expect(
      await backend.renewClaims([ended, claim, aForgedClaim("nowhere"), { ...claim, token: 0n }, asked], 5_000),
    ).toEqual([
      { held: false, interrupt: null },
      { held: true, interrupt: null },
      { held: false, interrupt: null },
      { held: false, interrupt: null },
      { held: true, interrupt: "pause" },
    ]);
  },

  "renews a lease that has expired, but that nobody has noticed": async ({ backend, given }) => {
    const claim = await given.held();
    given.after(90_000);

    expect(await backend.renewClaims([claim], 60_000)).toEqual([{ held: true, interrupt: null }]);
    expect(await given.claim()).toEqual([]);
  },

  "does not renew a claim that somebody has taken over": async ({ backend, given }) => {
    const old = await given.held();
    given.after(60_000);
    const claim = await given.claimOf("order-1", { workerId: "worker-b" });

    expect(await backend.renewClaims([old, claim], 60_000)).toMatchObject([{ held: false }, { held: true }]);
  },

  "leaves a claim without an end as it is": async ({ backend, given }) => {
    await given.instance();
    const claim = await backend.claimTask("order-1", "first", "worker-a");

    expect(await backend.renewClaims([{ instanceId: "order-1", path: "", token: claim?.token ?? 0n }], 1_000)).toEqual([
      { held: true, interrupt: null },
    ]);
    expect((await given.positionOf("order-1"))?.claim?.expiresAt).toBeNull();
  },

  "renews nothing of nothing": async ({ backend }) => {
    expect(await backend.renewClaims([], 1_000)).toEqual([]);
  },

  "refuses leases that make no sense": async ({ backend, given }) => {
    const claim = await given.held();
    for (const leaseMs of [0, -1, Number.NaN, Infinity, "5s", undefined]) {
      await expectRefusal(backend.renewClaims([claim], leaseMs as number), "INVALID_ARGUMENT", { field: "leaseMs" });
    }
  },
};

const releaseClaimsTests: ConformanceTests = {
  "gives positions back, ready at once": async ({ backend, given, clock }) => {
    const claims = [await given.held({ instanceId: "a" }), await given.held({ instanceId: "b" })];
    given.after(5);
    await backend.releaseClaims(claims);

    expect(await given.positionOf("a")).toMatchObject({ ready: true, availableAt: clock.now(), claim: null });
    expect(await given.claim()).toMatchObject([
      { instanceId: "a", lost: 0 },
      { instanceId: "b", lost: 0 },
    ]);
  },

  "does nothing for claims that do not hold any more": async ({ backend, given }) => {
    const old = await given.held();
    given.after(60_000);
    const claim = await given.claimOf("order-1", { workerId: "worker-b" });
    await backend.releaseClaims([old, aForgedClaim(), aForgedClaim("nowhere"), aForgedClaim("order-1", "both/a")]);

    expect(await given.claim()).toEqual([]);
    expect(await backend.renewClaims([claim], 1_000)).toMatchObject([{ held: true }]);
  },

  "makes later writes with the claim fenced": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.releaseClaims([claim]);
    await backend.releaseClaims([claim]);

    expect(await given.commit(aCheckpoint(claim))).toEqual({ kind: "fenced" });
  },

  "leaves positions of a paused instance out of reach": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.requestControl("order-1", "pause", {});
    await backend.releaseClaims([claim]);

    expect(await given.claim()).toEqual([]);
    await backend.unpause("order-1");
    expect(await given.claim()).toHaveLength(1);
  },

  "hands a pending request on to the next holder": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.storeSignal("order-1", "cancel", {});
    await backend.releaseClaims([claim]);
    given.after(1_000);

    expect(await given.claim()).toMatchObject([{ interrupt: "cancel" }]);
  },

  "lets a wait look at its buffer again": async ({ backend, given }) => {
    const claim = await given.held({ at: given.wait() });
    await backend.releaseClaims([claim]);

    expect(await given.claim()).toMatchObject([{ taskId: "payment", kind: "wait" }]);
  },

  "keeps the retry of a task that has come due ready": async ({ backend, given }) => {
    const claim = await given.held();
    await given.accepted(claim, { kind: "park", to: given.standing({ attempt: 2 }), wakeAfterMs: 1_000 });
    given.after(1_000);
    await backend.releaseClaims([await given.claimOf("order-1")]);

    expect(await given.claim()).toMatchObject([{ attempt: 2, armed: true, due: true }]);
  },

  "gives nothing back of nothing": async ({ backend }) => {
    await backend.releaseClaims([]);
  },
};

const peekEventTests: ConformanceTests = {
  "gives the oldest buffered event of the name, and leaves it where it is": async ({ backend }) => {
    await backend.sendEvent("order-1", "paid", bytesOf("7"));
    await backend.sendEvent("order-1", "paid", bytesOf("8"));
    const event = await backend.peekEvent("order-1", "paid");

    expect(event).toEqual({ sequence: event?.sequence, payload: bytesOf("7"), codec: backend.codec.id });
    expect(typeof event?.sequence).toBe("bigint");
    expect(await backend.peekEvent("order-1", "paid")).toEqual(event);
    expect(await backend.consumeEvent("order-1", "paid")).toEqual(bytesOf("7"));
    expect((await backend.peekEvent("order-1", "paid"))?.sequence).toBeGreaterThan(event?.sequence ?? 0n);
  },

  "gives null if there is none": async ({ backend, given }) => {
    await given.instance();

    expect(await backend.peekEvent("order-1", "paid")).toBeNull();
    expect(await backend.peekEvent("nowhere", "paid")).toBeNull();
  },

  "tells an empty event from none": async ({ backend }) => {
    await backend.sendEvent("order-1", "paid", new Uint8Array());

    expect(await backend.peekEvent("order-1", "paid")).toMatchObject({ payload: new Uint8Array() });
  },
};

export const positionStoreSuite: ConformanceSuite = {
  name: "PositionStore",
  methods: {
    claimPositions: claimPositionsTests,
    "claimPositions, the order": claimOrderTests,
    "claimPositions, coming due": comingDueTests,
    "claimPositions, the input": claimedInputTests,
    "commitCheckpoints, note": noteTests,
    "commitCheckpoints, advance": advanceTests,
    "commitCheckpoints, park": parkTests,
    "commitCheckpoints, park until a time": parkUntilTests,
    "commitCheckpoints, await": awaitTests,
    "commitCheckpoints, fork": forkTests,
    "commitCheckpoints, endBranch": endBranchTests,
    "commitCheckpoints, fork into items": forkIntoItemsTests,
    "commitCheckpoints, endItem": endItemTests,
    "commitCheckpoints, endItem in a batch": endItemsInBatchTests,
    "commitCheckpoints, endItem of what is interrupted": interruptedItemsTests,
    "commitCheckpoints, items of a saved snapshot": savedItemsTests,
    "commitCheckpoints, leaveBranch": leaveBranchTests,
    "commitCheckpoints, leaveBranch that closes": closingLeaveTests,
    "commitCheckpoints, leaveBranch of an item": failingItemsTests,
    "commitCheckpoints, leaveBranch of what is interrupted": interruptedLeaveTests,
    "commitCheckpoints, collapse": collapseTests,
    "commitCheckpoints, restart": restartTests,
    "commitCheckpoints, collapse that keeps": keptTests,
    "commitCheckpoints, collapse and cancel on request": cancellingTests,
    "commitCheckpoints, tolerated": toleratedTests,
    "commitCheckpoints, complete and fail": endTests,
    "commitCheckpoints, interrupted": interruptedMovesTests,
    "commitCheckpoints, fenced": fencedTests,
    "commitCheckpoints, recorded": recordedTests,
    "commitCheckpoints, consuming an event": consumingTests,
    "commitCheckpoints, in a batch": batchTests,
    "commitCheckpoints, mistaken": { ...checkpointMistakesTests, ...refusedTests },
    renewClaims: renewClaimsTests,
    releaseClaims: releaseClaimsTests,
    peekEvent: peekEventTests,
  },
};
