import { expect } from "vitest";
import { Client } from "../../src/client/client.ts";
import type { Ports } from "../../src/engine/ports.ts";
import type { Flow } from "../../src/flow/flow-definition.ts";
import { update } from "../../src/flow/state-handlers.ts";
import { InMemoryBackend } from "../../src/memory/memory-backend.ts";
import { Runner } from "../../src/runner/runner.ts";
import type { Backend } from "../../src/store/backend.ts";
import { pause, systemTimers } from "../../src/time/timers.ts";
import { withChanges } from "./both-backends.ts";
import { checkCourse } from "./course-check.ts";
import { CrashingStore, type CrashPlan, type Life, mortal, nullIfUnavailable } from "./crash-plan.ts";
import type { FlowDescription } from "./flow-description.ts";
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

const STALL_IN_LEASES = 1.5;
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
    const beforeCall = async (call: number): Promise<void> => {
      await this.#request(call);
      if (scenario.description.hasState === true && call % 3 === 1) await this.#touch();
      if (scenario.events === "during" && call % 3 === 0) await this.#sendNext();
    };
    const { timers = systemTimers } = world.ports;
    const stall = async (): Promise<void> => await pause(timers, STALL_IN_LEASES * world.leaseTtl);
    this.#store = new CrashingStore(watched, scenario.plan, { beforeCall, stall });
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
    const isCancelled = request?.kind === "cancel" || request?.kind === "undo";
    this.status = await checkCourse({
      client: this.#client,
      instanceId: this.#id,
      description,
      input,
      payloads: events === "never" ? () => undefined : payloadOf,
      cancel: isCancelled ? request.kind : null,
      touched: this.#touched,
    });
    expect(this.#lateStarts).toEqual([]);
    expect((await this.#world.backend.findInstance(this.#id))?.positions).toEqual([]);
  }
}
