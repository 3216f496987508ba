import { createHash } from "node:crypto";
import type { DefinitionHash } from "../ids.ts";
import type { FlowNode, Sequence, TaskNode } from "./definition.ts";

/** Goes up when the text that is hashed is built differently. Every hash changes then. */
const FORMAT_VERSION = 1;

/** Nested arrays of strings, numbers and `null`: their JSON can be written in one way only. */
type Shape = string | number | null | readonly Shape[];

/**
 * SHA-256 of a definition's shape. An instance belongs to the definition with the hash that it was
 * started with.
 *
 * Shape is what decides where a running instance can stand, under which ids its outputs are found,
 * and what flows from one to the other: the flow's name; each node's kind, id and place; names of
 * branches and of inlined flows; which branches a fork waits for; route keys and whether there is a
 * default; event names; how many events are waited for, or that a function says it; whether a wait goes on after a timeout, a loop after its last iteration, a map
 * after failed items and a task after its failure, and how, because that decides what is handed on; which
 * tasks can be undone, and whether the flow has a failure handler; where a run of the instance ends and the next begins; the names of children's flows, and whether they are waited for, where they are started
 * or at the end;
 * and a task's `version`, by which the user says that its meaning has changed.
 *
 * Everything else is policy and may change under running instances: functions, descriptions,
 * timeouts, retries, lengths of delays, priorities, tags, schemas, `maxIterations`, how many items
 * of a map run at once or may fail, the definition of a child, and whether it is cancelled when its parent ends. So is whether a task is transactional: what is recorded of it, and
 * what follows, is the same either way. An instance on its way gets the guarantee as soon as its workers
 * are deployed, also at a task that has begun before.
 */
export function definitionHash(name: string, root: Sequence, onFailure: TaskNode | null): DefinitionHash {
  const handled: Shape[] = onFailure === null ? [] : [["onFailure", onFailure.version]];
  const shape: Shape = ["waymark definition", FORMAT_VERSION, name, shapeOf(root), ...handled];
  return createHash("sha256").update(JSON.stringify(shape)).digest("hex");
}

function shapeOf(sequence: Sequence): Shape {
  return sequence.map(nodeShape);
}

function nodeShape(node: FlowNode): Shape {
  switch (node.kind) {
    case "task":
      return [node.kind, node.id, node.version, ...failureShape(node)];
    case "fork": {
      const branches = node.branches.map((branch) => [branch.name, shapeOf(branch.sequence)]);
      const mode = node.mode === "all" ? [] : [node.mode];
      return [node.kind, node.id, node.join.version, branches, ...mode, ...failureShape(node.join)];
    }
    case "route":
      return [
        node.kind,
        node.id,
        node.select.version,
        node.keys,
        node.branches.map((branch) => [branch.key, shapeOf(branch.sequence)]),
        node.defaultBranch === null ? null : shapeOf(node.defaultBranch),
      ];
    case "loop": {
      const sequence = node.sequence === null ? [] : [shapeOf(node.sequence)];
      return [node.kind, node.id, node.body.version, node.onMax, ...sequence, ...failureShape(node.body)];
    }
    case "map": {
      const output = node.tolerated === 0 ? "outputs" : "settled";
      return [node.kind, node.id, node.list.version, output, shapeOf(node.sequence)];
    }
    case "spawn": {
      const waits = node.onParentClose === "wait" ? ["wait"] : [];
      const output = node.isAwaited ? "output" : "id";
      return [node.kind, node.id, node.start.version, node.child.name, output, ...waits, ...failureShape(node.start)];
    }
    case "item":
    case "children":
    case "undo":
      return [node.kind, node.id];
    case "delay":
      return node.until === null ? [node.kind, node.id] : [node.kind, node.id, "until", node.until.version];
    case "wait": {
      const branch = node.timeoutBranch === null ? [] : [shapeOf(node.timeoutBranch)];
      return [node.kind, node.id, node.event, node.onTimeout, ...branch];
    }
    case "collect": {
      const branch = node.timeoutBranch === null ? [] : [shapeOf(node.timeoutBranch)];
      const count = node.counting === null ? [node.count] : ["counted", node.counting.version];
      return [node.kind, node.id, node.event, node.onTimeout, count, ...branch];
    }
    case "continue":
      return [node.kind, node.id, node.next.version];
    case "subflow":
      return [node.kind, node.id, node.flow, shapeOf(node.sequence)];
  }
}

/** Nothing for a task whose failure is the flow's, and that is not undone: most are so. */
function failureShape({ onFailure, undo }: TaskNode): Shape[] {
  const undone: Shape[] = undo === null ? [] : [["undo", undo.version]];
  switch (onFailure?.kind) {
    case undefined:
      return undone;
    case "skip":
      return [["skip"], ...undone];
    case "goto":
      return [["goto", onFailure.id], ...undone];
    case "fallback":
      return [["fallback", onFailure.task.version], ...undone];
  }
}
