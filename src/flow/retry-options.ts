import { kindOf } from "../ids.ts";
import type { RetryPolicy, RetryRule } from "../time/backoff.ts";
import type { Duration } from "../time/duration.ts";
import { type RawOptions, readOptions } from "./known-options.ts";
import { checked, checkedNumber, resolveDuration } from "./option-values.ts";

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
  /** No attempt begins later than this after the first one has, by the database's clock; default: no limit. */
  readonly maxElapsed?: Duration;
  /**
   * Whether to try again after attempt number `attempt` has failed with `error`. Asked only where another attempt is
   * left. Must not be async. One that throws counts as yes, and is logged: a mistake in it shall not end an instance.
   */
  readonly retryIf?: RetryIf;
  /** Other retrying for some errors; the first rule that fits is taken. At most 32. */
  readonly rules?: readonly RetryRuleOptions[];
}

/** Other retrying for some errors. What a rule doesn't say is as in the options that it is part of. */
export interface RetryRuleOptions extends Partial<Omit<RetryOptions, "rules">> {
  /** For which errors. */
  readonly for: ErrorMatch;
}

/** An error's class (`instanceof`), its `name` or `code`, or a function that says whether it is meant. */
export type ErrorMatch = string | (abstract new (...args: never) => Error) | ((error: unknown) => boolean);

export type RetryIf = (error: unknown, attempt: number) => boolean;

/** Most attempts that a retry policy may allow. */
export const MAX_ATTEMPTS = 1_000_000;

const MAX_MULTIPLIER = 1_000;
const MAX_RULES = 32;
const BASIC_KEYS = ["attempts", "initialDelay", "multiplier", "maxDelay", "jitter", "maxElapsed", "retryIf"] as const;
const RETRY_KEYS = [...BASIC_KEYS, "rules"] as const;
const RULE_KEYS = [...BASIC_KEYS, "for"] as const;

type RawRetry = RawOptions<(typeof BASIC_KEYS)[number]>;

export const DEFAULT_RETRY: RetryPolicy = Object.freeze({
  maxAttempts: 1,
  initialDelayMs: 1_000,
  multiplier: 2,
  maxDelayMs: 300_000,
  jitter: 0.1,
  maxElapsedMs: null,
  retryIf: null,
  rules: Object.freeze([]),
});

/** Validated, defaulted, in plain units; what is wrong goes to `issues`. */
export function resolveRetry(
  options: { readonly retries?: unknown; readonly retry?: unknown },
  issues: string[],
): RetryPolicy {
  const { retries, retry } = options;
  if (retries !== undefined && retry !== undefined) {
    issues.push("retries and retry are both given; keep one (retry.attempts counts the first attempt too)");
  }
  const range = { min: 0, max: MAX_ATTEMPTS - 1, whole: true };
  const repeats = checkedNumber(retries, "retries", 0, issues, range);
  if (retry === undefined) return Object.freeze({ ...DEFAULT_RETRY, maxAttempts: repeats + 1 });
  return resolveRetryOptions(retry, issues);
}

function resolveRetryOptions(value: unknown, issues: string[]): RetryPolicy {
  const issuesBefore = issues.length;
  const options = readOptions(value, "retry", RETRY_KEYS, issues);
  // A misspelt key, or no object at all, is the one mistake then.
  if (options.attempts === undefined && issues.length === issuesBefore)
    issues.push("retry.attempts must be given: how many attempts there are in all");
  const base = resolveBasics(options, "retry", issues);
  const around: RawRetry = {
    ...options,
    // What is wrong with one of these has been said; a default stands in its place.
    attempts: base.maxAttempts,
    initialDelay: base.initialDelayMs,
    maxDelay: options.maxDelay === undefined ? undefined : base.maxDelayMs,
    multiplier: base.multiplier,
    jitter: base.jitter,
    maxElapsed: base.maxElapsedMs ?? undefined,
    retryIf: base.retryIf ?? undefined,
  };
  return Object.freeze({ ...base, rules: Object.freeze(resolveRules(options.rules, around, issues)) });
}

function resolveBasics(options: RawRetry, field: string, issues: string[]): Omit<RetryPolicy, "rules"> {
  const initialDelayMs = resolveDuration(
    options.initialDelay,
    `${field}.initialDelay`,
    DEFAULT_RETRY.initialDelayMs,
    issues,
  );
  const maxDelayMs = resolveDuration(options.maxDelay, `${field}.maxDelay`, null, issues);
  if (maxDelayMs !== null && maxDelayMs < initialDelayMs) {
    issues.push(
      `${field}.maxDelay (${maxDelayMs} ms) must not be shorter than ${field}.initialDelay (${initialDelayMs} ms)`,
    );
  }
  const number = (
    key: "attempts" | "multiplier" | "jitter",
    absent: number,
    range: { min: number; max: number; whole: boolean },
  ): number => checkedNumber(options[key], `${field}.${key}`, absent, issues, range);
  return {
    maxAttempts: number("attempts", 1, { min: 1, max: MAX_ATTEMPTS, whole: true }),
    initialDelayMs,
    multiplier: number("multiplier", DEFAULT_RETRY.multiplier, { min: 1, max: MAX_MULTIPLIER, whole: false }),
    maxDelayMs: Math.max(maxDelayMs ?? DEFAULT_RETRY.maxDelayMs, initialDelayMs),
    jitter: number("jitter", DEFAULT_RETRY.jitter, { min: 0, max: 1, whole: false }),
    maxElapsedMs: resolveDuration(options.maxElapsed, `${field}.maxElapsed`, null, issues),
    retryIf: checked<RetryIf | null>(options.retryIf, `${field}.retryIf`, null, functionIssue, issues),
  };
}

/** Each with what it doesn't say filled in from the options that it is part of. */
function resolveRules(value: unknown, around: RawRetry, issues: string[]): RetryRule[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) {
    issues.push(`retry.rules must be an array, not ${kindOf(value)}`);
    return [];
  }
  if (value.length > MAX_RULES) {
    issues.push(`retry.rules has ${value.length} entries; the limit is ${MAX_RULES}`);
    return [];
  }
  return value.flatMap((given: unknown, index) => {
    const field = `retry.rules[${index}]`;
    const issuesBefore = issues.length;
    if (given === undefined) issues.push(`${field} must be an object, not undefined`);
    const rule = readOptions(given, field, RULE_KEYS, issues);
    if (issues.length > issuesBefore) return [];
    const own = Object.fromEntries(Object.entries(rule).filter(([, part]) => part !== undefined)) as RawRetry;
    const matches = matcherFrom(rule.for);
    if (matches === null) {
      issues.push(
        `${field}.for must be an error class, an error's name or code, or a function, not ${kindOf(rule.for)}`,
      );
    }
    const policy = resolveBasics({ ...around, ...own }, field, issues);
    return matches === null
      ? []
      : [Object.freeze({ matches, policy: Object.freeze({ ...policy, rules: Object.freeze([]) }) })];
  });
}

function matcherFrom(match: unknown): ((error: unknown) => boolean) | null {
  if (typeof match === "string" && match !== "") return (error) => nameOrCodeOf(error).includes(match);
  if (typeof match !== "function") return null;
  const { prototype } = match as { readonly prototype?: unknown };
  if (match === Error || prototype instanceof Error) {
    return (error) => error instanceof (match as unknown as typeof Error);
  }
  return match as (error: unknown) => boolean;
}

function nameOrCodeOf(error: unknown): readonly unknown[] {
  if (typeof error !== "object" || error === null) return [];
  const { name, code } = error as { readonly name?: unknown; readonly code?: unknown };
  return [name, code];
}

function functionIssue(value: unknown): string | null {
  return typeof value === "function" ? null : `must be a function, not ${kindOf(value)}`;
}
