import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Run } from "./order-fulfilment.ts";
import { type JournalLine, readJournals } from "./storm-journal.ts";
import type { StormWorkerOptions } from "./storm-worker.ts";

const PROGRAM = resolve("test/support/storm-worker.ts");
const TSX = import.meta.resolve("tsx");

/** One worker process. */
export interface StormWorker {
  readonly workerId: string;
  readonly run: Run;
  isStopped: boolean;
}

/** The worker processes of a storm: those that run now, and what all of them have left behind. */
export class StormFleet {
  readonly #url: string;
  readonly #program: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "waymark-storm-"));
  readonly #all: StormWorker[] = [];
  readonly #killed = new Set<StormWorker>();
  /** Who was stopped at least once: it may have run bodies without holding a lease any more. */
  readonly everStopped: Set<string> = new Set();

  /** @param program - started with `StormWorkerOptions`; says "started" */
  constructor(url: string, program: string = PROGRAM) {
    this.#url = url;
    this.#program = program;
    mkdirSync(this.#journals);
  }

  /** Starts a worker, and resolves when it works. @throws it has ended instead */
  async start(): Promise<void> {
    const { run, workerId } = this.#start();
    await run.until(() => run.output.includes("started"));
    if (!run.output.includes("started")) throw new Error(`${workerId} did not start:\n${run.errors}`);
  }

  /** Workers that have been started, and to which nothing is happening. */
  get atWork(): readonly StormWorker[] {
    return this.#all.filter(({ run, isStopped }) => run.isRunning && !isStopped && run.output.includes("started"));
  }

  async kill(worker: StormWorker): Promise<void> {
    this.#killed.add(worker);
    await worker.run.kill("SIGKILL");
  }

  /** Ends a worker as an operating system would. @returns what did not go as it should; `null` if nothing */
  async retire(worker: StormWorker): Promise<string | null> {
    this.#killed.add(worker);
    worker.isStopped = true;
    await worker.run.kill("SIGTERM");
    const { code, signal } = await worker.run.ended();
    if (code === 0) return null;
    return `${worker.workerId} ended with ${code ?? String(signal)} when it was told to: ${worker.run.errors.slice(-2_000)}`;
  }

  stop(worker: StormWorker): void {
    worker.isStopped = true;
    this.everStopped.add(worker.workerId);
    process.kill(worker.run.pid, "SIGSTOP");
  }

  goOn(worker: StormWorker): void {
    process.kill(worker.run.pid, "SIGCONT");
    worker.isStopped = false;
  }

  /** Ends all that still run as an operating system would, and says what did not end as it should. */
  async drain(): Promise<readonly string[]> {
    const odd = this.#all.filter((worker) => !this.#killed.has(worker) && !worker.run.isRunning);
    const complaints = odd.map(({ workerId, run }) => `${workerId} ended by itself: ${run.errors.slice(-2_000)}`);
    const running = this.#all.filter(({ run }) => run.isRunning);
    await Promise.all(running.map(async ({ run }) => await run.kill("SIGTERM")));
    for (const { workerId, run } of running) {
      const { code, signal } = await run.ended();
      if (code !== 0) complaints.push(`${workerId} ended with ${code ?? String(signal)}: ${run.errors.slice(-2_000)}`);
    }
    return complaints;
  }

  journal(): readonly JournalLine[] {
    return readJournals(this.#journals);
  }

  /** What the workers have logged, for whoever has to find out what went wrong. */
  logs(): string {
    return this.#all.map(({ workerId, run }) => `--- ${workerId} (${run.pid})\n${run.errors}`).join("\n");
  }

  async clear(): Promise<void> {
    await Promise.all(this.#all.splice(0).map(async ({ run }) => await run.kill("SIGKILL")));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #start(): StormWorker {
    const workerId = `w${String(this.#all.length + 1).padStart(3, "0")}`;
    const options: StormWorkerOptions = {
      url: this.#url,
      workerId,
      journal: join(this.#journals, `${workerId}.jsonl`),
    };
    const args = ["--import", TSX, this.#program, JSON.stringify(options)];
    // The program ends when its standard input does, so that it can't outlive this process.
    const run = new Run(spawn(process.execPath, args, { stdio: ["pipe", "pipe", "pipe"] }));
    const worker: StormWorker = { workerId, run, isStopped: false };
    this.#all.push(worker);
    return worker;
  }

  get #journals(): string {
    return join(this.#folder, "journals");
  }
}
