import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { idIssue, kindOf, parseTaskId } from "../ids.ts";
import { MAX_DURATION_MS } from "../time/duration.ts";

// Callers may be written in JavaScript: what a type says about an argument is checked here as well.

export function refuse(field: string, problem: string): never {
  throw new InvalidArgumentError(field, `${problem}.`);
}

export function requireObject(value: unknown, field: string): asserts value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof Promise) {
    refuse(field, `must be an object, not ${kindOf(value)}`);
  }
}

export function requireArray(value: unknown, field: string): asserts value is readonly unknown[] {
  if (!Array.isArray(value)) refuse(field, `must be an array, not ${kindOf(value)}`);
}

export function requireBoolean(value: unknown, field: string): void {
  if (typeof value !== "boolean") refuse(field, `must be true or false, not ${kindOf(value)}`);
}

export function requireBytes(value: unknown, field: string): void {
  if (!(value instanceof Uint8Array)) refuse(field, `must be a Uint8Array, not ${kindOf(value)}`);
}

export function requireBytesOrNull(value: unknown, field: string): void {
  if (value !== null) requireBytes(value, field);
}

export function requireToken(value: unknown, field: string): void {
  if (typeof value !== "bigint") refuse(field, `must be a bigint, not ${kindOf(value)}`);
}

/** A whole number from `least` to `most`. */
export function requireInteger(value: unknown, field: string, least: number, most: number): void {
  if (typeof value !== "number") refuse(field, `must be a number, not ${kindOf(value)}`);
  if (!Number.isInteger(value)) refuse(field, `must be a whole number, not ${value}`);
  if (value < least || value > most) refuse(field, `must be from ${least} to ${most}, not ${value}`);
}

/** Milliseconds, at most a hundred years. */
export function requireDuration(value: unknown, field: string, leastMs: number): void {
  requireInteger(value, field, leastMs, MAX_DURATION_MS);
}

/** A time that a clock can show, in milliseconds since the epoch. */
export function requireTime(value: unknown, field: string): void {
  if (typeof value !== "number") refuse(field, `must be a number, not ${kindOf(value)}`);
  // The range of `Date`.
  if (!(Math.abs(value) <= 8.64e15)) refuse(field, `must be a time in milliseconds since the epoch, not ${value}`);
}

export function requireTimeOrNull(value: unknown, field: string): void {
  if (value !== null) requireTime(value, field);
}

export function requireOneOf(value: unknown, field: string, allowed: readonly string[]): void {
  if (typeof value !== "string" || !allowed.includes(value)) {
    const given = typeof value === "string" ? JSON.stringify(value.slice(0, 50)) : kindOf(value);
    refuse(field, `must be ${allowed.map((one) => `"${one}"`).join(" or ")}, not ${given}`);
  }
}

/** A name of the caller's choice, by the rules for ids. */
export function requireName(value: unknown, field: string): asserts value is string {
  const issue = idIssue(value);
  if (issue !== null) refuse(field, issue);
}

/** Text that any store can hold: well-formed, no NUL. May be empty. */
export function requireText(value: unknown, field: string, limit: number): void {
  if (typeof value !== "string") refuse(field, `must be a string, not ${kindOf(value)}`);
  if (value.length > limit) refuse(field, `has ${value.length} characters; the limit is ${limit}`);
  if (!value.isWellFormed()) refuse(field, "must not contain lone surrogates");
  if (value.includes("\u0000")) refuse(field, "must not contain NUL");
}

/** A path: a task id, or `""` for the trunk. */
export function requirePath(value: unknown, field: string): asserts value is string {
  if (value !== "") parseTaskId(value, field);
}

export function requireTaskIdOrNull(value: unknown, field: string): void {
  if (value !== null) parseTaskId(value, field);
}

export function requireTags(value: unknown, field: string): void {
  requireArray(value, field);
  for (const [index, tag] of value.entries()) requireName(tag, `${field}[${index}]`);
}

export function requireLabels(value: unknown, field: string): void {
  requireObject(value, field);
  for (const [name, label] of Object.entries(value)) {
    const issue = idIssue(name);
    if (issue !== null) refuse(field, `has a name that ${issue}`);
    requireText(label, `${field}.${name}`, 1_000);
  }
}

/** Nothing may stand in a list twice. */
export function requireDistinct(values: readonly string[], field: string, what: string): void {
  const seen = new Set<string>();
  for (const value of values) {
    if (seen.has(value)) refuse(field, `names the ${what} "${value}" twice`);
    seen.add(value);
  }
}
