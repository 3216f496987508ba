import { InvalidArgumentError } from "../errors/argument-errors.ts";
import type { TaskId } from "../ids.ts";
import type { PartRole } from "./flow-definition.ts";

/** One step of a task id: `poll[3]`, `resize~list`. */
export interface Segment {
  readonly id: string;
  /** Which iteration or item, counted from 0; `null` where there are none. */
  readonly index: number | null;
  /** `null` for the node itself. */
  readonly part: PartRole | null;
}

const SEGMENT = /^([^[\]/~]+)(?:\[(\d+)\])?(?:~(list|item|until|count|start|fallback|undo))?$/;

export function segment(id: string, index: number | null = null, part: PartRole | null = null): Segment {
  return { id, index, part };
}

/** @throws {InvalidArgumentError} it isn't a task id of a node */
export function parseSegments(taskId: TaskId): Segment[] {
  return taskId.split("/").map((text) => {
    const match = SEGMENT.exec(text);
    if (match === null) throw new InvalidArgumentError("taskId", `"${taskId}" is not a task id.`);
    const [, id = "", index, part] = match;
    return segment(id, index === undefined ? null : Number(index), (part as PartRole | undefined) ?? null);
  });
}

export function formatSegments(segments: readonly Segment[]): TaskId {
  return segments
    .map(({ id, index, part }) => `${id}${index === null ? "" : `[${index}]`}${part === null ? "" : `~${part}`}`)
    .join("/");
}

/** The static address of the node at which these segments occur. */
export function addressOf(segments: readonly Segment[]): string {
  return segments.map(({ id, part }) => (part === null ? id : `${id}~${part}`)).join("/");
}

/** Whether what is at these segments can occur any number of times. */
export function isIndexed(taskId: TaskId): boolean {
  return taskId.includes("[");
}

/** The path of a fork's branch. */
export function branchPath(joinTaskId: TaskId, branch: string): TaskId {
  return `${joinTaskId}/${branch}`;
}

/** The task id of the join that the position at a branch's or item's path counts down. */
export function joinTaskIdOf(path: TaskId): TaskId {
  return path.slice(0, path.endsWith("]") ? path.lastIndexOf("[") : path.lastIndexOf("/"));
}
