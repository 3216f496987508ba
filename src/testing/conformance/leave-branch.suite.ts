import { expect } from "vitest";
import type { ClaimRef, LeaveBranch } from "../../snapshot/checkpoint.ts";
import { aCheckpoint, aForgedClaim, anEntry, bytesOf } from "../builders.ts";
import { type Given, holder } from "./given.ts";
import type { ConformanceTests } from "./suite.ts";

const DAY = 86_400_000;

/** The move with which a branch of the fork "both" on the trunk is left. */
export function leaving(branch: string, overrides: Partial<LeaveBranch> = {}): LeaveBranch {
  return {
    kind: "leaveBranch",
    path: `both/${branch}`,
    joinPath: "",
    within: "both/",
    closes: false,
    mostFailed: null,
    ...overrides,
  };
}

export function failureOf(taskId: string): ReturnType<typeof anEntry> {
  return anEntry({ taskId, kind: "branch", outcome: "tolerated", output: null, failure: bytesOf("3") });
}

export async function pathsOf(given: Given): Promise<string[]> {
  return (await given.stateOf("order-1")).positions.map(({ path }) => path);
}

/** A fork into "a", "b" and "c"; "a" has forked into "p" and "q", and "q" sleeps. */
async function nested(
  given: Given,
): Promise<{ readonly p: ClaimRef; readonly b: ClaimRef; readonly c: ClaimRef; readonly q: ClaimRef }> {
  const { branches } = await given.forked(["a", "b", "c"]);
  const inner = await given.fork(branches["a"]!, "both/a/inner", ["p", "q"]);
  const q = inner.branches["q"]!;
  await given.accepted(q, { kind: "park", to: given.delay({ taskId: "both/a/rest" }), wakeAfterMs: DAY });
  return { p: inner.branches["p"]!, q, b: branches["b"]!, c: branches["c"]! };
}

export const leaveBranchTests: ConformanceTests = {
  "takes away the branch, and counts the join down": async ({ given }) => {
    const { branches } = await given.forked(["a", "b"]);
    const fate = await given.accepted(branches["a"]!, leaving("a"), [failureOf("both/a")]);

    expect(fate).toEqual({ kind: "accepted", kept: false, interrupt: null, granted: [] });
    expect((await given.stateOf("order-1")).positions).toMatchObject([
      { path: "", kind: "join", pending: 1, ready: false, availableAt: null, claim: null, items: null },
      { path: "both/b", claim: { token: branches["b"]!.token } },
    ]);
    expect(await given.entryOf("order-1", "both/a")).toMatchObject({
      path: "both/a",
      kind: "branch",
      outcome: "tolerated",
      output: null,
      failure: bytesOf("3"),
      workerId: "worker-a",
    });
  },

  "takes away all that stands in the branch, also nested joins, whoever holds it": async ({ backend, given }) => {
    const { p, b, c } = await nested(given);
    expect(await pathsOf(given)).toEqual(["", "both/a", "both/a/inner/p", "both/a/inner/q", "both/b", "both/c"]);
    await given.accepted(p, leaving("a"));

    expect(await pathsOf(given)).toEqual(["", "both/b", "both/c"]);
    expect(await backend.renewClaims([p, b, c], 1_000)).toMatchObject([
      { held: false },
      { held: true },
      { held: true },
    ]);
  },

  "fences whoever holds something in the branch": async ({ given }) => {
    const { branches } = await given.forked(["a", "b"]);
    const inner = await given.fork(branches["a"]!, "both/a/inner", ["p", "q"]);
    await given.accepted(inner.branches["p"]!, leaving("a"));
    const before = await given.seen("order-1");

    const q = inner.branches["q"]!;
    const moves = [
      { kind: "advance", to: given.standing({ taskId: "both/a/next" }) },
      { kind: "endBranch", joinPath: "both/a" },
      leaving("a"),
      given.failMove(),
    ] as const;
    for (const move of moves)
      expect(await given.commit(aCheckpoint(q, { move, entries: [anEntry({ taskId: "q" })] }))).toEqual({
        kind: "fenced",
      });
    expect(await given.seen("order-1")).toEqual(before);
  },

  "leaves alone branches whose names begin alike": async ({ given }) => {
    const { branches } = await given.forked(["a", "a-b", "aa", "a.b"]);
    await given.accepted(branches["a"]!, leaving("a"));

    expect(await pathsOf(given)).toEqual(["", "both/a-b", "both/a.b", "both/aa"]);
  },

  "keeps what has been recorded in the branch": async ({ backend, given }) => {
    const { p } = await nested(given);
    await given.accepted(p, leaving("a"), [anEntry({ taskId: "both/a/p" }), failureOf("both/a")]);

    expect(await backend.loadResults("order-1", ["both/a/p", "both/a"])).toHaveLength(2);
  },

  "gives the join to the worker that leaves the last branch": async ({ given, clock }) => {
    const { branches } = await given.forked(["a", "b"]);
    await given.accepted(branches["b"]!, { kind: "endBranch", joinPath: "" });
    const inner = await given.fork(branches["a"]!, "both/a/inner", ["p", "q"]);
    const { granted } = await given.accepted(inner.branches["q"]!, leaving("a"));

    expect(granted.map(({ path }) => path)).toEqual([""]);
    expect(granted[0]?.token).toBeGreaterThan(inner.branches["q"]!.token);
    expect((await given.stateOf("order-1")).positions).toMatchObject([
      {
        path: "",
        taskId: "both",
        pending: 0,
        ready: false,
        claim: { workerId: "worker-a", token: granted[0]?.token, expiresAt: clock.now() + holder.leaseMs },
      },
    ]);
  },

  "gives a join that it has closed to others once the lease has expired": async ({ given }) => {
    const { branches } = await given.forked(["a", "b"]);
    await given.accepted(branches["a"]!, leaving("a", { closes: true }));
    given.after(holder.leaseMs);

    expect(await given.claim({ workerId: "worker-b" })).toMatchObject([{ path: "", taskId: "both", kind: "join" }]);
  },

  "counts down an inner join, and leaves the outer one as it is": async ({ given }) => {
    const { branches } = await given.forked(["a", "b"]);
    const inner = await given.fork(branches["a"]!, "both/a/inner", ["p", "q"]);
    const move = leaving("a", { path: "both/a/inner/p", joinPath: "both/a", within: "both/a/inner/" });
    await given.accepted(inner.branches["p"]!, move);

    expect((await given.stateOf("order-1")).positions).toMatchObject([
      { path: "", pending: 2 },
      { path: "both/a", pending: 1 },
      { path: "both/a/inner/q" },
      { path: "both/b" },
    ]);
  },

  "tells where an outcome is recorded, and changes nothing": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    await backend.saveTaskResult("order-1", "both/a/work", bytesOf("7"));
    const before = await given.seen("order-1");

    for (const attempt of [1, 2]) {
      const entries = [failureOf("both/a"), anEntry({ taskId: "both/a/work", attempt, outcome: "failed" })];
      expect(await given.commit(aCheckpoint(branches["a"]!, { move: leaving("a"), entries }))).toEqual({
        kind: "recorded",
      });
    }
    expect(await given.seen("order-1")).toEqual(before);
  },

  "is fenced where the claim does not hold, whatever is recorded": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    await backend.saveTaskResult("order-1", "both/a/work", bytesOf("7"));
    const before = await given.seen("order-1");

    const entries = [anEntry({ taskId: "both/a/work" })];
    for (const claim of [
      { ...branches["a"]!, token: 1n },
      aForgedClaim("order-1", "both/a"),
      aForgedClaim("order-1", "both/z"),
      aForgedClaim("nowhere", "both/a"),
    ])
      expect(await given.commit(aCheckpoint(claim, { move: leaving("a"), entries }))).toEqual({ kind: "fenced" });
    expect(await given.seen("order-1")).toEqual(before);
  },

  "is fenced where there is no join to count down, or it is closed already": async ({ given }) => {
    const { branches } = await given.forked(["a", "b"]);
    const before = await given.seen("order-1");
    for (const joinPath of ["elsewhere", "both/b"]) {
      const move = leaving("a", { joinPath });
      expect(await given.commit(aCheckpoint(branches["a"]!, { move, entries: [] }))).toEqual({ kind: "fenced" });
    }
    expect(await given.seen("order-1")).toEqual(before);

    await given.accepted(branches["b"]!, leaving("b", { closes: true }));
    const closed = await given.seen("order-1");
    expect(await given.commit(aCheckpoint(branches["a"]!, { move: leaving("a"), entries: [] }))).toEqual({
      kind: "fenced",
    });
    expect(await given.seen("order-1")).toEqual(closed);
  },

  "is fenced where the instance has ended": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    await backend.terminateInstance("order-1", {});

    expect(await given.commit(aCheckpoint(branches["a"]!, { move: leaving("a"), entries: [] }))).toEqual({
      kind: "fenced",
    });
  },

  "stores a duration that is no whole number of milliseconds": async ({ given }) => {
    const { branches } = await given.forked(["a", "b"]);
    await given.accepted(branches["a"]!, leaving("a"), [anEntry({ taskId: "both/a/work", durationMs: 12.4 })]);

    expect((await given.entryOf("order-1", "both/a/work"))?.durationMs).toBeCloseTo(12.4, 0);
  },

  "writes several in one batch, each with a fate of its own": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b", "c"]);
    const fates = await backend.commitCheckpoints(
      [
        aCheckpoint(branches["a"]!, { move: leaving("a"), entries: [failureOf("both/a")] }),
        aCheckpoint(aForgedClaim("order-1", "both/b"), { move: leaving("b"), entries: [] }),
        aCheckpoint(branches["c"]!, { move: { kind: "endBranch", joinPath: "" }, entries: [] }),
      ],
      holder,
    );

    expect(fates[1]).toEqual({ kind: "fenced" });
    expect([fates[0]?.kind, fates[2]?.kind]).not.toContain("fenced");
    for (const [index, name] of [
      [0, "a"],
      [2, "c"],
    ] as const) {
      if (fates[index]?.kind === "busy") await given.accepted(branches[name]!, leaving(name));
    }
    expect(await given.positionOf("order-1")).toMatchObject({ pending: 1 });
    expect(await pathsOf(given)).toEqual(["", "both/b"]);
  },
};

export const closingLeaveTests: ConformanceTests = {
  "closes the join at once, and takes away the other branches, whoever holds them": async ({ backend, given }) => {
    const { b, p, c } = await nested(given);
    const { granted } = await given.accepted(b, leaving("b", { closes: true }), [
      anEntry({ taskId: "both/b", kind: "branch" }),
    ]);

    expect(granted.map(({ path }) => path)).toEqual([""]);
    expect((await given.stateOf("order-1")).positions).toMatchObject([
      { path: "", pending: 0, claim: { token: granted[0]?.token } },
    ]);
    expect(await backend.renewClaims([p, b, c], 1_000)).toMatchObject([
      { held: false },
      { held: false },
      { held: false },
    ]);
    for (const claim of [p, b, c])
      expect(await given.commit(aCheckpoint(claim, { move: leaving("a"), entries: [] }))).toEqual({ kind: "fenced" });
  },

  "takes away nothing but the branches of this join": async ({ given }) => {
    const outer = await given.forked(["both", "bother", "x"]);
    const inner = await given.fork(outer.branches["both"]!, "both/both/race", ["a", "b"]);
    const move = leaving("", {
      path: "both/both/race/a",
      joinPath: "both/both",
      within: "both/both/race/",
      closes: true,
    });
    const { granted } = await given.accepted(inner.branches["a"]!, move);

    expect(granted.map(({ path }) => path)).toEqual(["both/both"]);
    expect(await pathsOf(given)).toEqual(["", "both/both", "both/bother", "both/x"]);
    expect(await given.positionOf("order-1")).toMatchObject({ pending: 3 });
  },

  "takes away branches that sleep, wait, or are ready": async ({ given }) => {
    const { branches } = await given.forked(["a", "b", "c", "d"]);
    await given.accepted(branches["b"]!, { kind: "park", to: given.delay(), wakeAfterMs: 5_000 });
    await given.accepted(branches["c"]!, { kind: "await", to: given.wait(), timeoutMs: 5_000 });
    await given.accepted(branches["d"]!, { kind: "park", to: given.standing({ taskId: "d" }), wakeAfterMs: 0 });
    await given.accepted(branches["a"]!, leaving("a", { closes: true }));
    given.after(DAY);

    expect((await given.claim()).map(({ path }) => path)).toEqual([""]);
  },

  "has one winner where several branches would close the join": async ({ given }) => {
    for (let round = 0; round < 10; round++) {
      const instanceId = `order-${round}`;
      const names = ["a", "b", "c", "d"];
      const { branches } = await given.forked(names, { instanceId });
      const fates = await Promise.all(
        names.map((name) =>
          given.commit(
            aCheckpoint(branches[name]!, {
              move: leaving(name, { closes: true }),
              entries: [anEntry({ taskId: `both/${name}`, kind: "branch" })],
            }),
          ),
        ),
      );

      expect(fates.map((fate) => fate.kind).sort()).toEqual(["accepted", "fenced", "fenced", "fenced"]);
      expect(await given.historyOf(instanceId)).toHaveLength(1);
      expect((await given.stateOf(instanceId)).positions).toMatchObject([{ path: "", pending: 0 }]);
    }
  },
};
