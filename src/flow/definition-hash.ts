import { createHash } from "node:crypto";
import type { DefinitionHash } from "../ids.ts";
import type { FlowNode, Sequence } from "./definition.ts";

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
 * branches and of inlined flows; route keys and whether there is a default; event names; whether a
 * wait goes on after a timeout, and a loop after its last iteration, because that decides what is
 * handed on; and a task's `version`, by which the user says that its meaning has changed.
 *
 * Everything else is policy and may change under running instances: functions, descriptions,
 * timeouts, retries, lengths of delays, priorities, tags, schemas and `maxIterations`. So is whether a
 * task is transactional: what is recorded of it, and what follows, is the same either way. An instance on
 * its way gets the guarantee as soon as its workers are deployed, also at a task that has begun before.
 */
export function definitionHash(name: string, root: Sequence): DefinitionHash {
  const shape: Shape = ["waymark definition", FORMAT_VERSION, name, shapeOf(root)];
  return createHash("sha256").update(JSON.stringify(shape)).digest("hex");
}

function shapeOf(sequence: Sequence): Shape {
  return sequence.map(nodeShape);
}

function nodeShape(node: FlowNode): Shape {
  switch (node.kind) {
    case "task":
      return [node.kind, node.id, node.version];
    case "fork":
      return [
        node.kind,
        node.id,
        node.join.version,
        node.branches.map((branch) => [branch.name, shapeOf(branch.sequence)]),
      ];
    case "route":
      return [
        node.kind,
        node.id,
        node.select.version,
        node.keys,
        node.branches.map((branch) => [branch.key, shapeOf(branch.sequence)]),
        node.defaultBranch === null ? null : shapeOf(node.defaultBranch),
      ];
    case "loop":
      return [node.kind, node.id, node.body.version, node.onMax];
    case "delay":
      return [node.kind, node.id];
    case "wait":
      return [node.kind, node.id, node.event, node.onTimeout];
    case "subflow":
      return [node.kind, node.id, node.flow, shapeOf(node.sequence)];
  }
}
