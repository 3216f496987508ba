import type { SerializedFailure } from "../errors/failure.ts";
import type { InstanceId, TaskId } from "../ids.ts";
import type { InstanceSummary } from "./instance-summary.ts";

/** Instances of one flow that failed at one task with one kind of error. */
export interface FailureGroup {
  readonly flow: string;
  /** Without iterations and items: `poll`, not `poll[3]`; `null` where it isn't known. */
  readonly taskId: TaskId | null;
  /** The error's name and code. */
  readonly name: string;
  readonly code: string | null;
  /** Of the one that failed last. */
  readonly message: string;
  readonly count: number;
  readonly firstAt: Date;
  readonly lastAt: Date;
  /** Up to five, the last one first. */
  readonly instanceIds: readonly InstanceId[];
}

export interface FailureGroups {
  /** The largest first. */
  readonly groups: readonly FailureGroup[];
  /** How many failed instances were looked at. */
  readonly lookedAt: number;
  /** Whether there are more of them. */
  readonly isCapped: boolean;
}

interface Failed extends Pick<InstanceSummary, "instanceId" | "flow" | "endedAt" | "createdAt"> {
  readonly failure: SerializedFailure | null;
}

const MOST_EXAMPLES = 5;

/** @param failed - those first that failed last */
export function groupFailures(failed: readonly Failed[]): readonly FailureGroup[] {
  const groups = new Map<string, FailureGroup>();
  for (const { instanceId, flow, failure, endedAt, createdAt } of failed) {
    const taskId = failure?.taskId?.replaceAll(/\[\d+\]/g, "") ?? null;
    const { name = "Unreadable", code = null, message = "Its codec is not available here." } = failure ?? {};
    const key = JSON.stringify([flow, taskId, name, code]);
    const at = endedAt ?? createdAt;
    const known = groups.get(key);
    if (known === undefined) {
      groups.set(key, {
        ...{ flow, taskId, name, code, message, count: 1, firstAt: at, lastAt: at, instanceIds: [instanceId] },
      });
      continue;
    }
    const instanceIds =
      known.instanceIds.length < MOST_EXAMPLES ? [...known.instanceIds, instanceId] : known.instanceIds;
    groups.set(key, { ...known, count: known.count + 1, firstAt: at, instanceIds });
  }
  return [...groups.values()].sort((a, b) => b.count - a.count || b.lastAt.getTime() - a.lastAt.getTime());
}
