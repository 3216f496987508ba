import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { idIssue, kindOf, nameIssue } from "../ids.ts";
import { readRecord } from "../plain-record.ts";
import type { ChildStart, OnParentClose, SpawnNode, TaskBody } from "./definition.ts";
import type { BadCall, SimpleDraft } from "./draft.ts";
import { Flow } from "./flow-definition.ts";
import { numberIssue, readOptions } from "./known-options.ts";
import { checked, resolveChoice } from "./option-values.ts";
import { bad, simple, whatIs } from "./step-draft.ts";
import type { TaskContext } from "./task-context.ts";
import { taskNode } from "./task-draft.ts";
import { distinct, MAX_TAGS, POLICY_KEYS } from "./task-options.ts";

const SPAWN_KEYS = [...POLICY_KEYS, "instanceId", "input", "await", "onParentClose", "onFailure", "child"] as const;
const CHILD_KEYS = ["priority", "tags", "labels"] as const;
const CLOSINGS: readonly [OnParentClose, ...OnParentClose[]] = ["cancel", "abandon", "wait"];
const MAX_LABELS = 64;

type Part = (input: unknown, context: TaskContext) => unknown;

/** A child: an id, its flow, and how it is started. */
export function spawnFrom(args: readonly unknown[]): SimpleDraft | BadCall {
  const [id, child, given] = args;
  if (!Flow.is(child)) return bad(`spawn() takes an id and a built flow, not ${whatIs(child)}`);
  const issues: string[] = [];
  const options = readOptions(given, "options", SPAWN_KEYS, issues);
  const instanceId = resolvePart(options.instanceId, "instanceId", issues);
  const input = resolvePart(options.input, "input", issues);
  const start = taskNode(id, startBody(instanceId, input), { ...options, input: undefined }, issues);
  const node: SpawnNode = {
    kind: "spawn",
    id: start.id,
    // Its own options have checked everything but what the child's flow accepts, which is done when that is started.
    start: Object.freeze({ ...start, inputSchema: null, outputSchema: null, undo: null }),
    child,
    isAwaited: checked(options.await, "await", true, booleanIssue, issues),
    onParentClose: resolveChoice(options.onParentClose, "onParentClose", CLOSINGS, issues),
    given: resolveGiven(options.child, issues),
  };
  return simple(node, issues);
}

/** Works out what a child is started with: its outcome is recorded, so that it is decided once. */
function startBody(instanceId: Part | null, input: Part | null): TaskBody {
  return async (value, context): Promise<ChildStart> => {
    const id = instanceId === null ? null : await instanceId(value, context);
    const problem = id === null ? null : idIssue(id);
    if (problem !== null) throw new InvalidArgumentError(`instanceId of "${context.taskId}"`, `${problem}.`);
    return { instanceId: id as string | null, input: input === null ? value : await input(value, context) };
  };
}

function resolvePart(value: unknown, field: string, issues: string[]): Part | null {
  const issueOf = (given: unknown): string | null =>
    typeof given === "function" ? null : `must be a function, not ${kindOf(given)}`;
  return checked<Part | null>(value, field, null, issueOf, issues);
}

function booleanIssue(value: unknown): string | null {
  return typeof value === "boolean" ? null : `must be true or false, not ${kindOf(value)}`;
}

function resolveGiven(value: unknown, issues: string[]): SpawnNode["given"] {
  const { priority, tags, labels } = readOptions(value, "child", CHILD_KEYS, issues);
  const range = { min: 1, max: 5, whole: true };
  const priorityIssue = (given: unknown): string | null => numberIssue(given, range);
  return Object.freeze({
    priority: checked<number | null>(priority, "child.priority", null, priorityIssue, issues),
    tags: resolveTags(tags, issues),
    labels: resolveLabels(labels, issues),
  });
}

function resolveTags(value: unknown, issues: string[]): readonly string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > MAX_TAGS) {
    issues.push(`child.tags must be an array of at most ${MAX_TAGS} names`);
    return [];
  }
  return Object.freeze(distinct(value, "child.tags", nameIssue, issues));
}

function resolveLabels(value: unknown, issues: string[]): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  const { entries: labels, issue } = readRecord(value);
  if (issue !== null) {
    issues.push(`child.labels ${issue}`);
    return {};
  }
  if (labels.length > MAX_LABELS) issues.push(`child.labels has ${labels.length} labels; the limit is ${MAX_LABELS}`);
  for (const [name, text] of labels.slice(0, MAX_LABELS)) {
    const problem = nameIssue(name) ?? idIssue(typeof text === "string" && text !== "" ? text.trim() : text);
    if (problem !== null) issues.push(`child.labels has a label that ${problem}`);
  }
  return Object.freeze(Object.fromEntries(labels) as Record<string, string>);
}
