import type { Gate, ItemCounts, PositionKind } from "../snapshot/position.ts";
import type { StoodPosition } from "../snapshot/stood-position.ts";

/** One element of `instances.stood_at`, in the words of the table `positions`, for whoever reads it with SQL. */
export interface StoodJson {
  readonly path: string;
  readonly task_id: string;
  readonly kind: PositionKind;
  readonly attempt: number;
  readonly priority: number;
  readonly tags: readonly string[];
  readonly input_ref: string | null;
  readonly event: string | null;
  readonly pending: number;
  /** Of a map's join: how many items it has, how many have begun, how many have failed and were let pass. */
  readonly items: ItemCounts | null;
  /** ISO 8601. */
  readonly wake_at: string | null;
  /** Before which gate it waited, or had been let through, and whose share it takes. */
  readonly gate?: Gate;
  readonly limit_key?: string;
}

/** The value of `instances.stood_at`. */
export function stoodToJson(positions: readonly StoodPosition[]): string {
  return JSON.stringify(
    positions.map(
      (position): StoodJson => ({
        path: position.path,
        task_id: position.taskId,
        kind: position.kind,
        attempt: position.attempt,
        priority: position.priority,
        tags: position.tags,
        input_ref: position.inputRef,
        event: position.event,
        pending: position.pending,
        items: position.items,
        wake_at: position.wakeAt === null ? null : new Date(position.wakeAt).toISOString(),
        ...(position.gate === undefined ? {} : { gate: position.gate }),
        ...(position.limitKey === undefined ? {} : { limit_key: position.limitKey }),
      }),
    ),
  );
}

export function stoodFromJson(json: StoodJson): StoodPosition {
  return {
    path: json.path,
    taskId: json.task_id,
    kind: json.kind,
    attempt: json.attempt,
    priority: json.priority,
    tags: json.tags,
    inputRef: json.input_ref,
    event: json.event,
    pending: json.pending,
    items: json.items,
    wakeAt: json.wake_at === null ? null : Date.parse(json.wake_at),
    ...(json.gate === undefined ? {} : { gate: json.gate }),
    ...(json.limit_key === undefined ? {} : { limitKey: json.limit_key }),
  };
}
