import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { kindOf, type WorkerId } from "../ids.ts";
import type { Backend } from "../store/backend.ts";
import { guardProcess } from "./process-guard.ts";
import { RunningWorker, type WorkerStats } from "./running-worker.ts";
import type { WorkerHealth } from "./worker-health.ts";
import { type ResolvedWorkerOptions, resolveWorkerOptions, type WorkerOptions } from "./worker-options.ts";

/** A worker that has been started. */
export interface WorkerHandle {
  readonly workerId: WorkerId;
  /**
   * Takes nothing new. Running tasks may finish within `gracePeriod`, then they are told to stop; what they were at is
   * given back, for other workers to go on with. Resolves when the worker has stopped, also if it is called again.
   */
  drain(): Promise<void>;
  /** As `drain`, without the grace period. */
  stop(): Promise<void>;
  stats(): WorkerStats;
  /** Whether it lives, and takes work; for `serveHealth`, or a server of your own. */
  health(): WorkerHealth;
  /** Resolves when the worker has stopped, for whatever reason. */
  readonly closed: Promise<void>;
}

/**
 * Runs instances of some flows in this process, beside any number of other workers on any number of machines. When it
 * dies, others go on with what it was at as soon as its leases have run out.
 *
 * @example
 * ```ts run
 * import { Client, flow, InMemoryBackend, Worker } from "waymark";
 *
 * const greet = flow<string>("greet").then("compose", (name) => `Hello ${name}`).build();
 * const backend = new InMemoryBackend();
 * const worker = new Worker(backend, { flows: [greet] }).start();
 * const handle = await new Client(backend).submit(greet, "greet-1", "Ada");
 * if ((await handle.result()) !== "Hello Ada") throw new Error("unexpected");
 * await worker.drain();
 * ```
 */
export class Worker {
  readonly #backend: Backend;
  readonly #options: ResolvedWorkerOptions;
  #running: RunningWorker | null = null;

  /** @throws {InvalidArgumentError} an option is not acceptable */
  constructor(backend: Backend, options: WorkerOptions) {
    if (typeof backend?.commitCheckpoints !== "function")
      throw new InvalidArgumentError("backend", `must be a backend, not ${kindOf(backend)}.`);
    this.#backend = backend;
    this.#options = resolveWorkerOptions(options);
  }

  /**
   * Starts to work. Returns at once; while the database is away, the worker waits for it.
   *
   * @throws {InvalidArgumentError} it is running already
   */
  start(): WorkerHandle {
    if (this.#running !== null && this.#running.stats().state !== "stopped")
      throw new InvalidArgumentError("worker", "is running already. Make another Worker, or raise its concurrency.");
    const running = new RunningWorker(this.#backend, this.#options);
    this.#running = running;
    if (this.#options.ownsProcess) guardProcess(running, this.#options.ports);
    running.run();
    return {
      workerId: running.workerId,
      closed: running.closed,
      drain: () => running.drain(),
      stop: () => running.stop(),
      stats: () => running.stats(),
      health: () => running.health(),
    };
  }
}
