import type { ClaimRef } from "../../snapshot/checkpoint.ts";
import { rowSource } from "../row-source.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";
import { claimColumns } from "./checkpoint-columns.ts";

/**
 * Two CTEs: `claim`, all claims, numbered from 1 by `idx`; `held`, those whose positions still carry them, locked,
 * without waiting: what somebody else has locked is left out. Each is looked up by its key (see `heldPositions`).
 */
export function heldClaims(t: Tables, claims: readonly ClaimRef[]): Query<never> {
  return sql`
    claim AS MATERIALIZED (
      SELECT * FROM ${rowSource("c", claimColumns(claims), "idx")}
    ),
    held AS MATERIALIZED (
      SELECT c.idx, h.instance_id, h.path
      FROM claim AS c
      CROSS JOIN LATERAL (
        SELECT q.instance_id, q.path
        FROM ${t.positions} AS q
        WHERE q.instance_id = c.instance_id AND q.path = c.path AND q.token = c.token AND q.worker_id IS NOT NULL
        FOR NO KEY UPDATE OF q SKIP LOCKED
      ) AS h
    )`;
}
