import { expect } from "vitest";
import type { Backend } from "../../store/backend.ts";
import type { TransactionalStore, TransactionScope } from "../../store/transactional-store.ts";
import type { Queryable } from "../../transaction.ts";
import { bytesOf, textOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import type { ConformanceContext, ConformanceTests, OpenedTransaction } from "./suite.ts";

export const OTHER: string = "order-2";

export function storeOf(backend: Backend): TransactionalStore {
  const { openTransaction, within } = backend;
  if (openTransaction === undefined || within === undefined) throw new TypeError("It is no TransactionalStore.");
  return { openTransaction: openTransaction.bind(backend), within: within.bind(backend) };
}

export async function begin({ subject }: ConformanceContext): Promise<OpenedTransaction> {
  if (subject.beginTransaction === undefined)
    throw new TypeError("The subject of a TransactionalStore needs beginTransaction.");
  return await subject.beginTransaction();
}

export const withinTests: ConformanceTests = {
  "makes instances with the commit, and none without": async (context) => {
    const { backend, given } = context;
    await given.instance();
    for (const [instanceId, end] of [
      ["kept", "commit"],
      ["dropped", "rollback"],
    ] as const) {
      const opened = await begin(context);
      const scope = storeOf(backend).within(opened.tx);
      const instances = [instanceId, "order-1"].map((id) => given.newInstance({ instanceId: id }));
      expect(await scope.createInstances(instances)).toEqual([
        { instanceId, created: true, granted: [] },
        { instanceId: "order-1", created: false, granted: [] },
      ]);
      expect(await backend.findInstance(instanceId)).toBeNull();
      await opened[end]();
    }
    expect(await given.statusOf("kept")).toBe("in_progress");
    expect(await backend.findInstance("dropped")).toBeNull();
    expect(await given.claim({ limit: 5 })).toHaveLength(2);
  },

  "delivers events with the commit, and none without; a dedup key counts if it is committed": async (context) => {
    const { backend, given } = context;
    await given.parked();
    const send = async (end: "commit" | "rollback"): Promise<string> => {
      const opened = await begin(context);
      const scope = storeOf(backend).within(opened.tx);
      const outcome = await scope.sendEvent("order-1", "paid", bytesOf("7"), { dedupKey: "k" });
      expect(await given.claim()).toEqual([]);
      await opened[end]();
      return outcome;
    };
    expect(await send("rollback")).toBe("delivered");
    expect(await given.claim()).toEqual([]);
    expect(await send("commit")).toBe("delivered");
    expect(await backend.sendEvent("order-1", "paid", bytesOf("8"), { dedupKey: "k" })).toBe("duplicate");
    expect(await given.claim()).toMatchObject([{ recorded: { outcome: "completed", output: bytesOf("7") } }]);
  },

  "holds the mailbox until the transaction ends: who sends later comes later": async (context) => {
    const { backend, given } = context;
    await given.instance();
    const opened = await begin(context);
    await storeOf(backend).within(opened.tx).sendEvent("order-1", "paid", bytesOf("1"));
    const later = backend.sendEvent("order-1", "paid", bytesOf("2"));
    await opened.commit();
    await later;

    expect(textOf(await backend.consumeEvent("order-1", "paid"))).toBe("1");
    expect(textOf(await backend.consumeEvent("order-1", "paid"))).toBe("2");
  },

  "tells the definition of an instance, as the transaction sees it": async (context) => {
    const { backend, given } = context;
    const { flow, definitionHash } = await given.instance();
    const opened = await begin(context);
    const scope = storeOf(backend).within(opened.tx);
    expect(await scope.findDefinition("order-1")).toEqual({ flow, definitionHash });
    expect(await scope.findDefinition(OTHER)).toBeNull();
    await scope.createInstances([given.newInstance({ instanceId: OTHER, flow: "refund" })]);
    expect(await scope.findDefinition(OTHER)).toEqual({ flow: "refund", definitionHash });
    await opened.rollback();
  },

  "refuses what makes no sense, and what has ended": async (context) => {
    const { backend, given } = context;
    for (const tx of [null, {}, "tx", { query: 1 }])
      expect(() => storeOf(backend).within(tx as unknown as Queryable)).toThrow(
        expect.objectContaining({ code: "INVALID_ARGUMENT" }) as Error,
      );
    await given.ended("completed", { instanceId: OTHER });
    const claimed = given.newInstance();
    const calls: readonly ((scope: TransactionScope) => Promise<unknown>)[] = [
      (scope) => scope.createInstances(null as never),
      (scope) => scope.createInstances([{ ...claimed, instanceId: "" }]),
      (scope) =>
        scope.createInstances([{ ...claimed, positions: claimed.positions.map((one) => ({ ...one, claimed: true })) }]),
      (scope) => scope.sendEvent("", "paid", bytesOf("1")),
      (scope) => scope.sendEvent("order-1", "", bytesOf("1")),
      (scope) => scope.sendEvent("order-1", "paid", "1" as never),
      (scope) => scope.sendEvent("order-1", "paid", bytesOf("1"), { dedupKey: "" }),
      (scope) => scope.findDefinition(""),
    ];
    const opened = await begin(context);
    const scope = storeOf(backend).within(opened.tx);
    for (const call of calls) await expectRefusal(call(scope), "INVALID_ARGUMENT");
    await expectRefusal(scope.sendEvent(OTHER, "paid", bytesOf("1")), "INVALID_TRANSITION");
    await opened.commit();
    expect(await backend.findInstance("order-1")).toBeNull();
  },
};
