import { kindOf } from "../ids.ts";
import type { ForkMode, Sequence } from "./definition.ts";
import type { BadCall, BranchDraft, ForkDraft, SimpleDraft } from "./draft.ts";
import { Flow } from "./flow-definition.ts";
import { numberIssue, readOptions } from "./known-options.ts";
import { checked, resolveChoice } from "./option-values.ts";
import { bad, branchesFrom, checkedId, inlined, simple, whatIs } from "./step-draft.ts";
import { Task } from "./task.ts";
import { passingTask, taskNode } from "./task-draft.ts";
import { POLICY_KEYS } from "./task-options.ts";
import { MAX_ITEMS } from "./validate.ts";

const MAP_KEYS = [...POLICY_KEYS, "concurrency", "onFailure"] as const;
const FORK_KEYS = ["mode"] as const;
const FORK_MODES = ["all", "settled", "any"] as const;

/** What `fork` was given: its branches, which of them it waits for, and what is wrong. */
export interface ForkHead {
  readonly mode: ForkMode;
  readonly branches: readonly BranchDraft[];
  readonly issues: readonly string[];
}

export function forkFrom(args: readonly unknown[]): ForkHead {
  const given = branchesFrom("fork", args[0]);
  const issues = [...given.issues];
  const options = readOptions(args[1], "options", FORK_KEYS, issues);
  return { mode: resolveChoice(options.mode, "mode", FORK_MODES, issues), branches: given.branches, issues };
}

export function raceFrom(args: readonly unknown[]): ForkDraft {
  const { branches, issues } = branchesFrom("race", args[1]);
  const idIssues: string[] = [];
  const join = passingTask(checkedId(args[0], idIssues));
  return { kind: "fork", mode: "race", branches, join: { node: join, issues: idIssues }, issues };
}

/** A map: an id, what makes the list unless it is what comes in, and a task or flow for each item. */
export function mapFrom(args: readonly unknown[]): SimpleDraft | BadCall {
  const listIsGiven = typeof args[1] === "function" && !Task.is(args[1]);
  const [id, list, body, given] = listIsGiven ? args : [args[0], (input: unknown) => input, args[1], args[2]];
  const issues = Task.is(body) ? [...body.issues] : [];
  const sequence = sequenceOf(body, issues);
  if (sequence === null)
    return bad(`map() takes an id, a function that makes the list, and a task or built flow, not ${whatIs(body)}`);
  const options = readOptions(given, "options", MAP_KEYS, issues);
  const node = taskNode(id, list, { ...options, onFailure: undefined }, issues);
  return simple(
    {
      kind: "map",
      id: node.id,
      list: node,
      sequence,
      concurrency: resolveConcurrency(options.concurrency, issues),
      tolerated: resolveTolerated(options.onFailure, issues),
      join: passingTask(node.id),
    },
    issues,
    Flow.is(body) ? body : null,
  );
}

function sequenceOf(body: unknown, issues: string[]): Sequence | null {
  if (Task.is(body)) return Object.freeze([body.node]);
  return Flow.is(body) ? inlined(body, issues) : null;
}

function resolveConcurrency(value: unknown, issues: string[]): number | null {
  const range = { min: 1, max: MAX_ITEMS, whole: true };
  return checked<number | null>(value, "concurrency", null, (given) => numberIssue(given, range), issues);
}

/** How many items may fail; `null` for all. */
function resolveTolerated(value: unknown, issues: string[]): number | null {
  if (value === undefined || value === "fail") return 0;
  if (value === "collect") return null;
  if (typeof value !== "object" || value === null) {
    issues.push(`onFailure must be "fail", "collect" or { tolerate: n }, not ${kindOf(value)}`);
    return 0;
  }
  const { tolerate } = readOptions(value, "onFailure", ["tolerate"], issues);
  const range = { min: 1, max: MAX_ITEMS, whole: true };
  const problem = numberIssue(tolerate, range);
  if (problem === null) return tolerate as number;
  issues.push(`onFailure.tolerate ${problem}`);
  return 0;
}
