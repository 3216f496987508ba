import type { ClaimRef } from "../../snapshot/checkpoint.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";
import { heldClaims } from "./held-claims.ts";

/**
 * Keeps how far the task says it is that the holder of a claim runs. No indexed column changes (HOT), and nothing else writes
 * these columns: what they hold of another task counts for nothing.
 *
 * Locks: the position, unless somebody else has it. Index: positions_pkey.
 */
export function saveProgress(
  t: Tables,
  p: { readonly claim: ClaimRef; readonly taskId: string; readonly value: Uint8Array; readonly now: Date | null },
): Query<{ saved: boolean; held: boolean }> {
  return sql`
    WITH ${heldClaims(t, [p.claim])},
    saved AS (
      UPDATE ${t.positions} AS q
      SET progress = ${p.value}::bytea, progress_of = ${p.taskId}::text,
          progress_at = coalesce(${p.now}::timestamptz, clock_timestamp())
      FROM held AS h
      WHERE q.instance_id = h.instance_id AND q.path = h.path
      RETURNING 1
    )
    SELECT EXISTS (SELECT FROM saved) AS saved,
           coalesce((
             SELECT true FROM ${t.positions} AS q
             WHERE q.instance_id = c.instance_id AND q.path = c.path AND q.token = c.token AND q.worker_id IS NOT NULL
             LIMIT 1), false) AS held
    FROM claim AS c
  `;
}

/** Reads how far a task was, when its holder said so last. Index: positions_pkey. */
export function loadProgress(
  t: Tables,
  p: { readonly instanceId: string; readonly path: string; readonly taskId: string },
): Query<{ progress: Uint8Array }> {
  return sql`
    SELECT q.progress
    FROM ${t.positions} AS q
    WHERE q.instance_id = ${p.instanceId}::text AND q.path = ${p.path}::text AND q.progress_of = ${p.taskId}::text
  `;
}
