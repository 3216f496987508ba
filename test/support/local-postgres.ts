import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { Client } from "pg";
import { type LocalPostgres, type LocalPostgresOptions, startLocalPostgres } from "../../src/local/index.ts";

const SOURCE = resolve("src/local/index.ts");
const TSX = import.meta.resolve("tsx");

export const isRoot: boolean = process.geteuid?.() === 0;

/** What {@link Sandbox.child} prints. */
export interface ChildReport {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly directory: string;
  readonly reused: boolean;
}

/** Directories, servers and processes of one test; `clear` removes them all. */
export class Sandbox {
  readonly #folders: string[] = [];
  readonly #servers: LocalPostgres[] = [];
  readonly #children: ChildProcess[] = [];

  /** A folder that the server's user can enter. */
  folder(mode: number = 0o755): string {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), "waymark-test-")));
    chmodSync(folder, mode);
    this.#folders.push(folder);
    return folder;
  }

  async start(options: LocalPostgresOptions): Promise<LocalPostgres> {
    const server = await startLocalPostgres(options);
    this.#servers.push(server);
    return server;
  }

  /** A process that starts a server with `options`, reports it, and then runs `afterwards` (default: it stays). */
  async child(
    options: LocalPostgresOptions,
    settings: { readonly afterwards?: string; readonly uid?: number } = {},
  ): Promise<{ readonly process: ChildProcess; readonly report: ChildReport }> {
    const script = join(this.folder(), "child.mts");
    writeFileSync(
      script,
      `import { startLocalPostgres } from ${JSON.stringify(SOURCE)};
const { url, port, pid, directory, reused } = await startLocalPostgres(${JSON.stringify(options)});
process.stdout.write(JSON.stringify({ url, port, pid, directory, reused }) + "\\n");
${settings.afterwards ?? "setInterval(() => undefined, 1_000);"}
`,
    );
    const child = spawn(process.execPath, ["--import", TSX, script], {
      stdio: ["ignore", "pipe", "pipe"],
      ...(settings.uid === undefined ? {} : { uid: settings.uid, gid: settings.uid }),
    });
    this.#children.push(child);
    let errors = "";
    child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
    const [line] = (await Promise.race([
      once(createInterface(child.stdout), "line"),
      once(child, "close").then(() => {
        throw new Error(`The child ended without a report: ${errors}`);
      }),
    ])) as [string];
    return { process: child, report: JSON.parse(line) as ChildReport };
  }

  async clear(): Promise<void> {
    for (const child of this.#children.splice(0)) await end(child, "SIGKILL");
    for (const server of this.#servers.splice(0)) await server.stop({ mode: "immediate" });
    for (const folder of this.#folders.splice(0)) {
      await stopServersOf(folder);
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    }
  }
}

/** Ends a child process and waits for it. */
export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, "exit");
}

/** A server that a child has started and that the test has not taken over. */
async function stopServersOf(folder: string): Promise<void> {
  for (const directory of [folder, join(folder, "pg"), join(folder, "closed", "pg")]) {
    if (!existsSync(join(directory, "server.json"))) continue;
    const { data } = JSON.parse(readFileSync(join(directory, "server.json"), "utf8")) as { data: string };
    const pid = pidOf(resolve(directory, data));
    if (pid === null || !isAlive(pid)) continue;
    process.kill(pid, "SIGQUIT");
    await goneOf(pid);
  }
}

/** The pid in a data directory's `postmaster.pid`. */
function pidOf(data: string): number | null {
  const file = join(data, "postmaster.pid");
  return existsSync(file) ? Number.parseInt(readFileSync(file, "utf8"), 10) : null;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // Ended, and waiting to be asked for its exit code.
  return !(process.platform === "linux" && / [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8")));
}

/** Resolves when the process has ended. */
export async function goneOf(pid: number): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (isAlive(pid)) {
    if (Date.now() > deadline) throw new Error(`Process ${pid} does not end.`);
    await new Promise((done) => setTimeout(done, 10));
  }
}

/** Runs one statement on a connection of its own. */
export async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

/** A copy of npm's programs without the links that its install script has made. */
export function copyWithoutLinks(original: string, copy: string): void {
  cpSync(original, copy, {
    recursive: true,
    // The static libraries are the larger part, and nobody needs them.
    filter: (path) => !path.endsWith(".a") && !lstatSync(path).isSymbolicLink(),
  });
}
