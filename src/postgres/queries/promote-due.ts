import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";

/**
 * Makes ready what has come due: timers, time limits, expired leases. A bounded number at a time.
 *
 * The clock is read in a subquery, because a volatile function in the condition itself could not use
 * the index and would read every parked row.
 * Locks: positions, skipping locked ones. Index: positions_due.
 */
export function promoteDue(
  t: Tables,
  p: { readonly limit: number; readonly now: Date | null },
): Query<{ promoted: number }> {
  return sql`
    WITH due AS MATERIALIZED (
      SELECT p.instance_id, p.path
      FROM ${t.positions} AS p
      WHERE p.order_key IS NULL AND p.available_at < 'infinity'
        AND p.available_at <= (SELECT coalesce(${p.now}::timestamptz, clock_timestamp()))
      ORDER BY p.available_at
      LIMIT ${p.limit}::int
      FOR NO KEY UPDATE SKIP LOCKED
    ),
    promoted AS (
      UPDATE ${t.positions} AS p
      SET lost = least(p.lost + CASE WHEN p.worker_id IS NULL THEN 0 ELSE 1 END, 32767),
          worker_id = NULL,
          order_key = ${t.orderKey}(p.priority, p.available_at)
      FROM due AS d
      WHERE p.instance_id = d.instance_id AND p.path = d.path
      RETURNING 1
    )
    SELECT count(*)::int AS promoted FROM promoted
  `;
}
