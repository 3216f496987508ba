import { expect } from "vitest";
import { aCheckpoint, anEntry, bytesOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import { findAvailableTasksTests } from "./find-available-tasks.suite.ts";
import type { ConformanceSuite, ConformanceTests } from "./suite.ts";

const CENTURY = 36_525 * 86_400_000;

const claimTaskTests: ConformanceTests = {
  "takes the position that stands at the task": async ({ backend, given, clock }) => {
    await given.instance();

    const claim = await backend.claimTask("order-1", "first", "worker-a", 5_000);

    expect(claim).toMatchObject({
      instanceId: "order-1",
      taskId: "first",
      workerId: "worker-a",
      claimedAt: clock.now(),
      expiresAt: clock.now() + 5_000,
    });
    expect((await given.positionOf("order-1"))?.claim).toEqual({
      workerId: "worker-a",
      token: claim?.token,
      expiresAt: claim?.expiresAt,
    });
    expect(await given.claim()).toEqual([]);
  },

  "gives a token that checkpoints are accepted with": async ({ backend, given }) => {
    await given.instance();
    const claim = await backend.claimTask("order-1", "first", "worker-a", 5_000);

    expect(
      await given.commit(aCheckpoint({ instanceId: "order-1", path: "", token: claim?.token ?? 0n })),
    ).toMatchObject({ kind: "accepted" });
  },

  "gives null while a lease lives, whoever's it is": async ({ backend, given }) => {
    await given.instance();
    await backend.claimTask("order-1", "first", "worker-a", 5_000);
    given.after(4_999);

    expect(await backend.claimTask("order-1", "first", "worker-b", 5_000)).toBeNull();
    expect(await backend.claimTask("order-1", "first", "worker-a", 5_000)).toBeNull();
  },

  "gives null for a position that was claimed in a batch": async ({ backend, given }) => {
    await given.held();

    expect(await backend.claimTask("order-1", "first", "worker-b", 5_000)).toBeNull();
  },

  "replaces a lease that has expired, with a greater token": async ({ backend, given }) => {
    await given.instance();
    const lost = await backend.claimTask("order-1", "first", "worker-a", 5_000);
    given.after(5_000);

    const taken = await backend.claimTask("order-1", "first", "worker-b", 5_000);

    expect(taken?.token).toBeGreaterThan(lost?.token ?? 0n);
    expect(await given.commit(aCheckpoint({ instanceId: "order-1", path: "", token: lost?.token ?? 0n }))).toEqual({
      kind: "fenced",
    });
    expect(await given.positionOf("order-1")).toMatchObject({ lost: 1, claim: { workerId: "worker-b" } });
  },

  "gives a greater token to the same worker, too": async ({ backend, given }) => {
    await given.instance();
    const lost = await backend.claimTask("order-1", "first", "worker-a", 5_000);
    given.after(5_000);

    expect((await backend.claimTask("order-1", "first", "worker-a", 5_000))?.token).toBeGreaterThan(lost?.token ?? 0n);
  },

  "gives a token greater than those of claims in batches, and the other way round": async ({ backend, given }) => {
    const first = await given.held();
    await given.instance({ instanceId: "order-2" });
    const second = await backend.claimTask("order-2", "first", "worker-a", 5_000);
    const third = await given.held({ instanceId: "order-3" });

    expect(second?.token).toBeGreaterThan(first.token);
    expect(third.token).toBeGreaterThan(second?.token ?? 0n);
  },

  "never lets a claim expire that was made without a ttl": async ({ backend, given }) => {
    await given.instance();
    const claim = await backend.claimTask("order-1", "first", "worker-a");
    expect(claim?.expiresAt).toBeNull();
    given.after(CENTURY);

    expect(await backend.claimTask("order-1", "first", "worker-b", 1)).toBeNull();
    expect(await given.claim()).toEqual([]);
    expect(
      await given.commit(aCheckpoint({ instanceId: "order-1", path: "", token: claim?.token ?? 0n })),
    ).toMatchObject({ kind: "accepted" });
  },

  "gives null where nothing stands": async ({ backend, given }) => {
    await given.instance();
    await given.ended("completed", { instanceId: "order-2" });

    expect(await backend.claimTask("order-1", "second", "worker-a", 5_000)).toBeNull();
    expect(await backend.claimTask("order-2", "first", "worker-a", 5_000)).toBeNull();
  },

  "gives null for a position that is asleep, and takes it once it is due": async ({ backend, given }) => {
    await given.asleep(1_000);
    given.after(999);
    expect(await backend.claimTask("order-1", "rest", "worker-a", 5_000)).toBeNull();
    given.after(1);

    expect(await backend.claimTask("order-1", "rest", "worker-a", 5_000)).toMatchObject({ taskId: "rest" });
  },

  "gives null for a parked wait, and for a join with open branches": async ({ backend, given }) => {
    await given.parked();
    await given.forked(["a"], { instanceId: "order-2" });

    expect(await backend.claimTask("order-1", "payment", "worker-a", 5_000)).toBeNull();
    expect(await backend.claimTask("order-2", "both", "worker-a", 5_000)).toBeNull();
  },

  "gives null for a paused instance, also where a lease has expired since": async ({ backend, given }) => {
    await given.paused();
    await given.held({ instanceId: "order-2" });
    await backend.requestControl("order-2", "pause", {});
    given.after(1_000_000);

    expect(await backend.claimTask("order-1", "first", "worker-a", 5_000)).toBeNull();
    expect(await backend.claimTask("order-2", "first", "worker-a", 5_000)).toBeNull();
  },

  "gives null where a request is pending, which the claim would not tell of": async ({ backend, given }) => {
    await given.instance();
    await backend.storeSignal("order-1", "cancel", {});
    given.after(2_000);

    expect(await backend.claimTask("order-1", "first", "worker-a", 5_000)).toBeNull();
  },

  "takes one branch and leaves the others": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    await backend.releaseClaims(Object.values(branches));

    expect(await backend.claimTask("order-1", "b", "worker-b", 5_000)).toMatchObject({ taskId: "b" });
    expect(await given.claim()).toMatchObject([{ path: "both/a" }]);
  },

  "refuses an unknown instance": async ({ backend }) => {
    await expectRefusal(backend.claimTask("nowhere", "first", "worker-a", 5_000), "INSTANCE_NOT_FOUND", {
      instanceId: "nowhere",
    });
  },

  "takes a ttl from 1 ms to a hundred years": async ({ backend, given }) => {
    await given.instance();
    for (const ttlMs of [0, -1, 0.5, Number.NaN, Infinity, CENTURY + 1, "5s", null]) {
      await expectRefusal(backend.claimTask("order-1", "first", "worker-a", ttlMs as number), "INVALID_ARGUMENT", {
        field: "ttlMs",
      });
    }

    expect(await backend.claimTask("order-1", "first", "worker-a", 1)).not.toBeNull();
    given.after(1);
    expect(await backend.claimTask("order-1", "first", "worker-a", 2 ** 31)).not.toBeNull();
    given.after(2 ** 31);
    expect(await backend.claimTask("order-1", "first", "worker-a", CENTURY)).not.toBeNull();
  },

  "gives the position to one of many callers (INV-6)": async ({ backend, given }) => {
    await given.instance();

    const claims = await Promise.all(
      Array.from({ length: 20 }, (_, index) => backend.claimTask("order-1", "first", `worker-${index}`, 5_000)),
    );

    expect(claims.filter((claim) => claim !== null)).toHaveLength(1);
  },
};

const releaseTaskClaimTests: ConformanceTests = {
  "gives the position back, ready at once": async ({ backend, given }) => {
    await given.instance();
    const claim = await backend.claimTask("order-1", "first", "worker-a");
    await backend.releaseTaskClaim("order-1", "first", "worker-a");

    expect(await given.claim()).toMatchObject([{ taskId: "first", lost: 0 }]);
    expect(await given.commit(aCheckpoint({ instanceId: "order-1", path: "", token: claim?.token ?? 0n }))).toEqual({
      kind: "fenced",
    });
  },

  "gives back what was claimed in a batch": async ({ backend, given }) => {
    await given.held();
    await backend.releaseTaskClaim("order-1", "first", "worker-a");

    expect(await given.claim()).toHaveLength(1);
  },

  "leaves a paused instance's position out of reach": async ({ backend, given }) => {
    await given.held();
    await backend.requestControl("order-1", "pause", {});
    await backend.releaseTaskClaim("order-1", "first", "worker-a");

    expect(await given.claim()).toEqual([]);
    await backend.unpause("order-1");
    expect(await given.claim()).toHaveLength(1);
  },

  "refuses a worker that does not hold it": async ({ backend, given }) => {
    await given.held();

    await expectRefusal(backend.releaseTaskClaim("order-1", "first", "worker-b"), "CLAIM_LOST", {
      instanceId: "order-1",
      position: "first",
    });
    await expectRefusal(backend.releaseTaskClaim("order-1", "second", "worker-a"), "CLAIM_LOST");
    await expectRefusal(backend.releaseTaskClaim("nowhere", "first", "worker-a"), "CLAIM_LOST");
    expect(await given.claim()).toEqual([]);
  },

  "refuses a worker whose claim was given back, or taken over": async ({ backend, given }) => {
    await given.held();
    await backend.releaseTaskClaim("order-1", "first", "worker-a");
    await expectRefusal(backend.releaseTaskClaim("order-1", "first", "worker-a"), "CLAIM_LOST");

    await backend.claimTask("order-1", "first", "worker-a", 1_000);
    given.after(1_000);
    await backend.claimTask("order-1", "first", "worker-b", 1_000);

    await expectRefusal(backend.releaseTaskClaim("order-1", "first", "worker-a"), "CLAIM_LOST");
  },

  "refuses a worker that has moved the position on": async ({ backend, given }) => {
    const claim = await given.held();
    await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "second" }) }, [anEntry()]);

    await expectRefusal(backend.releaseTaskClaim("order-1", "first", "worker-a"), "CLAIM_LOST");
    await backend.releaseTaskClaim("order-1", "second", "worker-a");
  },
};

const extendTaskClaimTests: ConformanceTests = {
  "ends the lease so long from now": async ({ backend, given, clock }) => {
    await given.instance();
    await backend.claimTask("order-1", "first", "worker-a", 1_000);
    given.after(999);
    await backend.extendTaskClaim("order-1", "first", "worker-a", 5_000);

    expect((await given.positionOf("order-1"))?.claim?.expiresAt).toBe(clock.now() + 5_000);
    given.after(4_999);
    expect(await given.claim()).toEqual([]);
    given.after(1);
    expect(await given.claim()).toHaveLength(1);
  },

  "is absolute, never additive": async ({ backend, given, clock }) => {
    await given.instance();
    await backend.claimTask("order-1", "first", "worker-a", 60_000);
    for (let time = 0; time < 10; time++) await backend.extendTaskClaim("order-1", "first", "worker-a", 5_000);

    expect((await given.positionOf("order-1"))?.claim?.expiresAt).toBe(clock.now() + 5_000);
  },

  "does nothing for a claim without a ttl": async ({ backend, given }) => {
    await given.instance();
    await backend.claimTask("order-1", "first", "worker-a");
    await backend.extendTaskClaim("order-1", "first", "worker-a", 1_000);
    given.after(1_000_000);

    expect((await given.positionOf("order-1"))?.claim).toMatchObject({ workerId: "worker-a", expiresAt: null });
    expect(await given.claim()).toEqual([]);
  },

  "extends a lease that has expired, but that nobody has taken since": async ({ backend, given }) => {
    await given.instance();
    const claim = await backend.claimTask("order-1", "first", "worker-a", 1_000);
    given.after(5_000);
    await backend.extendTaskClaim("order-1", "first", "worker-a", 1_000);

    expect(await given.claim()).toEqual([]);
    expect(
      await given.commit(aCheckpoint({ instanceId: "order-1", path: "", token: claim?.token ?? 0n })),
    ).toMatchObject({ kind: "accepted" });
  },

  "keeps the token": async ({ backend, given }) => {
    await given.instance();
    const claim = await backend.claimTask("order-1", "first", "worker-a", 1_000);
    await backend.extendTaskClaim("order-1", "first", "worker-a", 5_000);

    expect((await given.positionOf("order-1"))?.claim?.token).toBe(claim?.token);
  },

  "refuses a worker that does not hold it (any more)": async ({ backend, given }) => {
    await given.instance();
    await backend.claimTask("order-1", "first", "worker-a", 1_000);
    await expectRefusal(backend.extendTaskClaim("order-1", "first", "worker-b", 1_000), "CLAIM_LOST", {
      instanceId: "order-1",
      position: "first",
    });
    await expectRefusal(backend.extendTaskClaim("nowhere", "first", "worker-a", 1_000), "CLAIM_LOST");
    given.after(1_000);
    await backend.claimTask("order-1", "first", "worker-b", 1_000);

    await expectRefusal(backend.extendTaskClaim("order-1", "first", "worker-a", 1_000), "CLAIM_LOST");
    await backend.releaseTaskClaim("order-1", "first", "worker-b");
    await expectRefusal(backend.extendTaskClaim("order-1", "first", "worker-b", 1_000), "CLAIM_LOST");
  },

  "refuses a holder whose instance has ended": async ({ backend, given }) => {
    const claim = await given.held();
    await given.accepted(claim, { kind: "complete", output: bytesOf("2"), codec: "json" });

    await expectRefusal(backend.extendTaskClaim("order-1", "first", "worker-a", 1_000), "CLAIM_LOST");
  },

  "takes a duration from 1 ms to a hundred years": async ({ backend, given }) => {
    await given.held();
    for (const durationMs of [0, -1, 0.5, Number.NaN, Infinity, CENTURY + 1, "5s", null, undefined]) {
      await expectRefusal(
        backend.extendTaskClaim("order-1", "first", "worker-a", durationMs as number),
        "INVALID_ARGUMENT",
        { field: "durationMs" },
      );
    }
    await backend.extendTaskClaim("order-1", "first", "worker-a", CENTURY);
  },
};

export const taskClaimStoreSuite: ConformanceSuite = {
  name: "TaskClaimStore",
  methods: {
    claimTask: claimTaskTests,
    releaseTaskClaim: releaseTaskClaimTests,
    extendTaskClaim: extendTaskClaimTests,
    findAvailableTasks: findAvailableTasksTests,
  },
};
