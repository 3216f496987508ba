import { InvalidArgumentError } from "../errors/argument-errors.ts";
import type { TaskId } from "../ids.ts";
import type { Sequence } from "./definition.ts";
import type { Flow, LocatedNode } from "./flow-definition.ts";
import { addressOf, branchPath, parseSegments } from "./task-id.ts";

/** The task id under which the value of a map's item is recorded. */
export function itemTaskId(mapTaskId: TaskId, index: number): TaskId {
  return `${mapTaskId}[${index}]~item`;
}

/**
 * Under which task ids the outputs of a fork's branches are found, by branch name.
 *
 * A branch that ends in a node with an output of its own is found under that node. One that ends in something whose output
 * is another's, and one that can be abandoned, has an entry of its own, named by its path, that points to the output.
 */
export function branchOutputs(flow: Flow, joinTaskId: TaskId): ReadonlyMap<string, TaskId> {
  const { node } = nodeAt(flow, joinTaskId);
  if (node.kind !== "fork") throw new InvalidArgumentError("taskId", `"${joinTaskId}" is not a join.`);
  const prefix = joinTaskId.slice(0, joinTaskId.length - node.id.length);
  const found = (branch: { name: string; sequence: Sequence }): TaskId | null =>
    node.mode === "all" ? staticOutput(branch.sequence, prefix) : null;
  return new Map(node.branches.map((branch) => [branch.name, found(branch) ?? branchPath(joinTaskId, branch.name)]));
}

/** Under which task id the output of a map's item is found, unless it has failed. */
export function itemOutput(flow: Flow, mapTaskId: TaskId, index: number): TaskId {
  const { node } = nodeAt(flow, mapTaskId);
  const path = `${mapTaskId}[${index}]`;
  return (node.kind === "map" ? staticOutput(node.sequence, `${path}/`) : null) ?? path;
}

/** Whether the definition alone says whose output a sequence hands on. */
export function findsOutput(sequence: Sequence): boolean {
  return staticOutput(sequence, "") !== null;
}

/** Whose output a sequence hands on, as far as the definition alone says it. */
function staticOutput(sequence: Sequence, prefix: string): TaskId | null {
  const last = sequence.at(-1);
  switch (last?.kind) {
    case "task":
      return last.onFailure === null || last.onFailure.kind === "skip" ? prefix + last.id : null;
    case "fork":
      return last.join.onFailure === null || last.join.onFailure.kind === "skip" ? prefix + last.id : null;
    case "wait":
    case "collect":
      return last.onTimeout === "branch" ? null : prefix + last.id;
    case "spawn":
      return last.start.onFailure === null || last.start.onFailure.kind === "skip" ? prefix + last.id : null;
    case "map":
      return prefix + last.id;
    case "subflow":
      return staticOutput(last.sequence, `${prefix}${last.id}/`);
    case "delay":
    case "loop":
    case "route":
    case "item":
    case "continue":
    case "children":
    case "undo":
    case undefined:
      return null;
  }
}

function nodeAt(flow: Flow, taskId: TaskId): LocatedNode {
  return flow.get(addressOf(parseSegments(taskId)));
}
