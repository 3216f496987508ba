import { describe, expect, test } from "vitest";
import { CRASH_MODES } from "../support/crash-plan.ts";
import { memoryWorld, postgresWorld, runScenario, type Scenario } from "../support/crash-run.ts";
import type { FlowDescription } from "../support/flow-description.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { sideBySide } from "../support/side-by-side.ts";

const limit = { timeout: 140_000 };
const database = await createTestDatabase();
/** Every call, or every fourth one: which, differs from one way of disturbing to the next. */
const STRIDE = process.env["WAYMARK_EVERY_CALL"] === "1" ? 1 : 4;
const sampled = (calls: readonly number[], index: number): readonly number[] =>
  calls.filter((_, at) => (at + index) % STRIDE === 0);
/** And one to which no run comes: on a server, where time passes as it does, the last call is another one each time. */
const TOO_LATE = 10_000;
const onPostgres = postgresWorld(await database.connect({ migrate: false }));

/** Every kind of node, and a task that fails once. */
const everything: FlowDescription = {
  name: "everything",
  steps: [
    { kind: "task", id: "start", failures: 1 },
    {
      kind: "fork",
      id: "join",
      branches: [
        {
          name: "a",
          steps: [
            { kind: "loop", id: "loop", maxIterations: 3, onMax: "exitWithLast" },
            { kind: "delay", id: "nap", durationMs: 20 },
          ],
        },
        {
          name: "b",
          steps: [
            { kind: "wait", id: "wait", event: "news", timeoutMs: null, late: null },
            {
              kind: "subflow",
              id: "box",
              flow: { name: "box", steps: [{ kind: "task", id: "inside", failures: 0 }] },
            },
          ],
        },
      ],
    },
    {
      kind: "route",
      id: "way",
      keys: ["left"],
      branches: [{ name: "left", steps: [{ kind: "task", id: "left", failures: 0 }] }],
      otherwise: null,
    },
    { kind: "wait", id: "last", event: "end", timeoutMs: 3_600_000, late: null },
    { kind: "several", id: "votes", event: "vote", count: 2, counted: true, timeoutMs: 3_600_000, late: null },
    { kind: "hopeless", id: "tries", failures: 2, handling: "fallback" },
    { kind: "rounds", id: "rounds", maxIterations: 2, flow: { name: "round", steps: [{ kind: "until", id: "once" }] } },
    {
      kind: "map",
      id: "items",
      count: 3,
      concurrency: 2,
      bearsFailures: true,
      flow: { name: "item", steps: [{ kind: "delay", id: "rest", durationMs: 1 }] },
    },
    {
      kind: "first",
      id: "first",
      mode: "any",
      branches: [
        { name: "w", steps: [{ kind: "delay", id: "nap", durationMs: 20 }] },
        { name: "l", steps: [{ kind: "wait", id: "never", event: "never comes", timeoutMs: null, late: null }] },
      ],
    },
    {
      kind: "settled",
      id: "settled",
      branches: [
        { name: "good", steps: [{ kind: "task", id: "inside", failures: 0 }] },
        { name: "bad", steps: [{ kind: "task", id: "inside", failures: 0 }] },
      ],
    },
  ],
};

describe("an instance whose loop follows what another process may have recorded", () => {
  // Found with seed 20261123: the loop ended with its first iteration, whose checkpoint was written twice.
  const loop = { kind: "loop", id: "loop", maxIterations: 2, onMax: "exitWithLast" } as const;
  const child = { kind: "child", id: "child", fails: false, onClose: "cancel" } as const;
  const first = { kind: "first", id: "first", mode: "any", branches: [{ name: "w", steps: [child, loop] }] } as const;
  const last = { kind: "task", id: "last", failures: 0 } as const;
  const late = { kind: "wait", id: "wait", event: "news", timeoutMs: 3, late: [first, last] } as const;
  const clean: Scenario = {
    description: { name: "looping", steps: [late] },
    ...{ events: "never", input: 6, plan: new Map() },
  };

  test("goes round as often as without that, whichever call of the store is repeated", async () => {
    const { calls } = await runScenario(clean, memoryWorld());
    for (let call = 1; call <= calls; call++) {
      const { starts } = await runScenario({ ...clean, plan: new Map([[call, "repeated"]]) }, memoryWorld());
      expect(starts.length).toBe(new Set(starts).size);
    }
  });
});

describe("an instance with a map without items", () => {
  // Found by a simulation, with seed 727854194: the count that was recorded was taken for the list, and the instance failed.
  const item: FlowDescription = { name: "item", steps: [{ kind: "task", id: "inside", failures: 0 }] };
  const map = { kind: "map", id: "items", count: 0, concurrency: null, bearsFailures: false, flow: item } as const;
  const last = { kind: "task", id: "last", failures: 0 } as const;
  // Behind a wait, whose event is recorded before anything is gone on from: then the list is made by who is ahead of its row.
  const wait = { kind: "wait", id: "wait", event: "news", timeoutMs: null, late: null } as const;
  const clean: Scenario = {
    description: { name: "empty", steps: [wait, map, last] },
    ...{ events: "during", input: 6, plan: new Map() },
  };

  test.each([
    ["memory", memoryWorld],
    ["PostgreSQL", () => onPostgres],
  ] as const)("goes on behind it, whatever happens to any call of the store (%s)", limit, async (_, world) => {
    const { calls } = await runScenario(clean, memoryWorld());
    for (let call = 1; call <= calls; call++)
      for (const mode of CRASH_MODES) await runScenario({ ...clean, plan: new Map([[call, mode]]) }, world());
  });
});

describe("an instance that continues as new", () => {
  const steps = [
    { kind: "wait", id: "wait", event: "news", timeoutMs: null, late: null },
    { kind: "task", id: "work", failures: 1 },
  ] as const;
  const clean: Scenario = {
    description: { name: "endless", steps, restarts: 2, hasState: true },
    ...{ events: "during", input: 5, plan: new Map() },
  };

  test.each(CRASH_MODES.map((mode) => [mode]))(
    "takes each event once, and keeps what its runs share, whichever call of the store is %s",
    limit,
    async (mode) => {
      const { calls } = await runScenario(clean, memoryWorld());
      for (let call = 1; call <= calls; call++) {
        const run = await runScenario({ ...clean, plan: new Map([[call, mode]]) }, memoryWorld());
        expect(await run.leftOver("news")).toBe(0);
      }
    },
  );
});

describe("an instance with every kind of node", () => {
  const clean: Scenario = { description: everything, events: "during", input: 5, plan: new Map() };
  const callsOf = async (): Promise<readonly number[]> => {
    const { calls } = await runScenario(clean, memoryWorld());
    expect(calls).toBeGreaterThan(15);
    return Array.from({ length: calls }, (_, index) => index + 1);
  };

  test.each(CRASH_MODES.map((mode, index) => [mode, index] as const))(
    "comes to the same end whichever call of the store is %s",
    async (mode, index) => {
      for (const call of sampled(await callsOf(), index))
        await runScenario({ ...clean, plan: new Map([[call, mode]]) }, memoryWorld());
    },
  );

  test.each(CRASH_MODES.map((mode, index) => [mode, index] as const))(
    "counts every change of a state once, also those from outside, whichever call of the store is %s",
    limit,
    async (mode, index) => {
      const shared: Scenario = { ...clean, description: { ...everything, hasState: true } };
      const { calls } = await runScenario(shared, memoryWorld());
      const all = Array.from({ length: calls }, (_, at) => at + 1);
      for (const call of sampled(all, index))
        await runScenario({ ...shared, plan: new Map([[call, mode]]) }, memoryWorld());
    },
  );

  test("comes to the same end whichever call of the store is repeated (PostgreSQL)", limit, async () => {
    await sideBySide(sampled(await callsOf(), 0), async (call) => {
      await runScenario({ ...clean, plan: new Map([[call, "repeated"]]) }, onPostgres);
    });
  });

  const requests = [
    ["cancel", ["cancelled", "completed"]],
    ["undo", ["cancelled", "completed"]],
    ["pause", ["completed"]],
  ] as const;

  test.each(requests)(
    "comes to a good end whenever a %s is requested, whatever happens to the runner then",
    limit,
    async (kind, statuses) => {
      const seen = new Set<string>();
      for (const beforeCall of [...sampled(await callsOf(), 0), TOO_LATE]) {
        const request = { kind, beforeCall };
        seen.add((await runScenario({ ...clean, request }, memoryWorld())).status);
        for (const [index, mode] of CRASH_MODES.entries()) {
          // At the request, or at one of the two calls after it: each mode comes to each of them, at one request or another.
          const crashed = beforeCall + ((beforeCall + index) % 3);
          const run = await runScenario({ ...clean, request, plan: new Map([[crashed, mode]]) }, memoryWorld());
          seen.add(run.status);
        }
      }
      expect([...seen].toSorted()).toEqual(statuses);
    },
  );

  test.each(requests)("comes to a good end whenever a %s is requested (PostgreSQL)", limit, async (kind, statuses) => {
    const seen = new Set<string>();
    await sideBySide([...sampled(await callsOf(), 1), TOO_LATE], async (beforeCall) => {
      seen.add((await runScenario({ ...clean, request: { kind, beforeCall } }, onPostgres)).status);
    });
    expect([...seen].toSorted()).toEqual(statuses);
  });
});
