import type { TaskId } from "../ids.ts";
import { type Flow, HANDLER_ID, type LocatedNode, undoOf } from "./flow-definition.ts";
import { addressOf, parseSegments, type Segment } from "./task-id.ts";

/** Where a task stands in the order of its flow: compared number by number; equal for what runs side by side. */
type Rank = readonly number[];

/** What stands in a node comes after where that begins, and before where it ends. */
const WITHIN = 1;
const BEHIND = 2;

/** The task id under which it is recorded that a task has been undone. */
export function undoTaskId(taskId: TaskId): TaskId {
  return `${taskId}~undo`;
}

/** Whether a task id is that of something undone. */
export function isUndoTaskId(taskId: TaskId): boolean {
  return taskId.endsWith("~undo");
}

/** The task id of a flow's failure handler, before the instance fails for the `nth` time, counted from 0. */
export function handlerTaskId(nth: number): TaskId {
  return `${HANDLER_ID}[${nth}]`;
}

/**
 * What is to be undone next: of all tasks that are recorded and can be undone, those that come last in the order of the flow.
 * What has the same place in that order (items of a map, branches of a fork as far as they are of one length) comes together.
 *
 * @param recorded - task ids with a recorded output, those of what has been undone (`charge~undo`) included
 */
export function nextToUndo(flow: Flow, recorded: readonly TaskId[]): TaskId[] {
  const known = new Set(recorded);
  let last: Rank = [];
  let tasks: TaskId[] = [];
  for (const taskId of recorded) {
    const rank = known.has(undoTaskId(taskId)) ? null : rankOf(flow, taskId);
    if (rank === null) continue;
    const order = tasks.length === 0 ? 1 : compareRanks(rank, last);
    if (order > 0) [last, tasks] = [rank, [taskId]];
    else if (order === 0) tasks.push(taskId);
  }
  return tasks;
}

/** `null` for what can't be undone. */
function rankOf(flow: Flow, taskId: TaskId): Rank | null {
  const segments = segmentsOf(taskId);
  const located = segments === null ? null : flow.find(addressOf(segments));
  if (segments === null || located === null || located.container.kind === "part" || undoOf(located.node) === null)
    return null;
  const { kind } = located.node;
  const own = kind === "fork" ? [BEHIND] : kind === "loop" ? [segments.at(-1)?.index ?? 0, BEHIND] : [];
  return [...placeOf(located, segments.slice(0, -1)), ...own];
}

/** `null` for what is no node's: steps, notes. */
function segmentsOf(taskId: TaskId): Segment[] | null {
  try {
    return parseSegments(taskId);
  } catch {
    return null;
  }
}

function placeOf(located: LocatedNode, scope: readonly Segment[]): Rank {
  const { container, index } = located;
  switch (container.kind) {
    case "root":
      return [index];
    case "part":
      return placeOf(container.of, scope);
    case "routeBranch":
      return [...placeOf(container.route, scope), WITHIN, index];
    case "timeout":
      return [...placeOf(container.wait, scope), WITHIN, index];
    case "subflow":
      return [...placeOf(container.subflow, scope.slice(0, -1)), WITHIN, index];
    case "iteration":
      return [...placeOf(container.loop, scope.slice(0, -1)), scope.at(-1)?.index ?? 0, WITHIN, index];
    case "item":
      return [...placeOf(container.map, scope.slice(0, -1)), WITHIN, index];
    case "branch": {
      const { fork } = container;
      const isScope = fork.node.kind === "fork" && fork.node.mode !== "all";
      return [...placeOf(fork, isScope ? scope.slice(0, -2) : scope), WITHIN, index];
    }
  }
}

function compareRanks(a: Rank, b: Rank): number {
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
