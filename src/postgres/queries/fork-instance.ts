import type { ForkPoint } from "../../snapshot/snapshot.ts";
import type { RenamedEntry, ReplacedPayloads } from "../../store/instance-store.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";

/** Notes of which instance a new one is a fork. The caller has just made it. */
export function setForkPoint(t: Tables, p: { readonly instanceId: string; readonly from: ForkPoint }): Query<never> {
  return sql`
    UPDATE ${t.instances}
    SET forked_from = ${p.from.instanceId}::text, forked_at = ${p.from.sequence}::bigint
    WHERE instance_id = ${p.instanceId}::text
  `;
}

/** How many entries an instance's history has up to and with one of them. Index: checkpoints_pkey. */
export function countHistory(t: Tables, from: ForkPoint): Query<{ entries: number }> {
  return sql`
    SELECT count(*)::int AS entries
    FROM ${t.checkpoints} AS c
    WHERE c.instance_id = ${from.instanceId}::text AND c.sequence <= ${from.sequence}::bigint
  `;
}

/**
 * Copies a batch of an instance's history to a new instance, in its order, under new sequence numbers. Payloads don't leave
 * the server, those excepted that are replaced. Index: checkpoints_pkey (one instance's rows, then sorted).
 */
export function copyHistory(
  t: Tables,
  p: {
    readonly instanceId: string;
    readonly from: ForkPoint;
    /** The last entry that has been copied; 0 before the first batch. */
    readonly after: bigint;
    readonly limit: number;
    readonly replaced: readonly ReplacedPayloads[];
    readonly renamed: readonly RenamedEntry[];
  },
): Query<{ copied: number; last: bigint | null }> {
  return sql`
    WITH batch AS MATERIALIZED (
      SELECT c.*
      FROM ${t.checkpoints} AS c
      WHERE c.instance_id = ${p.from.instanceId}::text
        AND c.sequence > ${p.after}::bigint AND c.sequence <= ${p.from.sequence}::bigint
      ORDER BY c.sequence
      LIMIT ${p.limit}::int
    ),
    written AS (
      INSERT INTO ${t.checkpoints} (instance_id, task_id, attempt, path, kind, outcome, output, output_ref, failure,
                                    worker_id, duration_ms, decision, at)
      SELECT ${p.instanceId}::text, coalesce(n.task_id, b.task_id), b.attempt, coalesce(n.path, b.path), b.kind, b.outcome,
             CASE WHEN r.sequence IS NULL THEN b.output ELSE r.output END, coalesce(n.output_ref, b.output_ref),
             CASE WHEN r.sequence IS NULL THEN b.failure ELSE r.failure END,
             b.worker_id, b.duration_ms, b.decision, b.at
      FROM batch AS b
      LEFT JOIN unnest(
        ${p.replaced.map(({ sequence }) => sequence)}::bigint[],
        ${p.replaced.map(({ output }) => output)}::bytea[],
        ${p.replaced.map(({ failure }) => failure)}::bytea[]
      ) AS r (sequence, output, failure) ON r.sequence = b.sequence
      LEFT JOIN unnest(
        ${p.renamed.map(({ sequence }) => sequence)}::bigint[],
        ${p.renamed.map(({ taskId }) => taskId)}::text[],
        ${p.renamed.map(({ path }) => path)}::text[],
        ${p.renamed.map(({ outputRef }) => outputRef)}::text[]
      ) AS n (sequence, task_id, path, output_ref) ON n.sequence = b.sequence
      ORDER BY b.sequence
    )
    SELECT count(*)::int AS copied, max(b.sequence) AS last FROM batch AS b
  `;
}
