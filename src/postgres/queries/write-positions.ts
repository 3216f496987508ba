import type { Position } from "../../snapshot/position.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";

/** When a position may be taken and what stops it, as decided in the snapshot layer. The caller has its lock. */
export function writeSchedules(
  t: Tables,
  p: { readonly instanceId: string; readonly positions: readonly Position[] },
): Query<never> {
  return sql`
    UPDATE ${t.positions} AS q
    SET interrupt = d.interrupt,
        -- Who has to act on a request waits for no limit.
        lane = CASE WHEN d.interrupt = 'undo' THEN coalesce((
          SELECT b.lane
          FROM ${t.lanes} AS g
          JOIN ${t.lanes} AS b ON b.definition_hash = g.definition_hash AND b.codec = g.codec AND b.tags = g.tags AND b.limit_name = ''
          WHERE g.lane = q.lane AND q.worker_id IS NULL
          LIMIT 1), q.lane) ELSE q.lane END,
        available_at = d.available_at,
        order_key = CASE WHEN d.ready THEN ${t.orderKey}(q.priority, d.available_at) END
    FROM unnest(
      ${p.positions.map((position) => position.path)}::text[],
      ${p.positions.map((position) => position.interrupt)}::text[],
      ${p.positions.map(availableAt)}::timestamptz[],
      ${p.positions.map((position) => position.ready)}::boolean[]
    ) AS d (path, interrupt, available_at, ready)
    WHERE q.instance_id = ${p.instanceId}::text AND q.path = d.path
  `;
}

/** Writes positions of a saved snapshot, without claims. The caller has their locks. */
export function upsertPositions(
  t: Tables,
  p: {
    readonly instanceId: string;
    readonly positions: readonly { readonly position: Position; readonly lane: number }[];
    readonly now: Date | null;
  },
): Query<never> {
  const all = p.positions.map(({ position }) => position);
  return sql`
    INSERT INTO ${t.positions} (instance_id, path, task_id, kind, lane, priority, attempt, lost, pending, item_total,
                                item_started, item_failed, input_ref, event, interrupt, worker_id, limit_key, since, wake_at, available_at, order_key)
    SELECT ${p.instanceId}::text, d.path, d.task_id, d.kind, d.lane, d.priority, d.attempt, d.lost, d.pending, d.item_total,
           d.item_started, d.item_failed, d.input_ref, d.event, d.interrupt, NULL, d.limit_key, coalesce(${p.now}::timestamptz, clock_timestamp()), d.wake_at, d.available_at,
           CASE WHEN d.ready THEN ${t.orderKey}(d.priority, d.available_at) END
    FROM unnest(
      ${all.map((position) => position.path)}::text[],
      ${all.map((position) => position.taskId)}::text[],
      ${all.map((position) => position.kind)}::text[],
      ${p.positions.map(({ lane }) => lane)}::int[],
      ${all.map((position) => position.priority)}::smallint[],
      ${all.map((position) => position.attempt)}::int[],
      ${all.map((position) => position.lost)}::smallint[],
      ${all.map((position) => position.pending)}::int[],
      ${all.map(({ items }) => items?.total ?? null)}::int[],
      ${all.map(({ items }) => items?.started ?? null)}::int[],
      ${all.map(({ items }) => items?.failed ?? null)}::int[],
      ${all.map((position) => position.inputRef)}::text[],
      ${all.map((position) => position.event)}::text[],
      ${all.map((position) => position.interrupt)}::text[],
      ${all.map((position) => position.limitKey ?? null)}::text[],
      ${all.map((position) => (position.wakeAt === null ? null : new Date(position.wakeAt)))}::timestamptz[],
      ${all.map(availableAt)}::timestamptz[],
      ${all.map((position) => position.ready)}::boolean[]
    ) AS d (path, task_id, kind, lane, priority, attempt, lost, pending, item_total, item_started, item_failed, input_ref, event, interrupt,
            limit_key, wake_at, available_at, ready)
    ON CONFLICT (instance_id, path) DO UPDATE
    SET task_id = excluded.task_id, kind = excluded.kind, lane = excluded.lane, priority = excluded.priority,
        attempt = excluded.attempt, lost = excluded.lost, pending = excluded.pending, item_total = excluded.item_total,
        item_started = excluded.item_started, item_failed = excluded.item_failed, input_ref = excluded.input_ref,
        event = excluded.event, interrupt = excluded.interrupt, worker_id = NULL, limit_key = excluded.limit_key, since = excluded.since,
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

/**
 * Wakes positions that sleep beside what they would be woken for: a recorded outcome of their task, a
 * buffered event (INV-13). The caller has their locks.
 */
export function wakePositions(t: Tables, p: { readonly instanceId: string; readonly now: Date | null }): Query<never> {
  return sql`
    WITH clock AS MATERIALIZED (SELECT coalesce(${p.now}::timestamptz, clock_timestamp()) AS now)
    UPDATE ${t.positions} AS q
    SET available_at = clock.now, order_key = ${t.orderKey}(q.priority, clock.now)
    FROM clock
    WHERE q.instance_id = ${p.instanceId}::text AND NOT (q.kind = 'join' AND q.pending > 0)
      AND q.worker_id IS NULL AND q.order_key IS NULL AND q.interrupt IS NULL
      AND (
        EXISTS (SELECT FROM ${t.checkpoints} AS c
                WHERE c.instance_id = q.instance_id AND c.task_id = q.task_id AND c.outcome IN ('completed', 'timed_out', 'tolerated'))
        OR EXISTS (SELECT FROM ${t.events} AS e WHERE e.instance_id = q.instance_id AND e.name = q.event)
      )
  `;
}

function availableAt({ availableAt }: Position): Date | "infinity" {
  return availableAt === null ? "infinity" : new Date(availableAt);
}
