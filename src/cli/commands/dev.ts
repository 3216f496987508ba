import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, rmSync, statSync, watch, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import type { LocalPostgres } from "../../local/index.ts";
import { CommandError, EXIT } from "../failure.ts";
import { wholeNumber } from "../filter-options.ts";
import { DEV_FILE, givenDatabaseUrl, outputOf, schemaOf } from "../session.ts";

interface DevOptions {
  readonly port: number;
}

/** Several files are often written at once. */
const SETTLE_MS = 200;
const IGNORED = /(?:^|[\\/])(?:node_modules|\.git|\.waymark|dist|coverage)(?:[\\/]|$)/;
const SOURCE = /\.[cm]?[jt]sx?$|\.json$/;

/** `waymark dev` */
export function addDev(program: Command): void {
  program
    .command("dev")
    .argument("[file]", "that exports flows, as for waymark worker", "flows.ts")
    .description(
      "run a file's flows here: with a PostgreSQL of this folder, a worker that starts anew when files change, and the dashboard",
    )
    .option("--port <n>", "of the dashboard; 0: one that is free", wholeNumber(0, 65_535), 8_787)
    .action(async (file: string, options: DevOptions, command: Command) => {
      if (!existsSync(file) || !statSync(file).isFile())
        throw new CommandError(`There is no ${file} here. waymark init makes a first one.`, EXIT.usage);
      const given = givenDatabaseUrl(command);
      const local = given === null ? await startLocal() : null;
      const url = given ?? local?.url ?? "";
      const output = outputOf(command);
      try {
        await develop(
          { file, url, schema: schemaOf(command), port: options.port, isLocal: local !== null },
          (value, text) => output.line(value, text),
        );
      } finally {
        // One that was running before this command is somebody else's.
        if (local?.reused === false) await local.stop();
      }
    });
}

async function startLocal(): Promise<LocalPostgres> {
  const { startLocalPostgres } = await import("../../local/index.ts");
  return await startLocalPostgres();
}

interface Development {
  readonly file: string;
  readonly url: string;
  readonly schema: string;
  readonly port: number;
  readonly isLocal: boolean;
}

type Say = (value: object, text: string) => void;

/** Until SIGTERM or Ctrl-C. */
async function develop({ file, url, schema, port, isLocal }: Development, say: Say): Promise<void> {
  const ends = Promise.race([once(process, "SIGTERM"), once(process, "SIGINT"), once(process, "SIGHUP")]);
  const [{ PostgresBackend }, { dashboard, serve }] = await Promise.all([
    import("../../postgres/index.ts"),
    import("../../dashboard/index.ts"),
  ]);
  const backend = await PostgresBackend.connect(url, { schema, applicationName: "waymark dev" });
  const worker = new ReloadedWorker(file, url, schema, say);
  try {
    const server = await serve(dashboard(backend), { port });
    // So that commands in this folder find the database while this runs. It has a password.
    if (isLocal) {
      mkdirSync(dirname(DEV_FILE), { recursive: true });
      writeFileSync(DEV_FILE, JSON.stringify({ url, pid: process.pid }), { mode: 0o600 });
    }
    say({ dashboard: server.url }, `The dashboard is at ${server.url}`);
    worker.begin();
    await ends;
    say({ ending: true }, "Ending: the worker finishes what it is at.");
    await worker.end();
    await server.close();
  } finally {
    if (isLocal) rmSync(DEV_FILE, { force: true });
    await worker.end();
    await backend.close();
  }
}

/** A worker process over a file, and the next one when files beside it have changed. */
class ReloadedWorker {
  readonly #file: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #schema: string;
  readonly #say: Say;
  readonly #watching = new AbortController();
  #child: ChildProcess | null = null;
  #settling: NodeJS.Timeout | null = null;
  #isEnding = false;
  /** One restart after the other. */
  #turn: Promise<void> = Promise.resolve();

  constructor(file: string, url: string, schema: string, say: Say) {
    this.#file = file;
    // Not an argument: whoever lists the processes of a machine sees those.
    this.#env = { ...process.env, DATABASE_URL: url };
    this.#schema = schema;
    this.#say = say;
  }

  begin(): void {
    this.#start();
    const folder = dirname(resolve(this.#file));
    const { signal } = this.#watching;
    const watcher = watch(folder, { recursive: true, signal }, (_, changed) => {
      if (changed === null || IGNORED.test(changed) || !SOURCE.test(changed)) return;
      if (this.#settling !== null) clearTimeout(this.#settling);
      this.#settling = setTimeout(
        () => void (this.#turn = this.#turn.then(async () => await this.#restart(changed))),
        SETTLE_MS,
      );
    });
    watcher.on("error", (error) =>
      this.#say({ problem: error.message }, `Changes are not seen any more: ${error.message}`),
    );
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    this.#watching.abort();
    if (this.#settling !== null) clearTimeout(this.#settling);
    await this.#turn;
    await this.#stop();
  }

  async #restart(changed: string): Promise<void> {
    if (this.#isEnding) return;
    this.#say({ changed }, `${changed} has changed.`);
    await this.#stop();
    if (!this.#isEnding) this.#start();
  }

  #start(): void {
    const main = fileURLToPath(new URL("../main.ts", import.meta.url));
    // Built, it is JavaScript; in its own project it is run as it stands.
    const program = existsSync(main) ? main : main.replace(/\.ts$/, ".js");
    const args = [...process.execArgv, program, "--schema", this.#schema, "worker", this.#file];
    const child = spawn(process.execPath, args, { env: this.#env, stdio: ["ignore", "inherit", "inherit"] });
    this.#child = child;
    child.once("exit", (code, signal) => {
      if (this.#child !== child) return;
      this.#child = null;
      if (!this.#isEnding && signal === null && code !== 0)
        this.#say({ workerEnded: code }, "The worker has ended; it starts again when a file changes.");
    });
  }

  async #stop(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    const gone = once(child, "exit");
    // Ctrl-C has reached it already; a second signal would cut short what it finishes.
    if (!this.#isEnding || !process.stdin.isTTY) child.kill("SIGTERM");
    await gone;
  }
}
