import { expect } from "vitest";
import type { ClaimRequest } from "../../store/position-store.ts";
import { aCheckpoint, aNewPosition, anEntry, bytesOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import { holder } from "./given.ts";
import type { ConformanceTests } from "./suite.ts";

const DAY = 86_400_000;

export const claimPositionsTests: ConformanceTests = {
  "gives a position that is due, with all that is needed to go on from it": async ({ given }) => {
    const { flow, definitionHash, codec } = given.lane();
    await given.instance({ at: { attempt: 2, priority: 4 }, priority: 5, input: bytesOf("7") });

    const [claim, ...others] = await given.claim();

    expect(others).toEqual([]);
    expect(claim).toEqual({
      instanceId: "order-1",
      path: "",
      token: claim?.token,
      taskId: "first",
      kind: "task",
      attempt: 2,
      lost: 0,
      inputRef: null,
      input: bytesOf("7"),
      recorded: null,
      event: null,
      armed: false,
      due: false,
      interrupt: null,
      flow,
      definitionHash,
      codec,
      instancePriority: 5,
      deadline: null,
      run: 1,
    });
    expect(typeof claim?.token).toBe("bigint");
  },

  "makes the caller the holder until the lease ends": async ({ given, clock }) => {
    await given.instance();
    const [claim] = await given.claim({ workerId: "worker-b", leaseMs: 5_000 });

    expect(await given.positionOf("order-1")).toMatchObject({
      ready: false,
      availableAt: clock.now() + 5_000,
      claim: { workerId: "worker-b", token: claim?.token, expiresAt: clock.now() + 5_000 },
    });
  },

  "gives nothing where there is nothing to take": async ({ given }) => {
    expect(await given.claim()).toEqual([]);
    await given.held();
    expect(await given.claim()).toEqual([]);
  },

  "gives at most as many as asked for": async ({ given }) => {
    for (const instanceId of ["a", "b", "c"]) await given.instance({ instanceId });

    expect((await given.claim({ limit: 2 })).map((claim) => claim.instanceId)).toEqual(["a", "b"]);
    expect((await given.claim({ limit: 2 })).map((claim) => claim.instanceId)).toEqual(["c"]);
  },

  "gives greater tokens from claim to claim, never one twice": async ({ given }) => {
    for (let index = 0; index < 5; index++) await given.instance({ instanceId: `order-${index}` });
    const tokens = [...(await given.claim({ limit: 3 })), ...(await given.claim())].map((claim) => claim.token);

    expect(new Set(tokens).size).toBe(5);
    expect(Math.max(...tokens.slice(0, 3).map(Number))).toBeLessThan(Math.min(...tokens.slice(3).map(Number)));
  },

  "never gives one position to two concurrent callers (INV-6)": async ({ backend, given }) => {
    await backend.createInstances(
      Array.from({ length: 40 }, (_, index) => given.newInstance({ instanceId: `order-${index}` })),
    );

    const claims = (
      await Promise.all(
        Array.from({ length: 8 }, (_, index) => given.claim({ workerId: `worker-${index}`, limit: 10 })),
      )
    ).flat();
    const rest = await given.claim();

    const ids = [...claims, ...rest].map((claim) => claim.instanceId);
    expect(ids).toHaveLength(40);
    expect(new Set(ids).size).toBe(40);
  },

  "gives only positions of the lanes asked for": async ({ given }) => {
    const other = "f".repeat(64);
    await given.instance({ instanceId: "a" });
    await given.instance({ instanceId: "b", definitionHash: other });
    await given.instance({ instanceId: "c", codec: "other", at: { lane: given.lane({ codec: "other" }) } });
    await given.instance({ instanceId: "d", at: { lane: given.lane({ tags: ["gpu"] }) } });
    await given.instance({ instanceId: "e", at: { lane: given.lane({ tags: ["eu", "gpu"] }) } });

    expect(await given.claim({ lanes: [] })).toEqual([]);
    expect(await given.claim({ lanes: [given.lane({ tags: ["eu"] })] })).toEqual([]);
    expect(
      (await given.claim({ lanes: [given.lane({ tags: ["eu", "gpu"] })] })).map((claim) => claim.instanceId),
    ).toEqual(["e"]);
    expect(
      (await given.claim({ lanes: [given.lane({ codec: "other" }), given.lane({ definitionHash: other })] })).map(
        (claim) => claim.instanceId,
      ),
    ).toEqual(["b", "c"]);
    expect((await given.claim({ lanes: [given.lane(), given.lane()] })).map((claim) => claim.instanceId)).toEqual([
      "a",
    ]);
  },

  "gives positions of one instance, whatever their lane": async ({ given }) => {
    await given.instance({ instanceId: "a", at: { lane: given.lane({ tags: ["gpu"] }) } });
    await given.instance({ instanceId: "b" });

    expect((await given.claim({ instanceId: "a", lanes: [] })).map((claim) => claim.instanceId)).toEqual(["a"]);
    expect(await given.claim({ instanceId: "a", lanes: [given.lane()] })).toEqual([]);
    expect(await given.claim({ instanceId: "nowhere" })).toEqual([]);
  },

  "follows a position into the lane of its next task": async ({ given }) => {
    const claim = await given.held();
    const to = given.standing({ taskId: "second", lane: given.lane({ tags: ["gpu"] }) });
    await given.accepted(claim, { kind: "park", to, wakeAfterMs: 0 });

    expect(await given.claim()).toEqual([]);
    expect(await given.claim({ lanes: [given.lane({ tags: ["gpu"] })] })).toMatchObject([{ taskId: "second" }]);
  },

  "refuses requests that make no sense": async ({ given }) => {
    const wrong: Partial<Record<keyof ClaimRequest, unknown>>[] = [
      { limit: 0 },
      { limit: 10_001 },
      { limit: 1.5 },
      { limit: Number.NaN },
      { leaseMs: 0 },
      { leaseMs: -5 },
      { leaseMs: Infinity },
      { leaseMs: "5s" },
      { lanes: undefined },
      { lanes: [{}] },
      { lanes: "all" },
    ];
    for (const parts of wrong) await expectRefusal(given.claim(parts as Partial<ClaimRequest>), "INVALID_ARGUMENT");
  },
};

export const comingDueTests: ConformanceTests = {
  "gives a delay when its time has come, never before (INV-10)": async ({ given }) => {
    await given.asleep(10_000);
    given.after(9_999);
    expect(await given.claim()).toEqual([]);
    expect(await given.claim({ instanceId: "order-1" })).toEqual([]);
    given.after(1);

    expect(await given.claim()).toMatchObject([{ taskId: "rest", kind: "delay", armed: true, due: true, lost: 0 }]);
  },

  "gives a wait when its time limit has passed": async ({ given }) => {
    await given.parked({ timeoutMs: 10_000 });
    given.after(9_999);
    expect(await given.claim()).toEqual([]);
    given.after(1);

    expect(await given.claim()).toMatchObject([
      { taskId: "payment", kind: "wait", event: "paid", armed: true, due: true, recorded: null },
    ]);
  },

  "never gives a wait without a time limit that no event has come for": async ({ given }) => {
    await given.parked();
    given.after(1_000 * DAY);

    expect(await given.claim()).toEqual([]);
  },

  "gives a delay of nothing at once": async ({ given }) => {
    await given.asleep(0);

    expect(await given.claim()).toMatchObject([{ taskId: "rest", armed: false, due: false }]);
  },

  "gives a position whose lease was lost to the next caller, and counts it": async ({ given }) => {
    const lost = await given.held();
    given.after(59_999);
    expect(await given.claim()).toEqual([]);
    given.after(1);
    const [taken] = await given.claim({ workerId: "worker-b" });

    expect(taken).toMatchObject({ taskId: "first", attempt: 1, lost: 1 });
    expect(taken?.token).toBeGreaterThan(lost.token);
    expect(await given.commit(aCheckpoint(lost))).toEqual({ kind: "fenced" });
  },

  "counts leases lost in a row until there is progress": async ({ given }) => {
    await given.instance();
    for (const lost of [0, 1, 2]) {
      expect(await given.claimOf("order-1")).toMatchObject({ lost });
      given.after(60_000);
    }
    const claim = await given.claimOf("order-1");
    expect(claim.lost).toBe(3);
    await given.accepted(claim, { kind: "park", to: given.standing({ attempt: 2 }), wakeAfterMs: 0 });

    expect(await given.claimOf("order-1")).toMatchObject({ attempt: 2, lost: 0 });
  },

  "gives all that came due at once": async ({ backend, given }) => {
    await backend.createInstances(
      Array.from({ length: 60 }, (_, index) => given.newInstance({ instanceId: `order-${index}`, wakeAfterMs: 1_000 })),
    );
    given.after(1_000);
    const claims = [];
    for (let round = 0; round < 60 && claims.length < 60; round++) claims.push(...(await given.claim({ limit: 20 })));

    expect(new Set(claims.map((claim) => claim.instanceId)).size).toBe(60);
  },

  "never gives a position of a paused instance, also where a lease was lost": async ({ backend, given }) => {
    await given.held();
    await backend.requestControl("order-1", "pause", {});
    given.after(DAY);

    expect(await given.claim()).toEqual([]);
    expect(await given.claim({ instanceId: "order-1" })).toEqual([]);
    await backend.unpause("order-1");
    expect(await given.claim()).toHaveLength(1);
  },
};

export const claimedInputTests: ConformanceTests = {
  "gives the instance's input where there is no inputRef": async ({ given }) => {
    expect((await given.held({ input: bytesOf("7") })).input).toEqual(bytesOf("7"));
  },

  "gives an empty input as it is": async ({ given }) => {
    expect((await given.held({ input: new Uint8Array() })).input).toEqual(new Uint8Array());
  },

  "gives the recorded output under inputRef": async ({ given }) => {
    const claim = await given.held();
    await given.accepted(
      claim,
      { kind: "park", to: given.standing({ taskId: "second", inputRef: "first" }), wakeAfterMs: 0 },
      [anEntry({ output: bytesOf("8") })],
    );

    expect(await given.claimOf("order-1")).toMatchObject({ inputRef: "first", input: bytesOf("8") });
  },

  "gives the output that the one under inputRef passes on": async ({ given }) => {
    const claim = await given.held();
    const rest = anEntry({ taskId: "rest", kind: "delay", output: null, outputRef: "first" });
    const branch = anEntry({ taskId: "both/a", kind: "branch", output: null, outputRef: "rest" });
    await given.accepted(claim, { kind: "advance", to: given.delay({ inputRef: "first" }) }, [
      anEntry({ output: bytesOf("8") }),
    ]);
    await given.accepted(
      claim,
      { kind: "park", to: given.standing({ taskId: "second", inputRef: "both/a" }), wakeAfterMs: 0 },
      [rest, branch],
    );

    expect((await given.claimOf("order-1")).input).toEqual(bytesOf("8"));
  },

  "gives the instance's input where that is passed on": async ({ given }) => {
    const claim = await given.held({ at: given.delay(), input: bytesOf("7") });
    const rest = anEntry({ taskId: "rest", kind: "delay", output: null, outputRef: null });
    await given.accepted(claim, { kind: "park", to: given.standing({ inputRef: "rest" }), wakeAfterMs: 0 }, [rest]);

    expect((await given.claimOf("order-1")).input).toEqual(bytesOf("7"));
  },

  "gives null for a join, and after a timed-out wait": async ({ backend, given }) => {
    const claim = await given.held({ at: given.wait() });
    const timedOut = anEntry({ taskId: "payment", kind: "wait", outcome: "timed_out", output: null });
    await given.accepted(claim, { kind: "park", to: given.standing({ inputRef: "payment" }), wakeAfterMs: 0 }, [
      timedOut,
    ]);
    expect((await given.claimOf("order-1")).input).toBeNull();

    const { branches } = await given.forked(["a"], { instanceId: "order-2" });
    const { granted } = await given.accepted(branches["a"]!, { kind: "endBranch", joinPath: "" });
    await backend.releaseClaims(granted.map((join) => ({ instanceId: "order-2", ...join })));
    expect(await given.claimOf("order-2")).toMatchObject({ kind: "join", input: null });
  },

  "gives the outcome that is recorded already": async ({ backend, given }) => {
    const claim = await given.held({ at: given.wait() });
    const timedOut = anEntry({ taskId: "payment", kind: "wait", outcome: "timed_out", output: null });
    await given.accepted(claim, { kind: "park", to: given.wait(), wakeAfterMs: 0 }, [timedOut]);
    expect((await given.claimOf("order-1")).recorded).toEqual({ outcome: "timed_out", output: null });

    await given.instance({ instanceId: "order-2" });
    await backend.saveTaskResult("order-2", "first", new Uint8Array());
    expect((await given.claimOf("order-2")).recorded).toEqual({ outcome: "completed", output: new Uint8Array() });
  },

  "takes no failed attempt for an outcome": async ({ given }) => {
    const claim = await given.held();
    const failed = anEntry({ outcome: "failed", output: null, failure: bytesOf("3") });
    await given.accepted(claim, { kind: "park", to: given.standing({ attempt: 2 }), wakeAfterMs: 0 }, [failed]);

    expect(await given.claimOf("order-1")).toMatchObject({ attempt: 2, recorded: null });
  },

  "gives branches the input that the fork had": async ({ given }) => {
    const claim = await given.held({ input: bytesOf("7") });
    await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "second" }) }, [
      anEntry({ output: bytesOf("8") }),
    ]);
    const move = given.forkMove("both", ["a"]);
    const branches = [aNewPosition({ path: "both/a", standing: given.standing({ taskId: "a", inputRef: "first" }) })];
    await given.accepted(claim, { ...move, branches });

    expect(await given.claimOf("order-1")).toMatchObject({ path: "both/a", input: bytesOf("8") });
  },

  "copies what it gives": async ({ backend, given }) => {
    const claim = await given.held();
    claim.input?.fill(0);
    await backend.releaseClaims([claim]);

    expect((await given.claimOf("order-1", holder)).input).toEqual(bytesOf("1"));
  },
};
