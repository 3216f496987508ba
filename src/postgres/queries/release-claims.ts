import type { ClaimRef } from "../../snapshot/checkpoint.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";
import { givenBack } from "./free-position.ts";

/**
 * Gives positions back, ready at once; interrupted ones as a checkpoint leaves them.
 *
 * Locks: positions by key, skipping locked ones: a lease that is not given back runs out by itself.
 */
export function releaseClaims(
  t: Tables,
  p: { readonly claims: readonly ClaimRef[]; readonly now: Date | null },
): Query<{ path: string }> {
  return sql`
    WITH held AS MATERIALIZED (
      SELECT q.instance_id, q.path
      FROM unnest(
        ${p.claims.map((claim) => claim.instanceId)}::text[],
        ${p.claims.map((claim) => claim.path)}::text[],
        ${p.claims.map((claim) => claim.token)}::bigint[]
      ) AS c (instance_id, path, token)
      JOIN ${t.positions} AS q ON q.instance_id = c.instance_id AND q.path = c.path AND q.token = c.token
      WHERE q.worker_id IS NOT NULL
      ORDER BY q.instance_id, q.path
      FOR NO KEY UPDATE OF q SKIP LOCKED
    ),
    clock AS MATERIALIZED (SELECT coalesce(${p.now}::timestamptz, clock_timestamp()) AS now)
    UPDATE ${t.positions} AS q
    SET ${givenBack(t)}
    FROM held AS h
    CROSS JOIN clock
    WHERE q.instance_id = h.instance_id AND q.path = h.path
    RETURNING q.path
  `;
}
