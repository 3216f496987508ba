import type { FlowNode, TaskNode } from "./definition.ts";

/** What is run at a node: its user function, with the policy of that; `null` where there is none. */
export function taskOf(node: FlowNode): TaskNode | null {
  switch (node.kind) {
    case "task":
      return node;
    case "fork":
    case "map":
    case "collect":
      return node.join;
    case "continue":
      return node.next;
    case "route":
      return node.select;
    case "loop":
      return node.body;
    case "delay":
    case "item":
    case "wait":
    case "subflow":
    case "spawn":
    case "children":
    case "undo":
      return null;
  }
}
