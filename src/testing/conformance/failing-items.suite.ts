import { expect } from "vitest";
import type { LeaveBranch } from "../../snapshot/checkpoint.ts";
import { aCheckpoint, bytesOf } from "../builders.ts";
import { holder } from "./given.ts";
import { failureOf, leaving, pathsOf } from "./leave-branch.suite.ts";
import type { ConformanceTests } from "./suite.ts";

const DAY = 86_400_000;

/** The move with which an item of the map "resize" on the trunk fails. */
function failing(index: number, mostFailed: number): LeaveBranch {
  const path = `resize[${index}]`;
  return { kind: "leaveBranch", path, joinPath: "", within: "resize[", closes: false, mostFailed };
}

export const failingItemsTests: ConformanceTests = {
  "counts the failure, and begins the next item": async ({ given, clock }) => {
    const { items } = await given.mapped(4, 2);
    const { granted } = await given.accepted(items[0]!, failing(0, 2), [failureOf("resize[0]")]);

    expect(granted.map(({ path }) => path)).toEqual(["resize[2]"]);
    expect((await given.stateOf("order-1")).positions).toMatchObject([
      { path: "", pending: 3, items: { total: 4, started: 3, failed: 1 } },
      { path: "resize[1]" },
      {
        path: "resize[2]",
        taskId: "resize[2]~item",
        inputRef: null,
        availableAt: clock.now() + holder.leaseMs,
        claim: { workerId: "worker-a", token: granted[0]?.token },
      },
    ]);
  },

  "begins the next item with the lane and the priority of the join": async ({ given }) => {
    const claim = await given.held();
    const lane = given.lane({ tags: ["gpu"] });
    const { items } = await given.map(claim, { total: 2, begun: 1, join: { lane, priority: 1 } });
    await given.accepted(items[0]!, failing(0, 5));

    expect(await given.positionOf("order-1", "resize[1]")).toMatchObject({ tags: ["gpu"], priority: 1 });
    given.after(holder.leaseMs);
    expect(await given.claim({ lanes: [lane] })).toMatchObject([
      { path: "resize[1]", recorded: { outcome: "completed", output: bytesOf("1") } },
    ]);
  },

  "counts no failure where none is asked to be counted": async ({ given }) => {
    const { items } = await given.mapped(2, 2);
    await given.accepted(items[0]!, { ...failing(0, 0), mostFailed: null });

    expect(await given.positionOf("order-1")).toMatchObject({ pending: 1, items: { total: 2, started: 2, failed: 0 } });
  },

  "closes the join when more have failed than may, and takes away the other items": async ({ backend, given }) => {
    const { items } = await given.mapped(10, 4);
    await given.accepted(items[2]!, failing(2, 1), [failureOf("resize[2]")]);
    const { granted } = await given.accepted(items[0]!, failing(0, 1), [failureOf("resize[0]")]);

    expect(granted.map(({ path }) => path)).toEqual([""]);
    expect((await given.stateOf("order-1")).positions).toMatchObject([
      { path: "", pending: 0, items: { total: 10, started: 5, failed: 2 }, claim: { token: granted[0]?.token } },
    ]);
    expect(await backend.renewClaims(items, 1_000)).toMatchObject(items.map(() => ({ held: false })));
  },

  "closes it at the first failure where none may fail": async ({ given }) => {
    const { items } = await given.mapped(3, 3);

    expect((await given.accepted(items[1]!, failing(1, 0))).granted).toMatchObject([{ path: "" }]);
    expect(await pathsOf(given)).toEqual([""]);
  },

  "takes away what stands in the item": async ({ given }) => {
    const { items } = await given.mapped(12, 12);
    const inner = await given.fork(items[1]!, "resize[1]/inner", ["p", "q"]);
    await given.accepted(inner.branches["p"]!, failing(1, 3));

    const others = Array.from({ length: 12 }, (_, index) => `resize[${index}]`).filter((path) => path !== "resize[1]");
    expect(await pathsOf(given)).toEqual(["", ...others].sort());
  },

  "counts failures that come at the same time, and ends": async ({ given }) => {
    for (let round = 0; round < 5; round++) {
      const instanceId = `order-${round}`;
      const { items } = await given.mapped(8, 6, { instanceId });
      const fates = await Promise.all(
        items.map((item, index) =>
          given.commit(
            aCheckpoint(
              item,
              index % 2 === 0
                ? { move: failing(index, 10), entries: [failureOf(item.path)] }
                : { move: { kind: "endItem", joinPath: "" }, entries: [] },
            ),
          ),
        ),
      );

      expect(fates.map((fate) => fate.kind)).toEqual(items.map(() => "accepted"));
      const granted = fates.flatMap((fate) => (fate.kind === "accepted" ? fate.granted : []));
      expect(granted.map(({ path }) => path).sort()).toEqual(["resize[6]", "resize[7]"]);
      expect(await given.positionOf(instanceId)).toMatchObject({
        pending: 2,
        items: { total: 8, started: 8, failed: 3 },
      });
    }
  },
};

export const interruptedLeaveTests: ConformanceTests = {
  "leaves the branch, and tells why the worker is to stop": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    await backend.storeSignal("order-1", "cancel", {});

    expect(await given.accepted(branches["a"]!, leaving("a"))).toMatchObject({ interrupt: "cancel", granted: [] });
    expect(await pathsOf(given)).toEqual(["", "both/b"]);
  },

  "closes the join without giving it to anybody": async ({ backend, given, clock }) => {
    const { branches } = await given.forked(["a", "b"]);
    await backend.storeSignal("order-1", "pause", {});
    expect(await given.accepted(branches["a"]!, leaving("a", { closes: true }))).toMatchObject({
      interrupt: "pause",
      granted: [],
    });

    expect((await given.stateOf("order-1")).positions).toMatchObject([
      { path: "", pending: 0, interrupt: "pause", ready: false, availableAt: clock.now() + 1_000, claim: null },
    ]);
    await backend.clearSignal("order-1", "pause");
    expect(await given.claim()).toMatchObject([{ path: "", kind: "join" }]);
  },

  "begins the next item held by nobody": async ({ backend, given }) => {
    const { items } = await given.mapped(2, 1);
    await backend.requestControl("order-1", "pause", {});
    expect(await given.accepted(items[0]!, failing(0, 5))).toMatchObject({ interrupt: "paused", granted: [] });
    given.after(DAY);
    expect(await given.claim()).toEqual([]);
    await backend.unpause("order-1");

    expect(await given.claim()).toMatchObject([{ path: "resize[1]" }]);
  },
};
