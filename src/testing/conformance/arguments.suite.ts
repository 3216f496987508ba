import { expect } from "vitest";
import { anEntry, bytesOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import {
  callsWithBytes,
  callsWithEventName,
  callsWithInstanceId,
  callsWithNewId,
  callsWithTaskId,
  callsWithWorkerId,
  type OpenCall,
} from "./store-calls.ts";
import type { ConformanceSuite, ConformanceTest, ConformanceTests } from "./suite.ts";

/** What is no id of anything. */
const NO_TEXTS: readonly unknown[] = [
  "",
  "a\u0000b",
  "a\ud800b",
  "\udc00",
  7,
  Number.NaN,
  true,
  null,
  {},
  ["order-1"],
  Symbol("order-1"),
  () => "order-1",
  Promise.resolve("order-1"),
  { toString: () => "order-1" },
];
/** What nothing new may be called. */
const NO_IDS: readonly unknown[] = [
  ...NO_TEXTS,
  " ",
  "\t",
  " order",
  "order ",
  "x".repeat(256),
  "x".repeat(10_000),
  "a\nb",
  "a\u007fb",
  "a\u0085b",
  "a\u2028b",
];
const NO_TASK_IDS: readonly unknown[] = [
  "",
  "a\u0000b",
  "a\nb",
  "a\ud800b",
  "x".repeat(1_201),
  "é".repeat(601),
  7,
  null,
  {},
  ["first"],
  Promise.resolve("first"),
];
const NO_BYTES: readonly unknown[] = [
  "1",
  7,
  null,
  undefined,
  {},
  [1, 2],
  new ArrayBuffer(2),
  new Uint16Array(2),
  Promise.resolve(bytesOf("1")),
];

/** What is an id like any other, however odd it looks. */
const ODD_IDS: readonly string[] = [
  "x",
  "x".repeat(255),
  "'; DROP TABLE instances; --",
  'a"b',
  "a''b",
  "a\\b",
  "a%b_c",
  "$1",
  ":schema",
  "a b",
  "../../etc/passwd",
  "%00",
  "0",
  "007",
  "1e3",
  "null",
  "undefined",
  "NaN",
  "true",
  "😀".repeat(127),
  "שלום",
  "\u202egnp.exe",
  "é",
  "e\u0301",
  "ﬀ",
  "Order",
  "order",
  "ORDER",
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "then",
  "[0]",
  "{}",
  "a/b",
  "a[3]",
];

function refusing(calls: Readonly<Record<string, OpenCall>>, values: readonly unknown[]): ConformanceTests {
  return Object.fromEntries(
    Object.entries(calls).map(([call, run]): [string, ConformanceTest] => [
      call,
      async ({ backend, given }) => {
        for (const value of values) await expectRefusal(run(backend, given, value as never), "INVALID_ARGUMENT");
      },
    ]),
  );
}

const oddIdTests: ConformanceTests = {
  "are instance ids that keep apart what is different": async ({ backend, given }) => {
    await backend.createInstances(
      ODD_IDS.map((instanceId, index) => given.newInstance({ instanceId, input: bytesOf(String(index)) })),
    );

    expect(new Set(await backend.listSnapshots())).toEqual(new Set(ODD_IDS));
    for (const [index, instanceId] of ODD_IDS.entries()) {
      expect((await given.stateOf(instanceId)).instance).toMatchObject({ instanceId, input: bytesOf(String(index)) });
    }
  },

  "are instance ids that work in every call": async ({ backend, given }) => {
    for (const instanceId of ODD_IDS) {
      const claim = await given.held({ instanceId });
      await backend.sendEvent(instanceId, "paid", bytesOf("7"));
      await backend.storeSignal(instanceId, "pause", {});
      await backend.clearSignal(instanceId, "pause");
      await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "second" }) });
      await backend.releaseClaims([claim]);
      expect(await backend.claimTask(instanceId, "second", "worker-b", 1_000)).toMatchObject({ instanceId });
      expect(await backend.consumeEvent(instanceId, "paid")).toEqual(bytesOf("7"));
      await backend.deleteSnapshot(instanceId);
    }
    expect(await backend.listSnapshots()).toEqual([]);
  },

  "are event names and dedup keys that keep apart what is different": async ({ backend }) => {
    for (const [index, name] of ODD_IDS.entries()) {
      expect(await backend.sendEvent("order-1", name, bytesOf(String(index)), { dedupKey: name })).toBe("buffered");
    }
    for (const [index, name] of ODD_IDS.entries()) {
      expect(await backend.sendEvent("order-1", name, bytesOf("again"), { dedupKey: name })).toBe("duplicate");
      expect(await backend.consumeEvent("order-1", name)).toEqual(bytesOf(String(index)));
    }
  },

  "are worker ids": async ({ backend, given }) => {
    for (const [index, workerId] of ODD_IDS.entries()) {
      const instanceId = `order-${index}`;
      await backend.registerWorker(workerId, []);
      const claim = await given.held({ instanceId });
      await backend.releaseClaims([claim]);
      expect(await backend.claimTask(instanceId, "first", workerId, 60_000)).toMatchObject({ workerId });
      expect(await given.positionOf(instanceId)).toMatchObject({ claim: { workerId } });
      await backend.extendTaskClaim(instanceId, "first", workerId, 90_000);
      await backend.releaseTaskClaim(instanceId, "first", workerId);
      await backend.deleteSnapshot(instanceId);
    }
  },

  "are task ids": async ({ backend, given }) => {
    const claim = await given.held();
    for (const [index, taskId] of ODD_IDS.entries()) {
      await given.accepted(claim, { kind: "advance", to: given.standing({ taskId }) });
      await backend.saveTaskResult("order-1", taskId, bytesOf(String(index)));
    }
    for (const [index, taskId] of ODD_IDS.entries()) {
      expect(await backend.loadResults("order-1", [taskId])).toMatchObject([
        { taskId, output: bytesOf(String(index)) },
      ]);
    }
  },

  "are not found where they were never made": async ({ backend }) => {
    for (const instanceId of ODD_IDS) {
      expect(await backend.findInstance(instanceId)).toBeNull();
      expect(await backend.getSignal(instanceId, "cancel")).toBeNull();
      expect(await backend.peekEvent(instanceId, instanceId)).toBeNull();
      expect(await backend.loadResults(instanceId, [instanceId])).toEqual([]);
      await expectRefusal(backend.loadSnapshot(instanceId), "INSTANCE_NOT_FOUND", { instanceId });
    }
  },

  "are reasons, and values of labels": async ({ backend, given }) => {
    for (const [index, text] of ODD_IDS.entries()) {
      const instanceId = `order-${index}`;
      await given.instance({ instanceId, labels: { text } });
      await backend.storeSignal(instanceId, "pause", { reason: text, requestedBy: text });
      expect(await backend.getSignal(instanceId, "pause")).toEqual({ reason: text, requestedBy: text });
      expect((await given.stateOf(instanceId)).instance.labels).toEqual({ text });
    }
    await given.instance({ instanceId: "blank" });
    await backend.storeSignal("blank", "pause", { reason: "", requestedBy: " \n\t" });
    expect(await backend.getSignal("blank", "pause")).toEqual({ reason: "", requestedBy: " \n\t" });
  },
};

/** Names that a definition may use: letters and digits of any script, and a few signs. */
const ODD_NAMES: readonly string[] = [
  "größe",
  "e\u0301a",
  "名前",
  "شحن",
  "a:b",
  "a.b-c_d",
  "7",
  "_",
  "x".repeat(100),
  "toString",
  "then",
];

const oddNameTests: ConformanceTests = {
  "are tags and labels": async ({ backend, given }) => {
    for (const [index, name] of ODD_NAMES.entries()) {
      const instanceId = `order-${index}`;
      const lane = given.lane({ tags: [name] });
      await given.instance({ instanceId, tags: [name], labels: { [name]: "x" }, at: { lane } });
      await backend.registerWorker("worker-a", [name]);
      expect((await backend.findAvailableTasks("worker-a", 100)).map((task) => task.instanceId)).toEqual([instanceId]);
      expect(await given.claim({ lanes: [lane] })).toMatchObject([{ instanceId }]);
      expect(await given.stateOf(instanceId)).toMatchObject({
        instance: { tags: [name], labels: { [name]: "x" } },
        positions: [{ tags: [name] }],
      });
    }
  },

  "are lanes whose tags come in any order": async ({ given }) => {
    await given.instance({ at: { lane: given.lane({ tags: ["b", "a"] }) } });

    expect(await given.claim({ lanes: [given.lane({ tags: ["a", "b"] })] })).toHaveLength(1);
  },
};

const longTaskIdTests: ConformanceTests = {
  "may have 1,200 bytes, also together with a long instance id": async ({ backend, given }) => {
    const instanceId = "😀".repeat(127);
    const taskId = "é".repeat(600);
    const claim = await given.held({ instanceId, at: { taskId } });
    await given.accepted(claim, given.forkMove(taskId.slice(0, 400), [taskId.slice(0, 100)]), [anEntry({ taskId })]);

    expect(await backend.loadResults(instanceId, [taskId])).toHaveLength(1);
  },
};

export const argumentsSuite: ConformanceSuite = {
  name: "Arguments",
  methods: {
    "what is no instance id is refused by": refusing(callsWithInstanceId, NO_TEXTS),
    "what no new instance may be called is refused by": refusing(callsWithNewId, NO_IDS),
    "what is no worker id is refused by": refusing(callsWithWorkerId, NO_IDS),
    "what is no event name is refused by": refusing(callsWithEventName, NO_IDS),
    "what is no task id is refused by": refusing(callsWithTaskId, NO_TASK_IDS),
    "what is no bytes is refused by": refusing(callsWithBytes, NO_BYTES),
    "odd ids": oddIdTests,
    "odd names of definitions": oddNameTests,
    "long task ids": longTaskIdTests,
  },
};
