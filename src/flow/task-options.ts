import type { SerializedFailure } from "../errors/failure.ts";
import { idIssue, kindOf, nameIssue } from "../ids.ts";
import type { Duration } from "../time/duration.ts";
import type { TaskPolicy } from "./definition.ts";
import { numberIssue, type RawOptions, textOf } from "./known-options.ts";
import type { Limit } from "./limit.ts";
import { checked, checkedNumber, resolveChoice, resolveDuration } from "./option-values.ts";
import { DEFAULT_RETRY, type RetryOptions, resolveRetry } from "./retry-options.ts";
import type { StandardSchema } from "./schema.ts";
import type { Task } from "./task.ts";
import type { TaskContext } from "./task-context.ts";

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

/**
 * What happens when the last attempt of a task has failed:
 *
 * - `"fail"` (default): the branch or item that it stands in fails if that is borne there, otherwise the instance;
 * - `"skip"`: the flow goes on, with `undefined` for its output;
 * - `{ goto: id }`: the flow goes on at a later step on the same path, which gets what the task got. The compiler can't check that it
 *   fits; `build()` checks that there is such a step;
 * - `{ fallback }`: a function or task runs on the input and the failure, and its output is handed on instead.
 */
export type OnFailure<Input, Skip extends "skip" = "skip", Instead = unknown> =
  | "fail"
  // Not `Skip` itself, which the compiler would infer from the objects, too.
  | `${Skip}`
  | { readonly goto: string }
  | { readonly fallback: Fallback<Input, Instead> };

/** What takes the place of a task that has failed. */
export type Fallback<Input, Output> =
  | Task<string, FailedInput<Input>, Output>
  | ((failed: FailedInput<Input>, context: TaskContext) => Output);

/** What a fallback gets. */
export interface FailedInput<Input> {
  /** What the task got. */
  readonly input: Input;
  /** What its last attempt failed with. */
  readonly failure: SerializedFailure;
}

/** What is handed on instead of the output of a task that has failed. */
export type Recovered<Skip extends "skip", Instead> =
  | ([NoInfer<Skip>] extends [never] ? never : undefined)
  | Awaited<NoInfer<Instead>>;

/**
 * What a flow does before its instances fail: a function, which is not tried again, or a task with a policy of its own. What it
 * returns is recorded, and changes nothing.
 */
export type FailureHandler<Input> =
  | Task<string, FailedInstance<Input>>
  | ((failed: FailedInstance<Input>, context: TaskContext) => unknown);

/** What the failure handler of a flow gets. */
export interface FailedInstance<Input> {
  /** What the instance was started with; `undefined` where that can't be read. */
  readonly input: Input | undefined;
  /** Why it fails; `taskId` says at which task. Where it was being cancelled, that it was. */
  readonly failure: SerializedFailure;
  /** What an `undo` has failed with; then the instance fails with that. `null` where all could be undone. */
  readonly undoFailure: SerializedFailure | null;
}

/** What takes back what a task has done. */
export type Undo<Output> = Task<string, Output> | ((output: Output, context: TaskContext) => unknown);

/** Options of a task. */
export interface TaskOptions<
  Input extends StandardSchema | undefined = StandardSchema | undefined,
  Output extends StandardSchema | undefined = StandardSchema | undefined,
  Given = unknown,
  Skip extends "skip" = never,
  Instead = never,
  Result = unknown,
> extends PolicyOptions {
  /**
   * Takes back what the task has done, when the instance fails: a function, which is run with the task's own policy, or a
   * task. Gets the output. What is recorded is undone in the reverse of the order that the flow gives it. Part of the
   * definition hash.
   */
  readonly undo?: Undo<Result>;
  /** Default `"fail"`. Part of the definition hash. */
  readonly onFailure?: OnFailure<Given, Skip, Instead>;
  /** Made by `limit()`: each attempt waits until it allows one more. Doesn't change the definition hash. */
  readonly limit?: Limit;
  /**
   * Whose share of the limit an attempt takes, 1 to 255 characters: those who wait take turns by key, and `perKey` counts each by itself.
   * Gets what comes in, before `input` is applied. One that throws, or makes no key, fails the instance. Default: all share one.
   */
  readonly limitKey?: (input: Given) => string;
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

/** Most tags of one task. */
export const MAX_TAGS = 32;
/** Longest description, in UTF-16 code units. */
export const MAX_DESCRIPTION_LENGTH = 1_000;
/** Most iterations that a loop may be allowed. */
export const MAX_LOOP_ITERATIONS = 1_000_000;

const DEFAULT_MAX_ITERATIONS = 1_000;
export const DEFAULT_POLICY: TaskPolicy = Object.freeze({
  timeoutMs: null,
  retry: DEFAULT_RETRY,
  tags: Object.freeze([]),
  priority: null,
  description: null,
});

export const POLICY_KEYS = ["timeout", "retries", "retry", "priority", "tags", "description", "version"] as const;
export const LOOP_KEYS = ["maxIterations", "onMax"] as const;

type RawPolicy = Partial<RawOptions<(typeof POLICY_KEYS)[number]>>;

/** Validated, defaulted, in plain units; what is wrong goes to `issues`. */
export function resolvePolicy(options: RawPolicy, issues: string[]): TaskPolicy {
  return Object.freeze({
    timeoutMs: resolveTimeout(options.timeout, issues),
    retry: resolveRetry(options, issues),
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

export function resolveSchema(value: unknown, field: string, issues: string[]): StandardSchema | null {
  return checked(value, field, null, schemaIssue, issues);
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
