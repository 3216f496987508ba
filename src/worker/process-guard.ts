import { constants } from "node:os";
import { inspect } from "node:util";
import type { Ports } from "../engine/ports.ts";
import { pause } from "../time/timers.ts";

/** What ends with the process. */
export interface Guarded {
  readonly closed: Promise<void>;
  drain(): Promise<void>;
  stop(): Promise<void>;
}

/** The part of `process` that is used here. */
export type HostProcess = Pick<NodeJS.Process, "on" | "off" | "exit"> & Partial<Pick<NodeJS.Process, "stderr">>;

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
const ERRORS = ["unhandledRejection", "uncaughtException"] as const;
/** After an error that nobody has caught, the state of the process is unknown: claims are given back within this time, or not at all. */
const ERROR_EXIT_MS = 3_000;

/** Ends the workers of a process with it: one set of handlers for all of them, and none when the last one has stopped. */
export class ProcessGuard {
  readonly #process: HostProcess;
  readonly #guarded = new Map<Guarded, Ports>();
  #isEnding = false;
  #endOne: (worker: Guarded) => Promise<void> = (worker) => worker.drain();
  readonly #onSignal = (signal: (typeof SIGNALS)[number]): void => void this.#end(signal);
  readonly #onError = (error: unknown): void => void this.#fail(error);

  constructor(process: HostProcess) {
    this.#process = process;
  }

  add(worker: Guarded, ports: Ports): void {
    if (this.#guarded.size === 0 && !this.#isEnding) this.#listen();
    this.#guarded.set(worker, ports);
    // One that comes while the others are being ended is ended with them.
    if (this.#isEnding) this.#endOne(worker).catch(() => undefined);
    void worker.closed.then(() => {
      this.#guarded.delete(worker);
      if (this.#guarded.size === 0 && !this.#isEnding) this.#unlisten();
    });
  }

  async #end(signal: (typeof SIGNALS)[number]): Promise<void> {
    // Whoever asks twice doesn't want to wait: the leases will run out.
    if (this.#isEnding) return this.#process.exit(128 + constants.signals[signal]);
    this.#isEnding = true;
    this.#log("info", { signal }, "Draining; a second signal exits at once.");
    this.#process.exit((await this.#endAll()) ? 0 : 1);
  }

  async #fail(error: unknown): Promise<void> {
    this.#log("error", { error }, "Nobody has caught an error; giving claims back and exiting.");
    // Also where nobody logs: Node would have written it, too.
    this.#process.stderr?.write(`${inspect(error)}\n`);
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#endOne = (worker) => worker.stop();
    const [ports] = this.#guarded.values();
    const stopped = this.#endAll();
    await (ports === undefined ? stopped : Promise.race([stopped, pause(ports.timers, ERROR_EXIT_MS)]));
    this.#process.exit(1);
  }

  /** @returns whether all have ended as they should */
  async #endAll(): Promise<boolean> {
    let isFine = true;
    const done = new Set<Guarded>();
    for (let left = [...this.#guarded.keys()]; left.length > 0; ) {
      const results = await Promise.allSettled(left.map((worker) => this.#endOne(worker)));
      for (const [index, result] of results.entries()) {
        if (result.status === "fulfilled") continue;
        isFine = false;
        this.#guarded
          .get(left[index] as Guarded)
          ?.logger.error({ error: result.reason as unknown }, "A worker could not be ended.");
      }
      for (const worker of left) done.add(worker);
      left = [...this.#guarded.keys()].filter((worker) => !done.has(worker));
    }
    return isFine;
  }

  #log(level: "info" | "error", fields: object, message: string): void {
    for (const logger of new Set([...this.#guarded.values()].map((ports) => ports.logger)))
      logger[level](fields, message);
  }

  #listen(): void {
    for (const signal of SIGNALS) this.#process.on(signal, this.#onSignal);
    for (const event of ERRORS) this.#process.on(event, this.#onError);
  }

  #unlisten(): void {
    for (const signal of SIGNALS) this.#process.off(signal, this.#onSignal);
    for (const event of ERRORS) this.#process.off(event, this.#onError);
  }
}

const guard = new ProcessGuard(process);

/** SIGTERM, SIGINT and SIGHUP drain the worker and end the process; so do errors that nobody has caught. */
export function guardProcess(worker: Guarded, ports: Ports): void {
  guard.add(worker, ports);
}
