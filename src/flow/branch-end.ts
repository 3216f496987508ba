import type { Path, TaskId } from "../ids.ts";
import type { Flow, LocatedNode } from "./flow-definition.ts";
import { branchOutputs, findsOutput } from "./output-ids.ts";
import {
  addressOf,
  branchPath,
  formatSegments,
  joinTaskIdOf,
  parseSegments,
  type Segment,
  segment,
} from "./task-id.ts";

/** Where a branch ends, and what that means. */
export interface BranchEnd {
  readonly kind: "endBranch";
  readonly path: Path;
  /** Where the join stands. */
  readonly joinPath: Path;
  readonly join: LocatedNode;
  /** Whether what it hands on needs an entry of its own, under its path: the definition alone doesn't say whose it is. */
  readonly needsEntry: boolean;
}

/** The end of a branch or item, from a node that stands directly in its sequence. */
export function endOf(
  flow: Flow,
  container: Extract<LocatedNode["container"], { kind: "branch" | "item" }>,
  scope: readonly Segment[],
): BranchEnd {
  if (container.kind === "item") {
    const { map } = container;
    const path = formatSegments(scope);
    const needsEntry = map.node.kind !== "map" || !findsOutput(map.node.sequence);
    return { kind: "endBranch", path, joinPath: pathOf(map, scope.slice(0, -1)), join: map, needsEntry };
  }
  const { fork, name } = container;
  if (isScoped(fork)) {
    const path = formatSegments(scope);
    return { kind: "endBranch", path, joinPath: pathOf(fork, scope.slice(0, -2)), join: fork, needsEntry: true };
  }
  const joinTaskId = formatSegments([...scope, segment(fork.node.id)]);
  const path = branchPath(joinTaskId, name);
  const needsEntry = branchOutputs(flow, joinTaskId).get(name) === path;
  return { kind: "endBranch", path, joinPath: pathOf(fork, scope), join: fork, needsEntry };
}

/** The end of the innermost branch or item around the node at `taskId` whose join `isMeant`; `null` if there is none. */
export function enclosingBranch(flow: Flow, taskId: TaskId, isMeant: (join: LocatedNode) => boolean): BranchEnd | null {
  const segments = parseSegments(taskId);
  const last = segments.at(-1);
  let { container } = flow.get(addressOf(segments));
  let scope = segments.slice(0, -1);
  // Where an item begins, it is the item's own already.
  if (container.kind === "part" && container.role === "item" && last !== undefined) {
    container = { kind: "item", map: container.of };
    scope = [...scope, segment(last.id, last.index)];
  }
  for (;;) {
    switch (container.kind) {
      case "root":
        return null;
      case "part":
        ({ container } = container.of);
        break;
      case "routeBranch":
        ({ container } = container.route);
        break;
      case "timeout":
        ({ container } = container.wait);
        break;
      case "subflow":
        ({ container } = container.subflow);
        scope = scope.slice(0, -1);
        break;
      case "iteration":
        ({ container } = container.loop);
        scope = scope.slice(0, -1);
        break;
      case "item":
        if (isMeant(container.map)) return endOf(flow, container, scope);
        ({ container } = container.map);
        scope = scope.slice(0, -1);
        break;
      case "branch": {
        const { fork } = container;
        if (isMeant(fork)) return endOf(flow, container, scope);
        ({ container } = fork);
        if (isScoped(fork)) scope = scope.slice(0, -2);
        break;
      }
    }
  }
}

/** The path on which a node is executed: that of the innermost branch or item around it. */
function pathOf(located: LocatedNode, scope: readonly Segment[]): Path {
  const { container } = located;
  switch (container.kind) {
    case "root":
      return "";
    case "routeBranch":
      return pathOf(container.route, scope);
    case "timeout":
      return pathOf(container.wait, scope);
    case "part":
      return pathOf(container.of, scope);
    case "subflow":
      return pathOf(container.subflow, scope.slice(0, -1));
    case "iteration":
      return pathOf(container.loop, scope.slice(0, -1));
    case "item":
      return formatSegments(scope);
    case "branch":
      if (isScoped(container.fork)) return formatSegments(scope);
      return branchPath(formatSegments([...scope, segment(container.fork.node.id)]), container.name);
  }
}

/** The paths around a branch's or item's, from the trunk's to its own. What is undone belongs to the trunk. */
export function pathsAround(flow: Flow, path: Path): readonly Path[] {
  const paths: Path[] = [];
  for (let around = path; around !== "" && !around.endsWith("~undo"); ) {
    paths.push(around);
    const segments = parseSegments(joinTaskIdOf(around));
    around = pathOf(flow.get(addressOf(segments)), segments.slice(0, -1));
  }
  return ["", ...paths.reverse()];
}

/** Whether the branches of a fork are scopes of their own. */
function isScoped({ node }: LocatedNode): boolean {
  return node.kind === "fork" && node.mode !== "all";
}
