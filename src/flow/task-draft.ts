import { kindOf, nameIssue } from "../ids.ts";
import type { IsolationLevel, TransactionSource } from "../transaction.ts";
import type { FailureHandling, TaskBody, TaskNode, TaskPolicy, TransactionPart } from "./definition.ts";
import { quoted, type RawOptions, readOptions, textOf } from "./known-options.ts";
import { resolveLimitedBy } from "./limit.ts";
import { resolveChoice } from "./option-values.ts";
import { DEFAULT_POLICY, POLICY_KEYS, resolvePolicy, resolveSchema, resolveVersion } from "./task-options.ts";

/** A task as it was given, with what is wrong with it. Not to be run while there are issues. */
export interface TaskDraft {
  /** Its id is "" if what was given isn't a string. */
  readonly node: TaskNode;
  readonly issues: readonly string[];
}

const TASK_KEYS: readonly [...typeof POLICY_KEYS, "input", "output", "onFailure", "undo", "limit", "limitKey"] = [
  ...POLICY_KEYS,
  "input",
  "output",
  "onFailure",
  "undo",
  "limit",
  "limitKey",
];

const ISOLATION_LEVELS: readonly [IsolationLevel, ...IsolationLevel[]] = [
  "read committed",
  "repeatable read",
  "serializable",
];

/** What stands in a draft for a task that isn't one. */
export const NO_TASK: TaskNode = taskNode("", () => undefined, {}, []);

/** Marks tasks, of whatever installed copy of this package. */
export const TASK_BRAND: unique symbol = Symbol.for("waymark.task") as never;

/** Checks everything that can be known of a task by itself. */
export function resolveTask(given: { id: unknown; run: unknown; options: unknown }): TaskDraft {
  const issues: string[] = [];
  const options = readOptions(given.options, "options", TASK_KEYS, issues);
  const node = taskNode(given.id, given.run, options, issues);
  return { node, issues: Object.freeze(issues) };
}

const TRANSACTIONAL_KEYS: readonly [...typeof TASK_KEYS, "isolation", "with"] = [...TASK_KEYS, "isolation", "with"];

/** As `resolveTask`, of a transactional one. */
export function resolveTransactional(given: { id: unknown; run: unknown; options: unknown }): TaskDraft {
  const issues: string[] = [];
  const options = readOptions(given.options, "options", TRANSACTIONAL_KEYS, issues);
  const plain = taskNode(given.id, given.run, options, issues);
  const transaction: TransactionPart = Object.freeze({
    run: given.run as TransactionPart["run"],
    isolation: resolveChoice(options.isolation, "isolation", ISOLATION_LEVELS, issues),
    source: resolveSource(options.with, issues),
  });
  const run = (): never => {
    throw new TypeError(`Task "${plain.id}" is transactional: its function can only be called with a transaction.`);
  };
  return { node: Object.freeze({ ...plain, run, transaction }), issues: Object.freeze(issues) };
}

function resolveSource(value: unknown, issues: string[]): TransactionSource<unknown> | null {
  if (value === undefined) return null;
  const isSource =
    typeof value === "object" &&
    value !== null &&
    typeof Reflect.get(value, "transaction") === "function" &&
    typeof Reflect.get(value, "queryable") === "function";
  if (isSource) return value as TransactionSource<unknown>;
  issues.push(`with must be an adapter, as "waymark/adapters" makes them, not ${kindOf(value)}`);
  return null;
}

/** A task's node; what is wrong goes to `issues`. */
export function taskNode(
  id: unknown,
  run: unknown,
  options: Partial<RawOptions<(typeof TASK_KEYS)[number]>>,
  issues: string[],
): TaskNode {
  const problem = nameIssue(id);
  if (problem !== null) issues.push(`id ${problem}`);
  if (typeof run !== "function") issues.push(`needs a function to run, not ${kindOf(run)}`);
  const policy = resolvePolicy(options, issues);
  return Object.freeze({
    kind: "task",
    id: textOf(id),
    run: run as TaskBody,
    transaction: null,
    policy,
    version: resolveVersion(options.version, issues),
    inputSchema: resolveSchema(options.input, "input", issues),
    outputSchema: resolveSchema(options.output, "output", issues),
    onFailure: resolveOnFailure(options.onFailure, issues),
    undo: options.undo === undefined ? null : resolveUndo(options.undo, policy, issues),
    limitedBy: resolveLimitedBy(options, issues),
  });
}

/** A task that hands on what it gets, in the place of one that the user could write. */
export function passingTask(id: string): TaskNode {
  return Object.freeze({ ...NO_TASK, id, run: (input: unknown) => input });
}

function resolveOnFailure(value: unknown, issues: string[]): FailureHandling | null {
  if (value === undefined || value === "fail") return null;
  if (value === "skip") return Object.freeze({ kind: "skip" });
  if (typeof value === "string" || typeof value !== "object" || value === null) {
    const given = typeof value === "string" ? quoted(value) : kindOf(value);
    issues.push(`onFailure must be "fail", "skip", { goto: id } or { fallback: task }, not ${given}`);
    return null;
  }
  const { goto, fallback } = readOptions(value, "onFailure", ["goto", "fallback"], issues);
  if ((goto === undefined) === (fallback === undefined)) {
    issues.push("onFailure must have either goto or fallback");
    return null;
  }
  if (goto !== undefined) {
    const problem = nameIssue(goto);
    if (problem !== null) issues.push(`onFailure.goto ${problem}`);
    return Object.freeze({ kind: "goto", id: textOf(goto) });
  }
  return Object.freeze({ kind: "fallback", task: resolveFallback(fallback, issues) });
}

function resolveFallback(value: unknown, issues: string[]): TaskNode {
  return partFrom(value, { field: "onFailure.fallback", id: "fallback", policy: DEFAULT_POLICY }, issues);
}

/** What undoes a task: a task with a policy of its own, or a function that is run as the task is. */
function resolveUndo(value: unknown, policy: TaskPolicy, issues: string[]): TaskNode {
  return partFrom(value, { field: "undo", id: "undo", policy }, issues);
}

/** What is run before a flow's instances fail: a task with a policy of its own, or a function. */
export function resolveHandler(value: unknown, issues: string[]): TaskNode {
  return partFrom(value, { field: "onFailure", id: "onFailure", policy: DEFAULT_POLICY }, issues);
}

/** A task that is part of another: given as a task, or as a function. */
function partFrom(
  value: unknown,
  part: { readonly field: string; readonly id: string; readonly policy: TaskPolicy },
  issues: string[],
): TaskNode {
  const { field, id, policy } = part;
  if (typeof value === "function") return Object.freeze({ ...NO_TASK, id, run: value as TaskBody, policy });
  const draft = taskDraftOf(value);
  if (draft === null) {
    issues.push(`${field} must be a function or a task, not ${kindOf(value)}`);
    return NO_TASK;
  }
  const { node } = draft;
  issues.push(...draft.issues.map((issue) => `${field} ${issue}`));
  if (node.onFailure !== null) issues.push(`${field} ("${node.id}") has an onFailure itself, which would never matter`);
  if (node.undo !== null) issues.push(`${field} ("${node.id}") has an undo itself, which would never be run`);
  return node;
}

/** What `task()` was given, seen from the outside: a task carries its draft. */
function taskDraftOf(value: unknown): TaskDraft | null {
  if (typeof value !== "object" || value === null || !(TASK_BRAND in value)) return null;
  return value as unknown as TaskDraft;
}
