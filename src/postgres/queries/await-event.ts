import type { Move } from "../../snapshot/checkpoint.ts";
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

export interface AwaitFateRow extends FateRow {
  /** An event is buffered, or came in while this was written: the claim is kept. */
  readonly stayed: boolean;
  /** The instance has no mailbox, which it should. */
  readonly mailbox_missing: boolean;
}

/**
 * Parks positions that wait for an event, unless there is one. Those whose outcome is recorded already are
 * given up, ready.
 *
 * The mailbox decides: `mail` holds its version as of the lock, `seen` as of this statement's snapshot.
 * If they differ, an event may have come that the snapshot doesn't show, and the position stays. A
 * sender that comes later sees the parked position, because it looks after it has the same lock.
 * Locks: positions, then mailboxes by key, skipping locked ones of both.
 */
export function awaitEvents(t: Tables, rows: readonly StandingRow[], facts: BatchFacts): Query<AwaitFateRow> {
  const checkpoints = rows.map((row) => row.checkpoint);
  return sql`
    WITH done AS MATERIALIZED (
      ${doneRows(checkpoints, [
        ...standingColumns(rows),
        { name: "timeout", type: "bigint", values: checkpoints.map(({ move }) => timeoutOf(move)) },
        { name: "keeps_timeout", type: "boolean", values: checkpoints.map(({ move }) => keepsTimeout(move)) },
      ])}
    ),
    clock AS MATERIALIZED (SELECT coalesce(${facts.now}::timestamptz, clock_timestamp()) AS now),
    held AS MATERIALIZED (${heldPositions(t, checkpoints)}),
    mail AS MATERIALIZED (
      SELECT h.idx, m.instance_id, h.path, m.version
      FROM held AS h
      JOIN ${t.mailboxes} AS m ON m.instance_id = h.instance_id
      ORDER BY m.instance_id
      FOR NO KEY UPDATE OF m SKIP LOCKED
    ),
    decided AS MATERIALIZED (
      SELECT h.idx, h.instance_id, h.path,
             h.version <> seen.version OR (
               SELECT true FROM ${t.events} AS e WHERE e.instance_id = h.instance_id AND e.name = d.to_event
               LIMIT 1) IS NOT NULL AS stays,
             (
               SELECT true FROM ${t.checkpoints} AS c
               WHERE c.instance_id = h.instance_id AND c.task_id = d.to_task_id AND c.outcome IN ('completed', 'timed_out', 'tolerated')
               LIMIT 1) IS NOT NULL AS settled
      FROM mail AS h
      JOIN done AS d ON d.idx = h.idx
      JOIN ${t.mailboxes} AS seen ON seen.instance_id = h.instance_id
    ),
    moved AS (
      UPDATE ${t.positions} AS p
      SET task_id = d.to_task_id, kind = d.to_kind, lane = d.to_lane, priority = d.to_priority, attempt = d.to_attempt,
          pending = d.to_pending, input_ref = d.to_input_ref, event = d.to_event, lost = 0, failed_by = NULL, since = clock.now,
          worker_id = CASE WHEN c.stays AND p.interrupt IS NULL THEN p.worker_id END,
          wake_at = CASE WHEN d.keeps_timeout THEN p.wake_at ELSE clock.now + d.timeout * interval '1 millisecond' END,
          available_at = CASE
            WHEN p.interrupt = 'paused' THEN 'infinity'
            WHEN p.interrupt IS NOT NULL THEN clock.now + interval '1 second'
            WHEN c.stays THEN p.available_at
            WHEN c.settled THEN clock.now
            WHEN d.keeps_timeout THEN coalesce(p.wake_at, 'infinity')
            ELSE coalesce(clock.now + d.timeout * interval '1 millisecond', 'infinity')
          END,
          order_key = CASE
            WHEN c.settled AND NOT c.stays AND p.interrupt IS NULL THEN ${t.orderKey}(d.to_priority, clock.now)
          END
      FROM decided AS c
      JOIN done AS d ON d.idx = c.idx
      CROSS JOIN clock
      WHERE p.instance_id = c.instance_id AND p.path = c.path
      RETURNING d.idx, p.instance_id, p.path, p.interrupt, c.stays
    ),
    written AS (${appendEntries(t, checkpoints, facts, sql`moved`)})
    SELECT ${fateColumns(t, checkpoints)}, m.interrupt,
           coalesce(m.stays, false) AS stayed,
           m.idx IS NULL AND (
             SELECT true FROM ${t.mailboxes} AS b WHERE b.instance_id = d.instance_id LIMIT 1) IS NULL AS mailbox_missing
    FROM done AS d
    LEFT JOIN moved AS m ON m.idx = d.idx
  `;
}

function keepsTimeout(move: Move): boolean {
  return move.kind === "await" && move.timeoutMs === "keep";
}

function timeoutOf(move: Move): number | null {
  return move.kind === "await" && typeof move.timeoutMs === "number" ? move.timeoutMs : null;
}
