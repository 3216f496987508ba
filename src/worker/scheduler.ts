import type { Ports } from "../engine/ports.ts";
import type { Flow } from "../flow/flow-definition.ts";
import { declaredSchedule } from "../schedule/declared-schedule.ts";
import { fireDue } from "../schedule/firing.ts";
import type { Schedule } from "../schedule/schedule.ts";
import type { Backend } from "../store/backend.ts";
import type { DueRequest, DueSchedule } from "../store/schedule-store.ts";
import { pause } from "../time/timers.ts";

export interface SchedulerOptions {
  readonly backend: Backend;
  readonly ports: Ports;
  /** All that its worker can run. */
  readonly flows: readonly Flow[];
  /** Those that code declares. */
  readonly schedules: readonly Schedule[];
  /** Longest time between two looks; `null`: two seconds. */
  readonly pollIntervalMs: number | null;
}

const MOST_AT_ONCE = 100;
const INTERVAL_MS = 2_000;

/** Starts what schedules ask for, for as long as its worker runs, whether that has room for it or not. */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #request: DueRequest;
  readonly #end = new AbortController();
  #isDeclared: boolean;
  #running: Promise<void> = Promise.resolve();

  constructor(options: SchedulerOptions) {
    const { backend, flows, schedules } = options;
    this.#options = options;
    this.#isDeclared = schedules.length === 0;
    this.#request = {
      flows: flows.map(({ name, hash }) => ({ flow: name, definitionHash: hash })),
      codecs: backend.codecIds,
      limit: MOST_AT_ONCE,
    };
  }

  begin(): void {
    this.#running = this.#run();
  }

  /** Begins nothing new. @returns resolves when what it was at is over */
  async end(): Promise<void> {
    this.#end.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { ports } = this.#options;
    const { signal } = this.#end;
    while (!signal.aborted) {
      let waitMs = this.#intervalMs;
      try {
        if (!this.#isDeclared) await this.#declare();
        waitMs = await this.#look();
      } catch (error) {
        ports.logger.warn({ error }, "Looking for schedules failed; trying again.");
      }
      await pause(ports.timers, waitMs, signal);
    }
  }

  async #declare(): Promise<void> {
    const { backend, schedules } = this.#options;
    await backend.declareSchedules(await Promise.all(schedules.map((one) => declaredSchedule(one, backend))));
    this.#isDeclared = true;
  }

  /** @returns after how long to look again */
  async #look(): Promise<number> {
    const { due, nextDueMs } = await this.#options.backend.findDueSchedules(this.#request);
    let failed = 0;
    for (const one of due) {
      if (this.#end.signal.aborted) return 0;
      if (!(await this.#fire(one))) failed++;
    }
    // What has been started may have its next slot before anything that was known.
    if (failed < due.length) return 0;
    // A little late rather than early: what is not due yet would have to be asked for again.
    return Math.min(this.#intervalMs, Math.ceil(nextDueMs ?? this.#intervalMs) + 1);
  }

  /** One that can't be started harms no other. @returns whether it could */
  async #fire(due: DueSchedule): Promise<boolean> {
    const { backend, ports } = this.#options;
    const { scheduleId, start } = due.schedule;
    try {
      const { problem } = await fireDue(backend, this.#flowFor(start), due);
      if (problem === null) return true;
      ports.logger.error({ error: problem, scheduleId }, "A schedule can't be started; it is tried again in a minute.");
    } catch (error) {
      ports.logger.warn({ error, scheduleId }, "A schedule could not be started; trying again.");
    }
    return false;
  }

  /** In its own definition where the worker has that one. */
  #flowFor({ flow, definitionHash }: DueSchedule["schedule"]["start"]): Flow {
    const named = this.#options.flows.filter(({ name }) => name === flow);
    const found = named.find(({ hash }) => hash === definitionHash) ?? named[0];
    if (found === undefined)
      throw new Error(`The store has given a schedule of flow "${flow}", which was not asked for.`);
    return found;
  }

  get #intervalMs(): number {
    return this.#options.pollIntervalMs ?? INTERVAL_MS;
  }
}
