import { InvalidArgumentError } from "./errors/argument-errors.ts";

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]?: Name };

/** The caller-chosen name of one execution of a flow. */
export type InstanceId = Branded<"InstanceId">;
/** A node id plus where it occurred, e.g. `poll[3]` or `payment/charge`; unique within an instance. */
export type TaskId = Branded<"TaskId">;
/** The name under which a worker holds claims. */
export type WorkerId = Branded<"WorkerId">;
/** SHA-256 of a definition's shape, in lower-case hex (64 characters). */
export type DefinitionHash = Branded<"DefinitionHash">;
/**
 * Where in the instance a position lives: `""` for the trunk, `join/branch` for a branch of a fork.
 * Shares its name space with task ids, because the end of a branch may have a history entry.
 */
export type Path = TaskId;

/** Longest instance id, worker id, event name or dedup key, in UTF-16 code units. */
export const MAX_ID_LENGTH = 255;
/** Longest node id, flow name, tag or branch name, in UTF-16 code units. */
export const MAX_NAME_LENGTH = 100;
/** Longest task id or path, in UTF-8 bytes. With an id it fits PostgreSQL's index row (2,704 bytes). */
export const MAX_TASK_ID_BYTES = 1_200;

/** What the names of events begin with that tell an instance of its children's ends. Nobody else may send such. */
const OWN_EVENTS = "$child";
/** The name of the event that tells a task of its child's end begins so; behind it stands the task id. */
export const CHILD_EVENT = "$child:";
/** Task id at which an instance stands while it waits, at its end, for children. */
export const CHILDREN_ID = "$children";
/** The name of the event that tells an instance that the last child has ended for which it waits at its end. */
export const CHILDREN_EVENT = "$children";

// Control characters would make ids unreadable in logs and NUL can't be stored in `text` at all.
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;
const NAME = /^[\p{L}\p{N}_][\p{L}\p{N}\p{M}_.:-]*$/u;
/** Names that mean something on every JavaScript object. */
const RESERVED_NAMES: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** What is wrong with a caller-chosen id, as the end of a sentence; `null` if nothing is. */
export function idIssue(value: unknown): string | null {
  if (typeof value !== "string") return `must be a string, not ${kindOf(value)}`;
  if (value.length === 0) return "must not be empty";
  if (value.length > MAX_ID_LENGTH) return `has ${value.length} characters; the limit is ${MAX_ID_LENGTH}`;
  if (CONTROL.test(value)) return "must not contain control characters";
  if (!value.isWellFormed()) return "must not contain lone surrogates";
  if (value.trim() !== value) return "must not start or end with white space";
  return null;
}

/**
 * What is wrong with the id of an instance that may exist, as the end of a sentence; `null` if nothing is. Less than `idIssue` asks of
 * a new one: what a store holds, however it came there, has to be within its reach, to be run, ended or deleted.
 */
export function knownIdIssue(value: unknown): string | null {
  if (typeof value !== "string") return `must be a string, not ${kindOf(value)}`;
  if (value.length === 0) return "must not be empty";
  if (value.includes("\0")) return "must not contain NUL";
  return value.isWellFormed() ? null : "must not contain lone surrogates";
}

/** What is wrong with a name that a definition uses, as the end of a sentence; `null` if nothing is. */
export function nameIssue(value: unknown): string | null {
  if (typeof value !== "string") return `must be a string, not ${kindOf(value)}`;
  if (value.length === 0) return "must not be empty";
  if (value.length > MAX_NAME_LENGTH) return `has ${value.length} characters; the limit is ${MAX_NAME_LENGTH}`;
  if (!NAME.test(value))
    return `${JSON.stringify(value)} may contain only letters, digits, "_", "-", "." and ":", and starts with a letter, digit or "_"`;
  if (RESERVED_NAMES.has(value)) return `"${value}" is reserved`;
  return null;
}

/** What is wrong with a task id or path, as the end of a sentence; `null` if nothing is. */
export function taskIdIssue(value: unknown): string | null {
  if (typeof value !== "string") return `must be a string, not ${kindOf(value)}`;
  if (value.length === 0) return "must not be empty";
  if (CONTROL.test(value)) return "must not contain control characters";
  if (!value.isWellFormed()) return "must not contain lone surrogates";
  // Every UTF-16 unit takes at most 3 bytes, so this only encodes what might be too long.
  if (value.length * 3 > MAX_TASK_ID_BYTES && new TextEncoder().encode(value).byteLength > MAX_TASK_ID_BYTES) {
    return `takes more than ${MAX_TASK_ID_BYTES} bytes`;
  }
  return null;
}

/** What is wrong with the name of an event that is sent, as the end of a sentence; `null` if nothing is. */
export function eventNameIssue(value: unknown): string | null {
  const isOwn = typeof value === "string" && value.startsWith(OWN_EVENTS);
  return (
    idIssue(value) ?? (isOwn ? `must not start with "${OWN_EVENTS}": such names tell of the ends of children` : null)
  );
}

function awaitedEventIssue(value: unknown): string | null {
  const taskId = typeof value === "string" && value.startsWith(CHILD_EVENT) ? value.slice(CHILD_EVENT.length) : null;
  return taskId === null ? idIssue(value) : taskIdIssue(taskId);
}

/** @throws {InvalidArgumentError} naming `field` */
export function parseInstanceId(value: unknown, field: string = "instanceId"): InstanceId {
  return parse(value, field, idIssue);
}

/** The id of an instance that may exist, for stores: see `knownIdIssue`. @throws {InvalidArgumentError} naming `field` */
export function parseKnownId(value: unknown, field: string = "instanceId"): InstanceId {
  return parse(value, field, knownIdIssue);
}

/** @throws {InvalidArgumentError} naming `field` */
export function parseWorkerId(value: unknown, field: string = "workerId"): WorkerId {
  return parse(value, field, idIssue);
}

/** @throws {InvalidArgumentError} naming `field` */
export function parseEventName(value: unknown, field: string = "name"): string {
  return parse(value, field, eventNameIssue);
}

/** The name of an event that somebody waits for: also one by which ends of children are told. @throws {InvalidArgumentError} naming `field` */
export function parseAwaitedEvent(value: unknown, field: string): string {
  return parse(value, field, awaitedEventIssue);
}

/** @throws {InvalidArgumentError} naming `field` */
export function parseDedupKey(value: unknown, field: string): string {
  return parse(value, field, idIssue);
}

/** @throws {InvalidArgumentError} naming `field` */
export function parseTaskId(value: unknown, field: string = "taskId"): TaskId {
  return parse(value, field, taskIdIssue);
}

function parse(value: unknown, field: string, issueOf: (value: unknown) => string | null): string {
  const issue = issueOf(value);
  if (issue !== null) throw new InvalidArgumentError(field, `${issue}.`);
  return value as string;
}

/** How a value is named in messages: `null`, `an array`, `a function` … */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (value === undefined) return "undefined";
  if (isArray(value)) return "an array";
  if (isA(value, Promise)) return "a Promise";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function isArray(value: unknown): boolean {
  try {
    return Array.isArray(value);
  } catch {
    // A proxy that was revoked.
    return false;
  }
}

/** As `instanceof`, but of a proxy that answers with an error: nothing is known of that. */
export function isA<T>(value: unknown, constructor: abstract new (...args: never) => T): value is T {
  try {
    return value instanceof constructor;
  } catch {
    return false;
  }
}
