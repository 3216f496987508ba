import type { DefinitionHash, InstanceId } from "../ids.ts";
import type { ForkPoint, InstanceOutline, InstanceStatus, Parent } from "../snapshot/snapshot.ts";
import type { InstanceFilter } from "../store/instance-store.ts";

/** What a list tells of an instance. */
export interface InstanceSummary {
  readonly instanceId: InstanceId;
  readonly flow: string;
  readonly definitionHash: DefinitionHash;
  readonly status: InstanceStatus;
  /** Why it is paused, or was cancelled or retried; `null` where nobody has said. */
  readonly reason: string | null;
  readonly priority: number;
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Of which instance it is a fork, and after which entry of that one's history; `null` if of none. */
  readonly forkedFrom: ForkPoint | null;
  /** Which run this is, counted from 1: one more each time that it continues as new. */
  readonly run: number;
  /** Which instance's task has started it, and what becomes of it when that ends; `null` if none has. */
  readonly parent: Parent | null;
  readonly createdAt: Date;
  /** By when it has to have ended, or had; `null` for never. */
  readonly deadline: Date | null;
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

export function summaryOf(record: InstanceOutline): InstanceSummary {
  const { instanceId, flow, definitionHash, status, reason, priority, tags, labels, forkedFrom, run, parent } = record;
  const { createdAt, deadlineAt, endedAt } = record;
  const times = { createdAt: new Date(createdAt), deadline: dateOrNull(deadlineAt), endedAt: dateOrNull(endedAt) };
  return {
    instanceId,
    flow,
    definitionHash,
    status,
    reason,
    priority,
    tags,
    labels,
    forkedFrom,
    parent,
    run,
    ...times,
  };
}

function dateOrNull(at: number | null): Date | null {
  return at === null ? null : new Date(at);
}
