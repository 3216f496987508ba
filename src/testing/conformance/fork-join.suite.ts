import { expect } from "vitest";
import type { ClaimRef } from "../../snapshot/checkpoint.ts";
import { aCheckpoint, aForgedClaim, aNewPosition, anEntry, branchOf, bytesOf } from "../builders.ts";
import { holder } from "./given.ts";
import type { ConformanceTests } from "./suite.ts";

const DAY = 86_400_000;

export const forkTests: ConformanceTests = {
  "turns the position into the join, and starts the branches": async ({ given, clock }) => {
    const claim = await given.held();
    const move = {
      ...given.forkMove("both", ["a", "b", "c", "d"]),
      branches: [
        aNewPosition({ path: "both/a", standing: given.standing({ taskId: "a" }), claimed: true }),
        aNewPosition({ path: "both/b", standing: given.standing({ taskId: "b" }) }),
        aNewPosition({ path: "both/c", standing: given.delay({ taskId: "c" }), wakeAfterMs: 5_000 }),
        aNewPosition({ path: "both/d", standing: given.wait({ taskId: "d" }) }),
      ],
    };
    const fate = await given.accepted(claim, move, [anEntry()]);

    expect(fate).toEqual({
      kind: "accepted",
      kept: false,
      interrupt: null,
      granted: [{ path: "both/a", token: fate.granted[0]?.token }],
    });
    expect(fate.granted[0]?.token).toBeGreaterThan(claim.token);
    expect((await given.stateOf("order-1")).positions).toMatchObject([
      { path: "", taskId: "both", kind: "join", pending: 4, ready: false, availableAt: null, claim: null },
      {
        path: "both/a",
        taskId: "a",
        ready: false,
        availableAt: clock.now() + 60_000,
        claim: { workerId: "worker-a", token: fate.granted[0]?.token },
      },
      { path: "both/b", taskId: "b", ready: true, availableAt: clock.now(), claim: null },
      { path: "both/c", taskId: "c", ready: false, availableAt: clock.now() + 5_000, wakeAt: clock.now() + 5_000 },
      { path: "both/d", taskId: "d", ready: true, event: "paid" },
    ]);
  },

  "takes the claim on the trunk away: nobody holds the join": async ({ backend, given }) => {
    const claim = await given.held();
    await given.accepted(claim, given.forkMove("both", ["a"]));

    expect(await backend.renewClaims([claim], 1_000)).toEqual([{ held: false, interrupt: null }]);
    expect(await given.commit(aCheckpoint(claim))).toEqual({ kind: "fenced" });
  },

  "lets other workers take branches that are not claimed": async ({ given }) => {
    const claim = await given.held();
    await given.accepted(claim, given.forkMove("both", ["a", "b"], { claimed: false }));

    expect(await given.claim({ workerId: "worker-b", limit: 1 })).toMatchObject([{ path: "both/a" }]);
    expect(await given.claim({ workerId: "worker-c" })).toMatchObject([{ path: "both/b" }]);
  },

  "forks into a hundred branches": async ({ backend, given }) => {
    const names = Array.from({ length: 100 }, (_, index) => `b${index}`);
    const { branches } = await given.forked(names);
    const ends = names.map((name) =>
      aCheckpoint(branches[name] ?? aForgedClaim(), {
        move: { kind: "endBranch", joinPath: "" },
        entries: [anEntry({ taskId: name })],
      }),
    );

    const fates = await backend.commitCheckpoints(ends, holder);

    const granted = fates.flatMap((fate) => (fate.kind === "accepted" ? fate.granted : []));
    expect(granted).toMatchObject([{ path: "" }]);
    expect(await backend.loadResults("order-1", names)).toHaveLength(100);
  },
};

export const endBranchTests: ConformanceTests = {
  "counts the join down; the branch is gone": async ({ given }) => {
    const { branches } = await given.forked(["a", "b"]);
    const fate = await given.accepted(branches["a"]!, { kind: "endBranch", joinPath: "" }, [anEntry({ taskId: "a" })]);

    expect(fate).toEqual({ kind: "accepted", kept: false, interrupt: null, granted: [] });
    expect((await given.stateOf("order-1")).positions).toMatchObject([
      { path: "", kind: "join", pending: 1, ready: false, availableAt: null },
      { path: "both/b" },
    ]);
  },

  "gives the join to the worker that closes it": async ({ given, clock }) => {
    const { branches } = await given.forked(["a", "b"]);
    await given.accepted(branches["b"]!, { kind: "endBranch", joinPath: "" });
    const fate = await given.accepted(branches["a"]!, { kind: "endBranch", joinPath: "" });

    const [join] = fate.granted;
    expect(fate).toMatchObject({ kept: false, granted: [{ path: "" }] });
    expect(join?.token).toBeGreaterThan(branches["b"]?.token ?? 0n);
    expect((await given.stateOf("order-1")).positions).toMatchObject([
      {
        path: "",
        taskId: "both",
        pending: 0,
        ready: false,
        claim: { workerId: "worker-a", token: join?.token, expiresAt: clock.now() + 60_000 },
      },
    ]);
    expect(
      await given.commit(
        aCheckpoint(
          { instanceId: "order-1", path: "", token: join?.token ?? 0n },
          { entries: [anEntry({ taskId: "both", kind: "join" })] },
        ),
      ),
    ).toMatchObject({ kind: "accepted" });
  },

  "gives a closed join to others once the lease has expired": async ({ given }) => {
    const { branches } = await given.forked(["a"]);
    await given.accepted(branches["a"]!, { kind: "endBranch", joinPath: "" });
    given.after(60_000);

    expect(await given.claim({ workerId: "worker-b" })).toMatchObject([
      { taskId: "both", kind: "join", input: null, lost: 1 },
    ]);
  },

  "does not give the join to anybody before all branches have ended (INV-9)": async ({ given }) => {
    const { branches } = await given.forked(["a", "b", "c"]);
    await given.accepted(branches["a"]!, { kind: "endBranch", joinPath: "" });
    await given.accepted(branches["b"]!, { kind: "park", to: given.delay(), wakeAfterMs: DAY });
    given.after(DAY - 1);

    expect((await given.claim()).map((claim) => claim.path)).toEqual(["both/c"]);
  },

  "closes the join once where all branches end in parallel": async ({ given }) => {
    for (let round = 0; round < 10; round++) {
      const instanceId = `order-${round}`;
      const names = ["a", "b", "c", "d"];
      const { branches } = await given.forked(names, { instanceId });

      const fates = await Promise.all(
        names.map((name) =>
          given.accepted(branches[name]!, { kind: "endBranch", joinPath: "" }, [anEntry({ taskId: name })]),
        ),
      );

      expect(fates.flatMap((fate) => fate.granted)).toMatchObject([{ path: "" }]);
      expect((await given.stateOf(instanceId)).positions).toMatchObject([{ path: "", kind: "join", pending: 0 }]);
    }
  },

  "closes the join once where its branches end in one batch": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b", "c"]);
    const ends = Object.entries(branches).map(([name, claim]) =>
      aCheckpoint(claim, { move: { kind: "endBranch", joinPath: "" }, entries: [anEntry({ taskId: name })] }),
    );

    const fates = await backend.commitCheckpoints(ends, holder);

    expect(fates.flatMap((fate) => (fate.kind === "accepted" ? fate.granted : []))).toMatchObject([{ path: "" }]);
  },

  "counts no branch that is fenced": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    const end = { move: { kind: "endBranch", joinPath: "" }, entries: [] } as const;

    const fates = await backend.commitCheckpoints(
      [aCheckpoint(branches["a"]!, end), aCheckpoint(aForgedClaim("order-1", "both/b"), end)],
      holder,
    );

    expect(fates.map((fate) => fate.kind)).toEqual(["accepted", "fenced"]);
    expect(await given.positionOf("order-1")).toMatchObject({ pending: 1 });
    expect(await given.commit(aCheckpoint(branches["a"]!, end))).toEqual({ kind: "fenced" });
    expect(await given.positionOf("order-1")).toMatchObject({ pending: 1 });
  },

  "counts down an outer join by the end of an inner one": async ({ given }) => {
    const outer = await given.forked(["x", "y"]);
    const inner = await given.fork(outer.branches["x"]!, "inner", ["p", "q"]);
    expect(inner.joinPath).toBe("both/x");
    await given.accepted(inner.branches["p"]!, { kind: "endBranch", joinPath: "both/x" });
    const closed = await given.accepted(inner.branches["q"]!, { kind: "endBranch", joinPath: "both/x" });
    expect(closed.granted).toMatchObject([{ path: "both/x" }]);
    await given.accepted(outer.branches["y"]!, { kind: "endBranch", joinPath: "" });

    const [innerJoin] = closed.granted;
    const fate = await given.accepted(
      { instanceId: "order-1", path: "both/x", token: innerJoin?.token ?? 0n },
      { kind: "endBranch", joinPath: "" },
    );
    expect(fate.granted).toMatchObject([{ path: "" }]);
    expect((await given.stateOf("order-1")).positions).toHaveLength(1);
  },

  "starts a branch that is a fork itself as a join": async ({ given }) => {
    const claim = await given.held();
    const inner = given.standing({ taskId: "inner", kind: "join", pending: 1 });
    const move = {
      ...given.forkMove("both", ["x"]),
      branches: [
        aNewPosition({ path: "both/x", standing: inner, wakeAfterMs: null }),
        aNewPosition({ path: branchOf("inner", "p"), standing: given.standing({ taskId: "p" }), claimed: true }),
      ],
    };
    const { granted } = await given.accepted(claim, move);
    expect(await given.claim()).toEqual([]);
    const p: ClaimRef = { instanceId: "order-1", path: "inner/p", token: granted[0]?.token ?? 0n };

    expect((await given.accepted(p, { kind: "endBranch", joinPath: "both/x" })).granted).toMatchObject([
      { path: "both/x" },
    ]);
  },

  "lets the instance go on from the join to its end": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    await given.accepted(branches["a"]!, { kind: "endBranch", joinPath: "" }, [anEntry({ taskId: "a" })]);
    const { granted } = await given.accepted(branches["b"]!, { kind: "endBranch", joinPath: "" }, [
      anEntry({ taskId: "b" }),
    ]);
    const join: ClaimRef = { instanceId: "order-1", path: "", token: granted[0]?.token ?? 0n };
    await given.accepted(join, { kind: "complete", output: bytesOf("9"), codec: "json" }, [
      anEntry({ taskId: "both", kind: "join" }),
    ]);

    expect(await given.statusOf("order-1")).toBe("completed");
    const sequences = (await backend.readHistory("order-1")).map((entry) => entry.taskId);
    expect(sequences.at(-1)).toBe("both");
  },
};

export const interruptedMovesTests: ConformanceTests = {
  "gives up the claim of an advance, a park, and a wait, and tells why": async ({ backend, given, clock }) => {
    for (const interrupt of ["pause", "cancel"] as const) {
      const claims = [
        await given.held({ instanceId: `${interrupt}-a` }),
        await given.held({ instanceId: `${interrupt}-b` }),
        await given.held({ instanceId: `${interrupt}-c` }),
      ] as const;
      for (const claim of claims) await backend.storeSignal(claim.instanceId, interrupt, {});

      expect(
        await given.accepted(claims[0], { kind: "advance", to: given.standing({ taskId: "second" }) }),
      ).toMatchObject({ kept: false, interrupt });
      expect(
        await given.accepted(claims[1], { kind: "park", to: given.standing({ taskId: "second" }), wakeAfterMs: DAY }),
      ).toMatchObject({ kept: false, interrupt });
      expect(await given.accepted(claims[2], { kind: "await", to: given.wait(), timeoutMs: null })).toMatchObject({
        kept: false,
        interrupt,
      });

      for (const claim of claims) {
        expect(await given.positionOf(claim.instanceId)).toMatchObject({ ready: false, interrupt, claim: null });
        // Soon: whoever was to act on the request may have died.
        expect((await given.positionOf(claim.instanceId))?.availableAt).toBeLessThanOrEqual(clock.now() + 1_000);
      }
    }
  },

  "keeps the time at which a position wakes by itself": async ({ backend, given, clock }) => {
    const claim = await given.held();
    await backend.storeSignal("order-1", "pause", {});
    await given.accepted(claim, { kind: "park", to: given.delay(), wakeAfterMs: 5_000 });
    const wakeAt = clock.now() + 5_000;
    expect(await given.positionOf("order-1")).toMatchObject({ wakeAt });
    await backend.clearSignal("order-1", "pause");

    expect(await given.positionOf("order-1")).toMatchObject({ ready: false, availableAt: wakeAt, interrupt: null });
  },

  "forks without giving anybody a branch": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.storeSignal("order-1", "cancel", {});
    const fate = await given.accepted(claim, given.forkMove("both", ["a", "b"]));

    expect(fate).toMatchObject({ kept: false, interrupt: "cancel", granted: [] });
    expect(await given.claim()).toEqual([]);
    given.after(1_000);
    expect((await given.claim()).every((one) => one.interrupt === "cancel")).toBe(true);
  },

  "keeps a paused fork out of reach until it goes on": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.requestControl("order-1", "pause", {});
    await given.accepted(claim, given.forkMove("both", ["a", "b"]));
    given.after(DAY);
    expect(await given.claim()).toEqual([]);
    await backend.unpause("order-1");

    expect((await given.claim()).map((one) => one.path)).toEqual(["both/a", "both/b"]);
  },

  "closes a join without giving it to anybody": async ({ backend, given }) => {
    const { branches } = await given.forked(["a"]);
    await backend.storeSignal("order-1", "pause", {});

    expect(await given.accepted(branches["a"]!, { kind: "endBranch", joinPath: "" })).toMatchObject({
      kept: false,
      interrupt: "pause",
      granted: [],
    });
    await backend.clearSignal("order-1", "pause");
    expect(await given.claim()).toMatchObject([{ taskId: "both", kind: "join" }]);
  },

  "completes, and fails, in spite of a request": async ({ backend, given }) => {
    const first = await given.held({ instanceId: "a" });
    const second = await given.held({ instanceId: "b" });
    await backend.storeSignal("a", "cancel", {});
    await backend.storeSignal("b", "pause", {});
    await given.accepted(first, { kind: "complete", output: bytesOf("2"), codec: "json" });
    await given.accepted(second, given.failMove());

    expect([await given.statusOf("a"), await given.statusOf("b")]).toEqual(["completed", "failed"]);
  },
};
