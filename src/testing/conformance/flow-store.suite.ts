import { expect } from "vitest";
import { expectRefusal } from "./errors.ts";
import { holder } from "./given.ts";
import type { ConformanceSuite, ConformanceTests } from "./suite.ts";

const NO_NAMES: readonly unknown[] = ["", " ", "a\u0000b", 7, null, undefined, {}];
const OTHER = "f".repeat(64);

const countTests: ConformanceTests = {
  "counts what is ready of one definition, and nothing else": async ({ backend, given }) => {
    const { definitionHash } = given.lane();
    for (const instanceId of ["a", "b", "c"]) await given.instance({ instanceId });
    await given.instance({ instanceId: "other", definitionHash: OTHER });
    await given.asleep(1_000, { instanceId: "asleep" });
    await given.paused({ instanceId: "paused" });
    expect(await backend.countReady(definitionHash, 100)).toBe(3);
    await given.claimOf("b");
    expect(await backend.countReady(definitionHash, 100)).toBe(2);
    expect(await backend.countReady("0".repeat(64), 100)).toBe(0);
  },

  "counts what waits before gates, too": async ({ backend, given }) => {
    await given.limit({ concurrency: 1 });
    await given.waiting(["a", "b", "c"]);
    expect(await given.admitted()).toEqual(["a"]);

    expect(await backend.countReady(given.lane().definitionHash, 100)).toBe(2);
  },

  "counts no further than asked": async ({ backend, given }) => {
    for (const instanceId of ["a", "b", "c"]) await given.instance({ instanceId });

    expect(await backend.countReady(given.lane().definitionHash, 2)).toBe(2);
  },

  "refuses what makes no sense": async ({ backend }) => {
    for (const hash of NO_NAMES)
      await expectRefusal(backend.countReady(hash as never, 1), "INVALID_ARGUMENT", { field: "definitionHash" });
    for (const atMost of [0, 1.5, 1_000_001, "1", null])
      await expectRefusal(backend.countReady("a", atMost as never), "INVALID_ARGUMENT", { field: "atMost" });
  },
};

/** Of a definition of its own: a lane belongs to the flow that was its first. */
const STOCK = { flow: "stock", definitionHash: "5a".repeat(32) } as const;
const STOCK_NEXT = { flow: "stock", definitionHash: "5b".repeat(32) } as const;
const FREE = { flow: "free", definitionHash: "5c".repeat(32) } as const;

const pauseTests: ConformanceTests = {
  "keeps all of a flow from being claimed, in whatever version, until it is unpaused": async ({ backend, given }) => {
    const lanes = [STOCK, STOCK_NEXT, FREE].map((facts) => given.lane(facts));
    await given.instance({ instanceId: "a", ...STOCK });
    await given.instance({ instanceId: "b", ...STOCK_NEXT });
    await given.instance({ instanceId: "c", ...FREE });
    expect(await backend.pauseFlow("stock", { reason: "stock-taking", requestedBy: "ada" })).toBe(true);
    expect((await given.claim({ lanes })).map(({ instanceId }) => instanceId)).toEqual(["c"]);
    expect(await backend.unpauseFlow("stock")).toBe(true);

    expect((await given.claim({ lanes })).map(({ instanceId }) => instanceId)).toEqual(["a", "b"]);
  },

  "keeps it from being claimed before gates, too": async ({ backend, given }) => {
    const lane = given.lane(STOCK);
    await given.limit({ concurrency: 5 });
    await backend.createInstances([given.newInstance({ instanceId: "a", ...STOCK, at: given.before({}, { lane }) })]);
    await backend.pauseFlow("stock", {});
    expect(await given.admitted({ lanes: [lane] })).toEqual([]);
    await backend.unpauseFlow("stock");

    expect(await given.admitted({ lanes: [lane] })).toEqual(["a"]);
  },

  "gives nobody what is new of it": async ({ backend, given }) => {
    await backend.pauseFlow("stock", {});
    const instance = given.newInstance({ instanceId: "a", ...STOCK });
    const positions = instance.positions.map((position) => ({ ...position, claimed: true }));
    const [created] = await backend.createInstances([{ ...instance, positions }], holder);
    expect(created).toMatchObject({ created: true, granted: [] });
    await backend.unpauseFlow("stock");

    expect((await given.claim({ lanes: [given.lane(STOCK)] })).map(({ instanceId }) => instanceId)).toEqual(["a"]);
  },

  "leaves what is held to its holder, and what is asked for by its id": async ({ backend, given }) => {
    const claim = await given.held({ instanceId: "a", ...STOCK });
    await given.instance({ instanceId: "b", ...STOCK });
    await backend.pauseFlow("stock", {});
    const to = given.standing({ taskId: "next", lane: given.lane(STOCK) });
    await given.accepted(claim, { kind: "advance", to });

    expect(await given.claimOf("b")).toMatchObject({ instanceId: "b" });
  },

  "says who paused it, when, and why; of several, the first counts": async ({ backend, clock }) => {
    const since = clock.now();
    expect(await backend.pauseFlow("b", { reason: "first", requestedBy: "ada" })).toBe(true);
    expect(await backend.pauseFlow("b", { reason: "second" })).toBe(false);
    await backend.pauseFlow("a", {});

    expect(await backend.listPausedFlows()).toEqual([
      { flow: "a", reason: null, requestedBy: null, since },
      { flow: "b", reason: "first", requestedBy: "ada", since },
    ]);
    expect(await backend.unpauseFlow("b")).toBe(true);
    expect(await backend.unpauseFlow("b")).toBe(false);
    expect((await backend.listPausedFlows()).map(({ flow }) => flow)).toEqual(["a"]);
  },

  "refuses what makes no sense": async ({ backend }) => {
    for (const flow of NO_NAMES) {
      await expectRefusal(backend.pauseFlow(flow as never, {}), "INVALID_ARGUMENT", { field: "flow" });
      await expectRefusal(backend.unpauseFlow(flow as never), "INVALID_ARGUMENT", { field: "flow" });
    }
    await expectRefusal(backend.pauseFlow("a", null as never), "INVALID_ARGUMENT", { field: "request" });
    await expectRefusal(backend.pauseFlow("a", { reason: 7 as never }), "INVALID_ARGUMENT", {
      field: "request.reason",
    });
  },
};

export const flowStoreSuite: ConformanceSuite = {
  name: "FlowStore",
  methods: { countReady: countTests, pauseFlow: pauseTests },
};
