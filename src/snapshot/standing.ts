import { type Standpoint, standpoint } from "../flow/continuation.ts";
import type { FlowNode, TaskPolicy } from "../flow/definition.ts";
import type { Flow, LocatedNode } from "../flow/flow-definition.ts";
import { CHILD_EVENT, CHILDREN_EVENT, type Path, type TaskId } from "../ids.ts";
import type { Lane, PositionKind, Standing } from "./position.ts";
import type { EntryKind, NewEntry } from "./snapshot.ts";

/** Where a claimed position stands: what a plan needs to know of it. */
export interface Stand {
  readonly path: Path;
  readonly taskId: TaskId;
  readonly attempt: number;
  readonly inputRef: TaskId | null;
  /** The instance's priority, for nodes that have none of their own. */
  readonly instancePriority: number;
  readonly codec: string;
}

/** What a path brings along to where it goes. */
export type From = Pick<Stand, "path" | "inputRef" | "instancePriority" | "codec">;

/** Where a position stands already: for what leaves it there. */
export function standingHere(flow: Flow, stand: Stand): Standing {
  return standing(flow, standpoint(flow, stand.taskId), stand, stand.attempt);
}

/** How a position stands at a node. */
export function standing(flow: Flow, at: Standpoint, from: From, attempt: number): Standing {
  const { node } = at.located;
  const policy = policyOf(at.located);
  return {
    taskId: at.taskId,
    kind: positionKindOf(node),
    inputRef: from.inputRef,
    attempt,
    priority: policy?.priority ?? from.instancePriority,
    lane: laneOf(flow, at.located, from.codec),
    event: eventOf(node, at.taskId),
    pending: 0,
    items: null,
  };
}

/** What a position waits for at a node. Of a child it is told by an event of its task's own, of those that it waits for at its end by another. */
function eventOf(node: FlowNode, taskId: TaskId): string | null {
  if (node.kind === "wait") return node.event;
  if (node.kind === "spawn") return node.isAwaited ? CHILD_EVENT + taskId : null;
  return node.kind === "children" ? CHILDREN_EVENT : null;
}

function policyOf({ node, container }: LocatedNode): Pick<TaskPolicy, "priority" | "tags"> | null {
  switch (node.kind) {
    case "task":
      return node.policy;
    case "route":
      return node.select.policy;
    case "loop":
      return node.body.policy;
    case "fork":
      return node.join.policy;
    case "map":
      return node.list.policy;
    case "continue":
      return node.next.policy;
    case "spawn":
      return node.start.policy;
    case "item":
      // Begun by whoever ends another one, too: in the lane of the map.
      return container.kind === "part" ? policyOf(container.of) : null;
    case "delay":
    case "wait":
    case "collect":
    case "subflow":
    case "children":
    case "undo":
      return null;
  }
}

const NO_TAGS: readonly string[] = [];
const laneCache = new WeakMap<LocatedNode, Map<string, Lane>>();

/** The lane of a node's positions. The same object each time, so that backends can key caches by it. */
export function laneOf(flow: Flow, located: LocatedNode, codec: string): Lane {
  const byCodec = laneCache.get(located) ?? new Map<string, Lane>();
  laneCache.set(located, byCodec);
  let lane = byCodec.get(codec);
  if (lane === undefined) {
    lane = { flow: flow.name, definitionHash: flow.hash, codec, tags: policyOf(located)?.tags ?? NO_TAGS };
    byCodec.set(codec, lane);
  }
  return lane;
}

function positionKindOf(node: FlowNode): PositionKind {
  switch (node.kind) {
    case "delay":
      return "delay";
    case "wait":
    case "children":
      return "wait";
    case "spawn":
      return node.isAwaited ? "wait" : "task";
    case "fork":
    case "map":
      return "join";
    case "task":
    case "route":
    case "loop":
    case "item":
    case "collect":
    case "subflow":
    case "continue":
    case "undo":
      return "task";
  }
}

/** How history names what a node does. */
export function entryKindOf(node: FlowNode): EntryKind {
  switch (node.kind) {
    case "fork":
    case "map":
    case "collect":
      return "join";
    case "subflow":
    case "continue":
    case "undo":
      return "task";
    case "task":
    case "route":
    case "loop":
    case "item":
    case "delay":
    case "wait":
    case "spawn":
    case "children":
      return node.kind;
  }
}

/** An entry of what has happened to a position: a completed outcome, unless `facts` say otherwise. */
export function entry(stand: Stand, kind: EntryKind, facts: Partial<NewEntry>): NewEntry {
  return {
    taskId: stand.taskId,
    attempt: stand.attempt,
    kind,
    outcome: "completed",
    output: null,
    outputRef: null,
    failure: null,
    durationMs: null,
    decision: null,
    ...facts,
  };
}
