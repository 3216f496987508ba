import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { LoopLimitError, RouteKeyError } from "../errors/task-errors.ts";
import { iterationOf } from "../flow/continuation.ts";
import type { FlowNode, LoopNode, RouteNode, TaskNode } from "../flow/definition.ts";
import { LoopResult } from "../flow/loop-result.ts";
import { kindOf } from "../ids.ts";
import type { Decision } from "../snapshot/plan.ts";

/** What a body's return value means at its node. */
export interface Interpreted {
  /** What is recorded. */
  readonly output: unknown;
  /** Where it leads, if the node decides that. */
  readonly decision: Decision | null;
}

/** The user function of a node that has one. */
export function bodyOf(node: FlowNode): TaskNode {
  switch (node.kind) {
    case "task":
      return node;
    case "fork":
      return node.join;
    case "route":
      return node.select;
    case "loop":
      return node.body;
    case "delay":
    case "wait":
    case "subflow":
      throw new TypeError(`A ${node.kind} has no body.`);
  }
}

/**
 * @throws {RouteKeyError} a route has no branch for the key
 * @throws {LoopLimitError} the loop's last allowed iteration wants another one
 * @throws {InvalidArgumentError} a loop's body returned something else than a LoopResult
 */
export function interpretOutput(node: FlowNode, taskId: string, value: unknown): Interpreted {
  switch (node.kind) {
    case "route":
      return { output: value, decision: { kind: "key", key: checkKey(node, value) } };
    case "loop":
      return interpretLoop(node, taskId, value);
    case "task":
    case "fork":
    case "delay":
    case "wait":
    case "subflow":
      return { output: value, decision: null };
  }
}

/**
 * What a recorded output decides. That of a loop counts as "done": a result recorded from outside ends
 * the loop.
 *
 * @throws {RouteKeyError} the recorded key has no branch
 */
export function decisionOfRecorded(node: FlowNode, output: unknown): Decision | null {
  if (node.kind === "route") return { kind: "key", key: checkKey(node, output) };
  return node.kind === "loop" ? { kind: "done" } : null;
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
  const isLast = (iterationOf(taskId) ?? 0) + 1 >= node.maxIterations;
  if (!isLast) return { output: value.value, decision: { kind: "again" } };
  if (node.onMax === "fail") throw new LoopLimitError(node.id, node.maxIterations);
  return { output: value.value, decision: { kind: "done" } };
}
