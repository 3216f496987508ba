import { expect } from "vitest";
import { CHILD_EVENT, type InstanceId } from "../../ids.ts";
import type { Backend } from "../../store/backend.ts";
import type { NewChild } from "../../store/child-store.ts";
import type { EndedStatus } from "../../store/retention-store.ts";
import { anEntry, bytesOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import type { Given } from "./given.ts";
import type { ConformanceTests } from "./suite.ts";

const HOUR = 3_600_000;
const PARENT = "order-1";
const CHILD = "shipment-1";

async function prune(
  backend: Backend,
  ids: readonly InstanceId[],
  status: EndedStatus = "completed",
): Promise<readonly InstanceId[]> {
  return await backend.pruneInstances(ids, { status, olderThanMs: 0 });
}

/** A live parent that waits for its child, which has completed. */
async function withEndedChild(backend: Backend, given: Given, onClose: NewChild["onClose"] = "cancel"): Promise<void> {
  const { instanceId, path, token } = await given.held({
    instanceId: PARENT,
    spawns: true,
    at: { taskId: "ship~start" },
  });
  const instance = given.newInstance({ instanceId: CHILD });
  const child = { instance, claim: { instanceId, path, token }, taskId: "ship", isAwaited: true, onClose };
  expect(await backend.createChildren([child])).toEqual(["created"]);
  const to = given.wait({ taskId: "ship", event: `${CHILD_EVENT}ship` });
  await given.accepted({ instanceId, path, token }, { kind: "await", to, timeoutMs: "keep" });
  await given.accepted(await given.claimOf(CHILD), { kind: "complete", output: bytesOf("2"), codec: "json" });
  while (await backend.settleEndings());
}

export const pruneTests: ConformanceTests = {
  "removes what has ended, with everything that belongs to it": async ({ backend, given }) => {
    for (const instanceId of ["a", "b"]) {
      await backend.sendEvent(instanceId, "paid", bytesOf("1"), { dedupKey: "k" });
      await given.ended("completed", { instanceId });
    }
    expect(await prune(backend, ["b", "a"])).toEqual(["a", "b"]);
    expect(await backend.listInstanceIds({})).toEqual([]);
    expect(await backend.readHistory("a")).toEqual([]);

    // Nothing is known of it any more: an event waits for one that is yet to come.
    expect(await backend.sendEvent("a", "paid", bytesOf("2"), { dedupKey: "k" })).toBe("buffered");
    expect(await backend.consumeEvent("a", "paid")).toEqual(bytesOf("2"));
    await given.instance({ instanceId: "a" });
    expect(await given.statusOf("a")).toBe("in_progress");
  },

  "leaves what is live, ended otherwise or not long enough ago, or does not exist": async ({
    backend,
    given,
    clock,
  }) => {
    await given.instance({ instanceId: "live" });
    await given.paused({ instanceId: "paused" });
    await given.ended("failed", { instanceId: "failed" });
    await given.ended("completed", { instanceId: "young" });
    clock.advance(HOUR - 1);
    const all = ["live", "paused", "failed", "young", "none"];
    expect(await backend.pruneInstances(all, { status: "completed", olderThanMs: HOUR })).toEqual([]);
    clock.advance(1);
    expect(await backend.pruneInstances(all, { status: "completed", olderThanMs: HOUR })).toEqual(["young"]);
    expect(await prune(backend, all, "failed")).toEqual(["failed"]);

    expect(await backend.listInstanceIds({})).toEqual(["live", "paused"]);
  },

  "leaves one that was retried meanwhile": async ({ backend, given }) => {
    await given.ended("failed", { instanceId: "a" });
    const found = await backend.findPrunable({
      flow: given.lane().flow,
      status: "failed",
      olderThanMs: 0,
      after: null,
      limit: 9,
    });
    expect(found).toHaveLength(1);
    await backend.retryInstance("a", {});

    expect(await prune(backend, ["a"], "failed")).toEqual([]);
    expect(await given.statusOf("a")).toBe("in_progress");
  },

  "leaves a child while its parent is live": async ({ backend, given }) => {
    await withEndedChild(backend, given);
    expect(await prune(backend, [CHILD])).toEqual([]);
    const request = { flow: given.lane().flow, status: "completed", olderThanMs: 0, after: null, limit: 9 } as const;
    expect(await backend.findPrunable(request)).toEqual([]);
    await given.accepted(await given.claimOf(PARENT), { kind: "complete", output: bytesOf("2"), codec: "json" });
    while (await backend.settleEndings());

    expect((await backend.findPrunable(request)).map(({ instanceId }) => instanceId).sort()).toEqual([PARENT, CHILD]);
    expect(await prune(backend, [CHILD])).toEqual([CHILD]);
  },

  "leaves a child while its parent has failed and could be retried": async ({ backend, given }) => {
    await withEndedChild(backend, given);
    await given.accepted(await given.claimOf(PARENT), given.failMove());
    while (await backend.settleEndings());
    expect(await prune(backend, [CHILD])).toEqual([]);
    expect(await prune(backend, [PARENT], "failed")).toEqual([PARENT]);
    while (await backend.settleEndings());

    expect(await prune(backend, [CHILD])).toEqual([CHILD]);
  },

  "removes a parent beside a child that goes on without it": async ({ backend, given }) => {
    const claim = await given.held({ instanceId: PARENT, spawns: true });
    const { instanceId, path, token } = claim;
    const instance = given.newInstance({ instanceId: CHILD });
    const child = {
      instance,
      claim: { instanceId, path, token },
      taskId: "ship",
      isAwaited: false,
      onClose: "abandon",
    } as const;
    await backend.createChildren([child]);
    await given.accepted(claim, { kind: "complete", output: bytesOf("2"), codec: "json" });
    while (await backend.settleEndings());
    expect(await prune(backend, [PARENT])).toEqual([PARENT]);
    while (await backend.settleEndings());
    expect(await given.statusOf(CHILD)).toBe("in_progress");
    await given.accepted(await given.claimOf(CHILD), { kind: "complete", output: bytesOf("2"), codec: "json" });
    while (await backend.settleEndings());

    expect(await prune(backend, [CHILD])).toEqual([CHILD]);
  },

  "leaves a fork its history": async ({ backend, given }) => {
    const claim = await given.held({ instanceId: "a" });
    await given.accepted(claim, { kind: "complete", output: bytesOf("2"), codec: "json" }, [anEntry()]);
    const [entry] = await backend.readHistory("a");
    const from = { instanceId: "a", sequence: entry?.sequence ?? 0n };
    await backend.forkInstance({ instance: given.newInstance({ instanceId: "fork" }), from, entries: 1, replaced: [] });
    const before = await backend.readHistory("fork");
    expect(await prune(backend, ["a"])).toEqual(["a"]);

    expect(await backend.readHistory("fork")).toEqual(before);
    expect(before.map(({ taskId }) => taskId)).toContain(entry?.taskId);
    await given.accepted(await given.claimOf("fork"), { kind: "complete", output: bytesOf("2"), codec: "json" });
  },

  "agrees with who removes the same": async ({ backend, given }) => {
    const ids = Array.from({ length: 20 }, (_, index) => `i-${index}`);
    for (const instanceId of ids) await given.ended("completed", { instanceId });
    const pruned = await Promise.all([1, 2, 3].map(async () => await prune(backend, ids)));
    const rest = await prune(backend, ids);

    expect([...pruned.flat(), ...rest].sort()).toEqual([...ids].sort());
    expect(await backend.listInstanceIds({})).toEqual([]);
  },

  "refuses what makes no sense": async ({ backend }) => {
    const which = { status: "completed", olderThanMs: 0 } as const;
    for (const wrong of [null, [7], [""], Array.from({ length: 1_001 }, (_, index) => `${index}`)])
      await expectRefusal(backend.pruneInstances(wrong as never, which), "INVALID_ARGUMENT");
    for (const wrong of [null, { ...which, status: "paused" }, { ...which, olderThanMs: -1 }, { status: "completed" }])
      await expectRefusal(backend.pruneInstances(["a"], wrong as never), "INVALID_ARGUMENT");
  },
};
