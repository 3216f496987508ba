import { expect } from "vitest";
import type { ClaimRef, Move, NewPosition } from "../../snapshot/checkpoint.ts";
import type { NewEntry } from "../../snapshot/snapshot.ts";
import type { Backend } from "../../store/backend.ts";
import { aCheckpoint, aForgedClaim, aNewPosition, anEntry, bytesOf, textOf } from "../builders.ts";
import { type Given, holder } from "./given.ts";
import type { ConformanceTests } from "./suite.ts";

/** The next run, held at its first task unless said otherwise. */
function restarting(given: Given, positions?: readonly NewPosition[]): Move {
  const first = aNewPosition({ standing: given.standing({ taskId: "first", priority: 2 }), claimed: true });
  return { kind: "restart", input: bytesOf("7"), positions: positions ?? [first] };
}

/** An instance that has done something, and is about to continue as new. */
async function worked(given: Given): Promise<ClaimRef> {
  const claim = await given.held();
  await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "second" }) }, [anEntry()]);
  return claim;
}

function aVersion(version: number): NewEntry {
  const facts = { taskId: "$state", attempt: version, kind: "state", outcome: "noted", durationMs: null } as const;
  return anEntry({ ...facts, output: bytesOf(`${version}`), outputRef: "second" });
}

/** Task id, attempt and output of the entries that there are. */
async function keptIn(backend: Backend): Promise<unknown[]> {
  const history = await backend.readHistory("order-1", {});
  return history.map(({ taskId, attempt, output }) => [taskId, attempt, textOf(output)]);
}

export const restartTests: ConformanceTests = {
  "begins the next run at its start, held under a new token, with its input and another history": async ({
    backend,
    given,
    clock,
  }) => {
    const claim = await worked(given);
    const fate = await given.accepted(claim, restarting(given), []);

    expect(fate).toMatchObject({ kept: false, interrupt: null, granted: [{ path: "" }] });
    expect(fate.granted[0]?.token).not.toBe(claim.token);
    const { instance, positions } = await given.stateOf("order-1");
    expect([textOf(instance.input), instance.run, instance.status]).toEqual(["7", 2, "in_progress"]);
    expect(positions).toMatchObject([
      {
        ...{ path: "", taskId: "first", kind: "task", attempt: 1, priority: 2, inputRef: null, lost: 0, ready: false },
        availableAt: clock.now() + holder.leaseMs,
        claim: { workerId: holder.workerId, token: fate.granted[0]?.token },
      },
    ]);
    const history = await backend.readHistory("order-1", {});
    expect(history).toMatchObject([
      { taskId: "$continue", attempt: 1, kind: "instance", outcome: "noted", path: "", workerId: holder.workerId },
    ]);
  },

  "lets the next run record what the last one has recorded": async ({ backend, given }) => {
    const { granted } = await given.accepted(await worked(given), restarting(given), []);
    const trunk = { instanceId: "order-1", path: "", token: granted[0]!.token };
    await given.accepted(trunk, { kind: "advance", to: given.standing({ taskId: "second" }) }, [
      anEntry({ output: bytesOf("8") }),
    ]);
    expect((await backend.loadResults("order-1", ["first"])).map(({ output }) => textOf(output))).toEqual(["8"]);

    await given.accepted(trunk, restarting(given), []);
    expect((await given.stateOf("order-1")).instance.run).toBe(3);
    expect((await backend.readHistory("order-1", {})).map(({ taskId, attempt }) => [taskId, attempt])).toEqual([
      ["$continue", 2],
    ]);
  },

  "is fenced where it is sent again": async ({ given }) => {
    const claim = await worked(given);
    await given.accepted(claim, restarting(given), []);
    const before = await given.seen("order-1");

    expect(await given.commit(aCheckpoint(claim, { move: restarting(given), entries: [] }))).toEqual({
      kind: "fenced",
    });
    expect(await given.seen("order-1")).toEqual(before);
  },

  "tells whoever claims it which run it is": async ({ given }) => {
    const first = aNewPosition({ standing: given.standing({ taskId: "first" }) });
    expect(await given.accepted(await worked(given), restarting(given, [first]), [])).toMatchObject({ granted: [] });

    expect(await given.claim()).toMatchObject([
      { taskId: "first", run: 2, input: bytesOf("7"), recorded: null, lost: 0 },
    ]);
  },

  "may begin with a fork, some of whose branches are held, or with a delay": async ({ given, clock }) => {
    const join = given.standing({ taskId: "both", kind: "join", pending: 2 });
    const claim = await worked(given);
    const { granted } = await given.accepted(
      claim,
      restarting(given, [
        aNewPosition({ standing: join, wakeAfterMs: null }),
        aNewPosition({ path: "both/a", standing: given.standing({ taskId: "a" }), claimed: true }),
        aNewPosition({ path: "both/b", standing: given.standing({ taskId: "b", kind: "delay" }), wakeAfterMs: 50 }),
      ]),
      [],
    );
    expect(granted).toMatchObject([{ path: "both/a" }]);
    expect((await given.stateOf("order-1")).positions).toMatchObject([
      { path: "", pending: 2, ready: false, availableAt: null, claim: null },
      { path: "both/a", claim: { token: granted[0]?.token } },
      { path: "both/b", ready: false, wakeAt: clock.now() + 50, claim: null },
    ]);
  },

  "leaves events, dedup keys, labels and other positions as they are": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    await backend.sendEvent("order-1", "news", bytesOf("5"), { dedupKey: "k" });
    await given.accepted(branches["a"]!, { kind: "endBranch", joinPath: "" });
    const { granted } = await given.accepted(branches["b"]!, { kind: "endBranch", joinPath: "" });
    const before = await given.stateOf("order-1");
    await given.accepted({ instanceId: "order-1", path: "", token: granted[0]!.token }, restarting(given), []);

    expect(await backend.peekEvent("order-1", "news")).toMatchObject({ payload: bytesOf("5") });
    expect(await backend.sendEvent("order-1", "news", bytesOf("6"), { dedupKey: "k" })).toBe("duplicate");
    const { instance } = await given.stateOf("order-1");
    expect(instance).toEqual({ ...before.instance, input: bytesOf("7"), run: 2 });
  },

  "keeps of what the runs share the last version": async ({ backend, given }) => {
    const claim = await worked(given);
    for (const version of [1, 2]) await given.accepted(claim, { kind: "note" }, [aVersion(version)]);
    await given.accepted(claim, restarting(given), []);

    expect(await keptIn(backend)).toEqual([
      ["$state", 2, "2"],
      ["$continue", 1, null],
    ]);
  },

  "keeps updates that may be repeated, with their replies, and no others": async ({ backend, given }) => {
    const claim = await worked(given);
    const note = { attempt: 1, kind: "update", outcome: "noted", durationMs: null, decision: "add" } as const;
    for (const taskId of ["$update:one", "$update~2", "$update:three"]) {
      const entry = anEntry({ ...note, taskId, output: bytesOf(`"${taskId}"`) });
      await backend.applyUpdate({ instanceId: "order-1", entry, state: null, event: null, codec: backend.codec.id });
    }
    await given.accepted(claim, restarting(given), []);

    expect(await keptIn(backend)).toEqual([
      ["$update:one", 1, '"$update:one"'],
      ["$update:three", 1, '"$update:three"'],
      ["$continue", 1, null],
    ]);
    const entry = anEntry({ ...note, taskId: "$update:one" });
    const again = { instanceId: "order-1", entry, state: null, event: null, codec: backend.codec.id };
    expect(await backend.applyUpdate(again)).toEqual({ kind: "duplicate" });
  },

  "writes a version of what the runs share, which is the one that is kept; other entries go with the run": async ({
    backend,
    given,
  }) => {
    const claim = await worked(given);
    await given.accepted(claim, { kind: "note" }, [aVersion(1)]);
    await given.accepted(claim, restarting(given), [anEntry({ taskId: "second" }), aVersion(2)]);

    expect(await keptIn(backend)).toEqual([
      ["$state", 2, "2"],
      ["$continue", 1, null],
    ]);
    expect(await backend.loadResults("order-1", ["second"])).toEqual([]);
  },

  "is recorded where somebody has written that version, or what the task came to, before": async ({
    backend,
    given,
  }) => {
    const claim = await worked(given);
    await given.accepted(claim, { kind: "note" }, [aVersion(1)]);
    await backend.saveTaskResult("order-1", "second", bytesOf("8"));
    const before = await given.seen("order-1");

    for (const one of [aVersion(1), anEntry({ taskId: "second" })])
      expect(await given.commit(aCheckpoint(claim, { move: restarting(given), entries: [one] }))).toEqual({
        kind: "recorded",
      });
    expect(await given.seen("order-1")).toEqual(before);
  },

  "leaves no room for a version that is older than the one that is kept": async ({ backend, given }) => {
    const claim = await worked(given);
    for (const version of [1, 2]) await given.accepted(claim, { kind: "note" }, [aVersion(version)]);
    await given.accepted(claim, restarting(given), []);
    const note = { taskId: "$update:late", kind: "update", outcome: "noted", durationMs: null } as const;
    const late = { instanceId: "order-1", entry: anEntry(note), event: null, codec: backend.codec.id };

    for (const version of [1, 2])
      expect(await backend.applyUpdate({ ...late, state: aVersion(version) })).toEqual({ kind: "conflict" });
    expect(await backend.applyUpdate({ ...late, state: aVersion(3) })).toMatchObject({ kind: "applied" });
  },

  "is not held while a request is pending, which is still there": async ({ backend, given }) => {
    const claim = await worked(given);
    await backend.storeSignal("order-1", "cancel", { reason: "enough" });
    const fate = await given.accepted(claim, restarting(given), []);

    expect(fate).toMatchObject({ interrupt: "cancel", granted: [] });
    const { positions, instance } = await given.stateOf("order-1");
    expect(positions).toMatchObject([{ path: "", taskId: "first", ready: false, interrupt: "cancel", claim: null }]);
    expect(instance.run).toBe(2);
    expect(await backend.getSignal("order-1", "cancel")).toMatchObject({ reason: "enough" });
  },

  "keeps a snapshot of an earlier run from being saved": async ({ backend, given }) => {
    const claim = await worked(given);
    const old = await backend.loadSnapshot("order-1");
    await given.accepted(claim, restarting(given), []);
    const before = await given.seen("order-1");

    await expect(backend.saveSnapshot(old)).rejects.toMatchObject({
      code: "INVALID_TRANSITION",
      from: "in_progress in run 2",
    });
    expect(await given.seen("order-1")).toEqual(before);
    await backend.saveSnapshot(await backend.loadSnapshot("order-1"));
    expect((await given.stateOf("order-1")).instance.run).toBe(2);
  },

  "is refused to whoever does not hold the position": async ({ given }) => {
    await worked(given);
    const before = await given.seen("order-1");
    const forged = aCheckpoint(aForgedClaim("order-1", ""), { move: restarting(given), entries: [] });

    expect(await given.commit(forged)).toEqual({ kind: "fenced" });
    expect(await given.seen("order-1")).toEqual(before);
  },

  "is refused off the trunk, and without the trunk": async ({ given }) => {
    const claim = await worked(given);
    const wrong = [
      [
        aCheckpoint({ ...claim, path: "both/a" }, { move: restarting(given), entries: [] }),
        "checkpoints[0].claim.path",
      ],
      [
        aCheckpoint(claim, {
          move: restarting(given, [aNewPosition({ path: "both/a", standing: given.standing({}) })]),
          entries: [],
        }),
        "checkpoints[0].move.positions[0].path",
      ],
      [aCheckpoint(claim, { move: restarting(given, []), entries: [] }), "checkpoints[0].move.positions"],
    ] as const;
    for (const [checkpoint, field] of wrong)
      await expect(given.commit(checkpoint)).rejects.toMatchObject({ code: "INVALID_ARGUMENT", field });
  },
};
