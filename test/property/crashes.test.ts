import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CRASH_MODES, type CrashMode } from "../support/crash-plan.ts";
import { memoryWorld, runScenario, type Scenario, type World } from "../support/crash-run.ts";
import type { FlowDescription } from "../support/flow-description.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { randomDescription } from "../support/random-flow.ts";

const memoryRuns = Number(process.env["WAYMARK_RUNS"] ?? 200);
const postgresRuns = Math.ceil(memoryRuns / 5);
const limit = { timeout: 60_000 + 400 * memoryRuns };

const LAST_CALL = 60;
const database = await createTestDatabase();
const backend = await database.connect({ migrate: false });
const postgresWorld: World = { backend, leaseTtl: 150, ports: {}, passUntil: async () => undefined };

function scenarios(modes: readonly CrashMode[]): fc.Arbitrary<Scenario> {
  const crash = fc.tuple(fc.integer({ min: 1, max: LAST_CALL }), fc.constantFrom(...modes));
  return fc.constantFrom("before" as const, "during" as const, "never" as const).chain((events) =>
    fc.record({
      description: fc
        .tuple(
          randomDescription({
            maxDepth: 3,
            maxFailures: 2,
            delaysMs: [0, 1, 20],
            timeoutsMs: events === "never" ? [3] : [null, 3_600_000],
          }),
          fc.boolean(),
        )
        .map(([description, hasState]) => ({ ...description, hasState })),
      events: fc.constant(events),
      input: fc.nat(1_000),
      hasDeadline: fc.boolean(),
      plan: fc.array(crash, { minLength: 1, maxLength: 5 }).map((crashes) => new Map(crashes)),
    }),
  );
}

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

describe("an instance whose runners crash between any two calls of the store", () => {
  test(
    "takes its course to the end: each outcome recorded once, in order, and nothing left (memory)",
    limit,
    async () => {
      const property = fc.asyncProperty(scenarios(CRASH_MODES), async (scenario) => {
        await runScenario(scenario, memoryWorld());
      });
      await fc.assert(property, { numRuns: memoryRuns });
    },
  );

  test("takes its course with two processes at it at the same time (memory)", limit, async () => {
    const property = fc.asyncProperty(scenarios(CRASH_MODES), async (scenario) => {
      await runScenario({ ...scenario, processes: 2 }, memoryWorld());
    });
    await fc.assert(property, { numRuns: memoryRuns });
  });

  test("takes its course to the end (PostgreSQL)", limit, async () => {
    const property = fc.asyncProperty(scenarios(CRASH_MODES), async (scenario) => {
      await runScenario(scenario, postgresWorld);
    });
    await fc.assert(property, { numRuns: postgresRuns });
  });

  test("is undone where it fails at its end: each task once, the last first (memory, PostgreSQL)", limit, async () => {
    const undone = scenarios(CRASH_MODES).map((scenario) => ({
      ...scenario,
      description: { ...scenario.description, isUndone: true, hasState: false },
    }));
    const inMemory = fc.asyncProperty(undone, async (scenario) => void (await runScenario(scenario, memoryWorld())));
    await fc.assert(inMemory, { numRuns: memoryRuns });
    const inPostgres = fc.asyncProperty(undone, async (scenario) => void (await runScenario(scenario, postgresWorld)));
    await fc.assert(inPostgres, { numRuns: postgresRuns });
  });

  test("continues as new: its last run takes its course as the first would (memory, PostgreSQL)", limit, async () => {
    const endless = scenarios(CRASH_MODES).map((scenario) => ({
      ...scenario,
      // What the runs share would have to be told of all of them.
      description: { ...scenario.description, restarts: 2, hasState: false },
    }));
    const inMemory = fc.asyncProperty(endless, async (scenario) => void (await runScenario(scenario, memoryWorld())));
    await fc.assert(inMemory, { numRuns: memoryRuns });
    const inPostgres = fc.asyncProperty(endless, async (scenario) => void (await runScenario(scenario, postgresWorld)));
    await fc.assert(inPostgres, { numRuns: postgresRuns });
  });

  test("is undone where that is asked for with a cancel (memory, PostgreSQL)", limit, async () => {
    const undone = fc
      .tuple(scenarios(CRASH_MODES), fc.integer({ min: 1, max: LAST_CALL }), fc.boolean())
      .map(([scenario, beforeCall, isUndone]): Scenario => {
        const { description } = scenario;
        return { ...scenario, description: { ...description, isUndone }, request: { kind: "undo", beforeCall } };
      });
    const inMemory = fc.asyncProperty(undone, async (scenario) => void (await runScenario(scenario, memoryWorld())));
    await fc.assert(inMemory, { numRuns: memoryRuns });
    const inPostgres = fc.asyncProperty(undone, async (scenario) => void (await runScenario(scenario, postgresWorld)));
    await fc.assert(inPostgres, { numRuns: postgresRuns });
  });

  test("runs no body twice where statements are merely sent again", limit, async () => {
    const property = fc.asyncProperty(scenarios(["repeated"]), async (scenario) => {
      const { starts } = await runScenario(scenario, memoryWorld());
      expect(starts.length).toBe(new Set(starts).size);
    });
    await fc.assert(property, { numRuns: memoryRuns });
  });
});

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

describe("an instance that continues as new", () => {
  const steps = [
    { kind: "wait", id: "wait", event: "news", timeoutMs: null, late: null },
    { kind: "task", id: "work", failures: 1 },
  ] as const;
  const clean: Scenario = {
    description: { name: "endless", steps, restarts: 3 },
    ...{ events: "during", input: 5, plan: new Map() },
  };

  test.each(CRASH_MODES.map((mode) => [mode]))(
    "takes each event once, whichever call of the store is %s",
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

  test.each(CRASH_MODES.map((mode) => [mode]))(
    "comes to the same end whichever call of the store is %s",
    async (mode) => {
      for (const call of await callsOf()) await runScenario({ ...clean, plan: new Map([[call, mode]]) }, memoryWorld());
    },
  );

  test.each(CRASH_MODES.map((mode) => [mode]))(
    "counts every change of a state once, also those from outside, whichever call of the store is %s",
    limit,
    async (mode) => {
      const shared: Scenario = { ...clean, description: { ...everything, hasState: true } };
      const { calls } = await runScenario(shared, memoryWorld());
      for (let call = 1; call <= calls; call++)
        await runScenario({ ...shared, plan: new Map([[call, mode]]) }, memoryWorld());
    },
  );

  test("comes to the same end whichever call of the store is repeated (PostgreSQL)", async () => {
    for (const call of await callsOf()) {
      await runScenario({ ...clean, plan: new Map([[call, "repeated"]]) }, postgresWorld);
    }
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
      for (const beforeCall of await callsOf()) {
        const request = { kind, beforeCall };
        seen.add((await runScenario({ ...clean, request }, memoryWorld())).status);
        for (const mode of CRASH_MODES) {
          for (const crashed of [beforeCall, beforeCall + 1, beforeCall + 2]) {
            const run = await runScenario({ ...clean, request, plan: new Map([[crashed, mode]]) }, memoryWorld());
            seen.add(run.status);
          }
        }
      }
      expect([...seen].toSorted()).toEqual(statuses);
    },
  );

  test.each(requests)("comes to a good end whenever a %s is requested (PostgreSQL)", limit, async (kind, statuses) => {
    const seen = new Set<string>();
    for (const beforeCall of await callsOf()) {
      seen.add((await runScenario({ ...clean, request: { kind, beforeCall } }, postgresWorld)).status);
    }
    expect([...seen].toSorted()).toEqual(statuses);
  });
});
