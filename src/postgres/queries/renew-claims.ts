import type { ClaimRef } from "../../snapshot/checkpoint.ts";
import type { Interrupt } from "../../snapshot/position.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";
import { heldClaims } from "./held-claims.ts";

export interface RenewalRow {
  readonly idx: number;
  readonly held: boolean;
  readonly interrupt: Interrupt | null;
}

/**
 * Moves the ends of leases, where the claims still hold: absolute, from now on.
 *
 * A row that is locked is being written by its own holder's checkpoint, or is about to be taken away:
 * it is reported as held, and the next renewal tells. Never waits. Claims without an end keep none.
 * Locks: positions, skipping locked ones.
 */
export function renewClaims(
  t: Tables,
  p: { readonly claims: readonly ClaimRef[]; readonly leaseMs: number; readonly now: Date | null },
): Query<RenewalRow> {
  return sql`
    WITH ${heldClaims(t, p.claims)},
    renewed AS (
      UPDATE ${t.positions} AS q
      SET available_at = CASE
            WHEN q.available_at = 'infinity' THEN q.available_at
            ELSE coalesce(${p.now}::timestamptz, clock_timestamp()) + ${p.leaseMs}::bigint * interval '1 millisecond'
          END
      FROM held AS h
      WHERE q.instance_id = h.instance_id AND q.path = h.path
      RETURNING h.idx
    )
    SELECT c.idx::int, r.idx IS NOT NULL OR q.token IS NOT NULL AS held, q.interrupt
    FROM claim AS c
    LEFT JOIN renewed AS r ON r.idx = c.idx
    LEFT JOIN ${t.positions} AS q
      ON q.instance_id = c.instance_id AND q.path = c.path AND q.token = c.token AND q.worker_id IS NOT NULL
    ORDER BY c.idx
  `;
}
