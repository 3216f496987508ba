import type { Position } from "../../snapshot/position.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";

interface OnInstance {
  readonly instanceId: string;
  readonly now: Date | null;
}

/**
 * Takes all positions of an instance out of reach; whoever holds one finishes its task first. As
 * `pausePosition` in the snapshot layer. The caller has their locks.
 */
export function pausePositions(t: Tables, p: OnInstance): Query<never> {
  return sql`
    UPDATE ${t.positions}
    SET interrupt = 'paused', order_key = NULL,
        available_at = CASE WHEN worker_id IS NULL THEN 'infinity' ELSE available_at END
    WHERE instance_id = ${p.instanceId}::text
  `;
}

/** Marks all positions with a pending request. As `interruptPosition` in the snapshot layer. */
export function interruptPositions(
  t: Tables,
  p: OnInstance & { readonly interrupt: "pause" | "cancel" },
): Query<never> {
  return sql`
    UPDATE ${t.positions}
    SET interrupt = ${p.interrupt}::text,
        order_key = NULL,
        available_at = CASE
          WHEN worker_id IS NOT NULL THEN available_at
          ELSE least(available_at, coalesce(${p.now}::timestamptz, clock_timestamp()) + interval '1 second')
        END
    WHERE instance_id = ${p.instanceId}::text
  `;
}

/** Lets positions go on. As `resumePosition` in the snapshot layer. The caller has their locks. */
export function resumePositions(t: Tables, p: OnInstance): Query<never> {
  return sql`
    WITH clock AS MATERIALIZED (SELECT coalesce(${p.now}::timestamptz, clock_timestamp()) AS now)
    UPDATE ${t.positions} AS q
    SET interrupt = NULL,
        order_key = CASE
          WHEN q.worker_id IS NULL AND (q.kind = 'wait' OR (q.wake_at IS NULL AND NOT (q.kind = 'join' AND q.pending > 0)))
          THEN ${t.orderKey}(q.priority, clock.now)
        END,
        available_at = CASE
          WHEN q.worker_id IS NOT NULL THEN q.available_at
          WHEN q.kind = 'wait' OR (q.wake_at IS NULL AND NOT (q.kind = 'join' AND q.pending > 0)) THEN clock.now
          ELSE coalesce(q.wake_at, 'infinity')
        END
    FROM clock
    WHERE q.instance_id = ${p.instanceId}::text AND q.interrupt IS NOT NULL
  `;
}

/** Makes one parked position ready, so that somebody looks at it. */
export function wakePosition(t: Tables, p: OnInstance & { readonly path: string }): Query<never> {
  return sql`
    WITH clock AS MATERIALIZED (SELECT coalesce(${p.now}::timestamptz, clock_timestamp()) AS now)
    UPDATE ${t.positions} AS q
    SET available_at = clock.now, order_key = ${t.orderKey}(q.priority, clock.now)
    FROM clock
    WHERE q.instance_id = ${p.instanceId}::text AND q.path = ${p.path}::text
      AND q.worker_id IS NULL AND q.order_key IS NULL AND q.interrupt IS NULL
  `;
}

/** Writes a position of a saved snapshot, without a claim. */
export function upsertPosition(
  t: Tables,
  p: OnInstance & { readonly position: Position; readonly lane: number },
): Query<never> {
  const { position } = p;
  const availableAt = position.availableAt === null ? "infinity" : new Date(position.availableAt);
  return sql`
    INSERT INTO ${t.positions} AS q (instance_id, path, task_id, kind, lane, priority, attempt, lost, pending, input_ref, event,
                                     interrupt, worker_id, since, wake_at, available_at, order_key)
    VALUES (${p.instanceId}::text, ${position.path}::text, ${position.taskId}::text, ${position.kind}::text, ${p.lane}::int,
            ${position.priority}::smallint, ${position.attempt}::int, ${position.lost}::smallint, ${position.pending}::int,
            ${position.inputRef}::text, ${position.event}::text, ${position.interrupt}::text, NULL,
            coalesce(${p.now}::timestamptz, clock_timestamp()),
            ${position.wakeAt === null ? null : new Date(position.wakeAt)}::timestamptz,
            ${availableAt}::timestamptz,
            CASE WHEN ${position.ready}::boolean THEN ${t.orderKey}(${position.priority}::smallint, ${availableAt}::timestamptz) END)
    ON CONFLICT (instance_id, path) DO UPDATE
    SET task_id = excluded.task_id, kind = excluded.kind, lane = excluded.lane, priority = excluded.priority,
        attempt = excluded.attempt, lost = excluded.lost, pending = excluded.pending, input_ref = excluded.input_ref,
        event = excluded.event, interrupt = excluded.interrupt, worker_id = NULL, since = excluded.since,
        wake_at = excluded.wake_at, available_at = excluded.available_at, order_key = excluded.order_key
  `;
}

/** Removes the positions that a saved snapshot does not have. */
export function deletePositionsExcept(
  t: Tables,
  p: { readonly instanceId: string; readonly paths: readonly string[] },
): Query<never> {
  return sql`
    DELETE FROM ${t.positions} WHERE instance_id = ${p.instanceId}::text AND NOT path = ANY (${p.paths}::text[])
  `;
}
