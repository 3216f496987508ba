import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";
import {
  appendEntries,
  type BatchFacts,
  doneRows,
  type FateRow,
  fateColumns,
  heldPositions,
  type StandingRow,
  standingColumns,
} from "./checkpoint-columns.ts";

/**
 * Moves positions on, keeping their claims. The statement that a linear flow lives on: one update of a
 * position that changes no indexed column (HOT), one insert (DESIGN §4.2).
 *
 * A position with an interrupt is given up instead: out of reach while its instance is paused, up
 * again soon while a request is pending.
 * Locks: positions, skipping locked ones. Index: positions_pkey, checkpoints_pkey.
 */
export function advance(t: Tables, rows: readonly StandingRow[], facts: BatchFacts): Query<FateRow> {
  const checkpoints = rows.map((row) => row.checkpoint);
  return sql`
    WITH done AS MATERIALIZED (
      ${doneRows(checkpoints, standingColumns(rows))}
    ),
    held AS MATERIALIZED (${heldPositions(t, checkpoints)}),
    moved AS (
      UPDATE ${t.positions} AS p
      SET task_id = d.to_task_id, kind = d.to_kind, lane = d.to_lane, priority = d.to_priority, attempt = d.to_attempt,
          pending = d.to_pending, input_ref = d.to_input_ref, event = d.to_event, lost = 0, failed_by = NULL, wake_at = NULL,
          worker_id = CASE WHEN p.interrupt IS NULL THEN p.worker_id END,
          available_at = CASE
            WHEN p.interrupt IS NULL THEN p.available_at
            WHEN p.interrupt = 'paused' THEN 'infinity'
            ELSE coalesce(${facts.now}::timestamptz, clock_timestamp()) + interval '1 second'
          END
      FROM held AS h
      JOIN done AS d ON d.idx = h.idx
      WHERE p.instance_id = h.instance_id AND p.path = h.path
      RETURNING d.idx, p.instance_id, p.path, p.interrupt
    ),
    written AS (${appendEntries(t, checkpoints, facts, sql`moved`)})
    SELECT ${fateColumns(t, checkpoints)}, m.interrupt
    FROM done AS d
    LEFT JOIN moved AS m ON m.idx = d.idx
  `;
}
