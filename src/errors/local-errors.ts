import { WaymarkError } from "./waymark-error.ts";

/**
 * What stood in the way:
 *
 * - `binaries`: there are none, or they don't run on this machine
 * - `account`: PostgreSQL refuses to run as root and no other user can be used
 * - `directory`: its files can't be read, written or understood
 * - `port`: the port that was asked for is taken
 * - `busy`: another process or server is in the way
 * - `start`: the server did not come up
 * - `stop`: the server did not go down
 */
export type LocalPostgresProblem = "binaries" | "account" | "directory" | "port" | "busy" | "start" | "stop";

/** The local PostgreSQL could not be started, reached or stopped. */
export class LocalPostgresError extends WaymarkError {
  override readonly name = "LocalPostgresError";
  readonly code = "LOCAL_POSTGRES";
  readonly retryable = false;
  readonly problem: LocalPostgresProblem;
  /** What PostgreSQL itself said about it, newest last; empty if it said nothing. Also part of the message. */
  readonly output: readonly string[];

  constructor(
    problem: LocalPostgresProblem,
    message: string,
    options: ErrorOptions & { output?: readonly string[] } = {},
  ) {
    const { output = [], ...rest } = options;
    super([message, ...output.map((line) => `  ${line}`)].join("\n"), rest);
    this.problem = problem;
    this.output = output;
  }
}
