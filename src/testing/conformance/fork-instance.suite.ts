import { expect } from "vitest";
import type { NewInstance } from "../../store/instance-store.ts";
import { aNewPosition, anEntry, bytesOf, textOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import type { Given } from "./given.ts";
import { failedEntry } from "./retry-instance.suite.ts";
import type { ConformanceContext, ConformanceTests } from "./suite.ts";

const COPY = "order-1/fork";
const LAST = 9_000_000_000_000_000_000n;

/** Stands at the task "second", and has three entries: two attempts of "first", and a step. */
async function withHistory(given: Given): Promise<void> {
  const claim = await given.held();
  await given.accepted(claim, { kind: "advance", to: given.standing({ attempt: 2 }) }, [failedEntry("first")]);
  given.after(7);
  const step = anEntry({ taskId: "first>quote", kind: "step", output: bytesOf("4") });
  await given.accepted(claim, { kind: "note" }, [step]);
  await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "second", inputRef: "first" }) }, [
    anEntry({ attempt: 2, decision: "done" }),
  ]);
}

function copyAt(given: Given, at: Parameters<Given["standing"]>[0], facts: Partial<NewInstance> = {}): NewInstance {
  const positions = [aNewPosition({ standing: given.standing(at) })];
  return { ...given.newInstance({ instanceId: COPY }), positions, ...facts };
}

async function seen({ backend, given }: ConformanceContext, instanceId: string): Promise<unknown> {
  return [await given.seen(instanceId), await backend.readHistory(instanceId)];
}

export const forkInstanceTests: ConformanceTests = {
  "makes an instance with the history up to that point, and leaves the other one as it is": async (context) => {
    const { backend, given, clock } = context;
    await withHistory(given);
    given.after(1_000);
    const before = await seen(context, "order-1");
    const [failed, step] = await backend.readHistory("order-1");
    const from = { instanceId: "order-1", sequence: step?.sequence ?? 0n };
    const instance = copyAt(
      given,
      { attempt: 2 },
      { input: bytesOf("5"), priority: 2, tags: ["x"], labels: { a: "b" } },
    );
    await backend.forkInstance({ instance, from, entries: 2, replaced: [] });

    const history = await backend.readHistory(COPY);
    expect(history.slice(0, 2)).toEqual(
      [failed, step].map((entry, index) => ({ ...entry, sequence: history[index]?.sequence })),
    );
    expect(history[2]).toMatchObject({ taskId: "$fork", outcome: "noted", kind: "instance", at: clock.now() });
    expect(history.map(({ sequence }) => sequence)).toEqual(
      history.map(({ sequence }) => sequence).sort((a, b) => (a < b ? -1 : 1)),
    );
    expect(history[0]?.sequence).toBeGreaterThan(from.sequence);
    expect(await given.stateOf(COPY)).toMatchObject({
      instance: {
        ...{ status: "in_progress", input: bytesOf("5"), priority: 2, tags: ["x"], labels: { a: "b" } },
        ...{ forkedFrom: from, createdAt: clock.now(), endedAt: null },
      },
      positions: [{ path: "", taskId: "first", attempt: 2, ready: true, claim: null }],
    });
    expect(await backend.loadSteps(COPY, "first")).toMatchObject([{ taskId: "first>quote", output: bytesOf("4") }]);
    expect(await seen(context, "order-1")).toEqual(before);
  },

  "tells of which instance it is a fork wherever instances are told of, and keeps it": async ({ backend, given }) => {
    await withHistory(given);
    const from = { instanceId: "order-1", sequence: 0n };
    await backend.forkInstance({ instance: copyAt(given, {}), from, entries: 0, replaced: [] });

    const listed = await backend.listInstances({});
    expect(listed.map(({ instanceId, forkedFrom }) => [instanceId, forkedFrom])).toEqual([
      ["order-1", null],
      [COPY, from],
    ]);
    const snapshot = await backend.loadSnapshot(COPY);
    expect(snapshot.forkedFrom).toEqual(from);
    await backend.saveSnapshot(snapshot);
    expect((await given.stateOf(COPY)).instance.forkedFrom).toEqual(from);
  },

  "has a course of its own": async ({ backend, given }) => {
    await withHistory(given);
    const entries = await backend.readHistory("order-1");
    const from = { instanceId: "order-1", sequence: entries.at(-1)?.sequence ?? 0n };
    const instance = copyAt(given, { taskId: "second", inputRef: "first" });
    await backend.forkInstance({ instance, from, entries: 3, replaced: [] });

    const claim = await given.claimOf(COPY);
    expect(claim).toMatchObject({ taskId: "second", input: bytesOf("2") });
    await given.accepted(claim, { kind: "complete", output: bytesOf("6"), codec: "json" }, [
      anEntry({ taskId: "second", output: bytesOf("6") }),
    ]);
    expect(await given.statusOf(COPY)).toBe("completed");
    expect(await given.statusOf("order-1")).toBe("in_progress");
    await backend.deleteSnapshot("order-1");
    expect(await given.historyOf(COPY)).toEqual([
      ...["first#1 failed", "first>quote#1 completed", "first#2 completed", "$fork#1 noted", "second#1 completed"],
    ]);
  },

  "carries other payloads where they are replaced": async ({ backend, given }) => {
    await withHistory(given);
    const [failed, , done] = await backend.readHistory("order-1");
    const replaced = [
      { sequence: done?.sequence ?? 0n, output: bytesOf("8"), failure: null },
      { sequence: failed?.sequence ?? 0n, output: null, failure: bytesOf("9") },
    ];
    const from = { instanceId: "order-1", sequence: done?.sequence ?? 0n };
    await backend.forkInstance({ instance: copyAt(given, { taskId: "second" }), from, entries: 3, replaced });

    const payloads = (await backend.readHistory(COPY)).map(({ output, failure }) => [textOf(output), textOf(failure)]);
    expect(payloads.slice(0, 3)).toEqual([
      [null, "9"],
      ["4", null],
      ["8", null],
    ]);
  },

  "calls entries otherwise where they are renamed": async ({ backend, given }) => {
    const claim = await given.held();
    await given.accepted(claim, { kind: "note" }, [anEntry({ taskId: "first>quote", kind: "step" })]);
    await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "second", inputRef: "first" }) }, [
      anEntry({ output: bytesOf("4") }),
      anEntry({ taskId: "both/a", kind: "branch", output: null, outputRef: "first" }),
    ]);
    const entries = await backend.readHistory("order-1");
    const names = [
      { taskId: "begin>quote", path: "", outputRef: null },
      { taskId: "begin", path: "all/a", outputRef: null },
      { taskId: "all/a", path: "", outputRef: "begin" },
    ];
    const renamed = names.map((name, index) => ({ sequence: entries[index]?.sequence ?? 0n, ...name })).reverse();
    const from = { instanceId: "order-1", sequence: entries.at(-1)?.sequence ?? 0n };
    const replaced = [{ sequence: entries[1]?.sequence ?? 0n, output: bytesOf("8"), failure: null }];
    const instance = copyAt(given, { taskId: "next", inputRef: "all/a" });
    await backend.forkInstance({ instance, from, entries: 3, replaced, renamed });

    const copied = (await backend.readHistory(COPY)).slice(0, 3);
    expect(copied.map(({ taskId, path, outputRef }) => ({ taskId, path, outputRef }))).toEqual(names);
    expect(textOf(copied[1]?.output ?? null)).toBe("8");
    expect(await given.claimOf(COPY)).toMatchObject({ taskId: "next", inputRef: "all/a", input: bytesOf("8") });
    expect(await backend.readHistory("order-1")).toEqual(entries);
  },

  "forks what is a fork already, has failed or has completed": async ({ backend, given }) => {
    await given.ended("failed");
    const [failed] = await backend.readHistory("order-1");
    const from = { instanceId: "order-1", sequence: failed?.sequence ?? 0n };
    await backend.forkInstance({ instance: copyAt(given, { attempt: 2 }), from, entries: 1, replaced: [] });
    const [, note] = await backend.readHistory(COPY);
    const again = { instanceId: COPY, sequence: note?.sequence ?? 0n };
    const instance = copyAt(given, { attempt: 2 }, { instanceId: "again" });
    await backend.forkInstance({ instance, from: again, entries: 2, replaced: [] });

    expect(await given.historyOf("again")).toEqual(["first#1 failed", "$fork#1 noted", "$fork#2 noted"]);
    expect(await given.claimOf("again")).toMatchObject({ attempt: 2 });
    expect(await given.statusOf("order-1")).toBe("failed");
  },

  "stands as it is told: joins with what they wait for, delays for their time": async ({ backend, given, clock }) => {
    await withHistory(given);
    const items = { total: 3, started: 2, failed: 1 };
    const join = given.standing({ taskId: "each", kind: "join", pending: 1, items });
    const positions = [
      aNewPosition({ standing: join, wakeAfterMs: null }),
      aNewPosition({ path: "each[1]", standing: given.delay({ taskId: "each[1]/rest" }), wakeAfterMs: 5_000 }),
    ];
    const from = { instanceId: "order-1", sequence: 0n };
    await backend.forkInstance({ instance: copyAt(given, {}, { positions }), from, entries: 0, replaced: [] });

    expect((await given.stateOf(COPY)).positions).toMatchObject([
      { path: "", kind: "join", pending: 1, items, ready: false },
      { path: "each[1]", kind: "delay", ready: false, wakeAt: clock.now() + 5_000 },
    ]);
    expect(await given.claim({ instanceId: COPY })).toEqual([]);
    given.after(5_000);
    await backend.promoteDue();
    expect(await given.claim({ instanceId: COPY })).toMatchObject([{ taskId: "each[1]/rest" }]);
  },

  "takes no events of the other one, and finds its own": async ({ backend, given }) => {
    await withHistory(given);
    await backend.sendEvent("order-1", "paid", bytesOf("1"));
    await backend.sendEvent(COPY, "paid", bytesOf("2"));
    const positions = [aNewPosition({ standing: given.wait({ event: "paid" }), wakeAfterMs: 60_000 })];
    const from = { instanceId: "order-1", sequence: 0n };
    await backend.forkInstance({ instance: copyAt(given, {}, { positions }), from, entries: 0, replaced: [] });

    expect(await given.claim({ instanceId: COPY })).toMatchObject([{ kind: "wait" }]);
    expect(await backend.consumeEvent(COPY, "paid")).toEqual(bytesOf("2"));
    expect(await backend.consumeEvent(COPY, "paid")).toBeNull();
    expect(await backend.consumeEvent("order-1", "paid")).toEqual(bytesOf("1"));
  },

  "is refused where there is nothing to fork, or the id is taken": async (context) => {
    const { backend, given } = context;
    await withHistory(given);
    const instance = copyAt(given, {});
    const from = { instanceId: "order-1", sequence: 0n };
    const nowhere = { ...from, instanceId: "nowhere" };
    await expectRefusal(
      backend.forkInstance({ instance, from: nowhere, entries: 0, replaced: [] }),
      "INSTANCE_NOT_FOUND",
      { instanceId: "nowhere" },
    );
    await given.instance({ instanceId: COPY });
    const before = await seen(context, COPY);
    await expectRefusal(backend.forkInstance({ instance, from, entries: 0, replaced: [] }), "INSTANCE_EXISTS", {
      instanceId: COPY,
    });
    expect(await seen(context, COPY)).toEqual(before);
  },

  "is refused, and makes nothing, where the history is another than it was thought to be": async ({
    backend,
    given,
  }) => {
    await withHistory(given);
    const from = { instanceId: "order-1", sequence: LAST };
    for (const entries of [0, 2, 4]) {
      await expectRefusal(
        backend.forkInstance({ instance: copyAt(given, {}), from, entries, replaced: [] }),
        "BACKEND_CONFLICT",
        { retryable: true },
      );
    }
    expect(await backend.findInstance(COPY)).toBeNull();
    expect(await backend.readHistory(COPY)).toEqual([]);
  },

  "makes one of concurrent forks with one id": async ({ backend, given }) => {
    await withHistory(given);
    const fork = {
      instance: copyAt(given, {}),
      from: { instanceId: "order-1", sequence: LAST },
      entries: 3,
      replaced: [],
    };
    const settled = await Promise.allSettled([1, 2, 3].map(() => backend.forkInstance(fork)));

    expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await backend.readHistory(COPY)).toHaveLength(4);
  },

  "refuses what makes no sense": async ({ backend, given }) => {
    await withHistory(given);
    const fork = {
      instance: copyAt(given, {}),
      from: { instanceId: "order-1", sequence: 0n },
      entries: 0,
      replaced: [],
    };
    const claimed = [aNewPosition({ standing: given.standing(), claimed: true })];
    const wrong: unknown[] = [
      null,
      { ...fork, entries: -1 },
      { ...fork, entries: "0" },
      { ...fork, from: null },
      { ...fork, from: { instanceId: "order-1", sequence: 1 } },
      { ...fork, from: { instanceId: "order-1", sequence: -1n } },
      { ...fork, from: { instanceId: "", sequence: 0n } },
      { ...fork, instance: { ...fork.instance, positions: [] } },
      { ...fork, instance: { ...fork.instance, positions: claimed } },
      { ...fork, replaced: null },
      { ...fork, replaced: [null] },
      { ...fork, replaced: [{ sequence: 1, output: null, failure: null }] },
      { ...fork, replaced: [{ sequence: 1n, output: "1", failure: null }] },
      { ...fork, renamed: null },
      { ...fork, renamed: [null] },
      { ...fork, renamed: [{ sequence: 1, taskId: "a", path: "", outputRef: null }] },
      { ...fork, renamed: [{ sequence: 1n, taskId: "", path: "", outputRef: null }] },
      { ...fork, renamed: [{ sequence: 1n, taskId: "a", path: 1, outputRef: null }] },
      { ...fork, renamed: [{ sequence: 1n, taskId: "a", path: "", outputRef: "" }] },
    ];
    for (const one of wrong) await expectRefusal(backend.forkInstance(one as typeof fork), "INVALID_ARGUMENT");
    expect(await backend.findInstance(COPY)).toBeNull();
  },
};
