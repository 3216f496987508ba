import { expect } from "vitest";
import { Client } from "../../src/client/client.ts";
import type { HistoryItem } from "../../src/engine/history-item.ts";
import type { StatusReport } from "../../src/engine/instance-status.ts";
import type { Ports } from "../../src/engine/ports.ts";
import type { Flow } from "../../src/flow/flow-definition.ts";
import { update } from "../../src/flow/state-handlers.ts";
import { nextToUndo } from "../../src/flow/undo-order.ts";
import { InMemoryBackend } from "../../src/memory/memory-backend.ts";
import { Runner } from "../../src/runner/runner.ts";
import type { Backend } from "../../src/store/backend.ts";
import { systemTimers, type Timers } from "../../src/time/timers.ts";
import { withChanges } from "./both-backends.ts";
import { CrashingStore, type CrashPlan, type Life } from "./crash-plan.ts";
import { dependenciesOf, undoneBefore } from "./expected-order.ts";
import { expectedRun, SOME_FAILED } from "./expected-run.ts";
import type { FlowDescription, StepDescription } from "./flow-description.ts";
import { fresh } from "./instance-ids.ts";
import { eventsOf, flowFrom, trail } from "./random-flow.ts";
import { VirtualTime } from "./virtual-time.ts";

/** An instance to be run by processes that crash. */
export interface Scenario {
  readonly description: FlowDescription;
  /** When the events that it waits for are sent. Where none are, its waits run into their time limits. */
  readonly events: "before" | "during" | "never";
  readonly input: number;
  /** Whether it has a deadline, far off. */
  readonly hasDeadline?: boolean;
  readonly plan: CrashPlan;
  /** How many processes have a go at it at the same time; default 1. */
  readonly processes?: number;
  /** What somebody asks for just before a call of the store. A pause is lifted when a runner has come upon it. */
  readonly request?: { readonly kind: "cancel" | "undo" | "pause"; readonly beforeCall: number };
}

/** Where a scenario is run, and how it passes time there. */
export interface World {
  readonly backend: Backend;
  /** Whether time passes there as it does. */
  readonly isServer: boolean;
  readonly leaseTtl: number;
  readonly ports: Partial<Ports>;
  passUntil(done: Promise<unknown>): Promise<void>;
}

/** In memory, in no time. */
export function memoryWorld(): World {
  const time = new VirtualTime();
  return {
    backend: new InMemoryBackend({ clock: time.clock }),
    isServer: false,
    leaseTtl: 100,
    ports: { clock: time.clock, timers: time.timers, random: { next: () => 0.5, uuid: () => "unused" } },
    passUntil: async (done) => await time.passUntil(done),
  };
}

/** On a server, whose time passes as it does. */
export function postgresWorld(backend: Backend): World {
  return { backend, isServer: true, leaseTtl: 150, ports: {}, passUntil: async () => undefined };
}

/** What somebody outside does to a state, again and again. */
const touch = update("touch", trail, () => ({ change: { outside: 1 } }));

const MOST_LIVES = 40;
const FAR_OFF = "1000d";
const payloadOf = (event: string): unknown => `payload of ${event}`;

/** Runs a scenario to its end, and checks what is left of it. */
export async function runScenario(scenario: Scenario, world: World): Promise<CrashRun> {
  const run = new CrashRun(scenario, world);
  try {
    await run.toTheEnd();
    await run.check();
  } catch (error) {
    const crashes = run.crashes.join(", ") || "no crash";
    throw new Error(`After ${crashes}; bodies: ${run.starts.join(", ")}`, { cause: error });
  }
  return run;
}

export class CrashRun {
  /** How the instance has ended. */
  status: string = "unknown";
  /** Every start of a body: task id and attempt. */
  readonly starts: string[] = [];
  readonly #scenario: Scenario;
  readonly #world: World;
  readonly #client: Client;
  readonly #store: CrashingStore;
  readonly #id = fresh("crash");
  readonly #completed = new Set<string>();
  readonly #unsent: string[];
  /** Tasks that were started after their outcome had been recorded. */
  readonly #lateStarts: string[] = [];
  /** How often the state was changed from outside. */
  #touched = 0;

  constructor(scenario: Scenario, world: World) {
    this.#scenario = scenario;
    this.#world = world;
    const random = { next: () => 0.5, uuid: () => fresh("update") };
    this.#client = new Client(world.backend, { ports: { ...world.ports, random } });
    const { steps, restarts = 0 } = scenario.description;
    const inEachRun = scenario.events === "never" ? [] : eventsOf(steps);
    this.#unsent = Array.from({ length: restarts + 1 }, () => inEachRun).flat();
    const watched = withChanges(world.backend, {
      commitCheckpoints: async (checkpoints, holder) => {
        // Before it is written: whoever claims the next run may be faster than the answer.
        if (checkpoints.some(({ move }) => move.kind === "restart")) this.#completed.clear();
        const fates = await world.backend.commitCheckpoints(checkpoints, holder);
        for (const [index, { entries, move }] of checkpoints.entries()) {
          if (fates[index]?.kind !== "accepted" || move.kind === "restart") continue;
          for (const entry of entries) if (entry.outcome !== "failed") this.#completed.add(entry.taskId);
        }
        return fates;
      },
    });
    this.#store = new CrashingStore(watched, scenario.plan, async (call) => {
      await this.#request(call);
      if (scenario.description.hasState === true && call % 3 === 1) await this.#touch();
      if (scenario.events === "during" && call % 3 === 0) await this.#sendNext();
    });
  }

  get crashes(): readonly string[] {
    return this.#store.crashes;
  }

  get calls(): number {
    return this.#store.calls;
  }

  /** How many events of a name nobody has taken, of those that were sent and of those that were not. */
  async leftOver(event: string): Promise<number> {
    const buffered = await this.#world.backend.peekEvent(this.#id, event);
    return (buffered === null ? 0 : 1) + this.#unsent.filter((name) => name === event).length;
  }

  async toTheEnd(): Promise<void> {
    const { description, events, processes = 1 } = this.#scenario;
    while (events === "before" && this.#unsent.length > 0) await this.#sendNext();
    const definition = flowFrom(description, (taskId, attempt) => {
      this.starts.push(`${taskId} ${attempt}`);
      if (this.#completed.has(taskId)) this.#lateStarts.push(taskId);
    });
    const all = Array.from(
      { length: processes },
      async (_, index) => await this.#process(definition, `process-${index}`),
    );
    const done = Promise.all(all);
    await this.#world.passUntil(done);
    await done;
  }

  /** One process after the other, until one of them has seen the instance's end. */
  async #process(definition: Flow, name: string): Promise<void> {
    for (let number = 1; number <= MOST_LIVES; number++) {
      const life = this.#store.life();
      const runner = this.#runnerIn(life, `${name}-${number}`);
      const { input, hasDeadline = false } = this.#scenario;
      const deadline = hasDeadline ? FAR_OFF : null;
      const ended = runner.run(definition, this.#id, input, { until: "ended", onConflict: "useExisting", deadline });
      const report = await Promise.race([ended.catch(nullIfUnavailable), life.died.then(() => null)]);
      if (report?.status === "paused") await this.#unpause();
      else if (report !== null) return;
    }
    throw new Error(`Not ended after ${MOST_LIVES} lives.`);
  }

  #runnerIn(life: Life, workerId: string): Runner {
    const { ports, leaseTtl } = this.#world;
    const timers = mortal(ports.timers ?? systemTimers, life);
    return new Runner(life.backend, { workerId, leaseTtl, pollInterval: 10, ports: { ...ports, timers } });
  }

  async #request(call: number): Promise<void> {
    const { request } = this.#scenario;
    if (request?.beforeCall !== call) return;
    const id = this.#id;
    const asked = request.kind === "undo" ? this.#client.cancel(id, { undo: true }) : this.#client[request.kind](id);
    await asked.catch((error: unknown) => {
      // Too early, or too late.
      expect(["INSTANCE_NOT_FOUND", "INVALID_TRANSITION"]).toContain((error as { code: unknown }).code);
    });
  }

  async #touch(): Promise<void> {
    try {
      await this.#client.update(this.#id, touch);
      this.#touched++;
    } catch (error) {
      // Too early, or too late.
      expect(["INSTANCE_NOT_FOUND", "INVALID_TRANSITION"]).toContain((error as { code: unknown }).code);
    }
  }

  async #sendNext(): Promise<void> {
    const event = this.#unsent.shift();
    if (event === undefined) return;
    await this.#client.sendEvent(this.#id, event, payloadOf(event)).catch((error: unknown) => {
      // For a wait on a branch that is not taken, and by now the instance has ended.
      expect(error).toMatchObject({ code: "INVALID_TRANSITION" });
    });
  }

  async #unpause(): Promise<void> {
    await this.#client.unpause(this.#id).catch((error: unknown) => {
      // Another process was faster.
      expect(error).toMatchObject({ code: "INVALID_TRANSITION" });
    });
  }

  async check(): Promise<void> {
    const { description, events, input, request } = this.#scenario;
    const expected = expectedRun(description, input, events === "never" ? () => undefined : payloadOf);
    const report = await this.#client.status(this.#id);
    this.status = report.status;
    const history = await this.#client.history(this.#id, { limit: 10_000 });
    const outputs = new Map(Array.from(expected.outputs, ([id, value]) => [id, [recordedFor(value)]]));
    const recorded = recordedIn(history);
    if (report.status === "cancelled" && (request?.kind === "cancel" || request?.kind === "undo")) {
      for (const [taskId, values] of recorded)
        expect([taskId, values]).toEqual([taskId, outputs.get(taskId.replace(/~undo$/, ""))]);
      expect(history.filter((item) => item.taskId === "$cancel")).toHaveLength(1);
      const done = [...recorded.keys()].filter((taskId) => recorded.has(`${taskId}~undo`));
      expectOrder(history, undoneBefore(done, dependenciesOf(description, expected.outputs)));
      if (request.kind === "undo") expect(nextToUndo(flowFrom(description), [...recorded.keys()])).toEqual([]);
    } else if (description.isUndone === true) {
      expect(report).toMatchObject({ status: "failed", failure: { message: "undo it", taskId: "fails-at-last" } });
      const done = [...outputs.keys()].filter((taskId) => /(^|\/)task-\d+$/.test(taskId));
      for (const taskId of done) outputs.set(`${taskId}~undo`, outputs.get(taskId) ?? []);
      outputs.set("$onFailure[0]", ["undo it"]);
      expect(recorded).toEqual(outputs);
      expectOrder(
        history,
        done.map((taskId) => [`${taskId}~undo`, "$onFailure[0]"] as const),
      );
      expectOrder(history, undoneBefore(done, dependenciesOf(description, expected.outputs)));
    } else {
      const { deadline: _, ...end } = report;
      expect(end).toEqual({ status: "completed", output: expected.output } satisfies StatusReport);
      expect(recorded).toEqual(outputs);
      expectOrder(history, dependenciesOf(description, expected.outputs));
      for (const step of tasksIn(description.steps, "")) expectAttempts(history, step.taskId, step.failures);
      if (description.hasState === true) await this.#checkState(expected.trail);
    }
    expect(this.#lateStarts).toEqual([]);
    expect((await this.#world.backend.findInstance(this.#id))?.positions).toEqual([]);
  }

  /** Each change is there once, in the order of the flow, whatever the order in which it was made. */
  async #checkState(tasks: readonly string[]): Promise<void> {
    expect(await this.#client.readState(trail, this.#id)).toEqual({
      tasks,
      last: tasks.at(-1) ?? "",
      outside: this.#touched,
    });
  }
}

function nullIfUnavailable(error: unknown): null {
  if ((error as { code?: unknown }).code !== "BACKEND_UNAVAILABLE") throw error;
  return null;
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

/**
 * The recorded values of each task: none of what has none of its own (delays, ends, loops over flows), no notes.
 */
function recordedIn(history: readonly HistoryItem[]): Map<string, unknown[]> {
  const recorded = new Map<string, unknown[]>();
  for (const { taskId, kind, outcome, output, outputRef } of history) {
    if (["delay", "branch", "children", "instance", "state", "update"].includes(kind) || outcome === "failed") continue;
    if (kind === "loop" && (outputRef !== null || output === undefined)) continue;
    recorded.set(taskId, [...(recorded.get(taskId) ?? []), hasFailure(output) ? SOME_FAILED : output]);
  }
  return recorded;
}

/** What stands in the history for an output: of a wait for one event, the bare payload, or nothing. */
function recordedFor(output: unknown): unknown {
  if (typeof output !== "object" || output === null || !("timedOut" in output) || "payloads" in output) return output;
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
      case "wait":
      case "several":
        return tasksIn(step.late ?? [], prefix);
      case "settled":
        return step.branches.flatMap((it) => tasksIn(it.steps, `${prefix}${step.id}/${it.name}/`));
      // Only of the first branch is it certain how far it comes.
      case "first":
        return step.branches.slice(0, 1).flatMap((it) => tasksIn(it.steps, `${prefix}${step.id}/${it.name}/`));
      case "rounds":
        return tasksIn(step.flow.steps, `${prefix}${step.id}[0]/`);
      case "map":
        return step.count === 0 ? [] : tasksIn(step.flow.steps, `${prefix}${step.id}[0]/`);
      case "loop":
      case "hopeless":
      case "delay":
      case "until":
      case "child":
        return [];
    }
  });
}

/** Whether something is the output of a map some of whose items have failed. */
function hasFailure(output: unknown): boolean {
  return Array.isArray(output) && output.some((item) => (item as { ok?: unknown } | null)?.ok !== undefined);
}
