import { InvalidArgumentError } from "../errors/argument-errors.ts";
import type { Path, TaskId } from "../ids.ts";
import type { FlowNode, Sequence } from "./definition.ts";
import type { Flow, LocatedNode } from "./flow-definition.ts";

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
  /** The path is a branch and has come to its end. */
  | { readonly kind: "endBranch"; readonly path: Path; readonly joinPath: Path }
  /** The trunk has come to its end: the instance is complete. */
  | { readonly kind: "end" };

export interface BranchStart {
  readonly path: Path;
  readonly first: Extract<Continuation, { kind: "stand" | "fork" }>;
}

interface Segment {
  readonly id: string;
  readonly index: number | null;
}

const SEGMENT = /^([^[\]/]+)(?:\[(\d+)\])?$/;

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
  if (!taskId.includes("[")) ofFlow.set(taskId, found);
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
  return remembered(standpoints, flow, taskId, () => ({ taskId, located: flow.get(addressOf(parseSegments(taskId))) }));
}

/** What follows when the node at `taskId` is behind the path: a loop has left, a route's branch has ended. */
export function after(flow: Flow, taskId: TaskId): Continuation {
  return remembered(continuations, flow, taskId, () => {
    const segments = parseSegments(taskId);
    return afterNode(flow, flow.get(addressOf(segments)), segments.slice(0, -1));
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

/** The same loop's next iteration. */
export function nextIteration(flow: Flow, taskId: TaskId): Standpoint {
  const segments = parseSegments(taskId);
  const last = segments.at(-1);
  if (last === undefined || last.index === null)
    throw new InvalidArgumentError("taskId", `"${taskId}" is not a loop's iteration.`);
  return {
    taskId: formatSegments([...segments.slice(0, -1), { id: last.id, index: last.index + 1 }]),
    located: flow.get(addressOf(segments)),
  };
}

/** Which iteration of its loop a task id is, counted from 0; `null` if it isn't one. */
export function iterationOf(taskId: TaskId): number | null {
  return parseSegments(taskId).at(-1)?.index ?? null;
}

/**
 * Under which task ids the outputs of a fork's branches are found, by branch name.
 *
 * A branch that ends in a node with an output of its own is found under that node. One that ends in
 * a delay, route or loop has an entry of its own, named by its path, that points to the output.
 */
export function branchOutputs(flow: Flow, joinTaskId: TaskId): ReadonlyMap<string, TaskId> {
  const { located } = standpoint(flow, joinTaskId);
  if (located.node.kind !== "fork") throw new InvalidArgumentError("taskId", `"${joinTaskId}" is not a join.`);
  const prefix = joinTaskId.slice(0, joinTaskId.length - located.node.id.length);
  return new Map(
    located.node.branches.map((branch) => [
      branch.name,
      staticOutput(branch.sequence, prefix) ?? branchPath(joinTaskId, branch.name),
    ]),
  );
}

/** Whether the branch at `path`, which ends after `taskId`, needs an entry of its own. */
export function branchNeedsEntry(flow: Flow, path: Path): boolean {
  const cut = path.lastIndexOf("/");
  return branchOutputs(flow, path.slice(0, cut)).get(path.slice(cut + 1)) === path;
}

function staticOutput(sequence: Sequence, prefix: string): TaskId | null {
  const last = sequence.at(-1);
  switch (last?.kind) {
    case "task":
    case "wait":
    case "fork":
      return prefix + last.id;
    case "subflow":
      return staticOutput(last.sequence, `${prefix}${last.id}/`);
    case "delay":
    case "loop":
    case "route":
    case undefined:
      return null;
  }
}

function enterSequence(
  flow: Flow,
  sequence: Sequence,
  scope: readonly Segment[],
): Exclude<Continuation, { kind: "end" | "endBranch" }> | null {
  const first = sequence[0];
  return first === undefined ? null : land(flow, first, scope);
}

function land(
  flow: Flow,
  node: FlowNode,
  scope: readonly Segment[],
): Exclude<Continuation, { kind: "end" | "endBranch" }> {
  switch (node.kind) {
    case "task":
    case "route":
    case "delay":
    case "wait":
      return { kind: "stand", at: at(flow, [...scope, { id: node.id, index: null }]) };
    case "loop":
      return { kind: "stand", at: at(flow, [...scope, { id: node.id, index: 0 }]) };
    case "fork": {
      const join = at(flow, [...scope, { id: node.id, index: null }]);
      const branches = node.branches.map((branch) => ({
        path: branchPath(join.taskId, branch.name),
        first: enterBranch(flow, branch.sequence, scope),
      }));
      return { kind: "fork", join, branches };
    }
    case "subflow":
      return enterBranch(flow, node.sequence, [...scope, { id: node.id, index: null }]);
  }
}

function enterBranch(flow: Flow, sequence: Sequence, scope: readonly Segment[]): BranchStart["first"] {
  const first = enterSequence(flow, sequence, scope);
  // Validation refuses empty branches and sub-flows.
  if (first === null) throw new InvalidArgumentError("flow", `"${flow.name}" has an empty branch.`);
  return first;
}

function afterNode(flow: Flow, located: LocatedNode, scope: readonly Segment[]): Continuation {
  const next = located.sequence[located.index + 1];
  if (next !== undefined) return land(flow, next, scope);
  const { container } = located;
  switch (container.kind) {
    case "root":
      return { kind: "end" };
    case "routeBranch":
      return afterNode(flow, container.route, scope);
    case "subflow":
      return afterNode(flow, container.subflow, scope.slice(0, -1));
    case "branch":
      return {
        kind: "endBranch",
        path: branchPath(formatSegments([...scope, { id: container.fork.node.id, index: null }]), container.name),
        joinPath: pathOf(container.fork, scope),
      };
  }
}

/** The path on which a node is executed: that of the innermost branch around it. */
function pathOf(located: LocatedNode, scope: readonly Segment[]): Path {
  const { container } = located;
  switch (container.kind) {
    case "root":
      return "";
    case "routeBranch":
      return pathOf(container.route, scope);
    case "subflow":
      return pathOf(container.subflow, scope.slice(0, -1));
    case "branch":
      return branchPath(formatSegments([...scope, { id: container.fork.node.id, index: null }]), container.name);
  }
}

function branchPath(joinTaskId: TaskId, branch: string): Path {
  return `${joinTaskId}/${branch}`;
}

function at(flow: Flow, segments: readonly Segment[]): Standpoint {
  return { taskId: formatSegments(segments), located: flow.get(addressOf(segments)) };
}

function addressOf(segments: readonly Segment[]): string {
  return segments.map((segment) => segment.id).join("/");
}

function formatSegments(segments: readonly Segment[]): TaskId {
  return segments.map((segment) => (segment.index === null ? segment.id : `${segment.id}[${segment.index}]`)).join("/");
}

function parseSegments(taskId: TaskId): Segment[] {
  return taskId.split("/").map((text) => {
    const match = SEGMENT.exec(text);
    if (match === null) throw new InvalidArgumentError("taskId", `"${taskId}" is not a task id.`);
    return { id: match[1] ?? "", index: match[2] === undefined ? null : Number(match[2]) };
  });
}
