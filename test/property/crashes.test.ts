import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CRASH_MODES, type CrashMode } from "../support/crash-plan.ts";
import { memoryWorld, postgresWorld, runScenario, type Scenario } from "../support/crash-run.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { randomDescription } from "../support/random-flow.ts";

const memoryRuns = Number(process.env["WAYMARK_RUNS"] ?? 60);
const postgresRuns = Math.ceil(memoryRuns / 5);
const limit = { timeout: 120_000 + 800 * memoryRuns };

const LAST_CALL = 60;
const database = await createTestDatabase();
const onPostgres = postgresWorld(await database.connect({ migrate: false }));

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
      await runScenario(scenario, onPostgres);
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
    const inPostgres = fc.asyncProperty(undone, async (scenario) => void (await runScenario(scenario, onPostgres)));
    await fc.assert(inPostgres, { numRuns: postgresRuns });
  });

  test("continues as new: its last run takes its course as the first would (memory, PostgreSQL)", limit, async () => {
    const endless = scenarios(CRASH_MODES).map((scenario) => ({
      ...scenario,
      description: { ...scenario.description, restarts: 2 },
    }));
    const inMemory = fc.asyncProperty(endless, async (scenario) => void (await runScenario(scenario, memoryWorld())));
    await fc.assert(inMemory, { numRuns: memoryRuns });
    const inPostgres = fc.asyncProperty(endless, async (scenario) => void (await runScenario(scenario, onPostgres)));
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
    const inPostgres = fc.asyncProperty(undone, async (scenario) => void (await runScenario(scenario, onPostgres)));
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
