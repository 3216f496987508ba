import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { CHILDREN_ID, type Path, type TaskId } from "../ids.ts";
import { type BranchEnd, endOf } from "./branch-end.ts";
import type { FlowNode, Sequence } from "./definition.ts";
import { type Flow, type LocatedNode, UNDO_ID } from "./flow-definition.ts";
import { itemTaskId } from "./output-ids.ts";
import { addressOf, branchPath, formatSegments, isIndexed, parseSegments, type Segment, segment } from "./task-id.ts";

/** A node together with where it occurs. */
export interface Standpoint {
  readonly taskId: TaskId;
  readonly located: LocatedNode;
}

/** What comes next on a path. Follows from the definition and the task id alone. */
export type Continuation =
  /** The path stands at a node that is executed or waited for. */
  | { readonly kind: "stand"; readonly at: Standpoint }
  /** The path becomes a join, and its branches start. */
  | { readonly kind: "fork"; readonly join: Standpoint; readonly branches: readonly BranchStart[] }
  /** The path is a branch, or an item, and has come to its end. */
  | BranchEnd
  /** The trunk has come to its end: the instance is complete. */
  | { readonly kind: "end" };

export interface BranchStart {
  readonly path: Path;
  readonly first: Landing;
}

/** Where a path can come to stand. */
export type Landing = Extract<Continuation, { kind: "stand" | "fork" }>;

const standpoints = new WeakMap<Flow, Map<TaskId, Standpoint>>();
const continuations = new WeakMap<Flow, Map<TaskId, Continuation>>();

/** What follows from a definition and a task id never changes. Iterations are not kept: there is no end to them. */
function remembered<T>(all: WeakMap<Flow, Map<TaskId, T>>, flow: Flow, taskId: TaskId, find: () => T): T {
  let ofFlow = all.get(flow);
  if (ofFlow === undefined) {
    ofFlow = new Map();
    all.set(flow, ofFlow);
  }
  const known = ofFlow.get(taskId);
  if (known !== undefined) return known;
  const found = find();
  if (!isIndexed(taskId)) ofFlow.set(taskId, found);
  return found;
}

/** The start of an instance. */
export function enter(flow: Flow): Continuation {
  return enterSequence(flow, flow.root, []) ?? { kind: "end" };
}

/**
 * The node at which a task id occurs.
 *
 * @throws {InvalidArgumentError} the definition has no such node
 */
export function standpoint(flow: Flow, taskId: TaskId): Standpoint {
  return remembered(standpoints, flow, taskId, () => at(flow, parseSegments(taskId)));
}

/**
 * What follows when the node at `taskId` is behind the path: a loop has left, a route's branch has ended, the last of several
 * events has come. What follows the list of a map is not said here: it depends on the items.
 */
export function after(flow: Flow, taskId: TaskId): Continuation {
  return remembered(continuations, flow, taskId, () => {
    const segments = parseSegments(taskId);
    const { located } = at(flow, segments);
    const scope = segments.slice(0, -1);
    const { container } = located;
    if (container.kind !== "part") return afterNode(flow, located, scope);
    const { of } = container;
    switch (container.role) {
      case "item":
        return enterItem(flow, of, segments);
      case "until":
      case "event":
      case "start":
        return { kind: "stand", at: at(flow, [...scope, segment(of.node.id)]) };
      case "count":
        return { kind: "stand", at: at(flow, [...scope, segment(of.node.id, 0)]) };
      case "undo":
      case "handler":
        return { kind: "stand", at: standpoint(flow, UNDO_ID) };
      case "list":
      case "fallback":
        return afterNode(flow, of, scope);
    }
  });
}

/** The branch that a route takes for a key; `null` if it has none for it. */
export function intoRouteBranch(flow: Flow, routeTaskId: TaskId, key: string): Continuation | null {
  const segments = parseSegments(routeTaskId);
  const located = flow.get(addressOf(segments));
  if (located.node.kind !== "route") return null;
  const branch =
    located.node.branches.find((candidate) => candidate.key === key)?.sequence ?? located.node.defaultBranch;
  if (branch === null) return null;
  const scope = segments.slice(0, -1);
  return enterSequence(flow, branch, scope) ?? afterNode(flow, located, scope);
}

/** The branch that a wait takes when its time is up. */
export function intoTimeoutBranch(flow: Flow, waitTaskId: TaskId): Continuation {
  const segments = parseSegments(waitTaskId);
  const located = flow.get(addressOf(segments));
  const scope = segments.slice(0, -1);
  const { node } = located;
  const branch = node.kind === "wait" || node.kind === "collect" ? node.timeoutBranch : null;
  return (branch === null ? null : enterSequence(flow, branch, scope)) ?? afterNode(flow, located, scope);
}

/** Where several events are waited for, when the first is: what is handed on when none is to come. */
export function withoutEvents(flow: Flow, countTaskId: TaskId): Continuation {
  const segments = parseSegments(countTaskId);
  const { id } = segments.at(-1) ?? segment("");
  return { kind: "stand", at: at(flow, [...segments.slice(0, -1), segment(id)]) };
}

/** The beginning of the same loop's next iteration, or the wait for the next of several events. */
export function nextIteration(flow: Flow, taskId: TaskId): Continuation {
  const segments = parseSegments(taskId);
  const last = segments.at(-1);
  if (last === undefined || last.index === null)
    throw new InvalidArgumentError("taskId", `"${taskId}" is not a loop's iteration.`);
  const { located } = at(flow, segments);
  const scope = segments.slice(0, -1);
  if (located.node.kind === "wait")
    return { kind: "stand", at: at(flow, [...scope, segment(last.id, last.index + 1)]) };
  return enterIteration(flow, located, scope, last.index + 1);
}

/** Which iteration of its loop, item of its map, or of several events, a task id is, counted from 0; `null` if it isn't one. */
export function indexOf(taskId: TaskId): number | null {
  return parseSegments(taskId).at(-1)?.index ?? null;
}

/** Where a map's items begin, in their order, when its list has been made at `listTaskId`; and its join. */
export function mapStarts(
  flow: Flow,
  listTaskId: TaskId,
): { readonly join: Standpoint; readonly item: (index: number) => BranchStart } {
  const segments = parseSegments(listTaskId);
  const scope = segments.slice(0, -1);
  const id = segments.at(-1)?.id ?? "";
  const { located } = standpoint(flow, formatSegments([...scope, segment(id, 0, "item")]));
  const prefix = formatSegments([...scope, segment(id)]);
  return {
    join: at(flow, [...scope, segment(id)]),
    item: (index) => ({
      path: `${prefix}[${index}]`,
      first: { kind: "stand", at: { taskId: itemTaskId(prefix, index), located } },
    }),
  };
}

function enterSequence(flow: Flow, sequence: Sequence, scope: readonly Segment[]): Landing | null {
  const first = sequence[0];
  return first === undefined ? null : land(flow, first, scope);
}

function land(flow: Flow, node: FlowNode, scope: readonly Segment[]): Landing {
  switch (node.kind) {
    case "task":
    case "route":
    case "wait":
    case "continue":
      return { kind: "stand", at: at(flow, [...scope, segment(node.id)]) };
    case "collect": {
      const first = node.counting === null ? segment(node.id, 0) : segment(node.id, null, "count");
      return { kind: "stand", at: at(flow, [...scope, first]) };
    }
    case "delay":
      return { kind: "stand", at: at(flow, [...scope, segment(node.id, null, node.until === null ? null : "until")]) };
    case "loop":
      return enterIteration(flow, flow.get(addressOf([...scope, segment(node.id)])), scope, 0);
    case "map":
      return { kind: "stand", at: at(flow, [...scope, segment(node.id, null, "list")]) };
    case "spawn":
      return { kind: "stand", at: at(flow, [...scope, segment(node.id, null, "start")]) };
    case "item":
    case "children":
    case "undo":
      throw new TypeError(`A node of kind "${node.kind}" stands in no sequence.`);
    case "fork": {
      const join = at(flow, [...scope, segment(node.id)]);
      const branches = node.branches.map(({ name, sequence }) => ({
        path: branchPath(join.taskId, name),
        first: enterNonEmpty(flow, sequence, node.mode === "all" ? scope : [...scope, segment(node.id), segment(name)]),
      }));
      return { kind: "fork", join, branches };
    }
    case "subflow":
      return enterNonEmpty(flow, node.sequence, [...scope, segment(node.id)]);
  }
}

function enterNonEmpty(flow: Flow, sequence: Sequence, scope: readonly Segment[]): Landing {
  const first = enterSequence(flow, sequence, scope);
  // Validation refuses empty branches and sub-flows.
  if (first === null) throw new InvalidArgumentError("flow", `"${flow.name}" has an empty branch.`);
  return first;
}

function enterIteration(flow: Flow, { node }: LocatedNode, scope: readonly Segment[], index: number): Landing {
  const here = [...scope, segment(node.id, index)];
  if (node.kind !== "loop" || node.sequence === null) return { kind: "stand", at: at(flow, here) };
  return enterNonEmpty(flow, node.sequence, here);
}

function enterItem(flow: Flow, map: LocatedNode, segments: readonly Segment[]): Landing {
  if (map.node.kind !== "map") throw new TypeError("Only a map has items.");
  const { id, index } = segments.at(-1) ?? segment("");
  return enterNonEmpty(flow, map.node.sequence, [...segments.slice(0, -1), segment(id, index)]);
}

/** What follows a node of a sequence, or the sequence that it is the last of. */
function afterNode(flow: Flow, located: LocatedNode, scope: readonly Segment[]): Continuation {
  const next = located.sequence[located.index + 1];
  // A part has no next: what it is part of has.
  if (next !== undefined) return land(flow, next, scope);
  const { container } = located;
  switch (container.kind) {
    case "root":
      // Only where the flow has children that it waits for.
      if (located.node.kind === "children" || flow.find(CHILDREN_ID) === null) return { kind: "end" };
      return { kind: "stand", at: standpoint(flow, CHILDREN_ID) };
    case "routeBranch":
      return afterNode(flow, container.route, scope);
    case "timeout":
      return afterNode(flow, container.wait, scope);
    case "subflow":
      return afterNode(flow, container.subflow, scope.slice(0, -1));
    case "iteration":
      return { kind: "stand", at: at(flow, scope) };
    case "branch":
    case "item":
      return endOf(flow, container, scope);
    case "part":
      throw new TypeError("A part is not the last of a sequence.");
  }
}

/** Where a path goes on at a later node beside the one at `taskId`, or beside what encloses that; `null` if there is none. */
export function jumpTo(flow: Flow, taskId: TaskId, id: string): Landing | null {
  const segments = parseSegments(taskId);
  const scope = segments.slice(0, -1);
  let located = flow.get(addressOf(segments));
  for (;;) {
    const target = located.sequence.find((node, index) => index > located.index && node.id === id);
    if (target !== undefined) return land(flow, target, scope);
    const { container } = located;
    if (container.kind === "routeBranch") located = container.route;
    else if (container.kind === "timeout") located = container.wait;
    else return null;
  }
}

/** Where the fallback of the task at `taskId` stands. */
export function fallbackOf(flow: Flow, taskId: TaskId): Landing {
  return { kind: "stand", at: standpoint(flow, `${taskId}~fallback`) };
}

function at(flow: Flow, segments: readonly Segment[]): Standpoint {
  const located = flow.get(addressOf(segments));
  const last = segments.at(-1);
  // Of several events each has a number; without one the id is that of the whole.
  const isOne = located.node.kind === "collect" && last !== undefined && last.index !== null && last.part === null;
  return { taskId: formatSegments(segments), located: isOne ? flow.get(`${located.address}~event`) : located };
}
