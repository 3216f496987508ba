import { CommanderError } from "commander";
import { type ErrorCode, WaymarkError } from "../errors/waymark-error.ts";
import { plainText } from "./terminal-text.ts";

/** What the process exits with. Part of the interface: docs/cli.md. */
export const EXIT = { ok: 0, failed: 1, usage: 2, notFound: 3, refused: 4, unreachable: 5 } as const;

/** What a command finds, or can't do, that is nobody's mistake in the code. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

const BY_CODE: Readonly<Partial<Record<ErrorCode, number>>> = {
  INVALID_ARGUMENT: EXIT.usage,
  VALIDATION_FAILED: EXIT.usage,
  CODEC_ENCODE: EXIT.usage,
  INSTANCE_NOT_FOUND: EXIT.notFound,
  LIMIT_NOT_FOUND: EXIT.notFound,
  SCHEDULE_NOT_FOUND: EXIT.notFound,
  INSTANCE_EXISTS: EXIT.refused,
  INVALID_TRANSITION: EXIT.refused,
  RESULT_CONFLICT: EXIT.refused,
  START_REFUSED: EXIT.refused,
  BACKEND_UNAVAILABLE: EXIT.unreachable,
  SCHEMA_TOO_OLD: EXIT.failed,
};

/** An error as it is shown: one or two lines, without a stack. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly exitCode: number;
}

export function failureOf(error: unknown): Failure {
  if (error instanceof CommandError) return { code: "COMMAND", message: error.message, exitCode: error.exitCode };
  if (error instanceof CommanderError) return ofUsage(error);
  if (WaymarkError.is(error))
    return {
      code: error.code,
      // The error speaks to code, which would do it by an option.
      message: error.code === "SCHEMA_TOO_OLD" ? `${error.message} Here: waymark migrate.` : error.message,
      exitCode: BY_CODE[error.code] ?? EXIT.failed,
    };
  return { code: "UNEXPECTED", message: error instanceof Error ? error.message : String(error), exitCode: EXIT.failed };
}

/** Help and version are no failures, and have been shown. */
function ofUsage({ code, message, exitCode }: CommanderError): Failure {
  if (exitCode === 0) return { code: "", message: "", exitCode: EXIT.ok };
  if (code === "commander.help") return { code: "", message: "", exitCode: EXIT.usage };
  return {
    code: "USAGE",
    message: `${message.replace(/^error: /, "")} (--help says what there is)`,
    exitCode: EXIT.usage,
  };
}

/** The lines that say it. */
export function failureText({ code, message }: Failure, asJson: boolean): string {
  if (asJson) return JSON.stringify({ error: { code, message } });
  return `${code === "COMMAND" || code === "USAGE" ? "" : `${code}: `}${plainText(message)}`;
}
