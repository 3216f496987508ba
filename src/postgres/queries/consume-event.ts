import { takesOneOfSeveral } from "../../snapshot/events.ts";
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
} from "./checkpoint-columns.ts";

export interface ConsumeFateRow extends FateRow {
  /** The event was there to be taken. */
  readonly taken: boolean;
}

/**
 * Takes buffered events together with recording them as the outcomes of the waits (INV-8). The
 * positions stay where they are, with their claims; with their time limits, too, where others are waited for under the same.
 *
 * Locks: positions, then events by key, skipping locked ones of both.
 */
export function consumeEvents(t: Tables, rows: readonly StandingRow[], facts: BatchFacts): Query<ConsumeFateRow> {
  const checkpoints = rows.map((row) => row.checkpoint);
  const eventIsThere = sql<never>`(
             (SELECT true FROM ${t.events} AS e
              WHERE e.instance_id = d.instance_id AND e.name = d.event AND e.sequence = d.sequence
              LIMIT 1) IS NOT NULL)`;
  return sql`
    WITH done AS MATERIALIZED (
      ${doneRows(checkpoints, [
        { name: "event", type: "text", values: rows.map((row) => row.to.event) },
        { name: "sequence", type: "bigint", values: checkpoints.map(({ consumes }) => consumes) },
        { name: "keeps_timeout", type: "boolean", values: checkpoints.map(takesOneOfSeveral) },
      ])}
    ),
    held AS MATERIALIZED (${heldPositions(t, checkpoints)}),
    oldest AS MATERIALIZED (
      SELECT h.idx, e.instance_id, h.path, e.name, e.sequence
      FROM held AS h
      JOIN done AS d ON d.idx = h.idx
      JOIN ${t.events} AS e ON e.instance_id = d.instance_id AND e.name = d.event AND e.sequence = d.sequence
      ORDER BY e.instance_id, e.name, e.sequence
      FOR UPDATE OF e SKIP LOCKED
    ),
    taken AS (
      DELETE FROM ${t.events} AS e
      USING oldest AS o
      WHERE e.instance_id = o.instance_id AND e.name = o.name AND e.sequence = o.sequence
      RETURNING o.idx, o.instance_id, o.path
    ),
    moved AS (
      UPDATE ${t.positions} AS p
      SET lost = 0, wake_at = CASE WHEN d.keeps_timeout THEN p.wake_at END,
          worker_id = CASE WHEN p.interrupt IS NULL THEN p.worker_id END,
          available_at = CASE
            WHEN p.interrupt IS NULL THEN p.available_at
            WHEN p.interrupt = 'paused' THEN 'infinity'
            ELSE coalesce(${facts.now}::timestamptz, clock_timestamp()) + interval '1 second'
          END
      FROM taken AS h
      JOIN done AS d ON d.idx = h.idx
      WHERE p.instance_id = h.instance_id AND p.path = h.path
      RETURNING h.idx, p.instance_id, p.path, p.interrupt
    ),
    written AS (${appendEntries(t, checkpoints, facts, sql`moved`)})
    SELECT ${fateColumns(t, checkpoints, sql`(h.idx IS NULL OR ${eventIsThere})`)}, m.interrupt,
           m.idx IS NOT NULL OR h.idx IS NULL OR ${eventIsThere} AS taken
    FROM done AS d
    LEFT JOIN held AS h ON h.idx = d.idx
    LEFT JOIN moved AS m ON m.idx = d.idx
  `;
}
