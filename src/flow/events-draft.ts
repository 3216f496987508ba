import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { idIssue, kindOf, nameIssue } from "../ids.ts";
import type { CollectNode, DelayNode, TaskNode, WaitNode } from "./definition.ts";
import {
  type BadCall,
  type BranchBody,
  BranchDraft,
  type ForkDraft,
  type SimpleDraft,
  type WaitDraft,
} from "./draft.ts";
import { numberIssue, quoted, readOptions, textOf } from "./known-options.ts";
import { resolveChoice, resolveDuration } from "./option-values.ts";
import { bad, checkedId, MAX_BRANCHES, simple } from "./step-draft.ts";
import type { TaskContext } from "./task-context.ts";
import { NO_TASK, passingTask } from "./task-draft.ts";
import { resolveSchema, resolveTimeout } from "./task-options.ts";
import { MAX_EVENTS } from "./validate.ts";

const COLLECT_KEYS = ["count", "timeout", "onTimeout", "schema"] as const;
const ANY_KEYS = ["timeout", "schemas"] as const;
/** Id of the wait in each branch of `waitForAny`. */
const WAIT_ID = "event";
/** Name of the branch with its time limit, and id of the delay in it. */
const TIME_LIMIT = "timeout";

/** @param branchBody - what `onTimeout` leads into, if it is a callback */
export function collectFrom(
  args: readonly unknown[],
  branchBody: (steps: readonly unknown[]) => BranchBody,
): SimpleDraft | WaitDraft {
  const issues: string[] = [];
  const id = checkedId(args[0], issues);
  const problem = idIssue(args[1]);
  if (problem !== null) issues.push(`event name ${problem}`);
  const options = readOptions(args[2], "options", COLLECT_KEYS, issues);
  if (options.onTimeout !== undefined && options.timeout === undefined)
    issues.push("onTimeout is given without a timeout, so it would never matter");
  const branch = typeof options.onTimeout === "function" ? branchBody([options.onTimeout]) : null;
  const node: CollectNode = {
    kind: "collect",
    id,
    event: textOf(args[1]),
    ...resolveCount(id, options.count, issues),
    timeoutMs: resolveTimeout(options.timeout, issues),
    onTimeout: branch === null ? resolveChoice(options.onTimeout, "onTimeout", ["fail", "continue"], issues) : "branch",
    timeoutBranch: null,
    schema: resolveSchema(options.schema, "schema", issues),
    join: passingTask(id),
  };
  return branch === null ? simple(node, issues) : { kind: "wait", node, timeout: branch, issues };
}

function resolveCount(id: string, value: unknown, issues: string[]): Pick<CollectNode, "count" | "counting"> {
  if (typeof value === "function") {
    const run = value as (input: unknown, context: TaskContext) => unknown;
    return { count: null, counting: Object.freeze({ ...NO_TASK, id, run }) };
  }
  const issue = numberIssue(value, { min: 1, max: MAX_EVENTS, whole: true });
  if (issue === null) return { count: value as number, counting: null };
  issues.push(`count ${issue}; or it is a function that returns one`);
  return { count: 1, counting: null };
}

/** The first of several events: a race of waits, and of a delay where there is a time limit. */
export function anyEventFrom(args: readonly unknown[]): ForkDraft | BadCall {
  const [id, events, given] = args;
  if (typeof events !== "object" || events === null)
    return bad(`waitForAny() takes an id, and event names by key or in a list, not ${kindOf(events)}`);
  const issues: string[] = [];
  const names = eventNames(events, issues);
  const options = readOptions(given, "options", ANY_KEYS, issues);
  const schemas = readOptions(options.schemas, "options.schemas", [...names.keys()], issues);
  const branches = Array.from(names, ([key, event]): BranchDraft => {
    const schema = resolveSchema(schemas[key], `schemas.${key}`, issues);
    const node: WaitNode = {
      ...{ kind: "wait", id: WAIT_ID, event: textOf(event), schema },
      ...{ timeoutMs: null, onTimeout: "fail", timeoutBranch: null },
    };
    return new BranchDraft(key, { steps: { step: simple(node, []), before: null }, issues: [] });
  });
  const hasLimit = options.timeout !== undefined;
  if (hasLimit) branches.push(...timeLimit(options.timeout, names, issues));
  const idIssues: string[] = [];
  const joinId = checkedId(id, idIssues);
  const join = Object.freeze({
    ...NO_TASK,
    id: joinId,
    run: hasLimit ? firstInTime(joinId, [...names.keys()]) : first,
  });
  return { kind: "fork", mode: "race", branches, join: { node: join, issues: idIssues }, issues };
}

/** The names of events by key; of a list each is its own key. */
function eventNames(events: object, issues: string[]): ReadonlyMap<string, unknown> {
  const names = Array.isArray(events)
    ? events.map((name: unknown): [string, unknown] => [textOf(name), name])
    : Object.entries(events);
  if (names.length === 0) issues.push("waitForAny() needs the name of at least one event");
  if (names.length >= MAX_BRANCHES)
    issues.push(`waitForAny() has ${names.length} events; the limit is ${MAX_BRANCHES - 1}`);
  const found = new Map<string, unknown>();
  for (const [index, [key, name]] of names.slice(0, MAX_BRANCHES).entries()) {
    const what = Array.isArray(events) ? `events[${index}]` : `events.${key}`;
    const problem = idIssue(name);
    const keyProblem = Array.isArray(events) ? nameIssue(key) : null;
    if (problem !== null) issues.push(`${what} ${problem}`);
    else if (found.has(key)) issues.push(`${what} repeats ${quoted(key)}`);
    else if (keyProblem !== null)
      issues.push(`${what} ${keyProblem}; to wait for it, give it a key: { key: ${quoted(key)} }`);
    else found.set(key, name);
  }
  return found;
}

function timeLimit(timeout: unknown, names: ReadonlyMap<string, unknown>, issues: string[]): BranchDraft[] {
  const isTaken = names.has(TIME_LIMIT);
  if (isTaken)
    issues.push(
      `"${TIME_LIMIT}" names the time limit, so it can't be the key of an event beside it; choose another key`,
    );
  resolveTimeout(timeout, issues);
  // What is wrong with it has been said.
  const durationMs = resolveDuration(timeout, "timeout", 0, []);
  const node: DelayNode = { kind: "delay", id: TIME_LIMIT, durationMs, until: null };
  const branch = new BranchDraft(TIME_LIMIT, { steps: { step: simple(node, []), before: null }, issues: [] });
  return isTaken ? [] : [branch];
}

const first = (won: unknown): { readonly event: string; readonly payload: unknown } => {
  const { branch: event, output: payload } = won as { branch: string; output: unknown };
  return { event, payload };
};

/** What was delivered before anybody noticed that the time is up still counts. */
function firstInTime(id: string, keys: readonly string[]): TaskNode["run"] {
  return async (won, context) => {
    const winner = first(won);
    if (winner.event !== TIME_LIMIT) return { timedOut: false, ...winner };
    for (const event of keys) {
      const found = await delivered(context, `${id}/${event}/${WAIT_ID}`);
      if (found !== null) return { timedOut: false, event, payload: found.payload };
    }
    return { timedOut: true };
  };
}

async function delivered(context: TaskContext, taskId: string): Promise<{ readonly payload: unknown } | null> {
  try {
    return { payload: await context.output(taskId) };
  } catch (error) {
    // Nothing is recorded there.
    if (error instanceof InvalidArgumentError) return null;
    throw error;
  }
}
