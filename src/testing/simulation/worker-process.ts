import { Worker, type WorkerHandle } from "../../worker/worker.ts";
import type { WorkerOptions } from "../../worker/worker-options.ts";
import type { SeededRandom } from "./seeded-random.ts";
import { SimulatedProcess } from "./simulated-process.ts";
import type { SimulatedServer } from "./simulated-server.ts";
import type { Timeline } from "./timeline.ts";

/** What workers of a simulation are made of. */
export interface WorkerProcessParts {
  readonly timeline: Timeline;
  readonly random: SeededRandom;
  readonly server: SimulatedServer;
  readonly options: WorkerOptions;
}

/** A place at which there is a process with a worker, and when that one ends, another. */
export class WorkerProcess {
  readonly #name: string;
  readonly #parts: WorkerProcessParts;
  #number = 0;
  #process: SimulatedProcess;
  #handle: WorkerHandle;

  constructor(name: string, parts: WorkerProcessParts) {
    this.#name = name;
    this.#parts = parts;
    [this.#process, this.#handle] = this.#start();
  }

  get process(): SimulatedProcess {
    return this.#process;
  }

  /** It dies, and the next one starts after so many milliseconds. */
  crash(afterMs: number): void {
    if (this.#process.isDead) return;
    this.#process.kill();
    this.#startAfter(afterMs);
  }

  /** It is told to end, and the next one starts so many milliseconds after it has. */
  drain(afterMs: number): void {
    const process = this.#process;
    void this.#handle.drain().then(() => {
      if (process.isDead) return;
      process.kill();
      this.#startAfter(afterMs);
    });
  }

  heal(): void {
    this.#process.stillUntil = 0;
    this.#process.deafUntil = 0;
    this.#process.clockOffset = 0;
  }

  #startAfter(afterMs: number): void {
    this.#parts.timeline.after(afterMs, null, () => ([this.#process, this.#handle] = this.#start()));
  }

  #start(): [SimulatedProcess, WorkerHandle] {
    const { timeline, random, server, options } = this.#parts;
    const process = new SimulatedProcess(`${this.#name}.${++this.#number}`, timeline, random, options.logger);
    const { logger: _, ...rest } = options;
    const workerOptions = { ...rest, workerId: process.name, ports: process.ports, ownsProcess: false };
    return [process, new Worker(server.connect(process, true), workerOptions).start()];
  }
}
