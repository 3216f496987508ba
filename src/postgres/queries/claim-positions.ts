import type { ClaimRef } from "../../snapshot/checkpoint.ts";
import type { Interrupt, PositionKind } from "../../snapshot/position.ts";
import type { RecordedKind } from "../../snapshot/snapshot.ts";
import { rowSource } from "../row-source.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";
import { claimColumns } from "./checkpoint-columns.ts";
import { pausedLanes } from "./flows.ts";
import { mayBeTaken, standsOpen } from "./free-position.ts";

export interface ClaimedRow {
  readonly instance_id: string;
  readonly path: string;
  readonly token: bigint;
  readonly task_id: string;
  readonly kind: PositionKind;
  readonly attempt: number;
  readonly lost: number;
  readonly input_ref: string | null;
  readonly input: Uint8Array | null;
  readonly recorded_outcome: RecordedKind | null;
  readonly recorded_output: Uint8Array | null;
  readonly event: string | null;
  readonly armed: boolean;
  readonly due: boolean;
  readonly interrupt: Interrupt | null;
  readonly flow: string;
  readonly definition_hash: string;
  readonly codec: string;
  readonly instance_priority: number;
  readonly deadline_ms: number | null;
  readonly deadline_in_ms: number | null;
  readonly run: number;
  readonly trace_context: string | null;
  readonly taken_order: bigint;
  /** Its instance has a place of a limit until it ends. */
  readonly has_place: boolean;
  /** It was changed between the beginning of the statement and its lock: what was read beside it may be of before. */
  readonly is_stale: boolean;
}

export interface ClaimParams {
  readonly workerId: string;
  readonly leaseMs: number;
  readonly limit: number;
  readonly now: Date | null;
}

/**
 * Claims ready positions of some lanes, in order.
 *
 * Of each lane it reads just the rows that it might take, whatever stands parked, claimed or in other
 * lanes beside them. Locks: positions, skipping locked ones. Index: positions_ready.
 */
export function claimReady(
  t: Tables,
  p: ClaimParams & {
    readonly lanes: readonly number[];
    readonly sparesFailed: boolean;
    readonly suspectFromLost: number | null;
  },
): Query<ClaimedRow> {
  // MATERIALIZED: without a fence the planner may run the limited subquery once per joined row and
  // update more rows than LIMIT allows.
  // LIMIT (SELECT …): a limit that the planner can't see makes it read in order. Where it sees one that is near to
  // the number of rows that it expects, it reads and sorts all that are ready, however many there really are.
  return sql`
    WITH found AS MATERIALIZED (
      SELECT r.instance_id, r.path, r.version, r.order_key, r.lost
      FROM ${rowSource("l", [{ name: "lane", type: "int", values: p.lanes }], "nth")}
      CROSS JOIN LATERAL (
        SELECT q.instance_id, q.path, q.xmin::text AS version, q.order_key, q.lost
        FROM ${t.positions} AS q
        WHERE q.lane = l.lane AND q.order_key IS NOT NULL
          AND NOT (${p.sparesFailed}::boolean AND coalesce(q.failed_by = ${p.workerId}::text, false)
                   AND q.available_at > (SELECT coalesce(${p.now}::timestamptz, clock_timestamp())) - interval '2 seconds')
        ORDER BY q.order_key
        LIMIT (SELECT ${p.limit}::int)
        FOR NO KEY UPDATE SKIP LOCKED
      ) AS r
      WHERE l.lane <> ALL (${pausedLanes(t)})
      ORDER BY r.order_key, r.instance_id, r.path
      LIMIT ${p.limit}::int
    ),
    candidate AS MATERIALIZED (
      SELECT f.instance_id, f.path, f.version, f.order_key
      FROM (
        SELECT f.*, count(*) FILTER (WHERE f.lost >= ${p.suspectFromLost}::int)
                    OVER (ORDER BY f.order_key, f.instance_id, f.path) AS suspects
        FROM found AS f
      ) AS f
      WHERE f.suspects <= 1
    ),
    ${claimed(t, p)}
  `;
}

/**
 * Claims positions of one instance, whatever their lane, but for those that stand before gates: those that are ready, and
 * those that have come due.
 *
 * Locks: positions, skipping locked ones. Index: positions_pkey.
 */
export function claimInstance(t: Tables, p: ClaimParams & { readonly instanceId: string }): Query<ClaimedRow> {
  return sql`
    WITH candidate AS MATERIALIZED (
      SELECT q.instance_id, q.path, q.xmin::text AS version, coalesce(q.order_key, ${t.orderKey}(q.priority, q.available_at)) AS order_key
      FROM ${t.positions} AS q
      WHERE q.instance_id = ${p.instanceId}::text
        AND ${standsOpen(t)}
        AND (q.order_key IS NOT NULL OR (q.available_at < 'infinity'
             AND q.available_at <= (SELECT coalesce(${p.now}::timestamptz, clock_timestamp()))
             AND ${mayBeTaken(t, sql`(SELECT coalesce(${p.now}::timestamptz, clock_timestamp()))`)}))
      ORDER BY 4, q.path
      LIMIT ${p.limit}::int
      FOR NO KEY UPDATE SKIP LOCKED
    ),
    ${claimed(t, p)}
  `;
}

/** Marks the candidates as held, and reads what is needed to go on from them. */
function claimed(t: Tables, p: ClaimParams): Query<never> {
  return sql`claimed AS (
      UPDATE ${t.positions} AS p
      SET lost = least(p.lost + CASE WHEN p.worker_id IS NULL THEN 0 ELSE 1 END, 32767),
          worker_id = ${p.workerId}::text,
          token = nextval(${t.tokenSequence}::regclass),
          since = coalesce(${p.now}::timestamptz, clock_timestamp()),
          available_at = coalesce(${p.now}::timestamptz, clock_timestamp()) + ${p.leaseMs}::bigint * interval '1 millisecond',
          order_key = NULL
      FROM candidate AS c
      WHERE p.instance_id = c.instance_id AND p.path = c.path
      RETURNING p.instance_id, p.path, p.token, p.task_id, p.kind, p.attempt, p.lost, p.input_ref, p.event, p.wake_at,
                p.since, p.interrupt, p.slot_of IS NOT NULL AS has_place, c.order_key AS taken_order, c.version
    )
    ${described(
      t,
      sql`(
             SELECT s.xmin::text FROM ${t.positions} AS s WHERE s.instance_id = c.instance_id AND s.path = c.path
             LIMIT 1) IS DISTINCT FROM c.version`,
    )}`;
}

/**
 * Reads anew what belongs to positions that have just been claimed: in a statement of its own, which sees what has committed by
 * now. Index: positions_pkey.
 */
export function readClaimed(t: Tables, claims: readonly ClaimRef[]): Query<ClaimedRow> {
  return sql`
    WITH claimed AS MATERIALIZED (
      SELECT p.instance_id, p.path, p.token, p.task_id, p.kind, p.attempt, p.lost, p.input_ref, p.event, p.wake_at,
             p.since, p.interrupt, p.slot_of IS NOT NULL AS has_place, r.nth AS taken_order
      FROM ${rowSource("r", claimColumns(claims), "nth")}
      CROSS JOIN LATERAL (
        SELECT q.*
        FROM ${t.positions} AS q
        WHERE q.instance_id = r.instance_id AND q.path = r.path AND q.token = r.token
      ) AS p
    )
    ${described(t, sql`false`)}`;
}

/**
 * What is to be known of the rows of `claimed`.
 *
 * A row that was changed while the statement ran is locked, and so claimed, as it is now; everything else that the statement reads
 * is as it was when it began. Whoever takes a position may have been preceded by somebody who moved it on in between.
 */
function described(t: Tables, isStale: Query<never>): Query<never> {
  return sql`SELECT c.instance_id, c.path, c.token, c.task_id, c.kind, c.attempt, c.lost, c.input_ref, c.event, c.interrupt,
           c.taken_order, c.has_place, ${isStale} AS is_stale, c.wake_at IS NOT NULL AS armed, coalesce(c.wake_at <= c.since, false) AS due,
           i.flow, i.definition_hash, i.codec, i.priority AS instance_priority,
           extract(epoch FROM i.deadline_at)::float8 * 1000 AS deadline_ms,
           extract(epoch FROM i.deadline_at - c.since)::float8 * 1000 AS deadline_in_ms, i.run, i.trace_context,
           CASE
             WHEN c.kind = 'join' THEN NULL
             WHEN c.input_ref IS NULL THEN i.input
             ELSE coalesce(
               (SELECT r.output FROM ${t.checkpoints} AS r
                WHERE r.instance_id = c.instance_id AND r.task_id = c.input_ref AND r.outcome IN ('completed', 'timed_out', 'tolerated')
                LIMIT 1),
               ${t.recordedOutput}(c.instance_id, c.input_ref))
           END AS input,
           r.outcome AS recorded_outcome, r.output AS recorded_output
    FROM claimed AS c
    CROSS JOIN LATERAL (
      SELECT n.flow, n.definition_hash, n.codec, n.priority, n.input, n.deadline_at, n.run, n.trace_context
      FROM ${t.instances} AS n
      WHERE n.instance_id = c.instance_id
      LIMIT 1
    ) AS i
    LEFT JOIN LATERAL (
      SELECT k.outcome, k.output
      FROM ${t.checkpoints} AS k
      WHERE k.instance_id = c.instance_id AND k.task_id = c.task_id AND k.outcome IN ('completed', 'timed_out', 'tolerated')
      LIMIT 1
    ) AS r ON true`;
}
