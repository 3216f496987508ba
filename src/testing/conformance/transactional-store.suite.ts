import { expect } from "vitest";
import type { Checkpoint, ClaimRef } from "../../snapshot/checkpoint.ts";
import type { Backend } from "../../store/backend.ts";
import type { TaskTransaction, TransactionRequest, TransactionScope } from "../../store/transactional-store.ts";
import type { Queryable, TransactionSource } from "../../transaction.ts";
import { anEntry, bytesOf, textOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import { type Given, holder } from "./given.ts";
import type { ConformanceContext, ConformanceSuite, ConformanceTests } from "./suite.ts";
import { begin, OTHER, storeOf, withinTests } from "./transaction-scope.suite.ts";

function request(facts: Partial<TransactionRequest> = {}): TransactionRequest {
  const signal = new AbortController().signal;
  return { source: null, isolation: "read committed", timeoutMs: null, signal, ...facts };
}

async function open(backend: Backend, facts: Partial<TransactionRequest> = {}): Promise<TaskTransaction> {
  return await storeOf(backend).openTransaction(request(facts));
}

/** Calls inside of a task's transaction, as its function can make them. */
function inside(backend: Backend, { handle }: TaskTransaction): TransactionScope {
  return storeOf(backend).within(handle as Queryable);
}

function toSecond(given: Given, { instanceId, path, token }: ClaimRef): Checkpoint {
  const to = given.standing({ taskId: "second", inputRef: "first" });
  return {
    claim: { instanceId, path, token },
    entries: [anEntry({ output: bytesOf("4") })],
    move: { kind: "advance", to },
    consumes: null,
  };
}

/** Transactions of the subject's, as an adapter for it would open them. */
function sourceOf(context: ConformanceContext): TransactionSource<Queryable> & { readonly ends: string[] } {
  const ends: string[] = [];
  return {
    library: "the subject's",
    ends,
    queryable: (tx) => tx,
    transaction: async (work) => {
      const opened = await begin(context);
      try {
        await work(opened.tx);
      } catch (error) {
        ends.push("rolled back");
        await opened.rollback();
        throw error;
      }
      ends.push("committed");
      await opened.commit();
    },
  };
}

const openTests: ConformanceTests = {
  "opens a transaction at each isolation level, in which nothing is locked": async ({ backend, given, clock }) => {
    const claim = await given.held();
    for (const isolation of ["read committed", "repeatable read", "serializable"] as const) {
      const transaction = await open(backend, { isolation, timeoutMs: 5_000 });
      expect(await backend.renewClaims([claim], 90_000)).toEqual([{ held: true, interrupt: null }]);
      expect((await given.positionOf("order-1"))?.claim?.expiresAt).toBe(clock.now() + 90_000);
      given.after(1);
      await transaction.rollback(null);
    }
  },

  "opens it with the request's source, and gives the function what that gives": async (context) => {
    const { backend, given } = context;
    const claim = await given.held();
    const source = sourceOf(context);
    const transaction = await open(backend, { source });
    expect(typeof (transaction.handle as Queryable).query).toBe("function");
    await inside(backend, transaction).createInstances([given.newInstance({ instanceId: OTHER })]);
    expect(await transaction.commit(toSecond(given, claim), holder)).toMatchObject({
      kind: "written",
      fate: { kind: "accepted", kept: true },
    });

    expect(source.ends).toEqual(["committed"]);
    expect(await given.statusOf(OTHER)).toBe("in_progress");
    expect(await given.historyOf("order-1")).toEqual(["first#1 completed"]);
  },

  "has the request's source roll back what is not to happen": async (context) => {
    const { backend, given } = context;
    await given.held();
    const source = sourceOf(context);
    const transaction = await open(backend, { source });
    await inside(backend, transaction).createInstances([given.newInstance({ instanceId: OTHER })]);
    await transaction.rollback(new Error("not wanted"));

    expect(source.ends).toEqual(["rolled back"]);
    expect(await backend.findInstance(OTHER)).toBeNull();
  },

  "says so if the source opens no transaction, or throws": async ({ backend }) => {
    const source = { library: "none", queryable: (tx: Queryable) => tx, transaction: async () => undefined };
    await expectRefusal(open(backend, { source }), "TRANSACTION_MISUSED");
    const thrown = new Error("no connection is free");
    const failing = { ...source, transaction: () => Promise.reject(thrown) };
    await expect(open(backend, { source: failing })).rejects.toBe(thrown);
  },

  "waits no longer when the request's signal aborts": async ({ backend }) => {
    const reason = new Error("the lease has ended");
    await expect(open(backend, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  },

  "refuses a request that makes no sense": async ({ backend }) => {
    const good = request();
    const wrong: unknown[] = [
      null,
      { ...good, isolation: "chaos" },
      { ...good, timeoutMs: 0 },
      { ...good, timeoutMs: "1s" },
      { ...good, signal: null },
      { ...good, source: {} },
      { ...good, source: "pg" },
    ];
    for (const one of wrong)
      await expectRefusal(storeOf(backend).openTransaction(one as TransactionRequest), "INVALID_ARGUMENT");
  },
};

const commitTests: ConformanceTests = {
  "commits the checkpoint and what was done in the transaction, both, and nobody sees it before": async (context) => {
    const { backend, given } = context;
    const claim = await given.held();
    const transaction = await open(backend);
    const scope = inside(backend, transaction);
    await scope.createInstances([given.newInstance({ instanceId: OTHER })]);
    expect(await scope.sendEvent(OTHER, "paid", bytesOf("7"))).toBe("buffered");
    expect(await backend.findInstance(OTHER)).toBeNull();
    expect(await transaction.commit(toSecond(given, claim), holder)).toEqual({
      kind: "written",
      fate: { kind: "accepted", kept: true, interrupt: null, granted: [] },
    });

    expect(await given.statusOf(OTHER)).toBe("in_progress");
    expect(textOf(await backend.consumeEvent(OTHER, "paid"))).toBe("7");
    expect(await given.positionOf("order-1")).toMatchObject({ taskId: "second", claim: { token: claim.token } });
    const [entry] = await backend.readHistory("order-1");
    expect([entry?.taskId, textOf(entry?.output ?? null), entry?.workerId]).toEqual(["first", "4", "worker-a"]);
  },

  "writes neither if the claim does not hold any more (INV-5)": async ({ backend, given }) => {
    const claim = await given.held();
    const transaction = await open(backend);
    await inside(backend, transaction).createInstances([given.newInstance({ instanceId: OTHER })]);
    await backend.releaseClaims([claim]);
    const next = await given.claimOf("order-1");
    expect(await transaction.commit(toSecond(given, claim), holder)).toEqual({
      kind: "written",
      fate: { kind: "fenced" },
    });

    expect(await backend.findInstance(OTHER)).toBeNull();
    expect(await given.historyOf("order-1")).toEqual([]);
    expect(await given.accepted(next, { kind: "advance", to: given.standing({ taskId: "second" }) })).toMatchObject({
      kept: true,
    });
  },

  "writes neither if the task has an outcome already (INV-3)": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.saveTaskResult("order-1", "first", bytesOf("9"));
    const transaction = await open(backend);
    await inside(backend, transaction).createInstances([given.newInstance({ instanceId: OTHER })]);
    const end = await transaction.commit(toSecond(given, claim), holder);

    // A store may move the position on when the outcome is recorded from outside.
    expect(end).toMatchObject({
      kind: "written",
      fate: { kind: expect.stringMatching(/^(recorded|fenced)$/) as unknown },
    });
    expect(await backend.findInstance(OTHER)).toBeNull();
    expect(await backend.loadResults("order-1", ["first"])).toMatchObject([{ output: bytesOf("9") }]);
  },

  "stops where a request is pending, and has happened all the same": async ({ backend, given }) => {
    const claim = await given.held();
    const transaction = await open(backend);
    await inside(backend, transaction).createInstances([given.newInstance({ instanceId: OTHER })]);
    expect(await backend.requestControl("order-1", "pause", {})).toBe("applied");
    expect(await transaction.commit(toSecond(given, claim), holder)).toMatchObject({
      kind: "written",
      fate: { kind: "accepted", kept: false, interrupt: "paused" },
    });

    expect(await given.statusOf(OTHER)).toBe("in_progress");
    expect(await given.historyOf("order-1")).toEqual(["$pause#1 noted", "first#1 completed"]);
  },

  "writes whatever else ends a task: a parting, a branch, the instance": async ({ backend, given }) => {
    const { branches, instanceId } = await given.forked(["a", "b", "c"]);
    const to = given.standing({ taskId: "later" });
    const write = async (claim: ClaimRef, move: Checkpoint["move"], taskId: string): Promise<unknown> => {
      const { path, token } = claim;
      const entries = [anEntry({ taskId })];
      const transaction = await open(backend);
      return await transaction.commit({ claim: { instanceId, path, token }, entries, move, consumes: null }, holder);
    };
    expect(await write(branches["a"]!, { kind: "park", to, wakeAfterMs: 5_000 }, "a")).toMatchObject({
      fate: { kind: "accepted", kept: false },
    });
    expect(await write(branches["b"]!, { kind: "endBranch", joinPath: "" }, "b")).toMatchObject({
      fate: { kind: "accepted", granted: [] },
    });
    const leave: Checkpoint["move"] = {
      kind: "leaveBranch",
      path: "both/c",
      joinPath: "",
      within: "both/",
      closes: true,
      mostFailed: null,
    };
    const left = await write(branches["c"]!, leave, "both/c");
    expect(left).toMatchObject({ fate: { kind: "accepted", granted: [{ path: "" }] } });
    const { fate } = left as { readonly fate: { readonly granted: readonly { path: string; token: bigint }[] } };
    const join = { instanceId, path: "", token: fate.granted[0]?.token ?? 0n };
    expect(await write(join, { kind: "complete", output: bytesOf("8"), codec: "json" }, "both")).toMatchObject({
      fate: { kind: "accepted", kept: false },
    });
    expect((await given.stateOf(instanceId)).instance).toMatchObject({ status: "completed", output: bytesOf("8") });
  },

  "is told of what makes no sense, and leaves nothing": async ({ backend, given }) => {
    const claim = await given.held();
    const good = toSecond(given, claim);
    const wrong: readonly (readonly [unknown, unknown])[] = [
      [null, holder],
      [{ ...good, claim: null }, holder],
      [{ ...good, entries: [{}] }, holder],
      [{ ...good, move: { kind: "jump" } }, holder],
      [good, null],
      [good, { workerId: "", leaseMs: 1 }],
      [good, { workerId: "worker-a", leaseMs: 0 }],
    ];
    for (const [checkpoint, by] of wrong) {
      const transaction = await open(backend);
      await inside(backend, transaction).createInstances([given.newInstance({ instanceId: OTHER })]);
      expect(await transaction.commit(checkpoint as Checkpoint, by as typeof holder)).toMatchObject({
        kind: "failed",
        error: { code: "INVALID_ARGUMENT" },
      });
      expect(await backend.findInstance(OTHER)).toBeNull();
    }
    expect(await given.historyOf("order-1")).toEqual([]);
  },
};

const rollbackTests: ConformanceTests = {
  "leaves nothing of what was done, and the claim as it was": async ({ backend, given }) => {
    const claim = await given.held();
    for (const cause of [null, new Error("the card is refused")]) {
      const transaction = await open(backend);
      const scope = inside(backend, transaction);
      await scope.createInstances([given.newInstance({ instanceId: OTHER })]);
      await scope.sendEvent("order-1", "paid", bytesOf("7"));
      expect(await transaction.rollback(cause)).toEqual({ isRepeatable: false });
      expect(await backend.findInstance(OTHER)).toBeNull();
      expect(await backend.consumeEvent("order-1", "paid")).toBeNull();
    }
    expect(await backend.commitCheckpoints([toSecond(given, claim)], holder)).toMatchObject([{ kind: "accepted" }]);
  },

  "lets go of all that it held": async ({ backend, given }) => {
    await given.held();
    for (let round = 0; round < 12; round++) {
      const transaction = await open(backend);
      await inside(backend, transaction).sendEvent("order-1", "paid", bytesOf("7"));
      await transaction.rollback(null);
    }
    expect(await backend.sendEvent("order-1", "paid", bytesOf("8"))).toBe("buffered");
  },
};

export const transactionalStoreSuite: ConformanceSuite = {
  name: "TransactionalStore",
  inapplicable: ({ openTransaction, within }) =>
    openTransaction === undefined && within === undefined
      ? "the backend takes part in no transactions: it is no TransactionalStore"
      : null,
  methods: {
    openTransaction: openTests,
    "TaskTransaction.commit": commitTests,
    "TaskTransaction.rollback": rollbackTests,
    within: withinTests,
  },
};
