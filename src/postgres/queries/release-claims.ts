import type { ClaimRef } from "../../snapshot/checkpoint.ts";
import { rowSource } from "../row-source.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";
import { claimColumns } from "./checkpoint-columns.ts";
import { givenBack } from "./free-position.ts";

/**
 * Gives positions back, ready at once; interrupted ones as a checkpoint leaves them.
 *
 * Locks: positions, skipping locked ones: a lease that is not given back runs out by itself.
 */
export function releaseClaims(
  t: Tables,
  p: { readonly claims: readonly ClaimRef[]; readonly now: Date | null },
): Query<{ idx: number }> {
  return sql`
    WITH held AS MATERIALIZED (
      SELECT c.idx, h.instance_id, h.path
      FROM ${rowSource("c", claimColumns(p.claims), "idx")}
      CROSS JOIN LATERAL (
        SELECT q.instance_id, q.path
        FROM ${t.positions} AS q
        WHERE q.instance_id = c.instance_id AND q.path = c.path AND q.token = c.token AND q.worker_id IS NOT NULL
        FOR NO KEY UPDATE OF q SKIP LOCKED
      ) AS h
    ),
    clock AS MATERIALIZED (SELECT coalesce(${p.now}::timestamptz, clock_timestamp()) AS now),
    released AS (
      UPDATE ${t.positions} AS q
      SET ${givenBack(t)}
      FROM held AS h
      CROSS JOIN clock
      WHERE q.instance_id = h.instance_id AND q.path = h.path
    )
    SELECT c.idx::int
    FROM ${rowSource("c", claimColumns(p.claims), "idx")}
    CROSS JOIN LATERAL (
      SELECT FROM ${t.positions} AS q
      WHERE q.instance_id = c.instance_id AND q.path = c.path AND q.token = c.token AND q.worker_id IS NOT NULL
    ) AS left_over
    WHERE c.idx NOT IN (SELECT h.idx FROM held AS h)
  `;
}
