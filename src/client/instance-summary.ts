import type { InstanceId } from "../ids.ts";
import type { ForkPoint, InstanceRecord, InstanceStatus, Parent } from "../snapshot/snapshot.ts";
import type { InstanceFilter } from "../store/instance-store.ts";

/** What a list tells of an instance. */
export interface InstanceSummary {
  readonly instanceId: InstanceId;
  readonly flow: string;
  readonly status: InstanceStatus;
  /** Why it is paused, or was cancelled or retried; `null` where nobody has said. */
  readonly reason: string | null;
  readonly priority: number;
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Of which instance it is a fork, and after which entry of that one's history; `null` if of none. */
  readonly forkedFrom: ForkPoint | null;
  /** Which instance's task has started it, and what becomes of it when that ends; `null` if none has. */
  readonly parent: Parent | null;
  readonly createdAt: Date;
  readonly endedAt: Date | null;
}

/** Which instances to list. All parts must fit. */
export type ListFilter = InstanceFilter;

export interface InstancePage {
  /** In code-point order of ids. */
  readonly instances: readonly InstanceSummary[];
  /** Pass it as `after` for the next page; `null` if this was the last one. */
  readonly next: InstanceId | null;
}

export function summaryOf(record: InstanceRecord): InstanceSummary {
  const { instanceId, flow, status, reason, priority, tags, labels, forkedFrom, parent, createdAt, endedAt } = record;
  const times = { createdAt: new Date(createdAt), endedAt: endedAt === null ? null : new Date(endedAt) };
  return { instanceId, flow, status, reason, priority, tags, labels, forkedFrom, parent, ...times };
}
