import { expect } from "vitest";
import { aCheckpoint, anEntry, bytesOf } from "../builders.ts";
import { holder } from "./given.ts";
import type { ConformanceTests } from "./suite.ts";

const DAY = 86_400_000;

export const advanceTests: ConformanceTests = {
  "moves the position on, and its worker keeps the claim": async ({ given, clock }) => {
    const claim = await given.held();
    given.after(1_000);

    const to = given.standing({ taskId: "second", inputRef: "first", attempt: 2, priority: 1 });
    expect(await given.accepted(claim, { kind: "advance", to }, [anEntry()])).toEqual({
      kind: "accepted",
      kept: true,
      interrupt: null,
      granted: [],
    });

    expect(await given.positionOf("order-1")).toMatchObject({
      taskId: "second",
      inputRef: "first",
      attempt: 2,
      priority: 1,
      ready: false,
      availableAt: clock.now() + 59_000,
      wakeAt: null,
      lost: 0,
      claim: { workerId: "worker-a", token: claim.token, expiresAt: clock.now() + 59_000 },
    });
    expect(await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "third" }) })).toMatchObject({
      kept: true,
    });
  },

  "appends the entries, with who wrote them, where and when": async ({ given, clock }) => {
    const claim = await given.held();
    given.after(7);
    await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "second" }) }, [
      anEntry({ durationMs: 12, decision: "done" }),
    ]);

    const entry = await given.entryOf("order-1", "first");
    expect(entry).toEqual({
      ...anEntry({ durationMs: 12, decision: "done" }),
      sequence: entry?.sequence,
      path: "",
      workerId: "worker-a",
      at: clock.now(),
    });
  },

  "appends several entries in their order": async ({ given }) => {
    const claim = await given.held();
    const entries = [anEntry({ taskId: "z" }), anEntry({ taskId: "a", kind: "branch", output: null, outputRef: "z" })];
    await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "second" }) }, entries);

    expect(await given.historyOf("order-1")).toEqual(["z#1 completed", "a#1 completed"]);
  },

  "is accepted with an expired lease that nobody has taken over": async ({ given }) => {
    const claim = await given.held();
    given.after(DAY);

    expect(await given.commit(aCheckpoint(claim))).toMatchObject({ kind: "accepted" });
  },

  "copies the output": async ({ backend, given }) => {
    const claim = await given.held();
    const output = bytesOf("8");
    await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "second" }) }, [anEntry({ output })]);
    output.fill(0);
    (await backend.readHistory("order-1"))[0]?.output?.fill(0);

    expect((await given.entryOf("order-1", "first"))?.output).toEqual(bytesOf("8"));
  },

  "runs a loop of many iterations": async ({ backend, given }) => {
    const claim = await given.held({ at: { taskId: "poll[0]" } });
    for (let index = 0; index < 300; index++) {
      await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: `poll[${index + 1}]` }) }, [
        anEntry({ taskId: `poll[${index}]`, kind: "loop" }),
      ]);
    }

    expect(await backend.findLastIteration("order-1", "poll")).toBe("poll[299]");
  },
};

export const parkTests: ConformanceTests = {
  "gives the claim up: the position is ready at once": async ({ given, clock }) => {
    const claim = await given.held();
    const to = given.standing({ taskId: "second" });
    expect(await given.accepted(claim, { kind: "park", to, wakeAfterMs: 0 })).toEqual({
      kind: "accepted",
      kept: false,
      interrupt: null,
      granted: [],
    });

    expect(await given.positionOf("order-1")).toMatchObject({
      taskId: "second",
      ready: true,
      availableAt: clock.now(),
      wakeAt: null,
      claim: null,
    });
    expect(await given.commit(aCheckpoint(claim))).toEqual({ kind: "fenced" });
    expect(await given.claim()).toHaveLength(1);
  },

  "lets the position sleep": async ({ given, clock }) => {
    const claim = await given.held();
    await given.accepted(claim, { kind: "park", to: given.standing({ attempt: 2 }), wakeAfterMs: 5_000 });

    expect(await given.positionOf("order-1")).toMatchObject({
      ready: false,
      availableAt: clock.now() + 5_000,
      wakeAt: clock.now() + 5_000,
      claim: null,
    });
    given.after(5_000);
    expect(await given.claim()).toMatchObject([{ attempt: 2, armed: true, due: true }]);
  },

  "sleeps for twenty-five days, and for a hundred years": async ({ given }) => {
    const first = await given.held({ instanceId: "a" });
    await given.accepted(first, { kind: "park", to: given.delay(), wakeAfterMs: 25 * DAY });
    const second = await given.held({ instanceId: "b" });
    await given.accepted(second, { kind: "park", to: given.delay(), wakeAfterMs: 36_525 * DAY });
    given.after(25 * DAY - 1);
    expect(await given.claim()).toEqual([]);
    given.after(1);
    expect((await given.claim()).map((claim) => claim.instanceId)).toEqual(["a"]);
    given.after(36_500 * DAY - 1);
    expect((await given.claim()).map((claim) => claim.instanceId)).toEqual(["a"]);
    given.after(1);

    expect((await given.claim({ leaseMs: 1 })).map((claim) => claim.instanceId)).toEqual(["b"]);
  },

  "lets the position wait to be woken": async ({ given }) => {
    const claim = await given.held();
    await given.accepted(claim, { kind: "park", to: given.standing({ taskId: "second" }), wakeAfterMs: null });
    given.after(1_000 * DAY);

    expect(await given.claim()).toEqual([]);
  },
};

export const awaitTests: ConformanceTests = {
  "parks the position until its event comes": async ({ given, clock }) => {
    const claim = await given.held();
    expect(await given.accepted(claim, { kind: "await", to: given.wait(), timeoutMs: 5_000 })).toEqual({
      kind: "accepted",
      kept: false,
      interrupt: null,
      granted: [],
    });

    expect(await given.positionOf("order-1")).toMatchObject({
      taskId: "payment",
      kind: "wait",
      event: "paid",
      ready: false,
      availableAt: clock.now() + 5_000,
      wakeAt: clock.now() + 5_000,
      claim: null,
    });
  },

  "does not park it if an event is buffered: the worker keeps the claim and looks again": async ({
    backend,
    given,
    clock,
  }) => {
    const claim = await given.held();
    await backend.sendEvent("order-1", "paid", bytesOf("7"));
    expect(await given.accepted(claim, { kind: "await", to: given.wait(), timeoutMs: 5_000 })).toMatchObject({
      kept: true,
    });

    expect(await given.positionOf("order-1")).toMatchObject({
      taskId: "payment",
      wakeAt: clock.now() + 5_000,
      claim: { token: claim.token },
    });
    expect(await backend.peekEvent("order-1", "paid")).not.toBeNull();
  },

  "parks it beside a buffered event of another name": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.sendEvent("order-1", "refunded", bytesOf("7"));

    expect(await given.accepted(claim, { kind: "await", to: given.wait(), timeoutMs: null })).toMatchObject({
      kept: false,
    });
  },

  "counts the time limit from now, or leaves it as it is": async ({ backend, given, clock }) => {
    await given.parked({ timeoutMs: 10_000 });
    const end = clock.now() + 10_000;
    await backend.storeSignal("order-1", "pause", {});
    await backend.clearSignal("order-1", "pause");
    given.after(4_000);
    const claim = await given.claimOf("order-1");
    await given.accepted(claim, { kind: "await", to: given.wait(), timeoutMs: "keep" });

    expect(await given.positionOf("order-1")).toMatchObject({ availableAt: end, wakeAt: end });
  },

  "leaves a wait without a time limit without one": async ({ backend, given }) => {
    await given.parked();
    await backend.storeSignal("order-1", "pause", {});
    await backend.clearSignal("order-1", "pause");
    const claim = await given.claimOf("order-1");
    await given.accepted(claim, { kind: "await", to: given.wait(), timeoutMs: "keep" });

    expect(await given.positionOf("order-1")).toMatchObject({ availableAt: null, wakeAt: null });
  },
};

export const endTests: ConformanceTests = {
  "completes the instance with its last task, in one write": async ({ backend, given, clock }) => {
    const claim = await given.held();
    given.after(5);
    expect(await given.accepted(claim, { kind: "complete", output: bytesOf("9"), codec: "json" }, [anEntry()])).toEqual(
      {
        kind: "accepted",
        kept: false,
        interrupt: null,
        granted: [],
      },
    );

    expect(await given.stateOf("order-1")).toMatchObject({
      instance: { status: "completed", output: bytesOf("9"), failure: null, reason: null, endedAt: clock.now() },
      positions: [],
    });
    expect(await given.historyOf("order-1")).toEqual(["first#1 completed"]);
    expect((await backend.loadSnapshot("order-1")).results).toHaveLength(1);
  },

  "completes an instance with an empty output": async ({ given }) => {
    const claim = await given.held();
    await given.accepted(claim, { kind: "complete", output: new Uint8Array(), codec: "json" });

    expect((await given.stateOf("order-1")).instance).toMatchObject({ status: "completed", output: new Uint8Array() });
  },

  "fails the instance: all positions are gone, and whoever holds one is fenced": async ({ given, clock }) => {
    const { branches } = await given.forked(["a", "b", "c"]);
    const failed = anEntry({ taskId: "a", outcome: "failed", output: null, failure: bytesOf("3") });
    await given.accepted(branches["a"]!, given.failMove({ taskId: "a" }), [failed]);

    expect(await given.stateOf("order-1")).toMatchObject({
      instance: { status: "failed", output: null, failure: bytesOf("3"), endedAt: clock.now() },
      positions: [],
    });
    expect(
      await given.commit(
        aCheckpoint(branches["b"]!, { move: { kind: "endBranch", joinPath: "" }, entries: [anEntry({ taskId: "b" })] }),
      ),
    ).toEqual({ kind: "fenced" });
    expect(await given.historyOf("order-1")).toEqual(["a#1 failed"]);
    given.after(DAY);
    expect(await given.claim()).toEqual([]);
  },

  "clears pending requests": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.requestControl("order-1", "cancel", {});
    await given.accepted(claim, { kind: "complete", output: bytesOf("2"), codec: "json" });

    expect((await given.stateOf("order-1")).signals).toEqual([]);
    expect(await given.statusOf("order-1")).toBe("completed");
  },

  "lets one of two failures, and a completed branch, win (INV-11)": async ({ given }) => {
    for (let round = 0; round < 10; round++) {
      const instanceId = `order-${round}`;
      const { branches } = await given.forked(["a", "b"], { instanceId });

      const fates = await Promise.all([
        given.commit(aCheckpoint(branches["a"]!, { move: given.failMove({ taskId: "a" }), entries: [] })),
        given.commit(
          aCheckpoint(branches["b"]!, {
            move: { ...given.failMove({ taskId: "b" }), failure: bytesOf("4") },
            entries: [],
          }),
        ),
      ]);

      expect(fates.map((fate) => fate.kind).sort()).toEqual(["accepted", "fenced"]);
      const winner = fates[0].kind === "accepted" ? "3" : "4";
      expect((await given.stateOf(instanceId)).instance).toMatchObject({ status: "failed", failure: bytesOf(winner) });
    }
  },

  "ends a batch of instances at once": async ({ backend, given }) => {
    const claims = [];
    for (let index = 0; index < 30; index++) claims.push(await given.held({ instanceId: `order-${index}` }));

    const fates = await backend.commitCheckpoints(
      claims.map((claim) => aCheckpoint(claim)),
      holder,
    );

    expect(fates.every((fate) => fate.kind === "accepted")).toBe(true);
    expect(await backend.listInstances({ status: ["completed"] })).toHaveLength(30);
  },
};
