import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import type { OracleLine } from "../../examples/order-fulfilment/oracle.ts";

const MAIN = resolve("examples/order-fulfilment/main.ts");
const TSX = import.meta.resolve("tsx");
const DEADLINE_MS = 60_000;
const LOOK_EVERY_MS = 5;

/** Whether runs can be given a terminal. */
export const canMakeTerminal: boolean =
  process.platform === "linux" &&
  (process.env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, "script")));

export interface RunOptions {
  readonly args?: readonly string[];
  readonly cwd?: string;
  /** Runs it in a pseudo-terminal of this size, made by `script`. */
  readonly terminal?: { readonly columns: number; readonly rows: number };
}

/** Processes of the example order-fulfilment, with an oracle that they share. `clear` ends them all. */
export class OrderFulfilment {
  readonly #databaseUrl: string | null;
  readonly #folder = mkdtempSync(join(tmpdir(), "waymark-orders-"));
  readonly #runs: Run[] = [];

  /** @param databaseUrl - `null`: the example starts a server of its own */
  constructor(databaseUrl: string | null) {
    this.#databaseUrl = databaseUrl;
  }

  /** What bodies have told the world outside, in the order in which they did. */
  oracle(): readonly OracleLine[] {
    return this.#oracleLines().map((line) => JSON.parse(line) as OracleLine);
  }

  /** How often bodies have called the world outside. */
  countCalls(): number {
    return this.#oracleLines().length;
  }

  start({ args = [], cwd, terminal }: RunOptions = {}): Run {
    const oracle = join(this.#folder, "oracle.jsonl");
    const command = [process.execPath, "--import", TSX, MAIN, "--speed", "fast", "--oracle", oracle, ...args];
    const { CI: _ci, NO_COLOR: _noColor, DATABASE_URL: _url, ...inherited } = process.env;
    const env = {
      ...inherited,
      TERM: "xterm-256color",
      // Where "waymark" is, for processes that start elsewhere.
      TSX_TSCONFIG_PATH: resolve("tsconfig.json"),
      ...(this.#databaseUrl === null ? {} : { DATABASE_URL: this.#databaseUrl }),
    };
    const [program = "", ...rest] = terminal === undefined ? command : inTerminal(command, terminal);
    const child = spawn(program, rest, { env, cwd: cwd ?? process.cwd(), stdio: ["ignore", "pipe", "pipe"] });
    const run = new Run(child);
    this.#runs.push(run);
    return run;
  }

  #oracleLines(): readonly string[] {
    const file = join(this.#folder, "oracle.jsonl");
    // What a killed process has not quite written is no line.
    return existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : [];
  }

  async clear(): Promise<void> {
    for (const run of this.#runs.splice(0)) await run.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** One process of the example. */
export class Run {
  readonly #child: ChildProcess;
  readonly #ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  #output = "";
  #errors = "";

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.#errors += text));
    this.#ended = once(child, "close").then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as string | null,
    }));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get output(): string {
    return this.#output;
  }

  get errors(): string {
    return this.#errors;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async ended(): Promise<{ readonly code: number | null; readonly signal: string | null }> {
    return await this.#ended;
  }

  /** Waits for its end. @throws it did not end well */
  async succeeds(): Promise<void> {
    const { code, signal } = await this.#ended;
    if (code !== 0)
      throw new Error(`The example ended with ${code ?? signal ?? "nothing"}:\n${this.#output}${this.#errors}`);
  }

  /** Sends the signal, if the process still runs, and waits for its end. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    if (this.isRunning) this.#child.kill(signal);
    await this.#ended;
  }

  /**
   * Resolves when `reached` says so, or the process has ended.
   *
   * @throws neither was the case in time
   */
  async until(reached: () => boolean): Promise<void> {
    const deadline = Date.now() + DEADLINE_MS;
    while (this.isRunning && !reached()) {
      if (Date.now() > deadline)
        throw new Error(`The example does not get there. It said:\n${this.#output}${this.#errors}`);
      await new Promise((done) => setTimeout(done, LOOK_EVERY_MS));
    }
  }
}

function inTerminal(
  command: readonly string[],
  { columns, rows }: { columns: number; rows: number },
): readonly string[] {
  const quoted = command.map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(" ");
  return ["script", "--quiet", "--return", "--command", `stty cols ${columns} rows ${rows}; ${quoted}`, "/dev/null"];
}
