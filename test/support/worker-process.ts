import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Run } from "./order-fulfilment.ts";
import type { Begun, ChildOptions } from "./worker-child.ts";

const PROGRAM = resolve("test/support/worker-child.ts");
const TSX = import.meta.resolve("tsx");

export interface ChildSettings {
  readonly worker?: ChildOptions["worker"];
  /** Default `true`: the worker's log goes to standard error. */
  readonly logs?: boolean;
  /** Default: that of the database. */
  readonly url?: string;
}

/** Worker processes that share a database, and a file in which their bodies say that they have begun. */
export class WorkerProcesses {
  readonly #url: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "waymark-workers-"));
  readonly #runs: Run[] = [];

  constructor(url: string) {
    this.#url = url;
  }

  /** Bodies that have begun, in order. */
  begun(): readonly Begun[] {
    if (!existsSync(this.#oracle)) return [];
    // What a killed process has not quite written is no line.
    const lines = readFileSync(this.#oracle, "utf8").split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Begun);
  }

  start({ worker = {}, logs = true, url = this.#url }: ChildSettings = {}): Run {
    const options: ChildOptions = { url, oracle: this.#oracle, worker, logs };
    const args = ["--import", TSX, PROGRAM, JSON.stringify(options)];
    const run = new Run(spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] }));
    this.#runs.push(run);
    return run;
  }

  /** A process whose worker has been started. */
  async started(settings?: ChildSettings): Promise<Run> {
    const run = this.start(settings);
    await run.until(() => run.output.includes("started"));
    if (!run.isRunning) throw new Error(`The worker did not start:\n${run.output}${run.errors}`);
    return run;
  }

  async clear(): Promise<void> {
    for (const run of this.#runs.splice(0)) await run.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #oracle(): string {
    return join(this.#folder, "oracle.jsonl");
  }
}
