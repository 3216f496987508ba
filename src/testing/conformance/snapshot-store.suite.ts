import { expect } from "vitest";
import { aCheckpoint, anEntry, bytesOf } from "../builders.ts";
import { contradictionTests } from "./contradictions.suite.ts";
import { expectRefusal } from "./errors.ts";
import { saveSnapshotOverClaimsTests, saveSnapshotRefusalTests, saveSnapshotTests } from "./save-snapshot.suite.ts";
import { saveTaskResultPlaceTests, saveTaskResultTests } from "./save-task-result.suite.ts";
import type { ConformanceSuite, ConformanceTests } from "./suite.ts";

const loadSnapshotTests: ConformanceTests = {
  "gives the complete state of an instance": async ({ backend, given, clock }) => {
    const claim = await given.held({ labels: { customer: "7" }, tags: ["eu"], priority: 2 });

    expect(await backend.loadSnapshot("order-1")).toEqual({
      ...given.snapshot({ labels: { customer: "7" }, tags: ["eu"], priority: 2, createdAt: clock.now() }),
      positions: [
        {
          path: "",
          taskId: "first",
          kind: "task",
          inputRef: null,
          attempt: 1,
          priority: 3,
          tags: [],
          event: null,
          pending: 0,
          items: null,
          ready: false,
          availableAt: clock.now() + 60_000,
          wakeAt: null,
          interrupt: null,
          lost: 0,
          claim: { workerId: "worker-a", token: claim.token, expiresAt: clock.now() + 60_000 },
        },
      ],
    });
  },

  "gives positions by path": async ({ backend, given }) => {
    await given.forked(["b", "a", "Z"]);

    const { positions } = await backend.loadSnapshot("order-1");

    expect(positions.map((position) => position.path)).toEqual(["", "both/Z", "both/a", "both/b"]);
  },

  "gives results in the order in which they were recorded, without failed attempts": async ({ backend, given }) => {
    const claim = await given.held();
    const failed = anEntry({ taskId: "z", outcome: "failed", output: null, failure: bytesOf("3") });
    await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "z", attempt: 2 }) }, [failed]);
    await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "a" }) }, [
      anEntry({ taskId: "z", attempt: 2 }),
    ]);
    await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "end" }) }, [anEntry({ taskId: "a" })]);

    const { results } = await backend.loadSnapshot("order-1");

    expect(results.map((result) => `${result.taskId} ${result.outcome}`)).toEqual(["z completed", "a completed"]);
  },

  "gives the output of a completed instance, which stands nowhere": async ({ backend, given, clock }) => {
    await given.ended("completed");

    expect(await backend.loadSnapshot("order-1")).toMatchObject({
      status: "completed",
      output: bytesOf("2"),
      failure: null,
      endedAt: clock.now(),
      positions: [],
    });
  },

  "gives the failure of a failed instance": async ({ backend, given }) => {
    await given.ended("failed");

    expect(await backend.loadSnapshot("order-1")).toMatchObject({
      status: "failed",
      output: null,
      failure: bytesOf("3"),
      positions: [],
    });
  },

  "refuses an unknown instance": async ({ backend }) => {
    await expectRefusal(backend.loadSnapshot("nowhere"), "INSTANCE_NOT_FOUND", { instanceId: "nowhere" });
  },
};

const deleteSnapshotTests: ConformanceTests = {
  "leaves nothing of the instance anywhere": async ({ backend, given }) => {
    await given.held();
    await backend.storeSignal("order-1", "pause", { reason: "x" });
    await backend.sendEvent("order-1", "paid", bytesOf("1"), { dedupKey: "k" });
    await backend.saveTaskResult("order-1", "early", bytesOf("1"));

    await backend.deleteSnapshot("order-1");

    await expectRefusal(backend.loadSnapshot("order-1"), "INSTANCE_NOT_FOUND");
    expect(await backend.findInstance("order-1")).toBeNull();
    expect(await backend.listSnapshots()).toEqual([]);
    expect(await backend.listInstances({})).toEqual([]);
    expect(await backend.readHistory("order-1")).toEqual([]);
    expect(await backend.loadResults("order-1", ["early"])).toEqual([]);
    expect(await backend.getSignal("order-1", "pause")).toBeNull();
    expect(await backend.peekEvent("order-1", "paid")).toBeNull();
  },

  "leaves nothing that a new instance of the same id would find": async ({ backend, given }) => {
    await given.parked();
    await backend.sendEvent("order-1", "paid", bytesOf("1"), { dedupKey: "k" });
    await backend.deleteSnapshot("order-1");
    await given.instance();

    expect(await given.historyOf("order-1")).toEqual([]);
    expect(await given.claimOf("order-1")).toMatchObject({ taskId: "first", recorded: null, interrupt: null, lost: 0 });
    expect(await backend.sendEvent("order-1", "paid", bytesOf("2"), { dedupKey: "k" })).toBe("buffered");
  },

  "fences whoever held a position, also after an instance of that id was made anew (INV-5)": async ({
    backend,
    given,
  }) => {
    const zombie = await given.held();
    await backend.deleteSnapshot("order-1");
    expect(await given.commit(aCheckpoint(zombie))).toEqual({ kind: "fenced" });

    const owner = await given.held();

    expect(owner.token).toBeGreaterThan(zombie.token);
    expect(await given.commit(aCheckpoint(zombie))).toEqual({ kind: "fenced" });
    expect(await backend.renewClaims([zombie, owner], 1_000)).toMatchObject([{ held: false }, { held: true }]);
    await backend.releaseClaims([zombie]);
    expect(await given.commit(aCheckpoint(owner))).toMatchObject({ kind: "accepted" });
  },

  "leaves other instances alone": async ({ backend, given }) => {
    await given.instance({ instanceId: "order-2" });
    const before = await given.seen("order-2");
    await given.instance();

    await backend.deleteSnapshot("order-1");

    expect(await given.seen("order-2")).toEqual(before);
  },

  "deletes an instance that has ended": async ({ backend, given }) => {
    await given.ended("completed");
    await backend.deleteSnapshot("order-1");

    expect(await backend.listSnapshots()).toEqual([]);
  },

  "refuses an unknown instance, and keeps the events that wait for it": async ({ backend }) => {
    await backend.sendEvent("order-1", "paid", bytesOf("1"));

    await expectRefusal(backend.deleteSnapshot("order-1"), "INSTANCE_NOT_FOUND", { instanceId: "order-1" });

    expect(await backend.peekEvent("order-1", "paid")).toMatchObject({ payload: bytesOf("1") });
  },

  "deletes once where many ask at once": async ({ backend, given }) => {
    await given.instance();

    const settled = await Promise.allSettled(Array.from({ length: 10 }, () => backend.deleteSnapshot("order-1")));

    expect(settled.filter((result) => result.status === "fulfilled")).toHaveLength(1);
  },
};

const listSnapshotsTests: ConformanceTests = {
  "gives the ids of all instances in code-point order": async ({ backend, given }) => {
    const ids = ["b", "a", "Z", "ä", "a b", "10", "9", "\ufffd", "😀", "a/b"];
    for (const instanceId of ids) await given.instance({ instanceId });

    expect(await backend.listSnapshots()).toEqual(["10", "9", "Z", "a", "a b", "a/b", "b", "ä", "\ufffd", "😀"]);
  },

  "gives ended instances as well": async ({ backend, given }) => {
    await given.ended("cancelled");

    expect(await backend.listSnapshots()).toEqual(["order-1"]);
  },

  "gives nothing where there is nothing": async ({ backend }) => {
    expect(await backend.listSnapshots()).toEqual([]);
    expect(await backend.listSnapshots({ after: "x", limit: 3 })).toEqual([]);
  },

  "pages by the last id": async ({ backend, given }) => {
    const ids = Array.from({ length: 25 }, (_, index) => `order-${index + 10}`);
    await backend.createInstances(ids.map((instanceId) => given.newInstance({ instanceId })));

    const pages: string[][] = [];
    for (
      let page = await backend.listSnapshots({ limit: 10 });
      page.length > 0;
      page = await backend.listSnapshots({ after: page.at(-1)!, limit: 10 })
    ) {
      pages.push(page);
    }

    expect(pages.map((page) => page.length)).toEqual([10, 10, 5]);
    expect(pages.flat()).toEqual(ids);
  },

  "starts after an id that does not exist (any more)": async ({ backend, given }) => {
    await given.instance({ instanceId: "a" });
    await given.instance({ instanceId: "c" });

    expect(await backend.listSnapshots({ after: "b" })).toEqual(["c"]);
  },

  "gives all without a page": async ({ backend, given }) => {
    await backend.createInstances(
      Array.from({ length: 1_200 }, (_, index) => given.newInstance({ instanceId: `order-${index}` })),
    );

    expect(await backend.listSnapshots()).toHaveLength(1_200);
  },

  "follows what is made and deleted between two pages": async ({ backend, given }) => {
    for (const instanceId of ["a", "c", "e"]) await given.instance({ instanceId });
    expect(await backend.listSnapshots({ limit: 1 })).toEqual(["a"]);
    await given.instance({ instanceId: "b" });
    await backend.deleteSnapshot("c");
    await given.instance({ instanceId: "d" });
    await backend.deleteSnapshot("d");
    await given.instance({ instanceId: "d" });

    expect(await backend.listSnapshots({ after: "a" })).toEqual(["b", "d", "e"]);
  },
};

export const snapshotStoreSuite: ConformanceSuite = {
  name: "SnapshotStore",
  methods: {
    saveSnapshot: saveSnapshotTests,
    "saveSnapshot, over claims": saveSnapshotOverClaimsTests,
    "saveSnapshot, refused": { ...saveSnapshotRefusalTests, ...contradictionTests },
    saveTaskResult: saveTaskResultTests,
    "saveTaskResult, where it stands": saveTaskResultPlaceTests,
    loadSnapshot: loadSnapshotTests,
    deleteSnapshot: deleteSnapshotTests,
    listSnapshots: listSnapshotsTests,
  },
};
