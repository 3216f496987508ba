import { expect } from "vitest";
import type { NewEntry } from "../../snapshot/snapshot.ts";
import type { Backend } from "../../store/backend.ts";
import type { UpdateOutcome, UpdateRequest } from "../../store/state-store.ts";
import { aCheckpoint, anEntry, bytesOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import type { Given } from "./given.ts";
import type { ConformanceSuite, ConformanceTests } from "./suite.ts";

function aVersion(version: number, overrides: Partial<NewEntry> = {}): NewEntry {
  const facts = { taskId: "$state", attempt: version, kind: "state", outcome: "noted", durationMs: null } as const;
  return anEntry({ ...facts, output: bytesOf(`${version}`), outputRef: "first", ...overrides });
}

function anUpdate(overrides: Partial<UpdateRequest> = {}): UpdateRequest {
  const facts = { taskId: "$update:u1", attempt: 1, kind: "update", outcome: "noted", durationMs: null } as const;
  return {
    instanceId: "order-1",
    entry: anEntry({ ...facts, output: bytesOf("7"), decision: "add" }),
    state: aVersion(1, { outputRef: "$update:u1" }),
    event: null,
    codec: "json",
    ...overrides,
  };
}

/** The same, with another id and version. */
function another(id: string, version: number, overrides: Partial<UpdateRequest> = {}): UpdateRequest {
  const { entry } = anUpdate();
  const state = aVersion(version, { outputRef: `$update:${id}` });
  return anUpdate({ entry: { ...entry, taskId: `$update:${id}` }, state, ...overrides });
}

/** With the backend's own codec. */
async function apply(backend: Backend, request: UpdateRequest): Promise<UpdateOutcome> {
  return await backend.applyUpdate({ ...request, codec: backend.codec.id });
}

/** An instance at "first", with so many versions of its state, made by "first". */
async function withVersions(backend: Backend, given: Given, versions: number): Promise<void> {
  const claim = await given.held();
  for (let version = 1; version <= versions; version++) {
    const checkpoint = aCheckpoint(claim, { move: { kind: "note" }, entries: [aVersion(version)] });
    expect(await given.commit(checkpoint)).toMatchObject({ kind: "accepted" });
  }
}

const commitTests: ConformanceTests = {
  "takes a version once, with all that goes with it, whoever comes first": async ({ given, backend }) => {
    const claim = await given.held();
    await apply(backend, anUpdate());
    const to = given.standing({ taskId: "second" });
    const late = aCheckpoint(claim, { move: { kind: "advance", to }, entries: [anEntry(), aVersion(1)] });

    expect(await given.commit(late)).toEqual({ kind: "recorded" });
    expect(await given.historyOf("order-1")).toEqual(["$update:u1#1 noted", "$state#1 noted"]);
    const next = aCheckpoint(claim, { move: { kind: "advance", to }, entries: [anEntry(), aVersion(2)] });
    expect(await given.commit(next)).toMatchObject({ kind: "accepted", kept: true });
    expect(await given.historyOf("order-1")).toEqual([
      "$update:u1#1 noted",
      "$state#1 noted",
      "first#1 completed",
      "$state#2 noted",
    ]);
  },

  "does not take one of many with it whose version is taken": async ({ given, backend }) => {
    const claims = [await given.held({ instanceId: "a" }), await given.held({ instanceId: "b" })];
    await apply(backend, anUpdate({ instanceId: "a" }));
    const to = given.standing({ taskId: "second" });
    const batch = claims.map((claim) =>
      aCheckpoint(claim, { move: { kind: "advance", to }, entries: [anEntry(), aVersion(1)] }),
    );

    const fates = await backend.commitCheckpoints(batch, { workerId: "worker-a", leaseMs: 60_000 });
    expect(fates.map(({ kind }) => kind)).toEqual(["recorded", "accepted"]);
  },

  "of a branch that ends, and of one that is left": async ({ given, backend }) => {
    const { branches } = await given.forked(["a", "b"]);
    const { a, b } = branches;
    if (a === undefined || b === undefined) throw new TypeError("There should be two branches.");
    const version = (path: string): NewEntry => aVersion(1, { taskId: `$state:${path}` });
    await given.accepted(a, { kind: "endBranch", joinPath: "" }, [anEntry({ taskId: "a" }), version(a.path)]);
    const left = {
      kind: "leaveBranch",
      path: b.path,
      joinPath: "",
      within: "both/",
      closes: true,
      mostFailed: null,
    } as const;
    await given.accepted(b, left, [anEntry({ taskId: "b" }), version(b.path)]);

    const loaded = await backend.loadStates("order-1", ["$state:both/a", "$state:both/b"]);
    expect(loaded.map(({ taskId }) => taskId).sort()).toEqual(["$state:both/a", "$state:both/b"]);
  },
};

const loadStatesTests: ConformanceTests = {
  "gives the last version of each": async ({ given, backend }) => {
    await withVersions(backend, given, 12);
    await apply(backend, another("u1", 13));

    expect(await backend.loadStates("order-1", ["$state", "$state", "$state:none"])).toEqual([
      { taskId: "$state", version: 13, output: bytesOf("13"), decision: null },
    ]);
    expect(await backend.loadStates("order-1", ["$update:u1"])).toEqual([
      { taskId: "$update:u1", version: 1, output: bytesOf("7"), decision: "add" },
    ]);
  },

  "is empty for an instance without one, or none": async ({ given, backend }) => {
    await given.instance();
    expect(await backend.loadStates("order-1", ["$state"])).toEqual([]);
    expect(await backend.loadStates("order-1", [])).toEqual([]);
    expect(await backend.loadStates("nobody", ["$state"])).toEqual([]);
  },

  "refuses more than 10,000 ids": async ({ backend }) => {
    const ids = Array.from({ length: 10_001 }, (_, index) => `$state:map[${index}]`);
    await expectRefusal(backend.loadStates("order-1", ids), "INVALID_ARGUMENT");
  },
};

const hasStateChangeTests: ConformanceTests = {
  "tells who has made one of the later versions": async ({ given, backend }) => {
    await withVersions(backend, given, 2);
    await apply(backend, another("u1", 3));

    expect(await backend.hasStateChange("order-1", "$state", 1, "first")).toBe(true);
    expect(await backend.hasStateChange("order-1", "$state", 2, "first")).toBe(false);
    expect(await backend.hasStateChange("order-1", "$state", 2, "$update:u1")).toBe(true);
    expect(await backend.hasStateChange("order-1", "$state:a", 0, "first")).toBe(false);
    expect(await backend.hasStateChange("nobody", "$state", 0, "first")).toBe(false);
  },
};

const applyUpdateTests: ConformanceTests = {
  "writes that there was one, its reply, and the state": async ({ given, backend }) => {
    await given.instance();

    expect(await apply(backend, anUpdate())).toEqual({ kind: "applied", sent: null });
    expect(await backend.readHistory("order-1")).toMatchObject([
      { taskId: "$update:u1", kind: "update", outcome: "noted", decision: "add", output: bytesOf("7"), workerId: null },
      { taskId: "$state", kind: "state", attempt: 1, outputRef: "$update:u1", path: "", workerId: null },
    ]);
  },

  "needs neither a reply nor a change": async ({ given, backend }) => {
    await given.instance();
    const { entry } = anUpdate();

    expect(await apply(backend, anUpdate({ entry: { ...entry, output: null }, state: null }))).toMatchObject({
      kind: "applied",
    });
    expect(await given.historyOf("order-1")).toEqual(["$update:u1#1 noted"]);
  },

  "happens once for each id, also after the end": async ({ given, backend }) => {
    const claim = await given.held();
    await apply(backend, anUpdate());

    expect(await apply(backend, another("u1", 2))).toEqual({ kind: "duplicate" });
    await given.commit(aCheckpoint(claim));
    expect(await apply(backend, another("u1", 2))).toEqual({ kind: "duplicate" });
    expect(await given.historyOf("order-1")).toHaveLength(3);
  },

  "writes nothing where its version is taken, and sends nothing": async ({ given, backend }) => {
    await withVersions(backend, given, 2);
    const event = { name: "paid", payload: bytesOf("1") };

    expect(await apply(backend, another("u1", 2, { event }))).toEqual({ kind: "conflict" });
    expect(await given.historyOf("order-1")).toHaveLength(2);
    expect(await backend.peekEvent("order-1", "paid")).toBeNull();
  },

  "sends its event: to who waits for it, or into the buffer": async ({ given, backend }) => {
    await given.parked();
    const event = { name: "paid", payload: bytesOf("1") };

    expect(await apply(backend, anUpdate({ event }))).toEqual({ kind: "applied", sent: "delivered" });
    expect(await given.positionOf("order-1")).toMatchObject({ taskId: "payment", ready: true });
    expect(await apply(backend, another("u2", 2, { event }))).toEqual({ kind: "applied", sent: "buffered" });
    expect(await backend.peekEvent("order-1", "paid")).toMatchObject({
      payload: bytesOf("1"),
      codec: backend.codec.id,
    });
  },

  "of one version by many happens once": async ({ given, backend }) => {
    await given.instance();
    const all = Array.from({ length: 10 }, (_, index) => apply(backend, another(`u${index}`, 1)));
    const kinds = (await Promise.all(all)).map(({ kind }) => kind);

    expect(kinds.filter((kind) => kind === "applied")).toHaveLength(1);
    expect(kinds.filter((kind) => kind === "conflict")).toHaveLength(9);
    expect(await given.historyOf("order-1")).toHaveLength(2);
  },

  "is possible while the instance is paused": async ({ given, backend }) => {
    await given.instance();
    await backend.requestControl("order-1", "pause", {});
    expect(await apply(backend, anUpdate())).toMatchObject({ kind: "applied" });
  },

  "is refused by an instance that has ended, is unknown, or has another codec": async ({ given, backend }) => {
    await expectRefusal(apply(backend, anUpdate()), "INSTANCE_NOT_FOUND");
    const claim = await given.held();
    await expectRefusal(backend.applyUpdate(anUpdate({ codec: "other" })), "INVALID_ARGUMENT");
    await given.commit(aCheckpoint(claim));
    await expectRefusal(apply(backend, anUpdate()), "INVALID_TRANSITION");
    expect(await given.historyOf("order-1")).toEqual(["first#1 completed"]);
  },

  "refuses what is no update": async ({ given, backend }) => {
    await given.instance();
    const { entry } = anUpdate();
    const wrong: readonly unknown[] = [
      null,
      anUpdate({ entry: { ...entry, kind: "task" } }),
      anUpdate({ entry: { ...entry, outcome: "completed" } }),
      anUpdate({ entry: { ...entry, attempt: 2 } }),
      anUpdate({ state: aVersion(0) }),
      anUpdate({ state: aVersion(1, { output: null }) }),
      anUpdate({ state: aVersion(1, { kind: "update" }) }),
      anUpdate({ event: { name: "", payload: bytesOf("1") } }),
      anUpdate({ event: { name: "paid", payload: "1" as never } }),
      anUpdate({ codec: "" }),
    ];
    for (const request of wrong) await expectRefusal(backend.applyUpdate(request as never), "INVALID_ARGUMENT");
    expect(await given.historyOf("order-1")).toEqual([]);
  },
};

export const stateStoreSuite: ConformanceSuite = {
  name: "StateStore",
  methods: {
    "commitCheckpoints of a state": commitTests,
    loadStates: loadStatesTests,
    hasStateChange: hasStateChangeTests,
    applyUpdate: applyUpdateTests,
  },
};
