import type { ClaimRef } from "../../snapshot/checkpoint.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";
import { givenBack } from "./free-position.ts";
import { heldClaims } from "./held-claims.ts";

/**
 * Gives positions back, ready at once; interrupted ones as a checkpoint leaves them.
 *
 * @returns which of them still stand, because somebody has locked their rows: to be tried again
 *
 * Locks: positions, skipping locked ones: a lease that is not given back runs out by itself.
 */
export function releaseClaims(
  t: Tables,
  p: { readonly claims: readonly ClaimRef[]; readonly now: Date | null },
): Query<{ idx: number }> {
  return sql`
    WITH ${heldClaims(t, p.claims)},
    clock AS MATERIALIZED (SELECT coalesce(${p.now}::timestamptz, clock_timestamp()) AS now),
    released AS (
      UPDATE ${t.positions} AS q
      SET ${givenBack(t)}
      FROM held AS h
      CROSS JOIN clock
      WHERE q.instance_id = h.instance_id AND q.path = h.path
    )
    SELECT c.idx::int
    FROM claim AS c
    CROSS JOIN LATERAL (
      SELECT FROM ${t.positions} AS q
      WHERE q.instance_id = c.instance_id AND q.path = c.path AND q.token = c.token AND q.worker_id IS NOT NULL
    ) AS left_over
    WHERE c.idx NOT IN (SELECT h.idx FROM held AS h)
  `;
}
