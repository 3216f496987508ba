import type { Checkpoint } from "../../snapshot/checkpoint.ts";
import { stoodAt } from "../../snapshot/stood-position.ts";
import type { Column } from "../row-source.ts";
import { type Query, sql } from "../sql.ts";
import { stoodToJson } from "../stood-json.ts";
import type { Tables } from "../tables.ts";
import {
  appendEntries,
  type BatchFacts,
  doneRows,
  type FateRow,
  fateColumns,
  heldPositions,
} from "./checkpoint-columns.ts";

export interface EndFateRow extends FateRow {
  /** It has a parent, or may have children; `null` where it has not ended. */
  readonly owes: boolean | null;
}

/**
 * Completes or fails instances whose only position, beside that of a deadline, is the one that is held (INV-11).
 *
 * A request that came in since this statement's snapshot shows in the locked row (`held`) but not in the
 * seen one, and its signal could not be cleared: such a row counts as busy, and is tried again.
 * Each CTE carries on what the next one needs, because joining two of them by key would be a loop over all pairs: the
 * planner expects one row of each.
 * The deadline's position goes with the instance: it is there if the instance has a deadline. If it can't be locked, because
 * somebody has it, or has just made it, the row counts as busy, too.
 * Locks: positions, then instances by key, then positions of deadlines, skipping locked ones of all: whoever has the
 * instance's row is about to change its status and may be waiting for the position.
 */
export function endInstances(t: Tables, checkpoints: readonly Checkpoint[], facts: BatchFacts): Query<EndFateRow> {
  return sql`
    WITH done AS MATERIALIZED (
      ${doneRows(checkpoints, endColumns(checkpoints))}
    ),
    held AS MATERIALIZED (${heldPositions(t, checkpoints)}),
    settled AS MATERIALIZED (
      SELECT h.idx, h.instance_id, h.path
      FROM held AS h
      JOIN ${t.positions} AS seen ON seen.instance_id = h.instance_id AND seen.path = h.path
      WHERE seen.interrupt IS NOT DISTINCT FROM h.interrupt
    ),
    live AS MATERIALIZED (
      SELECT s.idx, i.instance_id, s.path, i.deadline_at IS NOT NULL AS has_deadline
      FROM settled AS s
      JOIN ${t.instances} AS i ON i.instance_id = s.instance_id
      ORDER BY i.instance_id
      FOR NO KEY UPDATE OF i SKIP LOCKED
    ),
    free AS MATERIALIZED (
      SELECT l.idx, l.instance_id, l.path, l.has_deadline
      FROM live AS l
      WHERE CASE WHEN l.has_deadline
                 THEN (SELECT true FROM ${t.positions} AS q
                       WHERE q.instance_id = l.instance_id AND q.path = '$deadline'
                       FOR NO KEY UPDATE OF q SKIP LOCKED) IS NOT NULL
                 ELSE true
            END
    ),
    in_time AS (
      DELETE FROM ${t.positions} AS p
      USING free AS h
      WHERE h.has_deadline AND p.instance_id = h.instance_id AND p.path = '$deadline'
    ),
    gone AS (
      DELETE FROM ${t.positions} AS p
      USING free AS h
      WHERE p.instance_id = h.instance_id AND p.path = h.path
      RETURNING h.idx, p.instance_id, p.path
    ),
    ended AS (
      UPDATE ${t.instances} AS i
      SET status = d.status, output = d.output, failure = d.failure, reason = NULL,
          stood_at = CASE WHEN d.as_kept THEN coalesce(i.stood_at, d.stood_at::jsonb) ELSE d.stood_at::jsonb END,
          ended_at = coalesce(${facts.now}::timestamptz, clock_timestamp())
      FROM gone AS g
      JOIN done AS d ON d.idx = g.idx
      WHERE i.instance_id = g.instance_id
      RETURNING g.idx, i.parent_id IS NOT NULL OR i.spawns IS TRUE AS owes
    ),
    cleared AS (
      DELETE FROM ${t.signals} AS s USING gone AS g WHERE s.instance_id = g.instance_id
    ),
    written AS (${appendEntries(t, checkpoints, facts, sql`gone`)})
    SELECT ${fateColumns(t, checkpoints)},
           NULL::text AS interrupt, e.owes
    FROM done AS d
    LEFT JOIN gone AS m ON m.idx = d.idx
    LEFT JOIN ended AS e ON e.idx = d.idx
  `;
}

function endColumns(checkpoints: readonly Checkpoint[]): Column[] {
  const moves = checkpoints.map(({ move }) => move);
  return [
    { name: "status", type: "text", values: moves.map(({ kind }) => (kind === "complete" ? "completed" : "failed")) },
    { name: "output", type: "bytea", values: moves.map((move) => (move.kind === "complete" ? move.output : null)) },
    { name: "failure", type: "bytea", values: moves.map((move) => (move.kind === "fail" ? move.failure : null)) },
    { name: "stood_at", type: "text", values: checkpoints.map(stoodOf) },
    { name: "as_kept", type: "boolean", values: moves.map((move) => move.kind === "fail" && move.asKept === true) },
  ];
}

/** Its one position, as JSON, where the instance fails: so that a retry can put it back. */
function stoodOf({ claim, move }: Checkpoint): string | null {
  return move.kind === "fail" ? stoodToJson([stoodAt(claim.path, move.to)]) : null;
}
