import type { FlowNode } from "../flow/definition.ts";
import { branchPath } from "../flow/task-id.ts";
import type { Path } from "../ids.ts";
import { stateTaskId } from "../snapshot/state-ids.ts";
import type { Backend } from "../store/backend.ts";
import type { StateVersion } from "../store/state-store.ts";
import type { HeldPosition } from "./held-position.ts";
import { decodeVersion, type StateOwner, type StateRecord } from "./state-values.ts";
import { readItemCount } from "./task-inputs.ts";

/** Most paths that are asked for at once. */
const PAGE = 2_000;

export type StatesOfPaths = Pick<Backend, "loadStates" | "loadResults">;

/** Whether branches or items end at a node, and their changes are joined there. */
export function joinsChanges({ kind }: FlowNode): boolean {
  return kind === "fork" || kind === "map";
}

/**
 * What the branches of a join, or the items of a map, have changed, in the order in which they are defined: of those that count
 * there. A branch or item that has failed does not, nor does one that was left behind by the one that came first.
 */
export async function readJoinedChanges(
  store: StatesOfPaths,
  held: HeldPosition,
  owner: StateOwner,
  node: FlowNode,
): Promise<StateRecord[]> {
  const changes: StateRecord[] = [];
  for (const paths of await pathsAt(store, held, node)) {
    const versions = await store.loadStates(owner.instanceId, paths.map(stateTaskId));
    if (versions.length === 0) continue;
    const byTask = new Map(versions.map((version) => [version.taskId, version]));
    for (const path of await countingPaths(store, owner, node, paths, byTask)) {
      const change = await decodeVersion(owner, byTask.get(stateTaskId(path)) ?? null);
      if (change !== null) changes.push(change);
    }
  }
  return changes;
}

/** All paths that end at a join, in order, in pages. */
async function pathsAt(store: StatesOfPaths, held: HeldPosition, node: FlowNode): Promise<Path[][]> {
  const { taskId } = held.stand;
  const paths =
    node.kind === "fork"
      ? node.branches.map(({ name }) => branchPath(taskId, name))
      : Array.from({ length: await readItemCount(store, held) }, (_, index) => `${taskId}[${index}]`);
  // Of a fork that one branch wins, all have to be looked at together.
  const size = node.kind === "fork" ? Math.max(1, paths.length) : PAGE;
  return Array.from({ length: Math.ceil(paths.length / size) }, (_, page) =>
    paths.slice(page * size, (page + 1) * size),
  );
}

async function countingPaths(
  store: StatesOfPaths,
  { instanceId }: StateOwner,
  node: FlowNode,
  paths: readonly Path[],
  changed: ReadonlyMap<string, StateVersion>,
): Promise<readonly Path[]> {
  const isAll = node.kind === "fork" ? node.mode === "all" : node.kind === "map" && node.tolerated === 0;
  if (isAll) return paths;
  const results = await store.loadResults(instanceId, paths);
  const failed = new Set(results.filter(({ outcome }) => outcome === "tolerated").map(({ taskId }) => taskId));
  if (node.kind === "fork" && node.mode !== "settled") {
    const ended = new Set(results.map(({ taskId }) => taskId));
    const winner = paths.find((path) => ended.has(path) && !failed.has(path));
    return winner === undefined ? [] : [winner];
  }
  return paths.filter((path) => changed.has(stateTaskId(path)) && !failed.has(path));
}
