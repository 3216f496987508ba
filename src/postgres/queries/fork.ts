import { type Column, rowSource } from "../row-source.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";
import {
  appendEntries,
  type BatchFacts,
  type BranchRow,
  branchColumns,
  doneRows,
  type FateRow,
  fateColumns,
  heldPositions,
  type StandingRow,
  standingColumns,
} from "./checkpoint-columns.ts";

export interface ForkFateRow extends FateRow {
  /** Claims on branches that start claimed. */
  readonly granted: readonly { readonly path: string; readonly token: string }[] | null;
}

/**
 * Turns positions into joins and starts their branches.
 *
 * The share lock on the instance keeps the new rows from being missed by whoever ends or pauses the
 * instance at this moment: that one has the instance's row first, or finds the branches.
 * Locks: positions, then instances by key, skipping locked ones of both.
 */
export function fork(
  t: Tables,
  rows: readonly StandingRow[],
  branches: readonly BranchRow[],
  facts: BatchFacts,
): Query<ForkFateRow> {
  const checkpoints = rows.map((row) => row.checkpoint);
  return sql`
    WITH done AS MATERIALIZED (
      ${doneRows(checkpoints, [...standingColumns(rows), ...itemColumns(rows)])}
    ),
    branch AS MATERIALIZED (
      SELECT * FROM ${rowSource("b", branchColumns(branches), "ordinal")}
    ),
    clock AS MATERIALIZED (SELECT coalesce(${facts.now}::timestamptz, clock_timestamp()) AS now),
    held AS MATERIALIZED (${heldPositions(t, checkpoints)}),
    live AS MATERIALIZED (
      SELECT h.idx, i.instance_id, h.path
      FROM held AS h
      JOIN ${t.instances} AS i ON i.instance_id = h.instance_id
      WHERE i.status IN ('in_progress', 'paused')
      ORDER BY i.instance_id
      FOR SHARE OF i SKIP LOCKED
    ),
    moved AS (
      UPDATE ${t.positions} AS p
      SET task_id = d.to_task_id, kind = d.to_kind, lane = d.to_lane, priority = d.to_priority, attempt = d.to_attempt,
          pending = d.to_pending, item_total = d.item_total, item_started = d.item_started, item_failed = 0,
          input_ref = d.to_input_ref, event = NULL, lost = 0, failed_by = NULL, worker_id = NULL, wake_at = NULL,
          since = clock.now, available_at = 'infinity'
      FROM live AS h
      JOIN done AS d ON d.idx = h.idx
      CROSS JOIN clock
      WHERE p.instance_id = h.instance_id AND p.path = h.path
      RETURNING d.idx, p.instance_id, p.path, p.interrupt
    ),
    started AS (
      INSERT INTO ${t.positions} (instance_id, path, task_id, kind, lane, priority, attempt, pending, input_ref, event,
                                  interrupt, worker_id, token, since, limit_key, wake_at, available_at, order_key)
      SELECT m.instance_id, b.path, b.task_id, b.kind, b.lane, b.priority, b.attempt, b.pending, b.input_ref, b.event,
             m.interrupt,
             CASE WHEN b.claimed AND m.interrupt IS NULL THEN ${facts.workerId}::text END,
             CASE WHEN b.claimed AND m.interrupt IS NULL THEN nextval(${t.tokenSequence}::regclass) ELSE 0 END,
             clock.now, b.limit_key,
             CASE WHEN b.wake_after > 0 THEN clock.now + b.wake_after * interval '1 millisecond' END,
             CASE
               WHEN m.interrupt = 'paused' THEN 'infinity'
               WHEN m.interrupt IS NOT NULL AND b.kind <> 'join' THEN clock.now + interval '1 second'
               WHEN b.claimed THEN clock.now + ${facts.leaseMs}::bigint * interval '1 millisecond'
               WHEN b.wake_after IS NULL THEN 'infinity'
               ELSE clock.now + b.wake_after * interval '1 millisecond'
             END,
             CASE WHEN m.interrupt IS NULL AND b.wake_after = 0 AND NOT b.claimed
                  THEN ${t.orderKey}(b.priority, clock.now) + b.ordinal END
      FROM branch AS b
      JOIN moved AS m ON m.idx = b.idx
      CROSS JOIN clock
      RETURNING instance_id, path, worker_id, token
    ),
    granted AS (
      SELECT b.idx, json_agg(json_build_object('path', s.path, 'token', s.token::text)) AS claims
      FROM branch AS b
      JOIN done AS d ON d.idx = b.idx
      JOIN started AS s ON s.instance_id = d.instance_id AND s.path = b.path
      WHERE s.worker_id IS NOT NULL
      GROUP BY b.idx
    ),
    written AS (${appendEntries(t, checkpoints, facts, sql`moved`)})
    SELECT ${fateColumns(t, checkpoints)}, m.interrupt, g.claims AS granted
    FROM done AS d
    LEFT JOIN moved AS m ON m.idx = d.idx
    LEFT JOIN granted AS g ON g.idx = d.idx
  `;
}

function itemColumns(rows: readonly StandingRow[]): Column[] {
  return [
    { name: "item_total", type: "int", values: rows.map(({ to }) => to.items?.total ?? null) },
    { name: "item_started", type: "int", values: rows.map(({ to }) => to.items?.started ?? null) },
  ];
}
