import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { eventNameIssue, idIssue, kindOf, nameIssue } from "../ids.ts";
import type { FlowNode, LoopNode, Sequence, TaskBody, TaskNode, WaitNode } from "./definition.ts";
import {
  type BadCall,
  type BranchBody,
  BranchDraft,
  type RouteDraft,
  type SimpleDraft,
  type WaitDraft,
} from "./draft.ts";
import { Flow } from "./flow-definition.ts";
import { quoted, readOptions, textOf } from "./known-options.ts";
import { LoopResult } from "./loop-result.ts";
import { resolveChoice, resolveDuration } from "./option-values.ts";
import { Task } from "./task.ts";
import type { TaskContext } from "./task-context.ts";
import { resolveTask, type TaskDraft, taskNode } from "./task-draft.ts";
import {
  DEFAULT_POLICY,
  distinct,
  LOOP_KEYS,
  POLICY_KEYS,
  resolveLoopLimits,
  resolveSchema,
  resolveTimeout,
} from "./task-options.ts";

/** Most branches of one fork, and most keys of one route. */
export const MAX_BRANCHES = 10_000;

const WAIT_KEYS = ["timeout", "onTimeout", "schema"] as const;
/** Id of the step that applies the input schema of an inlined flow. */
export const INPUT_STEP = "_input";

/** A task, or an id and a function, as `then` and `join` take them. */
export function taskFrom(method: string, args: readonly unknown[]): TaskDraft | BadCall {
  const [first, run, options] = args;
  if (Task.is(first)) {
    if (args.length === 1) return first;
    return {
      node: first.node,
      issues: [...first.issues, `${method}(task) takes nothing else; give the options to task()`],
    };
  }
  if (typeof first === "string") {
    if (!Task.is(run)) return resolveTask({ id: first, run, options });
    return bad(`${method}("${run.id}", …) needs a function, not a task; call ${method}(task), which has an id already`);
  }
  if (typeof first === "function") return bad(`${method}() needs an id before the function`);
  return bad(`${method}() takes a task, or an id and a function, not ${whatIs(first)}`);
}

export function stepFrom(method: string, args: readonly unknown[]): SimpleDraft | BadCall {
  const draft = taskFrom(method, args);
  return "kind" in draft ? draft : simple(draft.node, draft.issues);
}

export function loopFrom(args: readonly unknown[]): SimpleDraft | BadCall {
  const [first, run] = args;
  if (typeof first === "string" && Flow.is(run)) return flowLoop(first, run, args[2]);
  if (Task.is(first)) {
    const issues = [...first.issues];
    if (first.node.outputSchema !== null) {
      issues.push(
        "a loop's task can't have an output schema, because it returns a LoopResult; check the value in the task that follows",
      );
    }
    return simple(loopNode(first.node, readOptions(args[1], "options", LOOP_KEYS, issues), issues), issues);
  }
  if (typeof first !== "string") return bad(`loop() takes a task, or an id and a function, not ${whatIs(first)}`);
  if (Task.is(run))
    return bad(`loop("${run.id}", …) needs a function, not a task; call loop(task, options), which has an id already`);
  const issues: string[] = [];
  const options = readOptions(args[2], "options", [...LOOP_KEYS, ...POLICY_KEYS], issues);
  return simple(loopNode(taskNode(first, run, options, issues), options, issues), issues);
}

function loopNode(body: TaskNode, options: Parameters<typeof resolveLoopLimits>[0], issues: string[]): LoopNode {
  return { kind: "loop", id: body.id, body, sequence: null, ...resolveLoopLimits(options, issues) };
}

/** A loop over a whole flow: after each iteration `until` says whether it was the last. */
function flowLoop(id: string, child: Flow, given: unknown): SimpleDraft {
  const issues: string[] = [];
  const options = readOptions(given, "options", [...LOOP_KEYS, ...POLICY_KEYS, "until"], issues);
  if (typeof options.until !== "function")
    issues.push(
      `options.until must be a function that says whether an iteration was the last, not ${kindOf(options.until)}`,
    );
  const until = options.until as (output: unknown, context: TaskContext) => unknown;
  const decide: TaskBody = async (output, context) => {
    const isDone = await until(output, context);
    if (typeof isDone !== "boolean")
      throw new InvalidArgumentError(`until of loop "${id}"`, `must return true or false, not ${kindOf(isDone)}.`);
    return isDone ? LoopResult.done(output) : LoopResult.again(output);
  };
  const body = taskNode(id, decide, options, issues);
  return simple({ ...loopNode(body, options, issues), sequence: inlined(child, issues) }, issues, child);
}

export function delayFrom(args: readonly unknown[]): SimpleDraft {
  const issues: string[] = [];
  const id = checkedId(args[0], issues);
  if (args[1] === undefined) issues.push('needs a duration, such as "30s"');
  const durationMs = resolveDuration(args[1], "duration", 0, issues);
  return simple({ kind: "delay", id, durationMs, until: null }, issues);
}

export function delayUntilFrom(args: readonly unknown[]): SimpleDraft {
  const issues: string[] = [];
  const options = readOptions(args[2], "options", POLICY_KEYS, issues);
  const until = taskNode(args[0], args[1], options, issues);
  return simple({ kind: "delay", id: until.id, durationMs: null, until }, issues);
}

export function continueFrom(args: readonly unknown[]): SimpleDraft {
  const issues: string[] = [];
  const next = taskNode(args[0], args[1], readOptions(args[2], "options", POLICY_KEYS, issues), issues);
  return simple({ kind: "continue", id: next.id, next }, issues);
}

/** @param branchBody - what `onTimeout` leads into, if it is a callback */
export function waitFrom(
  args: readonly unknown[],
  branchBody: (steps: readonly unknown[]) => BranchBody,
): SimpleDraft | WaitDraft {
  const issues: string[] = [];
  const id = checkedId(args[0], issues);
  const problem = eventNameIssue(args[1]);
  if (problem !== null) issues.push(`event name ${problem}`);
  const options = readOptions(args[2], "options", WAIT_KEYS, issues);
  if (options.onTimeout !== undefined && options.timeout === undefined) {
    issues.push("onTimeout is given without a timeout, so it would never matter");
  }
  const branch = typeof options.onTimeout === "function" ? branchBody([options.onTimeout]) : null;
  const onTimeout =
    branch === null ? resolveChoice(options.onTimeout, "onTimeout", ["fail", "continue"], issues) : "branch";
  const node: WaitNode = {
    kind: "wait",
    id,
    event: textOf(args[1]),
    timeoutMs: resolveTimeout(options.timeout, issues),
    onTimeout,
    timeoutBranch: null,
    schema: resolveSchema(options.schema, "schema", issues),
  };
  return branch === null ? simple(node, issues) : { kind: "wait", node, timeout: branch, issues };
}

export function subflowFrom(args: readonly unknown[]): SimpleDraft | BadCall {
  const child = args.at(-1);
  if (args.length === 0 || args.length > 2 || !Flow.is(child)) {
    return bad(`thenFlow() takes a built flow, or an id and a built flow, not ${whatIs(child)}`);
  }
  const issues: string[] = [];
  const id = args.length === 1 ? child.name : checkedId(args[0], issues);
  return simple({ kind: "subflow", id, flow: child.name, sequence: inlined(child, issues) }, issues, child);
}

/** A route without its branches. */
export function routeFrom(args: readonly unknown[]): RouteDraft {
  const unnamed = typeof args[0] === "function";
  const [id, select, keys, options] = unnamed ? ["unnamed", ...args] : args;
  const issues: string[] = [];
  const node = taskNode(id, select, readOptions(options, "options", POLICY_KEYS, issues), issues);
  return { kind: "route", select: node, unnamed, keys: checkedKeys(keys, issues), branches: [], defaults: [], issues };
}

/** What `fork` or `race` was given: the branches among it, and what is wrong. */
export function branchesFrom(
  method: "fork" | "race",
  value: unknown,
): { branches: readonly BranchDraft[]; issues: readonly string[] } {
  if (!Array.isArray(value))
    return { branches: [], issues: [`${method}() takes an array of branches, not ${whatIs(value)}`] };
  if (value.length === 0) return { branches: [], issues: [`${method}() needs at least one branch`] };
  if (value.length > MAX_BRANCHES) {
    return { branches: [], issues: [`the ${method} has ${value.length} branches; the limit is ${MAX_BRANCHES}`] };
  }
  const issues: string[] = [];
  const branches: BranchDraft[] = [];
  for (const [index, branch] of value.entries()) {
    if (branch instanceof BranchDraft) branches.push(branch);
    else issues.push(`branch ${index + 1} must be made by branch(), not be ${whatIs(branch)}`);
  }
  return { branches, issues };
}

/** How an argument is named in messages; says what it is where it is something of ours. */
export function whatIs(value: unknown): string {
  if (Task.is(value)) return `a task ("${value.id}")`;
  if (Flow.is(value)) return `a built flow ("${value.name}"); inline it with thenFlow()`;
  if (value instanceof BranchDraft) return "a branch";
  if (typeof value === "object" && value !== null && "build" in value && "then" in value) return "a builder";
  return kindOf(value);
}

export function bad(...issues: readonly string[]): BadCall {
  return { kind: "bad", issues };
}

export function simple(node: FlowNode, issues: readonly string[], child: Flow | null = null): SimpleDraft {
  return { kind: "simple", node: Object.freeze(node), inlined: child, issues };
}

export function checkedId(value: unknown, issues: string[]): string {
  const problem = nameIssue(value);
  if (problem !== null) issues.push(`id ${problem}`);
  return textOf(value);
}

function checkedKeys(value: unknown, issues: string[]): string[] {
  if (!Array.isArray(value)) {
    issues.push(`keys must be an array of strings, not ${kindOf(value)}`);
    return [];
  }
  if (value.length === 0) issues.push("keys must not be empty");
  if (value.length > MAX_BRANCHES) {
    issues.push(`keys has ${value.length} entries; the limit is ${MAX_BRANCHES}`);
    return [];
  }
  return distinct(value, "keys", idIssue, issues);
}

/**
 * A flow's steps for use in another. Its input schema becomes a task, because checking runs user
 * code, and only a task has a place for the failure of that.
 */
export function inlined(child: Flow, issues: string[]): Sequence {
  if (child.onFailure !== null) {
    issues.push(
      `inlines flow ${quoted(child.name)}, whose onFailure would never run: only the outermost flow fails; ` +
        "give it to that one, and build the inner flow without",
    );
  }
  if (child.inputSchema === null) return child.root;
  const check: TaskNode = Object.freeze({
    kind: "task",
    id: INPUT_STEP,
    run: (input: unknown) => input,
    transaction: null,
    policy: DEFAULT_POLICY,
    version: null,
    inputSchema: child.inputSchema,
    outputSchema: null,
    onFailure: null,
    undo: null,
    limitedBy: null,
  });
  return Object.freeze([check, ...child.root]);
}
