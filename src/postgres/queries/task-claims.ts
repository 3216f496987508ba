import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";
import { givenBack, mayBeTaken, standsOpen } from "./free-position.ts";

interface ByTask {
  readonly instanceId: string;
  readonly taskId: string;
  readonly workerId: string;
  readonly now: Date | null;
}

/**
 * Takes the position that stands at a task, if it is ready, or due, or its holder's lease has expired. Not
 * where a request is pending, of which this kind of claim would not tell.
 *
 * Waits for a checkpoint of that position; then looks at it afresh. Index: positions_pkey.
 */
export function claimTask(
  t: Tables,
  p: ByTask & { readonly ttlMs: number | null },
): Query<{ token: bigint; claimed_ms: number; expires_ms: number }> {
  return sql`
    WITH clock AS MATERIALIZED (SELECT coalesce(${p.now}::timestamptz, clock_timestamp()) AS now),
    candidate AS MATERIALIZED (
      SELECT q.instance_id, q.path
      FROM ${t.positions} AS q
      WHERE q.instance_id = ${p.instanceId}::text AND q.task_id = ${p.taskId}::text
        AND ${standsOpen(t)}
        AND q.interrupt IS NULL
        AND (q.order_key IS NOT NULL
             OR (q.available_at <= coalesce(${p.now}::timestamptz, clock_timestamp())
                 AND ${mayBeTaken(t, sql`coalesce(${p.now}::timestamptz, clock_timestamp())`)}))
      ORDER BY q.path
      LIMIT 1
      FOR NO KEY UPDATE
    )
    UPDATE ${t.positions} AS q
    SET lost = least(q.lost + CASE WHEN q.worker_id IS NULL THEN 0 ELSE 1 END, 32767),
        worker_id = ${p.workerId}::text,
        token = nextval(${t.tokenSequence}::regclass),
        since = clock.now,
        available_at = coalesce(clock.now + ${p.ttlMs}::bigint * interval '1 millisecond', 'infinity'),
        order_key = NULL
    FROM candidate AS c
    CROSS JOIN clock
    WHERE q.instance_id = c.instance_id AND q.path = c.path
    RETURNING q.token, extract(epoch FROM q.since)::float8 * 1000 AS claimed_ms,
              extract(epoch FROM q.available_at)::float8 * 1000 AS expires_ms
  `;
}

/** Gives a position back that a worker holds, ready at once. */
export function releaseTask(t: Tables, p: ByTask): Query<{ path: string }> {
  return sql`
    WITH clock AS MATERIALIZED (SELECT coalesce(${p.now}::timestamptz, clock_timestamp()) AS now)
    UPDATE ${t.positions} AS q
    SET ${givenBack(t)}
    FROM clock
    WHERE q.instance_id = ${p.instanceId}::text AND q.task_id = ${p.taskId}::text AND q.worker_id = ${p.workerId}::text
    RETURNING q.path
  `;
}

/** Moves the end of a worker's lease: absolute, from now on. A claim without an end keeps none. */
export function extendTask(t: Tables, p: ByTask & { readonly durationMs: number }): Query<{ path: string }> {
  return sql`
    UPDATE ${t.positions} AS q
    SET available_at = CASE
          WHEN q.available_at = 'infinity' THEN q.available_at
          ELSE coalesce(${p.now}::timestamptz, clock_timestamp()) + ${p.durationMs}::bigint * interval '1 millisecond'
        END
    WHERE q.instance_id = ${p.instanceId}::text AND q.task_id = ${p.taskId}::text AND q.worker_id = ${p.workerId}::text
    RETURNING q.path
  `;
}

export interface AvailableRow {
  readonly instance_id: string;
  readonly task_id: string;
  readonly flow: string;
  readonly definition_hash: string;
  readonly codec: string;
  readonly attempt: number;
  readonly priority: number;
  readonly input: Uint8Array | null;
}

/**
 * Positions that a worker could claim now, in order. An unregistered worker has no tags; one registered
 * without tags takes everything. A deadline is no task; what a limit holds back is not available.
 */
export function findAvailable(
  t: Tables,
  p: { readonly workerId: string; readonly limit: number; readonly now: Date | null },
): Query<AvailableRow> {
  return sql`
    WITH worker AS MATERIALIZED (
      SELECT w.tags FROM ${t.workers} AS w WHERE w.worker_id = ${p.workerId}::text
    ),
    lane AS MATERIALIZED (
      SELECT l.lane
      FROM ${t.lanes} AS l
      LEFT JOIN worker AS w ON true
      WHERE (l.tags <@ coalesce(w.tags, '{}') OR w.tags = '{}') AND l.limit_name = ''
    )
    SELECT p.instance_id, p.task_id, i.flow, i.definition_hash, i.codec, p.attempt, p.priority,
           CASE
             WHEN p.kind = 'join' THEN NULL
             WHEN p.input_ref IS NULL THEN i.input
             ELSE ${t.recordedOutput}(p.instance_id, p.input_ref)
           END AS input
    FROM lane
    CROSS JOIN LATERAL (
      SELECT q.instance_id, q.path, q.task_id, q.kind, q.attempt, q.priority, q.input_ref, q.order_key
      FROM ${t.positions} AS q
      JOIN ${t.instances} AS i ON i.instance_id = q.instance_id AND i.status = 'in_progress'
      WHERE q.lane = lane.lane AND q.order_key IS NOT NULL AND q.path <> '$deadline'
        AND NOT EXISTS (SELECT FROM ${t.signals} AS s WHERE s.instance_id = q.instance_id)
      ORDER BY q.order_key, q.instance_id, q.path
      LIMIT ${p.limit}::int
    ) AS p
    JOIN ${t.instances} AS i ON i.instance_id = p.instance_id
    ORDER BY p.order_key, p.instance_id, p.path
    LIMIT ${p.limit}::int
  `;
}
