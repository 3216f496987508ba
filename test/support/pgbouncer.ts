import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, chmodSync, constants, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { Client } from "pg";
import { canEnter, chooseAccount } from "../../src/local/account.ts";
import type { Account } from "../../src/local/command.ts";
import { urlOf } from "./databases.ts";

const HOST = "127.0.0.1";
const START_PATIENCE_MS = 10_000;
const POLL_MS = 25;
/** Somebody else may be faster to take a port that was free. */
const TRIES = 5;

export interface Pgbouncer {
  /** Of one of the server's databases, through the pooler. */
  urlFor(database: string): string;
  stop(): Promise<void>;
}

/**
 * Starts PgBouncer in front of a server: in transaction mode, so that two statements of a client run on different
 * connections unless they are in one transaction, and as strict as it is without further settings: start-up parameters
 * that it doesn't know are refused, and prepared statements are not followed.
 *
 * Clients need no password. Whoever they say that they are, they work as the user of `serverUrl`.
 *
 * @returns `null` if PgBouncer is not installed
 */
export async function startPgbouncer(serverUrl: string): Promise<Pgbouncer | null> {
  const program = findProgram();
  if (program === null) return null;
  // It refuses to run as root.
  const account = await chooseAccount("");
  const folder = await folderFor(account);
  try {
    for (let tries = 1; ; tries++) {
      const port = await freePort();
      const started = await start(program, account, { folder, port, serverUrl });
      if (started.problem === null) return pgbouncerAt(serverUrl, port, started.child, folder);
      if (tries === TRIES) throw new Error(`PgBouncer does not start: ${started.problem}`);
    }
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

function findProgram(): string | null {
  // Debian's is where only root looks by itself.
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin"];
  return folders.map((folder) => join(folder, "pgbouncer")).find(isExecutable) ?? null;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function folderFor(account: Account | null): Promise<string> {
  const isOpen = await canEnter(account, tmpdir());
  const folder = mkdtempSync(join(isOpen ? tmpdir() : "/tmp", "waymark-pgbouncer-"));
  if (account !== null) chmodSync(folder, 0o755);
  return folder;
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen({ host: HOST, port: 0 });
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("There is no free port.");
  return address.port;
}

interface Place {
  readonly folder: string;
  readonly port: number;
  readonly serverUrl: string;
}

async function start(
  program: string,
  account: Account | null,
  place: Place,
): Promise<{ readonly child: ChildProcess; readonly problem: string | null }> {
  const file = join(place.folder, "pgbouncer.ini");
  // It holds the password of a server that is gone when the tests are over.
  writeFileSync(file, settingsFor(place), { mode: account === null ? 0o600 : 0o644 });
  const child = spawn(program, [file], { cwd: "/", stdio: ["ignore", "pipe", "pipe"], ...account });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (said += chunk.toString()));
  child.on("error", (error) => (said += String(error)));
  const deadline = Date.now() + START_PATIENCE_MS;
  while (isRunning(child) && Date.now() < deadline) {
    if (await accepts(urlThrough(place.serverUrl, place.port))) return { child, problem: null };
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  await end(child);
  return { child, problem: said };
}

function settingsFor({ port, serverUrl }: Place): string {
  const server = new URL(serverUrl);
  const target = {
    host: server.hostname,
    port: server.port === "" ? "5432" : server.port,
    user: decodeURIComponent(server.username),
    password: decodeURIComponent(server.password),
  };
  const words = Object.entries(target).filter(([, value]) => value !== "");
  return `[databases]
* = ${words.map(([name, value]) => `${name}='${value.replaceAll("'", "''")}'`).join(" ")}

[pgbouncer]
listen_addr = ${HOST}
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 20
max_client_conn = 1000
`;
}

/** Whether a statement gets through to the server. */
async function accepts(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000, query_timeout: 2_000 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.query("SELECT");
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

function pgbouncerAt(serverUrl: string, port: number, child: ChildProcess, folder: string): Pgbouncer {
  const onExit = (): void => {
    child.kill("SIGKILL");
  };
  process.on("exit", onExit);
  return {
    urlFor: (database) => urlOf(urlThrough(serverUrl, port), database),
    stop: async () => {
      process.off("exit", onExit);
      await end(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function urlThrough(serverUrl: string, port: number): string {
  const url = new URL(serverUrl);
  url.hostname = HOST;
  url.port = String(port);
  url.password = "";
  return url.href;
}

/** It has nothing that could be lost, and what a gentler signal does differs between versions. */
async function end(child: ChildProcess): Promise<void> {
  if (!isRunning(child)) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}
