import { COMMON_KEY } from "../snapshot/allowance.ts";
import type { GateScope, Interrupt, ItemCounts, Position, PositionKind } from "../snapshot/position.ts";
import type {
  EntryKind,
  EntryOutcome,
  ForkPoint,
  HistoryEntry,
  InstanceOutline,
  InstanceRecord,
  InstanceStatus,
  Parent,
  TaskResult,
} from "../snapshot/snapshot.ts";
import type { TraceEntry } from "../snapshot/trace-entry.ts";
import type { SavedProgress } from "../store/progress-store.ts";

/** Times come as milliseconds since the epoch; `Infinity` for PostgreSQL's infinity. */
export interface InstanceRow extends OutlineRow {
  readonly input: Uint8Array;
  readonly output: Uint8Array | null;
  readonly failure: Uint8Array | null;
}

export interface OutlineRow {
  readonly instance_id: string;
  readonly flow: string;
  readonly definition_hash: string;
  readonly codec: string;
  readonly status: InstanceStatus;
  readonly reason: string | null;
  readonly priority: number;
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly forked_from: string | null;
  readonly forked_at: bigint | null;
  readonly parent_id: string | null;
  readonly parent_task_id: string | null;
  readonly parent_run: number | null;
  readonly on_parent_close: Parent["onClose"] | null;
  readonly spawns: boolean | null;
  readonly created_ms: number;
  readonly deadline_ms: number | null;
  readonly ended_ms: number | null;
  readonly run: number;
  /** The database's clock when this was read. */
  readonly now_ms: number;
}

export interface PositionRow {
  readonly path: string;
  readonly task_id: string;
  readonly kind: PositionKind;
  readonly tags: readonly string[];
  readonly priority: number;
  readonly attempt: number;
  readonly lost: number;
  readonly pending: number;
  readonly item_total: number | null;
  readonly item_started: number | null;
  readonly item_failed: number | null;
  readonly input_ref: string | null;
  readonly event: string | null;
  readonly interrupt: Interrupt | null;
  readonly worker_id: string | null;
  readonly token: bigint;
  readonly available_ms: number;
  readonly wake_ms: number | null;
  readonly ready: boolean;
  readonly limit_name: string | null;
  readonly limit_scope: GateScope | "" | null;
  readonly limit_key: string | null;
  readonly slot_of: string | null;
  readonly slot_key: string | null;
}

/** A position with how far its task says it is. */
export interface ProgressRow extends PositionRow {
  readonly progress: Uint8Array | null;
  readonly progress_ms: number | null;
}

export interface HistoryRow extends TraceRow {
  readonly output: Uint8Array | null;
  readonly failure: Uint8Array | null;
}

export interface TraceRow {
  readonly sequence: bigint;
  readonly task_id: string;
  readonly attempt: number;
  readonly path: string;
  readonly kind: EntryKind;
  readonly outcome: EntryOutcome;
  readonly output_ref: string | null;
  readonly worker_id: string | null;
  readonly duration_ms: number | null;
  readonly decision: string | null;
  readonly at_ms: number;
}

export interface ResultRow {
  readonly task_id: string;
  readonly kind: EntryKind;
  readonly outcome: TaskResult["outcome"];
  readonly output: Uint8Array | null;
  readonly output_ref: string | null;
  readonly failure: Uint8Array | null;
  readonly decision: string | null;
}

export function instanceFromRow(row: InstanceRow): InstanceRecord {
  return { ...outlineFromRow(row), input: row.input, output: row.output, failure: row.failure };
}

export function outlineFromRow(row: OutlineRow): InstanceOutline {
  return {
    instanceId: row.instance_id,
    flow: row.flow,
    definitionHash: row.definition_hash,
    codec: row.codec,
    status: row.status,
    reason: row.reason,
    priority: row.priority,
    tags: row.tags,
    labels: row.labels,
    createdAt: wholeMs(row.created_ms),
    deadlineAt: row.deadline_ms === null ? null : wholeMs(row.deadline_ms),
    forkedFrom: forkPointFrom(row),
    parent: parentFrom(row),
    spawns: row.spawns === true,
    endedAt: row.ended_ms === null ? null : wholeMs(row.ended_ms),
    run: row.run,
  };
}

function forkPointFrom({ forked_from: instanceId, forked_at: sequence }: OutlineRow): ForkPoint | null {
  return instanceId === null || sequence === null ? null : { instanceId, sequence };
}

/** It is a child, or may have children: its end means something to others. */
export function hasRelatives(row: Pick<OutlineRow, "parent_id" | "spawns">): boolean {
  return row.parent_id !== null || row.spawns === true;
}

function parentFrom({
  parent_id: instanceId,
  parent_task_id: taskId,
  parent_run: run,
  on_parent_close: onClose,
}: OutlineRow): Parent | null {
  if (instanceId === null || taskId === null || run === null || onClose === null) return null;
  return { instanceId, taskId, run, onClose };
}

export function positionFromRow(row: PositionRow): Position {
  const availableAt = Number.isFinite(row.available_ms) ? wholeMs(row.available_ms) : null;
  return {
    path: row.path,
    taskId: row.task_id,
    kind: row.kind,
    tags: row.tags,
    priority: row.priority,
    attempt: row.attempt,
    lost: row.lost,
    pending: row.pending,
    items: itemsFromRow(row),
    inputRef: row.input_ref,
    event: row.event,
    interrupt: row.interrupt,
    ready: row.ready,
    availableAt,
    wakeAt: row.wake_ms === null ? null : wholeMs(row.wake_ms),
    claim: row.worker_id === null ? null : { workerId: row.worker_id, token: row.token, expiresAt: availableAt },
    ...gateFromRow(row),
    ...(row.slot_of === null ? {} : { slot: { limit: row.slot_of, key: row.slot_key ?? COMMON_KEY } }),
  };
}

/** What a position was when it stood before a gate says nothing of it elsewhere. */
function gateFromRow({
  limit_name: limit,
  limit_scope: scope,
  limit_key: key,
}: PositionRow): Pick<Position, "gate" | "limitKey"> {
  if (limit === null || scope === null || scope === "") return {};
  return { gate: { limit, scope }, limitKey: key ?? COMMON_KEY };
}

export function progressFromRow({ path, task_id: taskId, progress, progress_ms: at }: ProgressRow): SavedProgress[] {
  return progress === null || at === null ? [] : [{ path, taskId, value: progress, at: wholeMs(at) }];
}

/** What a position was when it stood at a map says nothing of it elsewhere. */
function itemsFromRow({
  kind,
  item_total: total,
  item_started: started,
  item_failed: failed,
}: PositionRow): ItemCounts | null {
  return kind === "join" && total !== null ? { total, started: started ?? 0, failed: failed ?? 0 } : null;
}

export function historyEntryFromRow(row: HistoryRow): HistoryEntry {
  return { ...traceEntryFromRow(row), output: row.output, failure: row.failure };
}

export function traceEntryFromRow(row: TraceRow): TraceEntry {
  return {
    sequence: row.sequence,
    taskId: row.task_id,
    attempt: row.attempt,
    path: row.path,
    kind: row.kind,
    outcome: row.outcome,
    outputRef: row.output_ref,
    workerId: row.worker_id,
    durationMs: row.duration_ms,
    decision: row.decision,
    at: wholeMs(row.at_ms),
  };
}

export function resultFromRow(row: ResultRow): TaskResult {
  const { task_id: taskId, kind, outcome, output, output_ref: outputRef, failure, decision } = row;
  return { taskId, kind, outcome, output, outputRef, failure, decision };
}

/** The database counts microseconds; rounding up never makes a time look passed that hasn't. */
export function wholeMs(ms: number): number {
  // Adding zero turns the negative one into the ordinary one.
  return Math.ceil(ms - 1e-4) + 0;
}
