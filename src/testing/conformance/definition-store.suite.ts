import { expect } from "vitest";
import type { Backend } from "../../store/backend.ts";
import type { DefinitionStore, PublishedDefinition } from "../../store/definition-store.ts";
import { aLane } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import type { Given } from "./given.ts";
import type { ConformanceContext, ConformanceSuite, ConformanceTests } from "./suite.ts";

const [OLD, NEW] = ["0", "1"].map((digit) => digit.repeat(64)) as [string, string];

async function publish(
  backend: Backend,
  definitions: readonly PublishedDefinition[],
  asNewest: boolean = false,
): Promise<void> {
  await (backend as DefinitionStore).publishDefinitions(definitions, asNewest);
}

function definition(given: Given, facts: Partial<PublishedDefinition> = {}): PublishedDefinition {
  const { flow = "order", definitionHash = OLD } = facts;
  const standing = given.standing({ taskId: "first", lane: aLane({ flow, definitionHash, codec: "json" }) });
  const positions = [{ path: "", standing, hasOwnPriority: false, wakeAfterMs: 0 }];
  return { flow, definitionHash, awaitsEvents: false, spawns: false, positions, deadlineMs: null, ...facts };
}

async function start({ subject }: ConformanceContext, ...args: [string, string, string?]): Promise<void> {
  if (subject.startPublished === undefined)
    throw new TypeError("The subject of a DefinitionStore needs startPublished.");
  await subject.startPublished(...args);
}

async function hashOf({ given }: ConformanceContext, instanceId: string): Promise<string> {
  return (await given.stateOf(instanceId)).instance.definitionHash;
}

const publishTests: ConformanceTests = {
  "lets an instance be started from outside, where its definition says": async (context) => {
    const { backend, given, clock } = context;
    const lane = aLane({ flow: "order", definitionHash: OLD, codec: "json", tags: ["gpu"] });
    const place = { hasOwnPriority: false, wakeAfterMs: 0 };
    const join = given.standing({ taskId: "both", kind: "join", pending: 2, lane });
    const own = given.standing({ taskId: "a", priority: 1, lane });
    const rest = given.standing({ taskId: "rest", kind: "delay", inputRef: "first", lane });
    const positions = [
      { ...place, path: "", standing: join, wakeAfterMs: null },
      { ...place, path: "both/a", standing: own, hasOwnPriority: true },
      { ...place, path: "both/b", standing: rest, wakeAfterMs: 3_600_000 },
    ];
    await publish(backend, [definition(given, { positions, awaitsEvents: true })]);
    await start(context, "order", "order-1");

    const state = await given.stateOf("order-1");
    expect(state.instance).toMatchObject({ flow: "order", definitionHash: OLD, codec: "json", status: "in_progress" });
    expect(state.positions).toMatchObject([
      { path: "", taskId: "both", kind: "join", pending: 2, ready: false, tags: ["gpu"] },
      { path: "both/a", taskId: "a", priority: 1, ready: true, tags: ["gpu"] },
      { path: "both/b", taskId: "rest", kind: "delay", inputRef: "first", ready: false },
    ]);
    const wakeAt = state.positions[2]?.wakeAt ?? 0;
    // Whoever starts it from outside may go by another clock than the subject's.
    expect(wakeAt).toBeGreaterThan(Math.min(clock.now(), state.instance.createdAt));
  },

  "has a flow's name stand for the newest, and for what is published as that": async (context) => {
    const { backend, given } = context;
    const [older, newer] = [OLD, NEW].map((definitionHash) => definition(given, { definitionHash })) as [
      PublishedDefinition,
      PublishedDefinition,
    ];
    await publish(backend, [older]);
    await publish(backend, [newer]);
    await start(context, "order", "new");
    await publish(backend, [older]);
    await start(context, "order", "still-new");
    await start(context, "order", "by-hash", OLD);
    await publish(backend, [older], true);
    await start(context, "order", "old-again");

    const hashes = ["new", "still-new", "by-hash", "old-again"].map((id) => hashOf(context, id));
    expect(await Promise.all(hashes)).toEqual([NEW, NEW, OLD, OLD]);
  },

  "keeps flows apart, and replaces what was said of a definition": async (context) => {
    const { backend, given } = context;
    await publish(backend, [definition(given), definition(given, { flow: "refund", definitionHash: NEW })]);
    const lane = aLane({ flow: "order", definitionHash: OLD, codec: "json", tags: ["eu"] });
    const changed = [{ path: "", standing: given.standing({ lane }), hasOwnPriority: false, wakeAfterMs: 0 }];
    await publish(backend, [definition(given, { positions: changed })]);
    await start(context, "order", "order-1");
    await start(context, "refund", "refund-1");

    expect((await given.stateOf("order-1")).positions).toMatchObject([{ tags: ["eu"] }]);
    expect(await hashOf(context, "refund-1")).toBe(NEW);
    await expect(start(context, "parcel", "parcel-1")).rejects.toThrow();
    expect(await backend.findInstance("parcel-1")).toBeNull();
  },

  "keeps what a definition looks like, and what is said of that later": async ({ backend, given }) => {
    const graphOf = (): Promise<string | null> => backend.overview.findGraph(OLD);
    await publish(backend, [definition(given)]);
    expect(await graphOf()).toBeNull();
    await publish(backend, [definition(given, { graph: '{"nodes": []}' })]);
    expect(JSON.parse((await graphOf()) ?? "")).toEqual({ nodes: [] });
    await publish(backend, [definition(given, { graph: '{"nodes": [1]}' })]);
    expect(JSON.parse((await graphOf()) ?? "")).toEqual({ nodes: [1] });
    const known = await backend.overview.listDefinitions();
    expect(known.find(({ definitionHash }) => definitionHash === OLD)).toMatchObject({ flow: "order", hasGraph: true });
  },

  "takes the same from many at once, and nothing": async (context) => {
    const { backend, given } = context;
    await publish(backend, []);
    const all = [definition(given), definition(given, { definitionHash: NEW }), definition(given, { flow: "refund" })];
    await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        publish(backend, index % 2 === 0 ? all : all.toReversed(), index % 3 === 0),
      ),
    );
    await start(context, "refund", "refund-1");
    expect(await given.statusOf("refund-1")).toBe("in_progress");
  },

  "refuses what makes no sense, and knows nothing of it": async (context) => {
    const { backend, given } = context;
    const good = definition(given);
    const [place] = good.positions;
    const standing = given.standing({ lane: aLane({ definitionHash: NEW, codec: "json" }) });
    const wrong: unknown[] = [
      null,
      [null],
      [{ ...good, flow: "" }],
      [{ ...good, definitionHash: 7 }],
      [{ ...good, awaitsEvents: "yes" }],
      [{ ...good, graph: 7 }],
      [{ ...good, graph: "{" }],
      [{ ...good, graph: `"${"x".repeat(1_048_576)}"` }],
      [{ ...good, positions: null }],
      [{ ...good, positions: [] }],
      [{ ...good, positions: [place, place] }],
      [{ ...good, positions: [{ ...place, path: 1 }] }],
      [{ ...good, positions: [{ ...place, standing: null }] }],
      [{ ...good, positions: [{ ...place, standing }] }],
      [{ ...good, positions: [{ ...place, hasOwnPriority: 1 }] }],
      [{ ...good, positions: [{ ...place, wakeAfterMs: -1 }] }],
      [good, good],
    ];
    for (const one of wrong) await expectRefusal(publish(backend, one as PublishedDefinition[]), "INVALID_ARGUMENT");
    await expectRefusal(publish(backend, [good], "yes" as never), "INVALID_ARGUMENT", { field: "asNewest" });
    await expect(start(context, "order", "order-1")).rejects.toThrow();
  },
};

export const definitionStoreSuite: ConformanceSuite = {
  name: "DefinitionStore",
  inapplicable: ({ publishDefinitions }) =>
    publishDefinitions === undefined ? "nothing is started from outside of it: it is no DefinitionStore" : null,
  methods: { publishDefinitions: publishTests },
};
