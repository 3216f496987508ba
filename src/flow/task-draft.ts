import { kindOf, nameIssue } from "../ids.ts";
import type { IsolationLevel, TransactionSource } from "../transaction.ts";
import type { TaskBody, TaskNode, TransactionPart } from "./definition.ts";
import { type RawOptions, readOptions, textOf } from "./known-options.ts";
import { resolveChoice } from "./option-values.ts";
import { POLICY_KEYS, resolvePolicy, resolveSchema, resolveVersion } from "./task-options.ts";

/** A task as it was given, with what is wrong with it. Not to be run while there are issues. */
export interface TaskDraft {
  /** Its id is "" if what was given isn't a string. */
  readonly node: TaskNode;
  readonly issues: readonly string[];
}

const TASK_KEYS: readonly [...typeof POLICY_KEYS, "input", "output"] = [...POLICY_KEYS, "input", "output"];

const ISOLATION_LEVELS: readonly [IsolationLevel, ...IsolationLevel[]] = [
  "read committed",
  "repeatable read",
  "serializable",
];

/** What stands in a draft for a task that isn't one. */
export const NO_TASK: TaskNode = taskNode("", () => undefined, {}, []);

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
  return Object.freeze({
    kind: "task",
    id: textOf(id),
    run: run as TaskBody,
    transaction: null,
    policy: resolvePolicy(options, issues),
    version: resolveVersion(options.version, issues),
    inputSchema: resolveSchema(options.input, "input", issues),
    outputSchema: resolveSchema(options.output, "output", issues),
  });
}
