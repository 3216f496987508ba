import { expect } from "vitest";
import type { EndedStatus, KeepTimes, PrunableRequest, RetentionRule } from "../../store/retention-store.ts";
import { aLane, bytesOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import { pruneTests } from "./prune-instances.suite.ts";
import type { ConformanceContext, ConformanceSuite, ConformanceTests } from "./suite.ts";

const HOUR = 3_600_000;
const { flow } = aLane();

function aRule(overrides: Partial<RetentionRule> = {}): RetentionRule {
  return { flow: "order", keep: { completed: 1_000, failed: null, cancelled: 0 }, archives: false, ...overrides };
}

function aRequest(overrides: Partial<PrunableRequest> = {}): PrunableRequest {
  return { flow, status: "cancelled", olderThanMs: HOUR, after: null, limit: 10, ...overrides };
}

/** Instances that were cancelled, each a second after the other. */
async function cancelled({ backend, given, clock }: ConformanceContext, ids: readonly string[]): Promise<void> {
  for (const instanceId of ids) {
    await given.instance({ instanceId });
    await backend.terminateInstance(instanceId, {});
    clock.advance(1_000);
  }
}

const declareTests: ConformanceTests = {
  "stores what code says, the last of several of one flow": async ({ backend }) => {
    await backend.declareRetention([aRule({ archives: true }), aRule({ flow: "b" }), aRule()]);

    expect(await backend.listRetention()).toEqual([
      { ...aRule({ flow: "b" }), isChanged: false },
      { ...aRule(), isChanged: false },
    ]);
  },

  "replaces what was said before, but that it archives": async ({ backend }) => {
    await backend.declareRetention([aRule({ archives: true })]);
    const keep: KeepTimes = { completed: null, failed: 7, cancelled: null };
    await backend.declareRetention([aRule({ keep })]);

    expect(await backend.listRetention()).toEqual([{ ...aRule({ keep, archives: true }), isChanged: false }]);
  },

  "leaves alone what was changed by hand, until that is reset": async ({ backend }) => {
    await backend.declareRetention([aRule()]);
    await backend.changeRetention("order", { keep: { failed: 5 }, archives: true });
    await backend.declareRetention([aRule()]);
    expect(await backend.listRetention()).toEqual([
      { flow: "order", keep: { completed: 1_000, failed: 5, cancelled: 0 }, archives: true, isChanged: true },
    ]);
    await backend.changeRetention("order", { keep: { completed: null }, archives: false });
    expect(await backend.listRetention()).toMatchObject([{ keep: { completed: null, failed: 5 }, archives: false }]);
    expect(await backend.resetRetention("order")).toBe(true);
    await backend.declareRetention([aRule()]);
    expect(await backend.listRetention()).toEqual([{ ...aRule(), isChanged: false }]);

    expect(await backend.resetRetention("none")).toBe(false);
  },

  "makes a rule by hand that keeps for ever what is not named": async ({ backend }) => {
    await backend.changeRetention("new", { keep: { completed: 5 } });

    expect(await backend.listRetention()).toEqual([
      { flow: "new", keep: { completed: 5, failed: null, cancelled: null }, archives: false, isChanged: true },
    ]);
  },

  "refuses what is no rule": async ({ backend }) => {
    const keeps = [null, {}, { completed: -1, failed: 1, cancelled: 1 }, { completed: "1d", failed: 1, cancelled: 1 }];
    for (const keep of keeps)
      await expectRefusal(backend.declareRetention([aRule({ keep: keep as never })]), "INVALID_ARGUMENT");
    for (const wrong of [null, [null], [aRule({ flow: "" })], [aRule({ archives: 1 as never })]])
      await expectRefusal(backend.declareRetention(wrong as never), "INVALID_ARGUMENT");
    for (const wrong of [null, { keep: { failed: 0.5 } }, { archives: "yes" }])
      await expectRefusal(backend.changeRetention("order", wrong as never), "INVALID_ARGUMENT");
    await expectRefusal(backend.changeRetention("", {}), "INVALID_ARGUMENT");

    expect(await backend.listRetention()).toEqual([]);
  },
};

const turnTests: ConformanceTests = {
  "gives each rule once, and again when it has rested": async ({ backend, clock }) => {
    await backend.declareRetention(["a", "b"].map((name) => aRule({ flow: name })));
    const turn = { archives: false, restMs: 5_000 };
    const taken = await Promise.all([1, 2, 3].map(async () => await backend.takeRetentionTurn(turn)));
    expect(taken.map((rule) => rule?.flow ?? "none").sort()).toEqual(["a", "b", "none"]);
    clock.advance(4_999);
    expect(await backend.takeRetentionTurn(turn)).toBeNull();
    clock.advance(1);

    expect(await backend.takeRetentionTurn(turn)).toEqual({ ...aRule({ flow: "a" }), isChanged: false });
  },

  "gives what is archived to who archives, and none that keeps all for ever": async ({ backend }) => {
    const keep = { completed: null, failed: null, cancelled: null };
    await backend.declareRetention([aRule({ flow: "kept", keep }), aRule({ flow: "archived", archives: true })]);
    expect(await backend.takeRetentionTurn({ archives: false, restMs: 0 })).toBeNull();

    expect((await backend.takeRetentionTurn({ archives: true, restMs: 1 }))?.flow).toBe("archived");
    expect(await backend.takeRetentionTurn({ archives: true, restMs: 1 })).toBeNull();
  },

  "comes at once for a rule that was changed by hand": async ({ backend }) => {
    await backend.declareRetention([aRule()]);
    await backend.takeRetentionTurn({ archives: false, restMs: HOUR });
    await backend.changeRetention("order", { keep: { failed: 1 } });

    expect((await backend.takeRetentionTurn({ archives: false, restMs: 1 }))?.keep.failed).toBe(1);
    for (const wrong of [null, {}, { archives: true }, { archives: 1, restMs: 1 }, { archives: true, restMs: -1 }])
      await expectRefusal(backend.takeRetentionTurn(wrong as never), "INVALID_ARGUMENT");
  },
};

const findTests: ConformanceTests = {
  "gives what has ended so long ago, the first to end first, page by page": async (context) => {
    const { backend, clock } = context;
    await cancelled(context, ["c", "a", "b"]);
    clock.advance(HOUR - 2_000);
    const first = await backend.findPrunable(aRequest({ limit: 1 }));
    expect(first.map(({ instanceId }) => instanceId)).toEqual(["c"]);
    expect(await backend.findPrunable(aRequest())).toHaveLength(2);
    clock.advance(1_000);
    const rest = await backend.findPrunable(aRequest({ after: first[0] ?? null }));
    expect(rest.map(({ instanceId }) => instanceId)).toEqual(["a", "b"]);

    expect(await backend.findPrunable(aRequest({ after: rest[1] ?? null }))).toEqual([]);
  },

  "tells apart what has ended at the same instant": async ({ backend, given }) => {
    for (const instanceId of ["b", "a", "é", "c"]) {
      await given.instance({ instanceId });
      await backend.terminateInstance(instanceId, {});
    }
    const found: string[] = [];
    let after: PrunableRequest["after"] = null;
    for (let page = 0; page < 4; page++) {
      const [one] = await backend.findPrunable(aRequest({ olderThanMs: 0, after, limit: 1 }));
      found.push(one?.instanceId ?? "none");
      after = one ?? null;
    }
    expect(found).toEqual(["a", "b", "c", "é"]);
  },

  "gives none of another flow or status, and none that is live": async (context) => {
    const { backend, given } = context;
    await cancelled(context, ["gone"]);
    await given.instance({ instanceId: "live" });
    const found = async (overrides: Partial<PrunableRequest>): Promise<number> =>
      (await backend.findPrunable(aRequest({ olderThanMs: 0, ...overrides }))).length;

    expect(await found({})).toBe(1);
    expect(await found({ flow: "other" })).toBe(0);
    for (const status of ["completed", "failed"] satisfies EndedStatus[]) expect(await found({ status })).toBe(0);
  },

  "refuses what makes no sense": async ({ backend }) => {
    const wrong = [{ flow: "" }, { status: "paused" }, { olderThanMs: -1 }, { limit: 0 }, { after: {} }];
    for (const one of wrong) await expectRefusal(backend.findPrunable(aRequest(one as never)), "INVALID_ARGUMENT");
  },
};

const endedFlowsTests: ConformanceTests = {
  "names the flows of which anything has ended": async (context) => {
    const { backend, given } = context;
    expect(await backend.listEndedFlows()).toEqual([]);
    await cancelled(context, ["a", "b"]);
    await given.instance({ instanceId: "live", flow: "zoo" });
    await given.instance({ instanceId: "other", flow: "other" });
    await backend.terminateInstance("other", {});

    expect(await backend.listEndedFlows()).toEqual([flow, "other"].sort());
  },
};

const orphanTests: ConformanceTests = {
  "removes what was sent to ids that don't exist, once nothing has been sent for so long": async ({
    backend,
    given,
    clock,
  }) => {
    await given.instance({ instanceId: "live" });
    for (const id of ["a", "b", "live"]) await backend.sendEvent(id, "paid", bytesOf("1"), { dedupKey: "k" });
    clock.advance(HOUR);
    await backend.sendEvent("b", "paid", bytesOf("2"));
    const request = { olderThanMs: HOUR, after: null, limit: 100, dryRun: false };
    expect((await backend.pruneOrphanedEvents({ ...request, dryRun: true })).pruned).toEqual(["a"]);
    expect(await backend.pruneOrphanedEvents(request)).toEqual({ pruned: ["a"], next: null });
    expect((await backend.pruneOrphanedEvents(request)).pruned).toEqual([]);

    expect(await backend.consumeEvent("b", "paid")).toEqual(bytesOf("1"));
    expect(await backend.sendEvent("a", "paid", bytesOf("3"), { dedupKey: "k" })).toBe("buffered");
    expect(await backend.sendEvent("live", "paid", bytesOf("3"), { dedupKey: "k" })).toBe("duplicate");
  },

  "goes on where it was": async ({ backend }) => {
    for (const id of ["a", "b", "c"]) await backend.sendEvent(id, "paid", bytesOf("1"));
    const request = { olderThanMs: 0, limit: 2, dryRun: false };
    const first = await backend.pruneOrphanedEvents({ ...request, after: null });
    expect(first).toEqual({ pruned: ["a", "b"], next: "b" });

    expect(await backend.pruneOrphanedEvents({ ...request, after: first.next })).toEqual({ pruned: ["c"], next: null });
    for (const wrong of [{ limit: 0 }, { olderThanMs: -1 }, { dryRun: 1 }, { after: 7 }])
      await expectRefusal(
        backend.pruneOrphanedEvents({ ...request, after: null, ...wrong } as never),
        "INVALID_ARGUMENT",
      );
  },
};

/** What `RetentionStore` promises. */
export const retentionStoreSuite: ConformanceSuite = {
  name: "RetentionStore",
  methods: {
    declareRetention: declareTests,
    takeRetentionTurn: turnTests,
    findPrunable: findTests,
    pruneInstances: pruneTests,
    listEndedFlows: endedFlowsTests,
    pruneOrphanedEvents: orphanTests,
  },
};
