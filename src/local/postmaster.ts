import { type ChildProcess, spawn } from "node:child_process";
import { open, stat } from "node:fs/promises";
import { LocalPostgresError } from "../errors/local-errors.ts";
import { systemClock } from "../time/clock.ts";
import { pause, systemTimers } from "../time/timers.ts";
import { type Greeting, greet } from "./admin.ts";
import { type Account, runCommand, serverEnvironment, spawnSettings, switchError } from "./command.ts";
import { codeOf } from "./error-code.ts";
import { HOST } from "./ports.ts";
import { findPostmaster, readPostmasterFile } from "./postmaster-file.ts";
import { fateOf, identityOf } from "./process-identity.ts";
import type { UsableBinaries } from "./usable-binaries.ts";

/**
 * How a server stops:
 *
 * - `fast`: sessions are cut, transactions rolled back, everything is written out
 * - `smart`: it waits until all sessions have ended by themselves
 * - `immediate`: at once, like a crash; it recovers at the next start, and nothing committed is lost
 */
export type StopMode = "fast" | "immediate" | "smart";

/** A server that answers. */
export interface Running {
  readonly pid: number;
  readonly port: number;
  readonly version: string;
}

/** What it takes to start a server. */
export interface Launch {
  readonly binaries: UsableBinaries;
  readonly account: Account | null;
  readonly data: string;
  readonly log: string;
  readonly port: number;
  readonly password: string;
  readonly settings: Readonly<Record<string, string>>;
  /** Called as soon as there is a process, long before it answers. */
  readonly onSpawn: (pid: number) => void;
}

const POLL_MS = 10;
const PATIENCE_MS = 60_000;
const MEMORY_PATIENCE_MS = 15_000;
const LONGEST_LOG_BYTES = 16 * 1024 * 1024;
const TAIL_LINES = 20;
const SIGNALS: Readonly<Record<StopMode, NodeJS.Signals>> = { fast: "SIGINT", immediate: "SIGQUIT", smart: "SIGTERM" };
// The log is in English, see serverEnvironment().
const PORT_TAKEN = /could not bind IPv4 address|could not create any TCP\/IP sockets/;
/** Sessions of a server that was killed are still ending. */
const MEMORY_IN_USE = "pre-existing shared memory block";

/**
 * The server that runs for a data directory, as soon as it answers.
 *
 * @returns `null` if none runs
 * @throws {LocalPostgresError} `busy`: it runs but does not answer, or is not the one that was started from here
 */
export async function findRunning(data: string, password: string): Promise<Running | null> {
  const deadline = systemClock.monotonicMs() + PATIENCE_MS;
  for (;;) {
    const found = await findPostmaster(data);
    if (found === null) return null;
    const { pid, port, role } = found;
    const greeting: Greeting = port === null ? { state: "not_ready" } : await greet({ port, password });
    if (greeting.state === "ready" && port !== null) {
      if (role === "ours" || greeting.data === data) return { pid, port, version: greeting.version };
    }
    if (greeting.state === "refused" && role === "ours") throw passwordError(data, greeting.cause);
    const isLate = systemClock.monotonicMs() > deadline;
    if (isLate && role === "ours") throw silentError(pid, greeting);
    if (isLate || greeting.state !== "not_ready") throw strangerError(data, pid);
    await pause(systemTimers, POLL_MS);
  }
}

/**
 * Starts a server and waits until it answers. It outlives this process.
 *
 * @returns `port_taken` if somebody else has the port
 * @throws {LocalPostgresError} `start`: it ended or did not answer, with the end of its log · `account`
 */
export async function launch(request: Launch): Promise<Running | "port_taken"> {
  const memoryDeadline = systemClock.monotonicMs() + MEMORY_PATIENCE_MS;
  for (;;) {
    const { running, lines } = await launchOnce(request);
    if (running !== null) return running;
    if (lines.some((line) => PORT_TAKEN.test(line))) return "port_taken";
    if (!lines.some((line) => line.includes(MEMORY_IN_USE)) || systemClock.monotonicMs() > memoryDeadline) {
      throw startError(`PostgreSQL did not start on "${request.data}".`, lines);
    }
    await pause(systemTimers, POLL_MS * 10);
  }
}

/** @returns the server, or what it wrote to its log before it ended */
async function launchOnce(request: Launch): Promise<{ running: Running | null; lines: readonly string[] }> {
  const { handle, size } = await openLog(request.log);
  try {
    const server = spawnServer(request, handle.fd);
    const deadline = systemClock.monotonicMs() + PATIENCE_MS;
    for (;;) {
      // Asked first: what an ended server has written is complete.
      const failure = server.failure();
      if (failure !== null) return { running: null, lines: [...(await linesSince(request.log, size)), failure] };
      const running = await answerFrom(server.process.pid, request);
      if (running !== null) return { running, lines: [] };
      if (systemClock.monotonicMs() > deadline) {
        const problem = "PostgreSQL has been starting for a minute and goes on. Call again to wait for it.";
        throw startError(problem, await linesSince(request.log, size));
      }
      await pause(systemTimers, POLL_MS);
    }
  } finally {
    await handle.close();
  }
}

function startError(problem: string, lines: readonly string[]): LocalPostgresError {
  return new LocalPostgresError("start", `${problem} Its log ends with:`, { output: lines.slice(-TAIL_LINES) });
}

function spawnServer(request: Launch, logFd: number): { readonly process: ChildProcess; failure(): string | null } {
  const { binaries, account, data, port } = request;
  const settings = { ...request.settings, listen_addresses: HOST, port: String(port), unix_socket_directories: "" };
  const args = ["-D", data, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])];
  let failure: string | null = null;
  try {
    const child = spawn(binaries.postgres, args, {
      ...spawnSettings(binaries.postgres, account),
      env: serverEnvironment(),
      stdio: ["ignore", logFd, logFd],
      // In a session of its own, so that Ctrl-C in the terminal does not reach it.
      detached: true,
      windowsHide: true,
    });
    child.on("error", (error) => {
      failure = `${binaries.postgres} could not be started: ${codeOf(error)}`;
    });
    child.on("exit", (code, signal) => {
      failure = `(ended with ${signal ?? `exit code ${code ?? "unknown"}`})`;
    });
    child.unref();
    if (child.pid !== undefined) request.onSpawn(child.pid);
    return { process: child, failure: () => failure };
  } catch (cause) {
    throw switchError(account, cause);
  }
}

async function answerFrom(pid: number | undefined, { data, port, password }: Launch): Promise<Running | null> {
  const file = await readPostmasterFile(data);
  // Whoever else listens on the port is not to be taken for the new server.
  if (file === null || file.pid !== pid || file.port !== port) return null;
  const greeting = await greet({ port, password });
  if (greeting.state === "refused") throw passwordError(data, greeting.cause);
  return greeting.state === "ready" ? { pid: file.pid, port, version: greeting.version } : null;
}

/**
 * Stops the server of a data directory and waits until it has ended; nothing if none runs.
 *
 * @param pgCtl - gives PostgreSQL's own tool; asked for on Windows only
 * @throws {LocalPostgresError} `stop`: it has not ended within a minute · `busy`: the process may be another's
 */
export async function stopPostmaster(
  data: string,
  password: string,
  mode: StopMode,
  pgCtl: () => Promise<string>,
): Promise<void> {
  const pid = await confirmedPid(data, password);
  if (pid === null) return;
  // Windows has no signals.
  if (process.platform !== "win32") return signalAndWait(pid, SIGNALS[mode], mode);
  await runCommand(await pgCtl(), ["stop", "-D", data, "-m", mode, "-w"], null);
  await waitForEnd(pid, identityOf(pid), mode);
}

/** Kills the server of a data directory as a crash would, and waits until it has ended; nothing if none runs. */
export async function killPostmaster(data: string, password: string): Promise<void> {
  const pid = await confirmedPid(data, password);
  if (pid !== null) await signalAndWait(pid, "SIGKILL", "immediate");
}

/** No signal goes to a process that merely has the pid of a server. */
async function confirmedPid(data: string, password: string): Promise<number | null> {
  const found = await findPostmaster(data);
  if (found === null || found.role === "ours") return found?.pid ?? null;
  const greeting = found.port === null ? null : await greet({ port: found.port, password });
  if (greeting?.state !== "ready" || greeting.data !== data) throw strangerError(data, found.pid);
  return found.pid;
}

async function signalAndWait(pid: number, signal: NodeJS.Signals, mode: StopMode): Promise<void> {
  const identity = identityOf(pid);
  try {
    process.kill(pid, signal);
  } catch (cause) {
    if (codeOf(cause) === "ESRCH") return;
    throw new LocalPostgresError("stop", `This process may not stop the server (process ${pid}).`, { cause });
  }
  await waitForEnd(pid, identity, mode);
}

async function waitForEnd(pid: number, identity: string, mode: StopMode): Promise<void> {
  const deadline = systemClock.monotonicMs() + PATIENCE_MS;
  while (fateOf(identity) !== "dead") {
    if (systemClock.monotonicMs() > deadline) {
      const advice =
        mode === "smart" ? 'Sessions are still open; "fast" would cut them.' : 'Mode "immediate" would not wait.';
      throw new LocalPostgresError("stop", `The server (process ${pid}) has not ended within a minute. ${advice}`);
    }
    await pause(systemTimers, POLL_MS);
  }
}

async function openLog(log: string): Promise<{ handle: Awaited<ReturnType<typeof open>>; size: number }> {
  const { size } = await stat(log);
  // Nobody else tidies it up.
  const isLong = size > LONGEST_LOG_BYTES;
  return { handle: await open(log, isLong ? "w" : "a"), size: isLong ? 0 : size };
}

async function linesSince(log: string, start: number): Promise<readonly string[]> {
  const handle = await open(log, "r");
  try {
    const { size } = await handle.stat();
    const { buffer, bytesRead } = await handle.read({
      buffer: Buffer.alloc(Math.max(size - start, 1)),
      position: start,
    });
    const lines = buffer.toString("utf8", 0, bytesRead).split("\n");
    return lines.filter((line) => line.trim() !== "");
  } finally {
    await handle.close();
  }
}

function passwordError(data: string, cause: unknown): LocalPostgresError {
  return new LocalPostgresError(
    "directory",
    `The server of "${data}" does not take the password in server.json. Set it back: ALTER ROLE postgres PASSWORD '…'.`,
    { cause },
  );
}

function silentError(pid: number, greeting: Greeting): LocalPostgresError {
  const cause = "cause" in greeting ? greeting.cause : undefined;
  // Without one it has not even said that it is ready.
  const reason =
    cause instanceof Error ? cause.message : "it is recovering, or waits for sessions to end before it stops";
  return new LocalPostgresError(
    "busy",
    `The server (process ${pid}) has taken no connection for a minute: ${reason}.`,
    {
      cause,
    },
  );
}

function strangerError(data: string, pid: number): LocalPostgresError {
  return new LocalPostgresError(
    "busy",
    `Process ${pid}, named in "${data}/postmaster.pid", does not answer as this server.\nIf it is not PostgreSQL, remove that file; else stop it.`,
  );
}
