import { WaymarkError } from "./waymark-error.ts";

/** The data form of an error, as persisted. Plain JSON, bounded in depth and size. */
export interface SerializedFailure {
  readonly name: string;
  readonly message: string;
  /** The error's `code`, if it is a string (ours, Node's or the user's). */
  readonly code?: string;
  /** Whether another attempt could have helped; `false` where the error said so. */
  readonly retryable: boolean;
  readonly stack?: string;
  readonly cause?: SerializedFailure;
  /** The task that it ended. */
  readonly taskId?: string;
}

/** Longest message and stack kept, in UTF-16 code units. RELIABILITY: error ≤ 16 KB in all. */
const MAX_MESSAGE = 4_000;
const MAX_STACK = 4_000;
const MAX_NAME = 200;
const MAX_CAUSES = 3;

/**
 * What is kept of something that was thrown. Never throws, whatever it is given: user code may
 * throw null, frozen objects, or errors whose getters throw.
 */
export function failureFrom(thrown: unknown): SerializedFailure {
  return serialize(thrown, 0);
}

function serialize(thrown: unknown, depth: number): SerializedFailure {
  if (!isObject(thrown)) {
    return {
      name: "Error",
      message: cleanText(`Not an error was thrown: ${describe(thrown)}`, MAX_MESSAGE),
      retryable: true,
    };
  }
  const name = readString(thrown, "name") ?? "Error";
  const message = readString(thrown, "message") ?? describe(thrown);
  const code = readString(thrown, "code");
  const stack = readString(thrown, "stack");
  const cause = depth < MAX_CAUSES ? read(thrown, "cause") : undefined;
  return {
    name: cleanText(name === "" ? "Error" : name, MAX_NAME),
    message: cleanText(message, MAX_MESSAGE),
    ...(code === undefined ? {} : { code: cleanText(code, MAX_NAME) }),
    retryable: isRetryable(thrown),
    ...(stack === undefined ? {} : { stack: cleanText(stack, MAX_STACK) }),
    ...(cause === undefined || cause === null ? {} : { cause: serialize(cause, depth + 1) }),
  };
}

/** Marks errors that were rebuilt from what was persisted, with what was known of them. */
const RETRYABLE: unique symbol = Symbol("waymark.retryable");

function isRetryable(thrown: object): boolean {
  const known = read(thrown, RETRYABLE);
  return typeof known === "boolean" ? known : !(WaymarkError.is(thrown) && read(thrown, "retryable") === false);
}

/** An error rebuilt from what was persisted, for `cause`. Its class is `Error`; its name is the original's. */
export function errorFrom(failure: SerializedFailure): Error {
  const error = new Error(
    failure.message,
    failure.cause === undefined ? undefined : { cause: errorFrom(failure.cause) },
  );
  Object.defineProperty(error, "name", { value: failure.name, configurable: true, writable: true });
  Object.defineProperty(error, RETRYABLE, { value: failure.retryable });
  if (failure.stack !== undefined)
    Object.defineProperty(error, "stack", { value: failure.stack, configurable: true, writable: true });
  if (failure.code !== undefined)
    Object.defineProperty(error, "code", { value: failure.code, configurable: true, enumerable: true });
  return error;
}

/**
 * Text that PostgreSQL can hold in `text` and `jsonb`: well-formed, no NUL, at most `limit` UTF-16
 * units. Cuts first, so that a pair split by the cut is repaired too.
 */
export function cleanText(text: string, limit: number): string {
  const cut = text.length > limit ? `${text.slice(0, limit)}… (${text.length - limit} more)` : text;
  return cut.toWellFormed().replaceAll("\u0000", "\ufffd");
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

function read(target: object, key: string | symbol): unknown {
  try {
    return Reflect.get(target, key);
  } catch {
    return undefined;
  }
}

function readString(target: object, key: string): string | undefined {
  const value = read(target, key);
  return typeof value === "string" ? value : undefined;
}

function describe(value: unknown): string {
  try {
    if (typeof value === "string") return value;
    if (typeof value === "object" && value !== null) return JSON.stringify(value) ?? "[object]";
    return String(value);
  } catch {
    return "(a value that can't be described)";
  }
}
