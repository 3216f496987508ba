import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { LoopLimitError, RouteKeyError } from "../errors/task-errors.ts";
import { indexOf } from "../flow/continuation.ts";
import type { EventsResult, FlowNode, LoopNode, RouteNode, TaskNode } from "../flow/definition.ts";
import type { LocatedNode, PartRole } from "../flow/flow-definition.ts";
import { numberIssue } from "../flow/known-options.ts";
import { LoopResult } from "../flow/loop-result.ts";
import { taskOf } from "../flow/task-of.ts";
import { MAX_EVENTS } from "../flow/validate.ts";
import { kindOf } from "../ids.ts";
import { isLate } from "../snapshot/events.ts";
import type { Decision } from "../snapshot/occurrence.ts";
import type { RecordedKind } from "../snapshot/snapshot.ts";

/** What a body's return value means at its node. */
export interface Interpreted {
  /** What is recorded. */
  readonly output: unknown;
  /** Where it leads, if the node decides that. */
  readonly decision: Decision | null;
}

/** The end of the year 9999: what PostgreSQL and people can still read. */
const MAX_TIME_MS = 253_402_300_799_999;

/** The user function of a node that has one. */
export function bodyOf(node: FlowNode): TaskNode {
  const body = taskOf(node);
  if (body === null) throw new TypeError(`A ${node.kind} has no body.`);
  return body;
}

/**
 * @throws {RouteKeyError} a route has no branch for the key
 * @throws {LoopLimitError} the loop's last allowed iteration wants another one
 * @throws {InvalidArgumentError} a loop's body returned something else than a LoopResult, a delay's something else than a
 *   time, or that of a wait for several events something else than a number
 */
export function interpretOutput({ node, container }: LocatedNode, taskId: string, value: unknown): Interpreted {
  if (isPart(container, "until")) return { output: value, decision: { kind: "until", at: checkTime(taskId, value) } };
  if (isPart(container, "count"))
    return { output: value, decision: { kind: "count", count: checkCount(taskId, value) } };
  switch (node.kind) {
    case "route":
      return { output: value, decision: { kind: "key", key: checkKey(node, value) } };
    case "loop":
      return interpretLoop(node, taskId, value);
    case "collect": {
      const collected = value as EventsResult<unknown>;
      const output = node.onTimeout === "continue" ? collected : collected.payloads;
      return { output, decision: collected.timedOut && node.onTimeout === "branch" ? { kind: "timedOut" } : null };
    }
    case "task":
    case "fork":
    case "map":
    case "delay":
    case "item":
    case "wait":
    case "subflow":
    case "continue":
    case "spawn":
    case "children":
    case "undo":
      return { output: value, decision: null };
  }
}

/**
 * What a recorded output decides. That of a loop counts as "done": a result recorded from outside ends
 * the loop. Of one of several events it isn't said here: that depends on how many are waited for.
 *
 * @throws {RouteKeyError} the recorded key has no branch
 * @throws {InvalidArgumentError} what is recorded for a delay is no time, or for a count no number
 */
export function decisionOfRecorded(
  { node, container }: LocatedNode,
  taskId: string,
  recorded: { readonly outcome: RecordedKind; readonly output: unknown },
): Decision | null {
  const { outcome, output } = recorded;
  if (node.kind === "wait") return outcome === "timed_out" && node.onTimeout === "branch" ? { kind: "timedOut" } : null;
  if (node.kind === "collect") return isLate(node, outcome) ? { kind: "timedOut" } : null;
  if (isPart(container, "until")) return { kind: "until", at: checkTime(taskId, output) };
  if (isPart(container, "count")) return { kind: "count", count: checkCount(taskId, output) };
  if (node.kind === "route") return { kind: "key", key: checkKey(node, output) };
  return node.kind === "loop" ? { kind: "done" } : null;
}

/** Whether a node is this part of another. */
export function isPart(container: LocatedNode["container"], role: PartRole): boolean {
  return container.kind === "part" && container.role === role;
}

/** When a delay ends: a Date, or milliseconds since the epoch. */
function checkTime(taskId: string, value: unknown): number {
  const at = value instanceof Date ? value.getTime() : value;
  if (typeof at === "number" && Math.abs(at) <= MAX_TIME_MS) return Math.ceil(at);
  throw new InvalidArgumentError(
    `"${taskId}"`,
    `must give a Date, or milliseconds since the epoch, not ${value instanceof Date ? "an invalid Date" : kindOf(value)}.`,
  );
}

/** How many events are waited for. */
function checkCount(taskId: string, value: unknown): number {
  const problem = numberIssue(value, { min: 0, max: MAX_EVENTS, whole: true });
  if (problem === null) return value as number;
  throw new InvalidArgumentError(`"${taskId}"`, `${problem}.`);
}

function checkKey(node: RouteNode, value: unknown): string {
  const known =
    typeof value === "string" && (node.branches.some((branch) => branch.key === value) || node.defaultBranch !== null);
  if (!known)
    throw new RouteKeyError(node.id, typeof value === "string" ? JSON.stringify(value) : kindOf(value), node.keys);
  return value;
}

function interpretLoop(node: LoopNode, taskId: string, value: unknown): Interpreted {
  if (!LoopResult.is(value)) {
    throw new InvalidArgumentError(
      `The body of loop "${node.id}"`,
      `must return LoopResult.again(…) or LoopResult.done(…), not ${kindOf(value)}.`,
    );
  }
  if (value.decision === "done") return { output: value.value, decision: { kind: "done" } };
  const isLast = (indexOf(taskId) ?? 0) + 1 >= node.maxIterations;
  if (!isLast) return { output: value.value, decision: { kind: "again" } };
  if (node.onMax === "fail") throw new LoopLimitError(node.id, node.maxIterations);
  return { output: value.value, decision: { kind: "done" } };
}
