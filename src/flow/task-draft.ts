import { kindOf, nameIssue } from "../ids.ts";
import type { TaskBody, TaskNode } from "./definition.ts";
import { type RawOptions, readOptions, textOf } from "./known-options.ts";
import { POLICY_KEYS, resolvePolicy, resolveSchema, resolveVersion } from "./task-options.ts";

/** A task as it was given, with what is wrong with it. Not to be run while there are issues. */
export interface TaskDraft {
  /** Its id is "" if what was given isn't a string. */
  readonly node: TaskNode;
  readonly issues: readonly string[];
}

const TASK_KEYS: readonly [...typeof POLICY_KEYS, "input", "output"] = [...POLICY_KEYS, "input", "output"];

/** What stands in a draft for a task that isn't one. */
export const NO_TASK: TaskNode = taskNode("", () => undefined, {}, []);

/** Checks everything that can be known of a task by itself. */
export function resolveTask(given: { id: unknown; run: unknown; options: unknown }): TaskDraft {
  const issues: string[] = [];
  const options = readOptions(given.options, "options", TASK_KEYS, issues);
  const node = taskNode(given.id, given.run, options, issues);
  return { node, issues: Object.freeze(issues) };
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
    policy: resolvePolicy(options, issues),
    version: resolveVersion(options.version, issues),
    inputSchema: resolveSchema(options.input, "input", issues),
    outputSchema: resolveSchema(options.output, "output", issues),
  });
}
