import { expect } from "vitest";
import type { Backend } from "../../store/backend.ts";
import { anEntry, bytesOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import type { ConformanceTests } from "./suite.ts";

const AGING_MS = 300_000;

async function available(backend: Backend, workerId: string = "worker-a"): Promise<string[]> {
  return (await backend.findAvailableTasks(workerId, 100)).map((task) => task.instanceId);
}

export const findAvailableTasksTests: ConformanceTests = {
  "gives positions that could be claimed now, and what is needed to run them": async ({ backend, given }) => {
    await given.instance({ at: { attempt: 2, priority: 4 }, input: bytesOf("7") });
    const { flow, definitionHash, codec } = given.lane();

    expect(await backend.findAvailableTasks("worker-a", 10)).toEqual([
      {
        instanceId: "order-1",
        taskId: "first",
        flow,
        definitionHash,
        codec,
        attempt: 2,
        priority: 4,
        input: bytesOf("7"),
      },
    ]);
  },

  "claims none of them": async ({ backend, given }) => {
    await given.instance();
    const before = await given.seen("order-1");
    await backend.findAvailableTasks("worker-a", 10);

    expect(await given.seen("order-1")).toEqual(before);
    expect(await available(backend)).toEqual(["order-1"]);
  },

  "gives them in the order in which they should be taken": async ({ backend, given }) => {
    await given.instance({ instanceId: "waits-long", at: { priority: 3 } });
    given.after(2 * AGING_MS + 1);
    await given.instance({ instanceId: "urgent", at: { priority: 1 } });
    await given.instance({ instanceId: "b", at: { priority: 2 } });
    await given.instance({ instanceId: "a", at: { priority: 2 } });
    await given.instance({
      instanceId: "other-lane",
      definitionHash: "f".repeat(64),
      at: { priority: 4, lane: given.lane({ definitionHash: "f".repeat(64) }) },
    });

    expect(await available(backend)).toEqual(["waits-long", "urgent", "a", "b", "other-lane"]);
  },

  "gives at most as many as asked for": async ({ backend, given }) => {
    for (const instanceId of ["a", "b", "c"]) await given.instance({ instanceId });

    expect((await backend.findAvailableTasks("worker-a", 2)).map((task) => task.instanceId)).toEqual(["a", "b"]);
  },

  "leaves out what somebody holds, and gives it once the lease has expired": async ({ backend, given }) => {
    await given.held();
    expect(await available(backend)).toEqual([]);
    given.after(60_000);

    expect(await available(backend)).toEqual(["order-1"]);
  },

  "leaves out what is asleep, and gives it once it is due": async ({ backend, given }) => {
    await given.asleep(1_000);
    given.after(999);
    expect(await available(backend)).toEqual([]);
    given.after(1);

    expect(await available(backend)).toEqual(["order-1"]);
  },

  "leaves out parked waits and open joins, and gives a wait whose time has passed": async ({ backend, given }) => {
    await given.forked(["a"], { instanceId: "order-2" });
    await given.parked({ timeoutMs: 1_000 });
    expect(await available(backend)).toEqual([]);
    given.after(1_000);

    expect(await available(backend)).toEqual(["order-1"]);
  },

  "leaves out instances that are paused, or have ended": async ({ backend, given }) => {
    await given.paused();
    await given.ended("completed", { instanceId: "order-2" });
    await given.ended("cancelled", { instanceId: "order-3" });

    expect(await available(backend)).toEqual([]);
  },

  "leaves out instances with a pending request, without hiding others behind them": async ({ backend, given }) => {
    for (const instanceId of ["a", "b", "c"]) {
      await given.instance({ instanceId });
      await backend.storeSignal(instanceId, "cancel", {});
    }
    given.after(1_000);
    await given.instance({ instanceId: "d" });

    expect((await backend.findAvailableTasks("worker-a", 1)).map((task) => task.instanceId)).toEqual(["d"]);
    await backend.clearSignal("b", "cancel");
    expect((await available(backend)).sort()).toEqual(["b", "d"]);
  },

  "gives the input under inputRef; null for a join": async ({ backend, given }) => {
    const claim = await given.held();
    await given.accepted(
      claim,
      { kind: "park", to: given.standing({ taskId: "second", inputRef: "first" }), wakeAfterMs: 0 },
      [anEntry({ output: bytesOf("8") })],
    );
    const { branches } = await given.forked(["a"], { instanceId: "order-2" });
    const ended = await given.accepted(branches["a"]!, { kind: "endBranch", joinPath: "" }, [anEntry({ taskId: "a" })]);
    await backend.releaseClaims(ended.granted.map((join) => ({ instanceId: "order-2", ...join })));

    const tasks = await backend.findAvailableTasks("worker-a", 10);
    expect(tasks.map((task) => [task.taskId, task.input])).toEqual([
      ["second", bytesOf("8")],
      ["both", null],
    ]);
  },

  "gives what needs tags only to workers that have all of them": async ({ backend, given }) => {
    await given.instance({ instanceId: "plain" });
    await given.instance({ instanceId: "gpu", at: { lane: given.lane({ tags: ["gpu"] }) } });
    await given.instance({ instanceId: "gpu-eu", at: { lane: given.lane({ tags: ["eu", "gpu"] }) } });
    await backend.registerWorker("worker-a", ["gpu", "big"]);
    await backend.registerWorker("worker-b", ["gpu", "eu"]);
    await backend.registerWorker("worker-c", ["us"]);

    expect((await available(backend, "worker-a")).sort()).toEqual(["gpu", "plain"]);
    expect((await available(backend, "worker-b")).sort()).toEqual(["gpu", "gpu-eu", "plain"]);
    expect(await available(backend, "worker-c")).toEqual(["plain"]);
  },

  "gives everything to a worker that registered without tags": async ({ backend, given }) => {
    await given.instance({ at: { lane: given.lane({ tags: ["gpu"] }) } });
    await backend.registerWorker("worker-a", []);

    expect(await available(backend)).toEqual(["order-1"]);
  },

  "gives a worker that has not registered only what needs no tags": async ({ backend, given }) => {
    await given.instance({ instanceId: "plain" });
    await given.instance({ at: { lane: given.lane({ tags: ["gpu"] }) } });

    expect(await available(backend, "stranger")).toEqual(["plain"]);
  },

  "takes the tags of the latest registration": async ({ backend, given }) => {
    await given.instance({ at: { lane: given.lane({ tags: ["gpu"] }) } });
    await backend.registerWorker("worker-a", ["gpu"]);
    await backend.registerWorker("worker-a", ["eu"]);

    expect(await available(backend)).toEqual([]);
  },

  "takes a limit from 1 to 10,000": async ({ backend }) => {
    for (const limit of [0, -1, 10_001, 1.5, Number.NaN, Infinity, "5", undefined]) {
      await expectRefusal(backend.findAvailableTasks("worker-a", limit as number), "INVALID_ARGUMENT", {
        field: "limit",
      });
    }
    expect(await backend.findAvailableTasks("worker-a", 10_000)).toEqual([]);
  },
};
