import { expect } from "vitest";
import type { ClaimRef } from "../../snapshot/checkpoint.ts";
import { aCheckpoint, aForgedClaim, anEntry, bytesOf } from "../builders.ts";
import { type Given, holder } from "./given.ts";
import type { ConformanceTests } from "./suite.ts";

const DAY = 86_400_000;
const END = { kind: "endItem", joinPath: "" } as const;

/** Ends an item; gives the claims that this brought. */
export async function endItem(given: Given, item: ClaimRef | undefined): Promise<readonly ClaimRef[]> {
  const claim = item ?? aForgedClaim();
  const { granted } = await given.accepted(claim, END, [anEntry({ taskId: `${claim.path}/work` })]);
  return granted.map(({ path, token }) => ({ instanceId: claim.instanceId, path, token }));
}

async function pathsOf(given: Given, instanceId: string = "order-1"): Promise<string[]> {
  return (await given.stateOf(instanceId)).positions.map(({ path }) => path);
}

export const forkIntoItemsTests: ConformanceTests = {
  "keeps how many items there are, and how many have begun": async ({ given }) => {
    await given.mapped(5, 2);

    expect(await given.positionOf("order-1")).toMatchObject({
      taskId: "resize",
      kind: "join",
      pending: 5,
      items: { total: 5, started: 2, failed: 0 },
      ready: false,
      availableAt: null,
    });
    expect(await given.positionOf("order-1", "resize[1]")).toMatchObject({ items: null, pending: 0 });
  },

  "records the values of all items, also of those that have not begun": async ({ backend, given }) => {
    await given.mapped(3, 1);

    expect((await backend.loadResults("order-1", ["resize[2]~item"]))[0]).toMatchObject({
      kind: "item",
      output: bytesOf("2"),
    });
  },

  "gives whoever claims an item its value, as the outcome of where it stands": async ({ given }) => {
    await given.mapped(2, 1);
    given.after(holder.leaseMs);

    expect(await given.claim()).toMatchObject([
      {
        path: "resize[0]",
        taskId: "resize[0]~item",
        kind: "task",
        lost: 1,
        recorded: { outcome: "completed", output: bytesOf("0") },
      },
    ]);
  },

  "forgets the counts where the join goes on": async ({ given }) => {
    const { items } = await given.mapped(1, 1);
    const [join] = await endItem(given, items[0]);
    await given.accepted(join ?? aForgedClaim(), { kind: "advance", to: given.standing({ taskId: "after" }) });

    expect(await given.positionOf("order-1")).toMatchObject({ taskId: "after", pending: 0, items: null });
  },
};

export const endItemTests: ConformanceTests = {
  "begins the next item, held by the worker that made room for it": async ({ given, clock }) => {
    const { items } = await given.mapped(3, 1);
    const fate = await given.accepted(items[0]!, END, [anEntry({ taskId: "resize[0]/work" })]);

    const token = fate.granted[0]?.token ?? 0n;
    expect(fate).toEqual({
      kind: "accepted",
      kept: false,
      interrupt: null,
      granted: [{ path: "resize[1]", token }],
    });
    expect(token).toBeGreaterThan(items[0]!.token);
    expect((await given.stateOf("order-1")).positions).toMatchObject([
      { path: "", pending: 2, items: { total: 3, started: 2, failed: 0 }, ready: false, availableAt: null },
      {
        path: "resize[1]",
        taskId: "resize[1]~item",
        kind: "task",
        attempt: 1,
        inputRef: null,
        ready: false,
        availableAt: clock.now() + holder.leaseMs,
        wakeAt: null,
        lost: 0,
        claim: { workerId: "worker-a", token, expiresAt: clock.now() + holder.leaseMs },
      },
    ]);
  },

  "begins it with the lane and the priority of the join": async ({ given }) => {
    const claim = await given.held();
    const lane = given.lane({ tags: ["gpu"] });
    const { items } = await given.map(claim, { total: 2, begun: 1, join: { lane, priority: 1 } });
    await endItem(given, items[0]);

    expect(await given.positionOf("order-1", "resize[1]")).toMatchObject({ tags: ["gpu"], priority: 1 });
    given.after(holder.leaseMs);
    expect(await given.claim()).toEqual([]);
    expect(await given.claim({ lanes: [lane] })).toMatchObject([{ path: "resize[1]" }]);
  },

  "lets others take an item over whose holder has died, with its value": async ({ given }) => {
    const { items } = await given.mapped(2, 1);
    const [next] = await endItem(given, items[0]);
    given.after(holder.leaseMs);

    expect(await given.claim({ workerId: "worker-b" })).toMatchObject([
      { path: "resize[1]", lost: 1, recorded: { outcome: "completed", output: bytesOf("1") } },
    ]);
    expect(await given.commit(aCheckpoint(next!, { move: END, entries: [] }))).toEqual({ kind: "fenced" });
  },

  "begins each item once, in order, never more at a time than have begun": async ({ given }) => {
    let held: readonly ClaimRef[] = (await given.mapped(10, 3)).items;
    const begun = held.map(({ path }) => path);
    while (!held.some(({ path }) => path === "")) {
      const [first, ...rest] = held;
      const more = await endItem(given, first);
      held = [...rest, ...more];
      begun.push(...more.map(({ path }) => path));
      expect((await pathsOf(given)).length).toBeLessThanOrEqual(4);
    }

    expect(begun).toEqual([...Array.from({ length: 10 }, (_, index) => `resize[${index}]`), ""]);
  },

  "only counts down where no item is left to begin": async ({ given }) => {
    const { items } = await given.mapped(2, 2);
    const fate = await given.accepted(items[1]!, END);

    expect(fate).toEqual({ kind: "accepted", kept: false, interrupt: null, granted: [] });
    expect((await given.stateOf("order-1")).positions).toMatchObject([
      { path: "", pending: 1, items: { total: 2, started: 2, failed: 0 } },
      { path: "resize[0]" },
    ]);
  },

  "gives the join to the worker that ends the last item": async ({ given, clock }) => {
    const { items } = await given.mapped(2, 2);
    await endItem(given, items[0]);
    const [join] = await endItem(given, items[1]);

    expect((await given.stateOf("order-1")).positions).toMatchObject([
      {
        path: "",
        taskId: "resize",
        pending: 0,
        ready: false,
        claim: { workerId: "worker-a", token: join?.token, expiresAt: clock.now() + holder.leaseMs },
      },
    ]);
    expect(await given.commit(aCheckpoint(join!, { entries: [anEntry({ taskId: "resize", kind: "join" })] }))).toEqual({
      kind: "accepted",
      kept: false,
      interrupt: null,
      granted: [],
    });
  },

  "does not give the join to anybody before all items have ended (INV-9)": async ({ given }) => {
    const { items } = await given.mapped(3, 2);
    await endItem(given, items[0]);
    given.after(DAY);

    expect((await given.claim()).map(({ path }) => path).sort()).toEqual(["resize[1]", "resize[2]"]);
  },

  "gives a closed join to others once the lease has expired": async ({ given }) => {
    const { items } = await given.mapped(1, 1);
    await endItem(given, items[0]);
    given.after(holder.leaseMs);

    expect(await given.claim({ workerId: "worker-b" })).toMatchObject([{ path: "", taskId: "resize", input: null }]);
  },

  "serves a map that is itself in a branch": async ({ given }) => {
    const { branches } = await given.forked(["x", "y"]);
    const { items } = await given.map(branches["x"]!, { total: 2, begun: 1, join: { taskId: "x" } });
    const first = await given.accepted(items[0]!, { kind: "endItem", joinPath: "both/x" });
    expect(first.granted.map(({ path }) => path)).toEqual(["x[1]"]);
    const second = { ...items[0]!, path: "x[1]", token: first.granted[0]!.token };

    const { granted } = await given.accepted(second, { kind: "endItem", joinPath: "both/x" });
    expect(granted.map(({ path }) => path)).toEqual(["both/x"]);
    expect(await given.positionOf("order-1")).toMatchObject({ pending: 2 });
  },

  "tells where an outcome is recorded, and begins nothing": async ({ backend, given }) => {
    const { items } = await given.mapped(2, 1);
    await backend.saveTaskResult("order-1", "resize[0]/work", bytesOf("7"));
    const before = await given.seen("order-1");

    for (const attempt of [1, 2]) {
      const entries = [anEntry({ taskId: "resize[0]/work", attempt })];
      expect(await given.commit(aCheckpoint(items[0]!, { move: END, entries }))).toEqual({ kind: "recorded" });
    }
    expect(await given.seen("order-1")).toEqual(before);
  },

  "is fenced where the claim does not hold, or there is nothing to count down": async ({ given }) => {
    const { items } = await given.mapped(3, 2);
    await endItem(given, items[0]);
    const before = await given.seen("order-1");

    for (const claim of [items[0]!, aForgedClaim("order-1", "resize[1]"), aForgedClaim("nowhere", "resize[1]")])
      expect(await given.commit(aCheckpoint(claim, { move: END, entries: [] }))).toEqual({ kind: "fenced" });
    for (const joinPath of ["elsewhere", "resize[1]", "resize[2]"]) {
      const move = { ...END, joinPath };
      expect(await given.commit(aCheckpoint(items[1]!, { move, entries: [] }))).toEqual({ kind: "fenced" });
    }
    expect(await given.seen("order-1")).toEqual(before);
  },
};

export const endItemsInBatchTests: ConformanceTests = {
  "begins an item for each that ends, in the order of the batch": async ({ backend, given }) => {
    const { items } = await given.mapped(6, 3);
    const ends = items.map((item) =>
      aCheckpoint(item, { move: END, entries: [anEntry({ taskId: `${item.path}/work` })] }),
    );
    const fates = await backend.commitCheckpoints([...ends].reverse(), holder);

    expect(fates.map((fate) => (fate.kind === "accepted" ? fate.granted.map(({ path }) => path) : fate.kind))).toEqual([
      ["resize[3]"],
      ["resize[4]"],
      ["resize[5]"],
    ]);
    expect(await given.positionOf("order-1")).toMatchObject({ pending: 3, items: { started: 6 } });
    const tokens = new Set(fates.flatMap((fate) => (fate.kind === "accepted" ? fate.granted : [])).map((g) => g.token));
    expect(tokens.size).toBe(3);
  },

  "begins as many as are left": async ({ backend, given }) => {
    const { items } = await given.mapped(4, 3);
    const ends = items.map((item) => aCheckpoint(item, { move: END, entries: [] }));
    const fates = await backend.commitCheckpoints(ends, holder);

    expect(fates.flatMap((fate) => (fate.kind === "accepted" ? fate.granted : []))).toMatchObject([
      { path: "resize[3]" },
    ]);
    expect(await pathsOf(given)).toEqual(["", "resize[3]"]);
    expect(await given.positionOf("order-1")).toMatchObject({ pending: 1, items: { total: 4, started: 4 } });
  },

  "closes the join once": async ({ backend, given }) => {
    const { items } = await given.mapped(3, 3);
    const ends = items.map((item) => aCheckpoint(item, { move: END, entries: [] }));
    const fates = await backend.commitCheckpoints(ends, holder);

    expect(fates.flatMap((fate) => (fate.kind === "accepted" ? fate.granted : []))).toMatchObject([{ path: "" }]);
    expect(await pathsOf(given)).toEqual([""]);
  },

  "counts each map by itself, and no item that is fenced": async ({ backend, given }) => {
    const first = await given.mapped(4, 2, { instanceId: "a" });
    const second = await given.mapped(2, 2, { instanceId: "b" });
    const ends = [
      aCheckpoint(first.items[1]!, { move: END, entries: [] }),
      aCheckpoint(second.items[0]!, { move: END, entries: [] }),
      aCheckpoint(aForgedClaim("a", "resize[0]"), { move: END, entries: [] }),
      aCheckpoint(second.items[1]!, { move: END, entries: [] }),
    ];
    const fates = await backend.commitCheckpoints(ends, holder);

    expect(fates.map((fate) => fate.kind)).toEqual(["accepted", "accepted", "fenced", "accepted"]);
    expect(fates.map((fate) => (fate.kind === "accepted" ? fate.granted.map(({ path }) => path) : []))).toEqual([
      ["resize[2]"],
      [],
      [],
      [""],
    ]);
    expect(await pathsOf(given, "a")).toEqual(["", "resize[0]", "resize[2]"]);
    expect(await pathsOf(given, "b")).toEqual([""]);
  },

  "counts two maps of one instance each by itself": async ({ backend, given }) => {
    const { branches } = await given.forked(["x", "y"]);
    const x = await given.map(branches["x"]!, { total: 3, begun: 1, join: { taskId: "x" } });
    const y = await given.map(branches["y"]!, { total: 1, begun: 1, join: { taskId: "y" } });
    const fates = await backend.commitCheckpoints(
      [
        aCheckpoint(x.items[0]!, { move: { ...END, joinPath: "both/x" }, entries: [] }),
        aCheckpoint(y.items[0]!, { move: { ...END, joinPath: "both/y" }, entries: [] }),
      ],
      holder,
    );

    expect(fates).toMatchObject([{ granted: [{ path: "x[1]" }] }, { granted: [{ path: "both/y" }] }]);
  },

  "begins each item once where all end at the same time": async ({ given }) => {
    for (let round = 0; round < 5; round++) {
      const instanceId = `order-${round}`;
      let held: readonly ClaimRef[] = (await given.mapped(12, 4, { instanceId })).items;
      const begun: string[] = [];
      while (held.length > 0) {
        const granted = (await Promise.all(held.map((item) => endItem(given, item)))).flat();
        begun.push(...granted.map(({ path }) => path));
        held = granted.filter(({ path }) => path !== "");
      }

      const later = Array.from({ length: 8 }, (_, index) => `resize[${index + 4}]`);
      expect(begun.sort()).toEqual(["", ...later].sort());
      expect((await given.stateOf(instanceId)).positions).toMatchObject([{ path: "", pending: 0 }]);
    }
  },
};
