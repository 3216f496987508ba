import { execFile } from "node:child_process";
import { parse } from "node:path";
import { LocalPostgresError } from "../errors/local-errors.ts";

/** The operating-system user that the server runs as. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

export interface CommandResult {
  /** `null` if it was not started or was ended by a signal. */
  readonly exitCode: number | null;
  /** What it printed, to either stream, line by line. */
  readonly output: readonly string[];
  /** Why it could not be started, e.g. `EACCES`; `null` if it was. */
  readonly spawnError: string | null;
}

const TIMEOUT_MS = 120_000;
const INHERITED = [
  "PATH",
  "TZ",
  "TMPDIR",
  "LD_LIBRARY_PATH",
  "DYLD_LIBRARY_PATH",
  "SystemRoot",
  "TEMP",
  "TMP",
] as const;

/**
 * The environment of PostgreSQL's programs. Not this process's own: that may hold secrets, which other
 * programs of the server's user could read, and `PG…` variables that change what the programs do.
 */
export function serverEnvironment(): NodeJS.ProcessEnv {
  // English, because some of the server's messages are looked for.
  const environment: NodeJS.ProcessEnv = { LC_ALL: "C" };
  for (const name of INHERITED) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}

/** What must be the same for every program that is started for the server. */
export function spawnSettings(file: string, account: Account | null): { cwd: string; uid?: number; gid?: number } {
  // PostgreSQL's programs ask for the working directory, and that of this process may be closed to the account.
  return { cwd: parse(file).root, ...account };
}

/**
 * Runs a program to its end. A failure to start it is part of the result, never an `error` event.
 *
 * @throws {LocalPostgresError} `account`: this process may not start programs as `account`
 */
export async function runCommand(
  file: string,
  args: readonly string[],
  account: Account | null,
): Promise<CommandResult> {
  const options = {
    ...spawnSettings(file, account),
    env: serverEnvironment(),
    timeout: TIMEOUT_MS,
    maxBuffer: 16 * 1024 * 1024,
    windowsHide: true,
  };
  return new Promise((resolve, reject) => {
    try {
      execFile(file, args, options, (error, stdout, stderr) => {
        const output = `${stdout}\n${stderr}`.split("\n").filter((line) => line.trim() !== "");
        // A text code means that the program could not be started; a number is its exit code.
        if (typeof error?.code === "string") return resolve({ exitCode: null, output, spawnError: error.code });
        resolve({ exitCode: error === null ? 0 : (error.code ?? null), output, spawnError: null });
      });
    } catch (cause) {
      // Node throws some failures (EPERM, EINVAL) and reports others.
      reject(switchError(account, cause));
    }
  });
}

/** Why a program could not be started as `account`, where Node throws instead of reporting. */
export function switchError(account: Account | null, cause: unknown): LocalPostgresError {
  return new LocalPostgresError(
    "account",
    account === null
      ? "A program of PostgreSQL could not be started."
      : `PostgreSQL refuses to run as root, and this process may not start programs as user id ${account.uid}. Run it as an ordinary user.`,
    { cause },
  );
}
