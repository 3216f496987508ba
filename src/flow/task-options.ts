import { idIssue, kindOf, nameIssue } from "../ids.ts";
import type { RetryPolicy } from "../time/backoff.ts";
import { type Duration, durationIssue, parseDuration } from "../time/duration.ts";
import type { TaskPolicy } from "./definition.ts";
import { numberIssue, quoted, type RawOptions, readOptions, textOf } from "./known-options.ts";
import type { StandardSchema } from "./schema.ts";

/** When a failed task is tried again. */
export interface RetryOptions {
  /** How many attempts there are in all, the first included; 1 to 1,000,000. */
  readonly attempts: number;
  /** Wait before the second attempt; default 1 s. */
  readonly initialDelay?: Duration;
  /** Factor from each wait to the next, 1 to 1,000; default 2. */
  readonly multiplier?: number;
  /** No wait is longer than this; default 5 minutes, or `initialDelay` where that is longer. */
  readonly maxDelay?: Duration;
  /** Share of each wait that is left to chance, 0 to 1, so that retries don't come in step; default 0.1. */
  readonly jitter?: number;
}

/** How something that runs user code is run. None but `version` changes the definition hash. */
export interface PolicyOptions {
  /** Longest duration of one attempt; default none. */
  readonly timeout?: Duration;
  /**
   * How many times a failed task is tried again, with the delays that `retry` has by default: a
   * short form of `retry: { attempts: retries + 1 }`. Default 0: a task whose effects can be
   * repeated safely says so by asking for it.
   */
  readonly retries?: number;
  readonly retry?: RetryOptions;
  /** 1 (first) to 5 (last); default: the instance's. */
  readonly priority?: number;
  /** Only workers that have all of these run it; at most 32. */
  readonly tags?: readonly string[];
  /** For people; at most 1,000 characters. */
  readonly description?: string;
  /** Changed to say that the function now means something else: instances keep to the definition they began with. */
  readonly version?: string;
}

/** Options of a task. */
export interface TaskOptions<
  Input extends StandardSchema | undefined = StandardSchema | undefined,
  Output extends StandardSchema | undefined = StandardSchema | undefined,
> extends PolicyOptions {
  /** Checks (and may transform) what comes in; the function gets what the schema gives back. */
  readonly input?: Input;
  /** Checks (and may transform) what the function returns; recorded is what the schema gives back. */
  readonly output?: Output;
}

/** How long a loop may go on. */
export interface LoopLimits {
  /** Most iterations, 1 to 1,000,000; default 1,000. Doesn't change the definition hash. */
  readonly maxIterations?: number;
  /**
   * What happens when the last allowed iteration says "again": the instance fails (default), or the
   * flow goes on with the value of that "again".
   */
  readonly onMax?: "fail" | "exitWithLast";
}

/** Most attempts that a retry policy may allow. */
export const MAX_ATTEMPTS = 1_000_000;
/** Most tags of one task. */
export const MAX_TAGS = 32;
/** Longest description, in UTF-16 code units. */
export const MAX_DESCRIPTION_LENGTH = 1_000;
/** Most iterations that a loop may be allowed. */
export const MAX_LOOP_ITERATIONS = 1_000_000;

const MAX_MULTIPLIER = 1_000;
const DEFAULT_MAX_ITERATIONS = 1_000;
const DEFAULT_RETRY: RetryPolicy = {
  maxAttempts: 1,
  initialDelayMs: 1_000,
  multiplier: 2,
  maxDelayMs: 300_000,
  jitter: 0.1,
};

export const DEFAULT_POLICY: TaskPolicy = Object.freeze({
  timeoutMs: null,
  retry: Object.freeze(DEFAULT_RETRY),
  tags: Object.freeze([]),
  priority: null,
  description: null,
});

export const POLICY_KEYS = ["timeout", "retries", "retry", "priority", "tags", "description", "version"] as const;
export const LOOP_KEYS = ["maxIterations", "onMax"] as const;
const RETRY_KEYS = ["attempts", "initialDelay", "multiplier", "maxDelay", "jitter"] as const;

type RawPolicy = Partial<RawOptions<(typeof POLICY_KEYS)[number]>>;

/** Validated, defaulted, in plain units; what is wrong goes to `issues`. */
export function resolvePolicy(options: RawPolicy, issues: string[]): TaskPolicy {
  return Object.freeze({
    timeoutMs: resolveTimeout(options.timeout, issues),
    retry: Object.freeze(resolveRetry(options, issues)),
    tags: Object.freeze(resolveTags(options.tags, issues)),
    priority: resolvePriority(options.priority, issues),
    description: resolveDescription(options.description, issues),
  });
}

export function resolveVersion(value: unknown, issues: string[]): string | null {
  return checked(value, "version", null, idIssue, issues);
}

/** A time limit: longer than nothing. */
export function resolveTimeout(value: unknown, issues: string[]): number | null {
  const timeoutMs = resolveDuration(value, "timeout", null, issues);
  if (timeoutMs === 0) issues.push("timeout must be longer than 0 ms");
  return timeoutMs;
}

export function resolveDescription(value: unknown, issues: string[]): string | null {
  return checked(value, "description", null, descriptionIssue, issues);
}

export function resolveLoopLimits(
  options: RawOptions<(typeof LOOP_KEYS)[number]>,
  issues: string[],
): { maxIterations: number; onMax: "fail" | "exitWithLast" } {
  const maxIterations = checkedNumber(options.maxIterations, "maxIterations", DEFAULT_MAX_ITERATIONS, issues, {
    min: 1,
    max: MAX_LOOP_ITERATIONS,
    whole: true,
  });
  return { maxIterations, onMax: resolveChoice(options.onMax, "onMax", ["fail", "exitWithLast"], issues) };
}

/** One of a few words; the first is the default. */
export function resolveChoice<Word extends string>(
  value: unknown,
  field: string,
  words: readonly [Word, ...Word[]],
  issues: string[],
): Word {
  const issueOf = (given: unknown): string | null => {
    if (words.some((word) => word === given)) return null;
    return `must be ${words.map((word) => `"${word}"`).join(" or ")}, not ${typeof given === "string" ? quoted(given) : kindOf(given)}`;
  };
  return checked<Word>(value, field, words[0], issueOf, issues);
}

/** A span of time in milliseconds, `absent` if none is given. */
export function resolveDuration<Absent extends number | null>(
  value: unknown,
  field: string,
  absent: Absent,
  issues: string[],
): number | Absent {
  if (value === undefined) return absent;
  const issue = durationIssue(value);
  if (issue === null) return parseDuration(value, field);
  issues.push(`${field} ${issue}`);
  return absent;
}

export function resolveSchema(value: unknown, field: string, issues: string[]): StandardSchema | null {
  return checked(value, field, null, schemaIssue, issues);
}

function resolveRetry(options: RawPolicy, issues: string[]): RetryPolicy {
  const { retries, retry } = options;
  if (retries !== undefined && retry !== undefined) {
    issues.push("retries and retry are both given; keep one (retry.attempts counts the first attempt too)");
  }
  const range = { min: 0, max: MAX_ATTEMPTS - 1, whole: true };
  const repeats = checkedNumber(retries, "retries", 0, issues, range);
  return retry === undefined ? { ...DEFAULT_RETRY, maxAttempts: repeats + 1 } : resolveRetryOptions(retry, issues);
}

function resolveRetryOptions(value: unknown, issues: string[]): RetryPolicy {
  const issuesBefore = issues.length;
  const options = readOptions(value, "retry", RETRY_KEYS, issues);
  // A misspelt key, or no object at all, is the one mistake then.
  if (options.attempts === undefined && issues.length === issuesBefore)
    issues.push("retry.attempts must be given: how many attempts there are in all");
  const initialDelayMs = resolveDuration(
    options.initialDelay,
    "retry.initialDelay",
    DEFAULT_RETRY.initialDelayMs,
    issues,
  );
  const maxDelayMs = resolveDuration(options.maxDelay, "retry.maxDelay", null, issues);
  if (maxDelayMs !== null && maxDelayMs < initialDelayMs) {
    issues.push(`retry.maxDelay (${maxDelayMs} ms) must not be shorter than retry.initialDelay (${initialDelayMs} ms)`);
  }
  const range = { min: 1, max: MAX_ATTEMPTS, whole: true };
  return {
    maxAttempts: checkedNumber(options.attempts, "retry.attempts", 1, issues, range),
    initialDelayMs,
    multiplier: checkedNumber(options.multiplier, "retry.multiplier", DEFAULT_RETRY.multiplier, issues, {
      min: 1,
      max: MAX_MULTIPLIER,
      whole: false,
    }),
    maxDelayMs: maxDelayMs ?? Math.max(DEFAULT_RETRY.maxDelayMs, initialDelayMs),
    jitter: checkedNumber(options.jitter, "retry.jitter", DEFAULT_RETRY.jitter, issues, {
      min: 0,
      max: 1,
      whole: false,
    }),
  };
}

function resolvePriority(value: unknown, issues: string[]): number | null {
  const range = { min: 1, max: 5, whole: true };
  return checked(value, "priority", null, (given) => numberIssue(given, range), issues);
}

function resolveTags(value: unknown, issues: string[]): string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) {
    issues.push(`tags must be an array of names, not ${kindOf(value)}`);
    return [];
  }
  if (value.length > MAX_TAGS) {
    issues.push(`tags has ${value.length} entries; the limit is ${MAX_TAGS}`);
    return [];
  }
  // By code unit, not by locale: the order must be the same everywhere.
  return distinct(value, "tags", nameIssue, issues).sort();
}

/** The strings of a list that are in order and not there before. */
export function distinct(
  list: readonly unknown[],
  field: string,
  issueOf: (value: unknown) => string | null,
  issues: string[],
): string[] {
  const strings = new Set<string>();
  for (const [index, value] of list.entries()) {
    const text = textOf(value);
    const issue = issueOf(value) ?? (strings.has(text) ? `repeats "${text}"` : null);
    if (issue === null) strings.add(text);
    else issues.push(`${field}[${index}] ${issue}`);
  }
  return [...strings];
}

function descriptionIssue(value: unknown): string | null {
  if (typeof value !== "string") return `must be a string, not ${kindOf(value)}`;
  if (value.length <= MAX_DESCRIPTION_LENGTH) return null;
  return `has ${value.length} characters; the limit is ${MAX_DESCRIPTION_LENGTH}`;
}

function schemaIssue(value: unknown): string | null {
  const wanted = 'must be a schema with a "~standard" property (Zod, Valibot, ArkType and others make them)';
  // ArkType's schemas are functions.
  if ((typeof value !== "object" && typeof value !== "function") || value === null)
    return `${wanted}, not ${kindOf(value)}`;
  const standard: unknown = Reflect.get(value, "~standard");
  if (typeof standard !== "object" || standard === null || typeof Reflect.get(standard, "validate") !== "function")
    return wanted;
  return Reflect.get(standard, "version") === 1 ? null : "must follow version 1 of Standard Schema";
}

function checked<T>(
  value: unknown,
  field: string,
  absent: T,
  issueOf: (value: unknown) => string | null,
  issues: string[],
): T {
  if (value === undefined) return absent;
  const issue = issueOf(value);
  if (issue === null) return value as T;
  issues.push(`${field} ${issue}`);
  return absent;
}

function checkedNumber(
  value: unknown,
  field: string,
  absent: number,
  issues: string[],
  range: { min: number; max: number; whole: boolean },
): number {
  return checked(value, field, absent, (given) => numberIssue(given, range), issues);
}
