import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import type { HistoryItem } from "../../src/client/history-item.ts";
import type { Ports } from "../../src/engine/ports.ts";
import { InMemoryBackend } from "../../src/memory/memory-backend.ts";
import { Runner } from "../../src/runner/runner.ts";
import type { Backend } from "../../src/store/backend.ts";
import { systemTimers, type Timers } from "../../src/time/timers.ts";
import { withChanges } from "../support/both-backends.ts";
import { CRASH_MODES, CrashingStore, type CrashMode, type CrashPlan, type Life } from "../support/crash-plan.ts";
import { dependenciesOf } from "../support/expected-order.ts";
import { fresh } from "../support/instance-ids.ts";
import { createTestDatabase } from "../support/postgres.ts";
import {
  eventsOf,
  expectedRun,
  type FlowDescription,
  flowFrom,
  randomDescription,
  type StepDescription,
} from "../support/random-flow.ts";
import { VirtualTime } from "../support/virtual-time.ts";

const seed = Number(process.env["WAYMARK_SEED"] ?? 20_261_123);
const memoryRuns = Number(process.env["WAYMARK_RUNS"] ?? 200);
const postgresRuns = Math.ceil(memoryRuns / 5);
console.log(
  `Crashes: seed ${seed}, ${memoryRuns} runs in memory, ${postgresRuns} on PostgreSQL (WAYMARK_SEED, WAYMARK_RUNS)`,
);

interface Scenario {
  readonly description: FlowDescription;
  /** Whether the events that it waits for are sent; else its waits run into their time limits. */
  readonly sent: boolean;
  readonly input: number;
  readonly plan: CrashPlan;
}

const LAST_CALL = 60;
const MOST_LIVES = 30;
const payloadOf = (event: string): unknown => `payload of ${event}`;

function scenarios(modes: readonly CrashMode[]): fc.Arbitrary<Scenario> {
  const crash = fc.tuple(fc.integer({ min: 1, max: LAST_CALL }), fc.constantFrom(...modes));
  return fc.boolean().chain((sent) =>
    fc.record({
      description: randomDescription({
        maxDepth: 3,
        maxFailures: 2,
        delaysMs: [0, 1, 20],
        timeoutsMs: sent ? [null, 3_600_000] : [3],
      }),
      sent: fc.constant(sent),
      input: fc.nat(1_000),
      plan: fc.array(crash, { minLength: 1, maxLength: 5 }).map((crashes) => new Map(crashes)),
    }),
  );
}

/** Where a scenario is run, and how it passes time there. */
interface World {
  readonly backend: Backend;
  readonly leaseTtl: number;
  readonly ports: Partial<Ports>;
  passUntil(done: Promise<unknown>): Promise<void>;
}

function memoryWorld(): World {
  const time = new VirtualTime();
  return {
    backend: new InMemoryBackend({ clock: time.clock }),
    leaseTtl: 100,
    ports: { clock: time.clock, timers: time.timers, random: { next: () => 0.5, uuid: () => "unused" } },
    passUntil: async (done) => await time.passUntil(done),
  };
}

/** A run of a scenario, and what its bodies did. */
class CrashRun {
  readonly #scenario: Scenario;
  readonly #world: World;
  readonly #id = fresh("crash");
  readonly #truth: Backend;
  readonly #store: CrashingStore;
  readonly #completed = new Set<string>();
  readonly starts: string[] = [];
  readonly lateStarts: string[] = [];

  constructor(scenario: Scenario, world: World) {
    this.#scenario = scenario;
    this.#world = world;
    this.#truth = withChanges(world.backend, {
      commitCheckpoints: async (checkpoints, holder) => {
        const fates = await world.backend.commitCheckpoints(checkpoints, holder);
        for (const [index, { entries }] of checkpoints.entries()) {
          if (fates[index]?.kind !== "accepted") continue;
          for (const entry of entries) if (entry.outcome !== "failed") this.#completed.add(entry.taskId);
        }
        return fates;
      },
    });
    this.#store = new CrashingStore(this.#truth, scenario.plan);
  }

  get crashes(): readonly string[] {
    return this.#store.crashes;
  }

  async toTheEnd(): Promise<void> {
    const { description, sent, input } = this.#scenario;
    const client = new Client(this.#world.backend);
    for (const event of sent ? eventsOf(description.steps) : [])
      await client.sendEvent(this.#id, event, payloadOf(event));
    const definition = flowFrom(description, (taskId, attempt) => {
      this.starts.push(`${taskId} ${attempt}`);
      if (this.#completed.has(taskId)) this.lateStarts.push(taskId);
    });
    for (let number = 1; number <= MOST_LIVES; number++) {
      const life = this.#store.life();
      const runner = this.#runnerIn(life, number);
      const ended = runner.run(definition, this.#id, input, { until: "ended", onConflict: "useExisting" }).then(
        (report) => report,
        (error: unknown) => {
          if ((error as { code?: unknown }).code !== "BACKEND_UNAVAILABLE") throw error;
          return null;
        },
      );
      const outcome = Promise.race([ended, life.died.then(() => null)]);
      await this.#world.passUntil(outcome);
      if ((await outcome) !== null) return;
    }
    throw new Error(`Not ended after ${MOST_LIVES} lives.`);
  }

  async check(): Promise<void> {
    const { description, sent, input } = this.#scenario;
    const expected = expectedRun(description, input, sent ? payloadOf : () => undefined);
    const client = new Client(this.#world.backend);
    expect(await client.status(this.#id)).toEqual({ status: "completed", output: expected.output });
    expect((await this.#world.backend.findInstance(this.#id))?.positions).toEqual([]);
    const history = await client.history(this.#id, { limit: 10_000 });
    expect(recordedIn(history)).toEqual(
      new Map(Array.from(expected.outputs, ([id, value]) => [id, [recordedFor(value)]])),
    );
    expect(this.lateStarts).toEqual([]);
    expectOrder(history, dependenciesOf(description, expected.outputs));
    for (const step of tasksIn(description.steps, "")) expectAttempts(history, step.taskId, step.failures);
  }

  #runnerIn(life: Life, number: number): Runner {
    const { timers = systemTimers } = this.#world.ports;
    return new Runner(life.backend, {
      workerId: `life-${number}`,
      leaseTtl: this.#world.leaseTtl,
      pollInterval: 10,
      ports: { ...this.#world.ports, timers: mortal(timers, life) },
    });
  }
}

/** Timers that die with their process. */
function mortal(timers: Timers, life: Life): Timers {
  const unlessDead = (callback: () => void) => (): void => {
    if (!life.isDead) callback();
  };
  return {
    after: (delayMs, callback) => timers.after(delayMs, unlessDead(callback)),
    soon: (callback) => timers.soon(unlessDead(callback)),
  };
}

/** The recorded values of each task: no delays and no ends of branches, which have none of their own. */
function recordedIn(history: readonly HistoryItem[]): Map<string, unknown[]> {
  const recorded = new Map<string, unknown[]>();
  for (const { taskId, kind, outcome, output } of history) {
    if (kind === "delay" || kind === "branch" || outcome === "failed") continue;
    recorded.set(taskId, [...(recorded.get(taskId) ?? []), output]);
  }
  return recorded;
}

/** What stands in the history for an output: of a wait, the bare payload, or nothing. */
function recordedFor(output: unknown): unknown {
  if (typeof output !== "object" || output === null || !("timedOut" in output)) return output;
  return (output as { payload?: unknown }).payload;
}

function expectOrder(history: readonly HistoryItem[], dependencies: readonly (readonly [string, string])[]): void {
  const last = new Map<string, bigint>();
  const first = new Map<string, bigint>();
  for (const { taskId, sequence } of history) {
    last.set(taskId, sequence);
    if (!first.has(taskId)) first.set(taskId, sequence);
  }
  const wrong = dependencies.filter(([earlier, later]) => !((last.get(earlier) ?? 0n) < (first.get(later) ?? 0n)));
  expect(wrong).toEqual([]);
}

function expectAttempts(history: readonly HistoryItem[], taskId: string, failures: number): void {
  const attempts = history.filter((item) => item.taskId === taskId).map((item) => [item.attempt, item.outcome]);
  if (attempts.length === 0) return; // On a branch that was not taken.
  const failed = Array.from({ length: failures }, (_, index) => [index + 1, "failed"]);
  expect(attempts).toEqual([...failed, [failures + 1, "completed"]]);
}

function tasksIn(steps: readonly StepDescription[], prefix: string): { taskId: string; failures: number }[] {
  return steps.flatMap((step) => {
    switch (step.kind) {
      case "task":
        return [{ taskId: prefix + step.id, failures: step.failures }];
      case "fork":
        return step.branches.flatMap((it) => tasksIn(it.steps, prefix));
      case "route":
        return [...step.branches.flatMap((it) => tasksIn(it.steps, prefix)), ...tasksIn(step.otherwise ?? [], prefix)];
      case "subflow":
        return tasksIn(step.flow.steps, `${prefix}${step.id}/`);
      case "loop":
      case "delay":
      case "wait":
        return [];
    }
  });
}

async function runs(scenario: Scenario, world: World): Promise<CrashRun> {
  const run = new CrashRun(scenario, world);
  try {
    await run.toTheEnd();
    await run.check();
  } catch (error) {
    throw new Error(`After ${run.crashes.join(", ") || "no crash"}; bodies: ${run.starts.join(", ")}`, {
      cause: error,
    });
  }
  return run;
}

describe("an instance whose runners crash between any two calls of the store", () => {
  test("takes its course to the end: each outcome recorded once, in order, and nothing left (memory)", async () => {
    await fc.assert(
      fc.asyncProperty(scenarios(CRASH_MODES), async (scenario) => {
        await runs(scenario, memoryWorld());
      }),
      { seed, numRuns: memoryRuns },
    );
  });

  test("takes its course to the end: each outcome recorded once, in order, and nothing left (PostgreSQL)", async () => {
    const database = await createTestDatabase();
    const backend = await database.connect({ migrate: false });
    const world = { backend, leaseTtl: 150, ports: {}, passUntil: async () => undefined };
    await fc.assert(
      fc.asyncProperty(scenarios(CRASH_MODES), async (scenario) => {
        await runs(scenario, world);
      }),
      { seed, numRuns: postgresRuns },
    );
  });

  test("runs no body twice where statements are merely sent again", async () => {
    await fc.assert(
      fc.asyncProperty(scenarios(["repeated"]), async (scenario) => {
        const { starts } = await runs(scenario, memoryWorld());
        expect(starts.length).toBe(new Set(starts).size);
      }),
      { seed, numRuns: memoryRuns },
    );
  });
});
