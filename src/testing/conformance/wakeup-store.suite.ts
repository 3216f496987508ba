import { expect } from "vitest";
import type { InstanceEnd, WakeupListener } from "../../store/wakeup.ts";
import { anEntry, bytesOf, textOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import { holder } from "./given.ts";
import type { ConformanceSuite, ConformanceTests } from "./suite.ts";

/** Notes what it is told, a word each. It may be told more: whoever has just begun to hear others is told to look at everything. */
function noting(heard: string[]): WakeupListener {
  return {
    ready: () => {
      heard.push("ready");
      return 0;
    },
    ended: (ends) => void heard.push(`ended ${ends?.map((end) => `${end.instanceId}${outputOf(end)}`).join() ?? "?"}`),
    interrupted: () => void heard.push("interrupted"),
    due: (afterMs) => void heard.push(`due ${afterMs}`),
  };
}

function outputOf({ output }: InstanceEnd): string {
  return output === null ? "" : `: ${textOf(output.bytes) ?? ""} by ${output.codec}`;
}

const subscribeTests: ConformanceTests = {
  "tells in this process what makes positions ready": async ({ backend, given }) => {
    const heard: string[] = [];
    const subscription = backend.subscribe(noting(heard));
    await given.instance();
    expect(heard.splice(0)).toContain("ready");
    const claim = await given.claimOf("order-1");
    await backend.releaseClaims([claim]);
    expect(heard.splice(0)).toContain("ready");
    await given.accepted(await given.claimOf("order-1"), { kind: "await", to: given.wait(), timeoutMs: null });
    heard.length = 0;
    await backend.sendEvent("order-1", "paid", bytesOf("1"));
    expect(heard).toContain("ready");
    subscription.close();
  },

  "tells of ends, requests, and what comes due": async ({ backend, given }) => {
    const heard: string[] = [];
    const subscription = backend.subscribe(noting(heard));
    await given.asleep(7_000, { instanceId: "asleep" });
    expect(heard.splice(0)).toContain("due 7000");
    const claim = await given.held();
    heard.length = 0;
    await backend.requestControl("order-1", "cancel", {});
    expect(heard.splice(0)).toContain("interrupted");
    await given.accepted(claim, { kind: "complete", output: bytesOf("2"), codec: "json" });
    expect(heard.splice(0)).toContain("ended order-1: 2 by json");
    await backend.requestControl("asleep", "cancel", {});
    expect(heard).toContain("ended asleep");
    subscription.close();
  },

  "tells nothing any more once it is closed": async ({ backend, given }) => {
    const heard: string[] = [];
    const subscription = backend.subscribe(noting(heard));
    subscription.close();
    subscription.close();
    await given.instance();

    expect(heard).toEqual([]);
  },
};

const promoteDueTests: ConformanceTests = {
  "makes ready what has come due, and says when the next one will": async ({ backend, given }) => {
    await given.asleep(1_000, { instanceId: "a" });
    await given.asleep(5_000, { instanceId: "b" });
    expect(await backend.promoteDue()).toEqual({ promoted: 0, nextDueMs: 1_000, owes: false });
    given.after(1_000);
    expect(await backend.promoteDue()).toEqual({ promoted: 1, nextDueMs: 4_000, owes: false });
    expect((await given.positionOf("a"))?.ready).toBe(true);
    given.after(4_000);
    expect(await backend.promoteDue()).toEqual({ promoted: 1, nextDueMs: null, owes: false });
  },

  "is left out by a claim of what is ready already": async ({ backend, given }) => {
    await given.asleep(1_000);
    given.after(1_000);
    expect(await given.claim({ readyOnly: true })).toEqual([]);
    await backend.promoteDue();
    expect(await given.claim({ readyOnly: true })).toHaveLength(1);
  },
};

const findEndedTests: ConformanceTests = {
  "gives those that have ended, or don't exist": async ({ backend, given }) => {
    await given.ended("completed", { instanceId: "done" });
    await given.ended("cancelled", { instanceId: "dropped" });
    await given.instance({ instanceId: "live" });
    await given.paused({ instanceId: "paused" });

    expect([...(await backend.findEnded(["done", "live", "nowhere", "paused", "dropped"]))].sort()).toEqual([
      "done",
      "dropped",
      "nowhere",
    ]);
    expect(await backend.findEnded([])).toEqual([]);
  },

  "refuses what are no ids, and too many": async ({ backend }) => {
    await expectRefusal(backend.findEnded([""]), "INVALID_ARGUMENT");
    await expectRefusal(backend.findEnded("live" as never), "INVALID_ARGUMENT");
    await expectRefusal(backend.findEnded(Array.from({ length: 10_001 }, () => "a")), "INVALID_ARGUMENT");
  },
};

const keepWorkerTests: ConformanceTests = {
  "counts the others that were alive lately": async ({ backend, given }) => {
    expect(await backend.keepWorker("a", [], 1_000)).toBe(0);
    expect(await backend.keepWorker("b", [], 1_000)).toBe(1);
    given.after(1_000);
    expect(await backend.keepWorker("c", [], 1_000)).toBe(0);
    expect(await backend.keepWorker("b", [], 1_000)).toBe(1);
    await backend.unregisterWorker("c");
    expect(await backend.keepWorker("b", [], 1_000)).toBe(0);
  },

  "counts only those that can run some of the same, if asked": async ({ backend, given }) => {
    const other = given.lane({ definitionHash: "f".repeat(64) });
    await backend.keepWorker("a", [], 1_000, [given.lane(), other]);
    await backend.keepWorker("b", [], 1_000, [other]);

    expect(await backend.keepWorker("c", [], 1_000, [given.lane()])).toBe(1);
    expect(await backend.keepWorker("c", [], 1_000)).toBe(2);
  },
};

const filterTests: ConformanceTests = {
  "lists by tags and labels, all of which must fit": async ({ backend, given }) => {
    await given.instance({ instanceId: "a", tags: ["eu", "gold"], labels: { team: "x", env: "prod" } });
    await given.instance({ instanceId: "b", tags: ["eu"], labels: { team: "x" } });
    const ids = async (filter: object): Promise<string[]> =>
      (await backend.listInstances(filter)).map(({ instanceId }) => instanceId);

    expect(await ids({ tags: ["eu"] })).toEqual(["a", "b"]);
    expect(await ids({ tags: ["gold", "eu"] })).toEqual(["a"]);
    expect(await ids({ labels: { team: "x" } })).toEqual(["a", "b"]);
    expect(await ids({ labels: { team: "x", env: "prod" } })).toEqual(["a"]);
    expect(await ids({ labels: { team: "X" } })).toEqual([]);
    await expectRefusal(backend.listInstances({ tags: [""] }), "INVALID_ARGUMENT");
  },
};

const sparedTests: ConformanceTests = {
  "gives what has failed here to whoever doesn't spare it": async ({ given }) => {
    const failed = anEntry({ outcome: "failed", output: null, failure: bytesOf("3") });
    const to = given.standing({ attempt: 2 });
    await given.accepted(await given.held(), { kind: "park", to, wakeAfterMs: 1_000 }, [failed]);
    given.after(1_000);

    expect(await given.claim({ ...holder, sparesFailed: false })).toHaveLength(1);
  },
};

const suspectTests: ConformanceTests = {
  "takes one position that lost so many leases, leaves what comes after a second, and keeps its place": async ({
    given,
  }) => {
    for (const instanceId of ["a", "b", "c"]) await given.instance({ instanceId });
    for (const instanceId of ["a", "b"]) {
      await given.claimOf(instanceId, { leaseMs: 1_000 });
      given.after(1_000);
    }
    await given.instance({ instanceId: "d" });
    const ids = async (): Promise<string[]> =>
      (await given.claim({ suspectFromLost: 1 })).map(({ instanceId }) => instanceId);

    expect(await ids()).toEqual(["c", "a"]);
    expect(await ids()).toEqual(["b", "d"]);
  },
};

/** What workers and waiting clients rely on besides claims and checkpoints. */
export const wakeupStoreSuite: ConformanceSuite = {
  name: "WakeupStore, and what goes with it",
  methods: {
    subscribe: subscribeTests,
    promoteDue: promoteDueTests,
    findEnded: findEndedTests,
    keepWorker: keepWorkerTests,
    "listInstances, tags and labels": filterTests,
    "claimPositions, sparing": sparedTests,
    "claimPositions, suspects": suspectTests,
  },
};
