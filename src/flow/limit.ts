import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { kindOf, nameIssue } from "../ids.ts";
import type { Duration } from "../time/duration.ts";
import { numberIssue, readOptions } from "./known-options.ts";
import { checked, checkedNumber, resolveSpan } from "./option-values.ts";

/** How many may begin in a time. */
export interface RateOptions {
  /** How many; 1 to 1,000,000. */
  readonly count: number;
  /** In which time; at least 1 ms. */
  readonly per: Duration;
  /**
   * How many of them may begin at once after a quiet time, 1 to `count`; the rest is spread evenly. Default: what comes in 50 ms, at
   * least 1. In no time `t` begin more than `burst + count · t / per`.
   */
  readonly burst?: number;
}

/** What a limit allows, of all keys together or of each. */
export interface AllowanceOptions {
  /** Most that run at once; 1 to 1,000,000. Default: any number. */
  readonly concurrency?: number;
  /** How many may begin in a time. Default: any number. */
  readonly rate?: RateOptions;
}

export interface LimitOptions extends AllowanceOptions {
  /** What it allows of each key by itself, besides what it allows of all. */
  readonly perKey?: AllowanceOptions;
}

export interface Rate {
  readonly count: number;
  readonly perMs: number;
  readonly burst: number;
}

export interface Allowance {
  /** `null` for any number. */
  readonly concurrency: number | null;
  readonly rate: Rate | null;
}

/** What is allowed of everything that names it, whatever flow that is in. Made by `limit()`. */
export interface Limit extends Allowance {
  readonly name: string;
  readonly perKey: Allowance;
}

const MOST = 1_000_000;
const BURST_MS = 50;
const BRAND: unique symbol = Symbol.for("waymark.limit") as never;

/**
 * A limit that tasks and flows share by naming it: `{ limit: modelApi }`. It holds in the database, for all workers together.
 *
 * What it allows is stored when a worker or client that uses it starts, and can be changed there from then on (`client.limits`).
 *
 * @param name - letters, digits, `_`, `-`, `.` and `:`; at most 100 characters. Two limits of one name are one limit
 * @throws {InvalidArgumentError} saying all that is wrong
 *
 * @example
 * ```ts
 * import { limit, task } from "waymark";
 *
 * const modelApi = limit("model-api", {
 *   rate: { count: 100, per: "1m" },
 *   perKey: { concurrency: 5 },
 * });
 * export const ask = task("ask", async (question: { tenant: string; text: string }) => question.text.length, {
 *   limit: modelApi,
 *   limitKey: ({ tenant }) => tenant,
 * });
 * ```
 */
export function limit(name: string, options: LimitOptions): Limit {
  const issues: string[] = [];
  const problem = nameIssue(name);
  if (problem !== null) throw new InvalidArgumentError("name", `${problem}.`);
  const { concurrency, rate, perKey } = readOptions(options, "options", ["concurrency", "rate", "perKey"], issues);
  const all = resolveAllowance({ concurrency, rate }, "", issues);
  const ofEach = readOptions(perKey, "perKey", ["concurrency", "rate"], issues);
  const each = resolveAllowance(ofEach, "perKey.", issues);
  const isEmpty = [all, each].every((one) => one.concurrency === null && one.rate === null);
  if (isEmpty && issues.length === 0) issues.push("options must say what is allowed: concurrency, rate or perKey");
  if (issues.length > 0) throw new InvalidArgumentError("options", `of limit "${name}": ${issues.join("; ")}.`);
  const made: Limit = { name, ...all, perKey: each };
  Object.defineProperty(made, BRAND, { value: true });
  return Object.freeze(made);
}

/** Whether `limit()` has made it, of whatever installed copy of this package. */
export function isLimit(value: unknown): value is Limit {
  return typeof value === "object" && value !== null && BRAND in value;
}

/** The same, with what is wrong going to `issues`. */
export function resolveAllowance(
  options: { readonly concurrency?: unknown; readonly rate?: unknown },
  field: string,
  issues: string[],
): Allowance {
  const range = { min: 1, max: MOST, whole: true };
  const concurrency = checked<number | null>(
    options.concurrency,
    `${field}concurrency`,
    null,
    (value) => numberIssue(value, range),
    issues,
  );
  return Object.freeze({ concurrency, rate: resolveRate(options.rate, `${field}rate`, issues) });
}

function resolveRate(value: unknown, field: string, issues: string[]): Rate | null {
  if (value === undefined) return null;
  if (typeof value !== "object" || value === null) {
    issues.push(`${field} must be { count, per }, not ${kindOf(value)}`);
    return null;
  }
  const before = issues.length;
  const options = readOptions(value, field, ["count", "per", "burst"], issues);
  if (options.count === undefined) issues.push(`${field}.count must be given`);
  if (options.per === undefined) issues.push(`${field}.per must be given`);
  const count = checkedNumber(options.count, `${field}.count`, 1, issues, { min: 1, max: MOST, whole: true });
  const perMs = resolveSpan(options.per, `${field}.per`, issues) ?? 1;
  const usual = Math.min(count, Math.max(1, Math.floor((BURST_MS * count) / perMs)));
  const burst = checkedNumber(options.burst, `${field}.burst`, usual, issues, { min: 1, max: count, whole: true });
  return issues.length > before ? null : Object.freeze({ count, perMs, burst });
}

/** A limit of a task or flow, and what its key is made of. */
export interface LimitedBy {
  readonly limit: Limit;
  /** Gets the input; `null` where all of them share one key. */
  readonly key: ((input: unknown) => unknown) | null;
}

/** What is said of a limit in the options of a task or flow; what is wrong goes to `issues`. */
export function resolveLimitedBy(
  options: { readonly limit?: unknown; readonly limitKey?: unknown },
  issues: string[],
): LimitedBy | null {
  const { limit: given, limitKey } = options;
  if (limitKey !== undefined && typeof limitKey !== "function")
    issues.push(`limitKey must be a function of the input, not ${kindOf(limitKey)}`);
  if (given === undefined) {
    if (limitKey !== undefined) issues.push("limitKey says whose limit counts; give limit, too");
    return null;
  }
  if (!isLimit(given)) {
    issues.push(`limit must be what limit() has made, not ${kindOf(given)}`);
    return null;
  }
  if (limitKey === undefined && (given.perKey.concurrency !== null || given.perKey.rate !== null))
    issues.push(`limit "${given.name}" allows something per key; say with limitKey what the key is`);
  return Object.freeze({ limit: given, key: (limitKey ?? null) as LimitedBy["key"] });
}
