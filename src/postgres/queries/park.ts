import type { Checkpoint, Move } from "../../snapshot/checkpoint.ts";
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
 * Moves positions on and gives their claims up: ready at once, asleep for a while, or until woken. One whose
 * next outcome is recorded already is ready, so that nobody sleeps beside it.
 *
 * Locks: positions, skipping locked ones. Index: positions_pkey, checkpoints_pkey.
 */
export function park(t: Tables, rows: readonly StandingRow[], facts: BatchFacts): Query<FateRow> {
  const checkpoints = rows.map((row) => row.checkpoint);
  return sql`
    WITH done AS MATERIALIZED (
      ${doneRows(checkpoints, [
        ...standingColumns(rows),
        { name: "to_limit_key", type: "text", values: rows.map((row) => row.to.limitKey ?? null) },
        { name: "wake_after", type: "bigint", values: checkpoints.map(({ move }) => wakeAfterOf(move)) },
        { name: "wake_at_ms", type: "bigint", values: checkpoints.map(({ move }) => wakeAtOf(move)) },
        { name: "failed", type: "boolean", values: checkpoints.map(hasFailed) },
      ])}
    ),
    clock AS MATERIALIZED (SELECT coalesce(${facts.now}::timestamptz, clock_timestamp()) AS now),
    held AS MATERIALIZED (${heldPositions(t, checkpoints)}),
    timed AS MATERIALIZED (
      SELECT d.idx,
             CASE
               WHEN d.wake_at_ms IS NOT NULL THEN to_timestamp(d.wake_at_ms / 1000.0)
               WHEN d.wake_after > 0 THEN clock.now + d.wake_after * interval '1 millisecond'
               WHEN d.wake_after = 0 THEN clock.now
             END AS wake_at
      FROM done AS d
      CROSS JOIN clock
    ),
    decided AS MATERIALIZED (
      SELECT h.idx, h.instance_id, h.path, w.wake_at,
             coalesce(w.wake_at <= clock.now, false) OR (d.to_kind <> 'join' AND (
               SELECT true FROM ${t.checkpoints} AS c
               WHERE c.instance_id = h.instance_id AND c.task_id = d.to_task_id AND c.outcome IN ('completed', 'timed_out', 'tolerated')
               LIMIT 1) IS NOT NULL) AS ready
      FROM held AS h
      JOIN done AS d ON d.idx = h.idx
      JOIN timed AS w ON w.idx = h.idx
      CROSS JOIN clock
    ),
    moved AS (
      UPDATE ${t.positions} AS p
      SET task_id = d.to_task_id, kind = d.to_kind, lane = d.to_lane, priority = d.to_priority, attempt = d.to_attempt,
          pending = d.to_pending, input_ref = d.to_input_ref, event = d.to_event, lost = 0, worker_id = NULL,
          limit_key = d.to_limit_key,
          failed_by = CASE WHEN d.failed THEN ${facts.workerId}::text END,
          since = clock.now,
          wake_at = CASE WHEN h.wake_at > clock.now THEN h.wake_at END,
          available_at = CASE
            WHEN p.interrupt = 'paused' THEN 'infinity'
            WHEN p.interrupt IS NOT NULL THEN clock.now + interval '1 second'
            WHEN h.ready THEN clock.now
            ELSE coalesce(h.wake_at, 'infinity')
          END,
          order_key = CASE
            WHEN p.interrupt IS NULL AND h.ready THEN ${t.orderKey}(d.to_priority, clock.now)
          END
      FROM decided AS h
      JOIN done AS d ON d.idx = h.idx
      CROSS JOIN clock
      WHERE p.instance_id = h.instance_id AND p.path = h.path
      RETURNING d.idx, p.instance_id, p.path, p.interrupt
    ),
    written AS (${appendEntries(t, checkpoints, facts, sql`moved`)})
    SELECT ${fateColumns(t, checkpoints)}, m.interrupt
    FROM done AS d
    LEFT JOIN moved AS m ON m.idx = d.idx
  `;
}

function hasFailed({ entries }: Checkpoint): boolean {
  return entries.some(({ outcome }) => outcome === "failed");
}

/** In whole milliseconds, never early. Before the epoch is past, like the epoch; the database can't tell all such times. */
function wakeAtOf(move: Move): number | null {
  return move.kind === "park" && move.wakeAt !== undefined ? Math.max(0, Math.ceil(move.wakeAt)) : null;
}

function wakeAfterOf(move: Move): number | null {
  return move.kind === "park" ? move.wakeAfterMs : null;
}
