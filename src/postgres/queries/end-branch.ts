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
} from "./checkpoint-columns.ts";

export interface EndBranchFateRow extends FateRow {
  /** Set where this row closed its join, which the worker now holds. */
  readonly granted_path: string | null;
  readonly granted_token: string | null;
}

/**
 * Ends branches and counts their joins down. A join that reaches zero is claimed by the worker that
 * closed it, which goes on with it.
 *
 * Branches of one join that end in one batch are counted together, because a statement must not update
 * a row twice; concurrent batches wait for each other's joins and so count correctly.
 * Locks: positions, skipping locked ones; then joins, those within others first, waiting: only other batches of this
 * shape hold them, and they take them in the same order.
 */
export function endBranches(t: Tables, checkpoints: readonly Checkpoint[], facts: BatchFacts): Query<EndBranchFateRow> {
  return sql`
    WITH done AS MATERIALIZED (
      ${doneRows(checkpoints, [
        { name: "join_path", type: "text", values: checkpoints.map(({ move }) => joinPathOf(move)) },
      ])}
    ),
    clock AS MATERIALIZED (SELECT coalesce(${facts.now}::timestamptz, clock_timestamp()) AS now),
    held AS MATERIALIZED (${heldPositions(t, checkpoints)}),
    ending AS MATERIALIZED (
      SELECT d.instance_id, d.join_path, count(*)::int AS branches, max(d.idx) AS last_idx
      FROM held AS h
      JOIN done AS d ON d.idx = h.idx
      GROUP BY d.instance_id, d.join_path
    ),
    joined AS MATERIALIZED (
      SELECT j.instance_id, j.path, e.branches, e.last_idx
      FROM (SELECT * FROM ending ORDER BY instance_id COLLATE "C", join_path COLLATE "C" DESC) AS e
      CROSS JOIN LATERAL (
        SELECT p.instance_id, p.path
        FROM ${t.positions} AS p
        WHERE p.instance_id = e.instance_id AND p.path = e.join_path AND p.kind = 'join' AND p.pending >= e.branches
        FOR NO KEY UPDATE OF p
      ) AS j
    ),
    counted AS (
      UPDATE ${t.positions} AS p
      SET pending = p.pending - j.branches,
          worker_id = CASE
            WHEN p.pending > j.branches THEN p.worker_id
            WHEN p.interrupt IS NULL THEN ${facts.workerId}::text
          END,
          token = CASE WHEN p.pending = j.branches AND p.interrupt IS NULL
                       THEN nextval(${t.tokenSequence}::regclass) ELSE p.token END,
          since = CASE WHEN p.pending = j.branches THEN clock.now ELSE p.since END,
          available_at = CASE
            WHEN p.pending > j.branches THEN p.available_at
            WHEN p.interrupt IS NULL THEN clock.now + ${facts.leaseMs}::bigint * interval '1 millisecond'
            WHEN p.interrupt = 'paused' THEN 'infinity'
            ELSE clock.now + interval '1 second'
          END
      FROM joined AS j
      CROSS JOIN clock
      WHERE p.instance_id = j.instance_id AND p.path = j.path
      RETURNING p.instance_id, p.path, p.interrupt, j.last_idx,
                CASE WHEN p.pending = 0 THEN p.worker_id END AS worker_id, p.token
    ),
    gone AS (
      DELETE FROM ${t.positions} AS p
      USING held AS h
      JOIN done AS d ON d.idx = h.idx
      JOIN counted AS c ON c.instance_id = d.instance_id AND c.path = d.join_path
      WHERE p.instance_id = h.instance_id AND p.path = h.path
      RETURNING d.idx, p.instance_id, p.path, p.interrupt
    ),
    written AS (${appendEntries(t, checkpoints, facts, sql`gone`)})
    SELECT ${fateColumns(t, checkpoints, sql`h.idx IS NULL`)},
           coalesce(c.interrupt, m.interrupt) AS interrupt,
           CASE WHEN c.worker_id IS NOT NULL THEN c.path END AS granted_path,
           CASE WHEN c.worker_id IS NOT NULL THEN c.token::text END AS granted_token
    FROM done AS d
    LEFT JOIN held AS h ON h.idx = d.idx
    LEFT JOIN gone AS m ON m.idx = d.idx
    LEFT JOIN counted AS c ON c.last_idx = d.idx AND m.idx IS NOT NULL
  `;
}

export function joinPathOf(move: Move): string {
  return "joinPath" in move ? move.joinPath : "";
}
