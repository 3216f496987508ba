import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";
import { areEndingsLeft } from "./children.ts";
import { mayBeTaken } from "./free-position.ts";

/**
 * Makes ready what has come due: timers, time limits, expired leases. A bounded number at a time. What may
 * not be taken all the same goes back to where it belongs.
 *
 * The clock is read in a subquery, because a volatile function in the condition itself could not use
 * the index and would read every parked row. The inner limit is hidden from the planner, so that it reads in order
 * instead of reading and sorting all that is due; the outer one tells it how few rows are updated.
 * Locks: positions, skipping locked ones. Index: positions_due.
 */
export function promoteDue(
  t: Tables,
  p: { readonly limit: number; readonly now: Date | null },
): Query<{ promoted: number; next_due_ms: number | null; owes: boolean }> {
  return sql`
    WITH due AS MATERIALIZED (
      SELECT r.instance_id, r.path, r.taken
      FROM (
        SELECT q.instance_id, q.path, ${mayBeTaken(t, sql`(SELECT coalesce(${p.now}::timestamptz, clock_timestamp()))`)} AS taken
        FROM ${t.positions} AS q
        WHERE q.order_key IS NULL AND q.available_at < 'infinity'
          AND q.available_at <= (SELECT coalesce(${p.now}::timestamptz, clock_timestamp()))
        ORDER BY q.available_at
        LIMIT (SELECT ${p.limit}::int)
        FOR NO KEY UPDATE SKIP LOCKED
      ) AS r
      LIMIT ${p.limit}::int
    ),
    promoted AS (
      UPDATE ${t.positions} AS p
      SET lost = least(p.lost + CASE WHEN p.worker_id IS NULL THEN 0 ELSE 1 END, 32767),
          worker_id = NULL,
          available_at = CASE
            WHEN d.taken THEN p.available_at
            WHEN p.interrupt IS NULL AND p.kind NOT IN ('wait', 'join') THEN p.wake_at
            ELSE 'infinity'
          END,
          order_key = CASE WHEN d.taken THEN ${t.orderKey}(p.priority, p.available_at) END
      FROM due AS d
      WHERE p.instance_id = d.instance_id AND p.path = d.path
      RETURNING 1
    )
    SELECT (SELECT count(*) FROM promoted)::int AS promoted,
           (SELECT greatest(extract(epoch FROM q.available_at - coalesce(${p.now}::timestamptz, clock_timestamp()))::float8 * 1000, 0)
            FROM ${t.positions} AS q
            WHERE q.order_key IS NULL AND q.available_at < 'infinity'
              AND q.available_at > (SELECT coalesce(${p.now}::timestamptz, clock_timestamp()))
            ORDER BY q.available_at
            LIMIT 1) AS next_due_ms,
           ${areEndingsLeft(t, p.now)} AS owes
  `;
}
