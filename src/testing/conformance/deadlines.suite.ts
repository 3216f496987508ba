import { expect } from "vitest";
import type { Move } from "../../snapshot/checkpoint.ts";
import { DEADLINE_PATH } from "../../snapshot/deadline.ts";
import type { NewEntry, Snapshot } from "../../snapshot/snapshot.ts";
import type { ClaimedPosition } from "../../store/position-store.ts";
import { aCheckpoint, anEntry, bytesOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import { type Given, holder, type InstanceFacts } from "./given.ts";
import type { ConformanceTests } from "./suite.ts";

const soon = { afterMs: 1_000, at: null };
const output = bytesOf("2");
const complete: Move = { kind: "complete", output, codec: "json" };

/** The instance, its time being up, and the claims on its positions: on the deadline first. */
async function overdue(given: Given, facts: InstanceFacts = {}): Promise<readonly ClaimedPosition[]> {
  await given.instance({ deadline: soon, ...facts });
  given.after(1_000);
  const claims = await given.claim();
  expect(claims.map(({ path }) => path)).toEqual([DEADLINE_PATH, ""]);
  return claims;
}

function failing(given: Given, attempt: number): { readonly move: Move; readonly entries: readonly NewEntry[] } {
  const to = given.delay({ taskId: DEADLINE_PATH, attempt: attempt + 1, priority: 1 });
  const late = { taskId: DEADLINE_PATH, attempt, kind: "instance", outcome: "failed", decision: "last" } as const;
  return {
    move: { kind: "fail", failure: bytesOf("3"), to },
    entries: [anEntry({ ...late, output: null, failure: bytesOf("3") })],
  };
}

async function pathsOf(given: Given, instanceId: string = "order-1"): Promise<string[]> {
  return (await given.stateOf(instanceId)).positions.map(({ path }) => path);
}

/** Of instances that are made with deadlines. */
export const newDeadlineTests: ConformanceTests = {
  "is a time in the instance's record, and a position that sleeps until then": async ({ given, clock }) => {
    await given.instance({ deadline: soon });
    const { instance } = await given.stateOf("order-1");

    expect(instance.deadlineAt).toBe(clock.now() + 1_000);
    expect(await given.positionOf("order-1", DEADLINE_PATH)).toEqual({
      ...{ path: DEADLINE_PATH, taskId: DEADLINE_PATH, kind: "delay", inputRef: null, attempt: 1, priority: 1 },
      ...{ tags: [], event: null, pending: 0, items: null, ready: false, interrupt: null, lost: 0, claim: null },
      ...{ availableAt: clock.now() + 1_000, wakeAt: clock.now() + 1_000 },
    });
  },

  "is the earlier of a span and a time": async ({ backend, given, clock }) => {
    const at = clock.now() + 500;
    const made = [{ afterMs: 1_000, at }, { afterMs: 100, at }, { afterMs: null, at: at + 0.5 }, null].map(
      (deadline, index) => given.newInstance({ instanceId: `order-${index}`, deadline }),
    );
    await backend.createInstances(made);
    await backend.replaceInstance(given.newInstance({ instanceId: "replaced", deadline: soon }));

    const found = await backend.listInstances({});
    expect(found.map(({ deadlineAt }) => deadlineAt)).toEqual([
      at,
      clock.now() + 100,
      at + 1,
      null,
      clock.now() + 1_000,
    ]);
    expect(await pathsOf(given, "order-3")).toEqual([""]);
    expect(await pathsOf(given, "order-2")).toEqual(["", DEADLINE_PATH]);
  },

  "comes due by the store's clock, before what is ready beside it, and not before": async ({
    backend,
    given,
    clock,
  }) => {
    await given.instance({ deadline: soon });
    given.after(999);
    expect(await given.claim()).toMatchObject([{ path: "", deadline: { at: clock.now() + 1, inMs: 1 } }]);
    expect(await backend.claimTask("order-1", DEADLINE_PATH, "worker-b", 1_000)).toBeNull();
    given.after(1);
    expect(await given.claim()).toMatchObject([
      {
        path: DEADLINE_PATH,
        attempt: 1,
        armed: true,
        due: true,
        recorded: null,
        deadline: { at: clock.now(), inMs: 0 },
      },
    ]);
  },

  "is told with no claim of an instance that has none": async ({ given }) => {
    expect((await given.held()).deadline).toBeNull();
  },

  "can be claimed by its name, but is no task to hand out": async ({ backend, given }) => {
    await given.instance({ deadline: soon });
    given.after(1_000);
    expect((await backend.findAvailableTasks("worker-a", 10)).map(({ taskId }) => taskId)).toEqual(["first"]);
    expect(await backend.claimTask("order-1", DEADLINE_PATH, "worker-b", 1_000)).toMatchObject({
      taskId: DEADLINE_PATH,
      workerId: "worker-b",
    });
    await expectRefusal(backend.saveTaskResult("order-1", DEADLINE_PATH, output), "INVALID_ARGUMENT");
  },

  "is refused where it says nothing, or is made as a position": async ({ backend, given }) => {
    const wrong = [{ afterMs: null, at: null }, { afterMs: 0, at: null }, { afterMs: null, at: Number.NaN }, "1h", {}];
    for (const deadline of wrong)
      await expectRefusal(
        backend.createInstances([given.newInstance({ deadline: deadline as never })]),
        "INVALID_ARGUMENT",
      );
    const [position] = given.newInstance({ at: given.delay({ taskId: DEADLINE_PATH }) }).positions;
    const positions = [{ ...position!, path: DEADLINE_PATH }];
    await expectRefusal(backend.createInstances([given.newInstance({ positions })]), "INVALID_ARGUMENT");
    expect(await backend.findInstance("order-1")).toBeNull();
  },
};

/** Of instances that end, in time or not. */
export const passedDeadlineTests: ConformanceTests = {
  "goes with an instance that completes or fails, others of the batch have none": async ({ backend, given }) => {
    const deadlines = [soon, null, { afterMs: null, at: 0 }, soon];
    const claims = [];
    for (const [index, deadline] of deadlines.entries())
      claims.push(
        (
          await given.claim({ instanceId: (await given.instance({ instanceId: `i${index}`, deadline })).instanceId })
        ).at(-1)!,
      );
    const batch = claims.map((claim, index) =>
      aCheckpoint(claim, index === 3 ? { move: given.failMove(), entries: [] } : {}),
    );
    let fates = await backend.commitCheckpoints(batch, holder);
    for (let tries = 0; fates.some(({ kind }) => kind === "busy") && tries < 100; tries++)
      fates = await backend.commitCheckpoints(
        batch.filter((_, index) => fates[index]?.kind === "busy"),
        holder,
      );

    for (const { instanceId } of claims) expect(await pathsOf(given, instanceId)).toEqual([]);
    const found = await backend.listInstances({});
    expect(found.map(({ status }) => status)).toEqual(["completed", "completed", "completed", "failed"]);
    expect(found[0]?.deadlineAt).not.toBeNull();
    await backend.retryInstance("i3", {});
    expect(await pathsOf(given, "i3")).toEqual([""]);
  },

  "fails an instance wherever it stands, and whoever held it is fenced": async ({ backend, given }) => {
    const [deadline, trunk] = await overdue(given);
    const { move, entries } = failing(given, 1);
    expect(await given.accepted(deadline!, move, entries)).toMatchObject({ kept: false, granted: [] });

    expect((await given.stateOf("order-1")).instance).toMatchObject({ status: "failed", failure: bytesOf("3") });
    expect(await given.commit(aCheckpoint(trunk!))).toEqual({ kind: "fenced" });
    expect(await backend.renewClaims([trunk!], 1_000)).toMatchObject([{ held: false }]);
    expect(await given.historyOf("order-1")).toEqual(["$deadline#1 failed"]);
  },

  "comes too late for one that has completed, also while somebody holds it": async ({ given }) => {
    const [deadline, trunk] = await overdue(given);
    await given.accepted(trunk!, complete, [anEntry()]);
    const { move, entries } = failing(given, 1);

    expect(await given.commit(aCheckpoint(deadline!, { move, entries }))).toEqual({ kind: "fenced" });
    expect(await given.statusOf("order-1")).toBe("completed");
    expect(await pathsOf(given)).toEqual([]);
  },

  "is not among the positions that are kept of one that has failed": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"], { deadline: soon });
    given.after(1_000);
    const [deadline] = await given.claim();
    const { move, entries } = failing(given, 1);
    await given.accepted(deadline!, move, entries);
    await backend.retryInstance("order-1", {});

    const { positions, instance } = await given.stateOf("order-1");
    expect(positions.map(({ path, taskId, attempt }) => [path, taskId, attempt])).toEqual([
      ["", "both", 1],
      ["both/a", "a", 1],
      ["both/b", "b", 1],
    ]);
    expect(instance.deadlineAt).toBeNull();
    expect(await given.commit(aCheckpoint(branches["a"]!))).toEqual({ kind: "fenced" });
    expect((await given.claim()).map(({ path }) => path)).toEqual(["both/a", "both/b"]);
  },

  "can fail it again after a retry that names one, as another attempt": async ({ backend, given, clock }) => {
    const [deadline] = await overdue(given);
    const first = failing(given, 1);
    await given.accepted(deadline!, first.move, first.entries);
    await backend.retryInstance("order-1", { deadline: new Date(clock.now() + 5), paused: true });
    given.after(5);
    expect(await given.claim()).toEqual([]);
    await backend.unpause("order-1");
    const [again] = await given.claim();
    expect(again).toMatchObject({ path: DEADLINE_PATH, attempt: 2, due: true });
    const second = failing(given, 2);
    await given.accepted(again!, second.move, second.entries);
    expect(await given.historyOf("order-1")).toEqual([
      "$deadline#1 failed",
      "$retry#1 noted",
      "$unpause#1 noted",
      "$deadline#2 failed",
    ]);
  },

  "sleeps for ever once it has begun the undoing; what else collapses leaves it alone": async ({ given }) => {
    const [deadline, trunk] = await overdue(given);
    const to = given.standing({ taskId: "$undo" });
    const { granted } = await given.accepted(deadline!, { kind: "collapse", to, keeps: null, cancels: false });
    expect(await given.positionOf("order-1", DEADLINE_PATH)).toMatchObject({
      claim: null,
      availableAt: null,
      wakeAt: null,
    });
    expect(await given.commit(aCheckpoint(trunk!))).toEqual({ kind: "fenced" });
    given.after(100_000_000);
    const [undoing] = await given.claim();
    expect(undoing).toMatchObject({ path: "", taskId: "$undo" });
    expect(granted).toMatchObject([{ path: "" }]);
    await given.accepted(undoing!, given.failMove({ taskId: "$undo" }));
    expect(await pathsOf(given)).toEqual([]);

    const { branches } = await given.forked(["a", "b"], { instanceId: "other", deadline: soon });
    await given.accepted(branches["a"]!, { kind: "collapse", to, keeps: null, cancels: false });
    expect(await pathsOf(given, "other")).toEqual(["", DEADLINE_PATH]);
    given.after(1_000);
    expect(await given.claim()).toMatchObject([{ path: DEADLINE_PATH, due: true }]);
  },

  "stands still while the instance is paused, and is due at once after that": async ({ backend, given }) => {
    await given.instance({ deadline: soon });
    await backend.requestControl("order-1", "pause", {});
    given.after(5_000);
    expect(await given.claim()).toEqual([]);
    expect(await backend.claimTask("order-1", DEADLINE_PATH, "worker-b", 1_000)).toBeNull();
    await backend.unpause("order-1");
    expect((await given.claim()).map(({ path }) => path)).toContain(DEADLINE_PATH);
  },

  "is left behind by no end of another kind": async ({ backend, given }) => {
    await given.instance({ deadline: soon });
    await backend.requestControl("order-1", "cancel", {});
    await given.instance({ instanceId: "terminated", deadline: soon });
    await backend.terminateInstance("terminated", {});
    expect(await pathsOf(given)).toEqual([]);
    expect(await pathsOf(given, "terminated")).toEqual([]);
  },
};

export const setDeadlineTests: ConformanceTests = {
  "moves it, and fences whoever was about to act on it": async ({ backend, given, clock }) => {
    const [deadline] = await overdue(given);
    await backend.setDeadline("order-1", { afterMs: null, at: clock.now() + 10 });
    const { move, entries } = failing(given, 1);

    expect(await given.commit(aCheckpoint(deadline!, { move, entries }))).toEqual({ kind: "fenced" });
    expect((await given.stateOf("order-1")).instance.deadlineAt).toBe(clock.now() + 10);
    expect(await given.claim()).toEqual([]);
    given.after(10);
    expect(await given.claim()).toMatchObject([{ path: DEADLINE_PATH, due: true }]);
    expect(await given.historyOf("order-1")).toEqual(["$extend#1 noted"]);
  },

  "lifts it, and gives one to an instance that has none": async ({ backend, given, clock }) => {
    await given.instance({ deadline: soon });
    await backend.setDeadline("order-1", null);
    expect(await pathsOf(given)).toEqual([""]);
    expect((await given.stateOf("order-1")).instance.deadlineAt).toBeNull();
    await backend.setDeadline("order-1", soon);
    expect((await given.stateOf("order-1")).instance.deadlineAt).toBe(clock.now() + 1_000);
    await given.accepted(await given.claimOf("order-1"), complete, [anEntry()]);
    expect(await pathsOf(given)).toEqual([]);
  },

  "respects a pause": async ({ backend, given }) => {
    await given.paused();
    await backend.setDeadline("order-1", soon);
    given.after(1_000);
    expect(await given.claim()).toEqual([]);
    expect(await given.positionOf("order-1", DEADLINE_PATH)).toMatchObject({ interrupt: "paused" });
  },

  "is refused for what has ended, is unknown, or says nothing": async ({ backend, given }) => {
    await given.ended("completed");
    await expectRefusal(backend.setDeadline("order-1", soon), "INVALID_TRANSITION", { from: "completed" });
    await expectRefusal(backend.setDeadline("nowhere", soon), "INSTANCE_NOT_FOUND");
    await expectRefusal(backend.setDeadline("order-1", { afterMs: -1, at: null }), "INVALID_ARGUMENT");
  },

  "is saved and loaded with a snapshot": async ({ backend, given, clock }) => {
    await given.instance({ deadline: soon });
    const snapshot: Snapshot = await backend.loadSnapshot("order-1");
    expect(snapshot.deadlineAt).toBe(clock.now() + 1_000);
    await backend.deleteSnapshot("order-1");
    await backend.saveSnapshot(snapshot);
    expect(await backend.loadSnapshot("order-1")).toEqual(snapshot);
    const without = snapshot.positions.filter(({ path }) => path !== DEADLINE_PATH);
    for (const wrong of [
      { ...snapshot, deadlineAt: null },
      { ...snapshot, positions: without },
      { ...snapshot, positions: snapshot.positions.filter(({ path }) => path === DEADLINE_PATH) },
    ])
      await expectRefusal(backend.saveSnapshot(wrong), "INVALID_ARGUMENT");
    given.after(1_000);
    expect((await given.claim()).map(({ path }) => path)).toContain(DEADLINE_PATH);
  },

  "has its next attempt in a fork of what has failed by it": async ({ backend, given }) => {
    const [deadline] = await overdue(given);
    const { move, entries } = failing(given, 1);
    await given.accepted(deadline!, move, entries);
    const [last] = (await backend.readHistory("order-1")).slice(-1);
    await backend.forkInstance({
      ...{ instance: given.newInstance({ instanceId: "fork", deadline: soon }), entries: 1, replaced: [] },
      from: { instanceId: "order-1", sequence: last!.sequence },
    });
    expect(await given.positionOf("fork", DEADLINE_PATH)).toMatchObject({ attempt: 2 });
    expect((await given.stateOf("fork")).instance.deadlineAt).not.toBeNull();
  },
};
