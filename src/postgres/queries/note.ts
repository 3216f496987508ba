import type { Checkpoint } from "../../snapshot/checkpoint.ts";
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

/**
 * Appends entries for positions that stay where they are and keep their claims, whatever is requested of their
 * instances. What has been recorded is progress: leases lost before don't count any more.
 *
 * Locks: positions, skipping locked ones. Index: positions_pkey, checkpoints_pkey.
 */
export function note(t: Tables, checkpoints: readonly Checkpoint[], facts: BatchFacts): Query<FateRow> {
  return sql`
    WITH done AS MATERIALIZED (
      ${doneRows(checkpoints)}
    ),
    held AS MATERIALIZED (${heldPositions(t, checkpoints)}),
    proven AS (
      UPDATE ${t.positions} AS p
      SET lost = 0
      FROM held AS h
      WHERE p.instance_id = h.instance_id AND p.path = h.path AND p.lost > 0
    ),
    written AS (${appendEntries(t, checkpoints, facts, sql`held`)})
    SELECT ${fateColumns(t, checkpoints)}, m.interrupt
    FROM done AS d
    LEFT JOIN held AS m ON m.idx = d.idx
  `;
}
