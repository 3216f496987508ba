import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { idIssue, kindOf, parseTaskId } from "../ids.ts";
import { readRecord } from "../plain-record.ts";

// Callers may be written in JavaScript: what a type says about the shape of an argument is checked here;
// what it may contain, in store/arguments.ts.

export function refuse(field: string, problem: string): never {
  throw new InvalidArgumentError(field, `${problem}.`);
}

export function requireObject(value: unknown, field: string): asserts value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof Promise) {
    refuse(field, `must be an object, not ${kindOf(value)}`);
  }
}

/** A copy of a record. */
export function requireRecord(value: unknown, field: string): Readonly<Record<string, unknown>> {
  const { entries, issue, cause } = readRecord(value);
  if (issue !== null) throw new InvalidArgumentError(field, `${issue}.`, { cause });
  return Object.fromEntries(entries);
}

export function requireArray(value: unknown, field: string): asserts value is readonly unknown[] {
  if (!Array.isArray(value)) refuse(field, `must be an array, not ${kindOf(value)}`);
}

export function requireBoolean(value: unknown, field: string): void {
  if (typeof value !== "boolean") refuse(field, `must be true or false, not ${kindOf(value)}`);
}

export function requireBigint(value: unknown, field: string): void {
  if (typeof value !== "bigint") refuse(field, `must be a bigint, not ${kindOf(value)}`);
}

/** A time that a clock can show, in milliseconds since the epoch. */
export function requireTime(value: unknown, field: string): void {
  // The range of `Date`.
  if (typeof value !== "number" || !(Math.abs(value) <= 8.64e15)) {
    refuse(field, `must be a time in milliseconds since the epoch, not ${kindOf(value)}`);
  }
}

export function requireTimeOrNull(value: unknown, field: string): void {
  if (value !== null) requireTime(value, field);
}

export function requireOneOf(value: unknown, field: string, allowed: readonly string[]): void {
  if (typeof value === "string" && allowed.includes(value)) return;
  const given = typeof value === "string" ? JSON.stringify(value.slice(0, 50)) : kindOf(value);
  refuse(field, `must be ${allowed.map((one) => `"${one}"`).join(" or ")}, not ${given}`);
}

/** A name of somebody's choice, by the rules for ids. */
export function requireName(value: unknown, field: string): void {
  const issue = idIssue(value);
  if (issue !== null) refuse(field, issue);
}

export function requireTaskIdOrNull(value: unknown, field: string): void {
  if (value !== null) parseTaskId(value, field);
}

/** Nothing may stand in a list twice. */
export function requireDistinct(values: readonly string[], field: string, what: string): void {
  const seen = new Set<string>();
  for (const value of values) {
    if (seen.has(value)) refuse(field, `names the ${what} "${value}" twice`);
    seen.add(value);
  }
}
