import { existsSync, rmSync } from "node:fs";
import { chmod, lstat, mkdtemp, readdir, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LocalPostgresError } from "../errors/local-errors.ts";
import { systemClock } from "../time/clock.ts";
import { pause, systemTimers } from "../time/timers.ts";
import { canEnter, chooseAccount } from "./account.ts";
import { findPostmaster } from "./postmaster-file.ts";
import { fateOf, identityOf } from "./process-identity.ts";

const PREFIX = "waymark-postgres-";
const PATIENCE_MS = 5_000;
/** Less at exit: a terminal waits for it. */
const EXIT_PATIENCE_MS = 2_000;
const POLL_MS = 10;
const ENDING_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const RM_OPTIONS = { recursive: true, force: true, maxRetries: 5, retryDelay: 50 } as const;

/** A directory for one server, gone when the server stops or this process ends. */
export interface Temporary {
  readonly directory: string;
  /** Says which process is to end when this one does. */
  watch(pid: number): void;
  /** Removes it; its server has ended. */
  remove(): Promise<void>;
  /** Ends its server, if one runs, and removes it, at once. */
  abandon(): void;
}

interface Server {
  readonly pid: number;
  readonly identity: string;
}

/** By directory: its server, if one was started. */
const watched = new Map<string, Server | null>();

/**
 * Makes a temporary directory, after removing those whose process was killed before it could do so itself.
 *
 * @throws {LocalPostgresError} `directory`: there is no place for it · `account`
 */
export async function makeTemporary(say: (line: string) => void): Promise<Temporary> {
  const base = await temporaryBase();
  await removeOrphans(base, say);
  // The name says who it belongs to, so that there is no moment at which it belongs to nobody.
  const directory = await mkdtemp(join(base, `${PREFIX}${identityOf(process.pid)}.`));
  // The server's user has to get through, but not in: what is inside is for its owners only.
  if (process.geteuid?.() === 0) await chmod(directory, 0o711);
  if (watched.size === 0) listen();
  watched.set(directory, null);
  return {
    directory,
    watch: (pid) => watched.set(directory, { pid, identity: identityOf(pid) }),
    remove: async () => {
      await rm(directory, RM_OPTIONS);
      forget(directory);
    },
    abandon: () => {
      end(directory, systemClock.monotonicMs() + EXIT_PATIENCE_MS);
      forget(directory);
    },
  };
}

async function temporaryBase(): Promise<string> {
  const account = await chooseAccount("");
  const places = process.platform === "win32" ? [tmpdir()] : [tmpdir(), "/tmp", "/var/tmp"];
  for (const place of places) {
    const folder = await realpath(place).catch(() => null);
    if (folder !== null && (await canEnter(account, folder))) return folder;
  }
  throw new LocalPostgresError(
    "directory",
    `The server's user can enter none of ${places.join(", ")}. Set TMPDIR to a folder that it can.`,
  );
}

async function removeOrphans(base: string, say: (line: string) => void): Promise<void> {
  for (const name of await readdir(base)) {
    if (!name.startsWith(PREFIX) || fateOf(name.slice(PREFIX.length).split(".")[0] ?? "") !== "dead") continue;
    // It is a courtesy; whatever fails here is no reason not to start.
    await removeOrphan(join(base, name), say).catch(() => undefined);
  }
}

async function removeOrphan(directory: string, say: (line: string) => void): Promise<void> {
  const facts = await lstat(directory);
  if (!facts.isDirectory() || facts.uid !== (process.geteuid?.() ?? facts.uid)) return;
  const found = await findPostmaster(join(directory, "data"));
  if (found?.role === "unknown") return;
  say(`removing ${directory}, left by a process that was killed`);
  if (found !== null) {
    const identity = identityOf(found.pid);
    process.kill(found.pid, "SIGQUIT");
    const deadline = systemClock.monotonicMs() + PATIENCE_MS;
    while (fateOf(identity) === "alive" && systemClock.monotonicMs() < deadline) await pause(systemTimers, POLL_MS);
  }
  await rm(directory, RM_OPTIONS);
}

function listen(): void {
  process.on("exit", endAll);
  for (const signal of ENDING_SIGNALS) process.on(signal, onSignal);
}

function unlisten(): void {
  process.off("exit", endAll);
  for (const signal of ENDING_SIGNALS) process.off(signal, onSignal);
}

/** A signal that nobody else handles ends the process without an `exit` event. */
function onSignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  endAll();
  unlisten();
  // Again, now that nobody listens, so that the process ends the way it would have.
  process.kill(process.pid, signal);
}

function endAll(): void {
  const deadline = systemClock.monotonicMs() + EXIT_PATIENCE_MS;
  for (const directory of watched.keys()) end(directory, deadline);
  watched.clear();
}

/** Nothing asynchronous runs any more when a process exits, so this waits by blocking. */
function end(directory: string, deadline: number): void {
  const server = watched.get(directory) ?? null;
  const idle = new Int32Array(new SharedArrayBuffer(4));
  // The file goes last. Without /proc, an ended child of this process still looks alive here.
  const file = join(directory, "data", "postmaster.pid");
  try {
    if (server !== null && fateOf(server.identity) === "alive") {
      process.kill(server.pid, "SIGQUIT");
      while (fateOf(server.identity) === "alive" && existsSync(file) && systemClock.monotonicMs() < deadline) {
        Atomics.wait(idle, 0, 0, POLL_MS);
      }
    }
    rmSync(directory, RM_OPTIONS);
  } catch {
    // The next start removes it.
  }
}

function forget(directory: string): void {
  watched.delete(directory);
  if (watched.size === 0) unlisten();
}
