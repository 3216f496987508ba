import type { Checkpoint } from "../../snapshot/checkpoint.ts";
import type { Standing } from "../../snapshot/position.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";

/** A checkpoint together with where it goes, its lane resolved. */
export interface StandingRow {
  readonly checkpoint: Checkpoint;
  readonly to: Standing;
  readonly lane: number;
}

/** Who writes a batch, and when (`null`: the database's clock). */
export interface BatchFacts {
  readonly workerId: string;
  readonly leaseMs: number;
  readonly now: Date | null;
}

/** What every batch answers for each of its rows. */
export interface FateRow {
  readonly idx: number;
  readonly accepted: boolean;
  /** Not accepted because an outcome is recorded already. */
  readonly recorded: boolean;
  /** Not accepted because the row was locked. */
  readonly busy: boolean;
  readonly interrupt: "pause" | "cancel" | "paused" | null;
}

/** `done`: which positions are moved, by which right. */
export function claimColumns(checkpoints: readonly Checkpoint[]): Query<never> {
  return sql`
    ${checkpoints.map((c) => c.claim.instanceId)}::text[],
    ${checkpoints.map((c) => c.claim.path)}::text[],
    ${checkpoints.map((c) => c.claim.token)}::bigint[]`;
}

/** Where they go: task_id, kind, lane, priority, attempt, pending, input_ref, event. */
export function standingColumns(rows: readonly { readonly to: Standing; readonly lane: number }[]): Query<never> {
  return sql`
    ${rows.map((row) => row.to.taskId)}::text[],
    ${rows.map((row) => row.to.kind)}::text[],
    ${rows.map((row) => row.lane)}::int[],
    ${rows.map((row) => row.to.priority)}::smallint[],
    ${rows.map((row) => row.to.attempt)}::int[],
    ${rows.map((row) => row.to.pending)}::int[],
    ${rows.map((row) => row.to.inputRef)}::text[],
    ${rows.map((row) => row.to.event)}::text[]`;
}

/** `moved` is the CTE that names the accepted rows (idx, instance_id, path). Appends their entries, in order. */
export function appendEntries(
  t: Tables,
  checkpoints: readonly Checkpoint[],
  facts: BatchFacts,
  moved: Query<never>,
): Query<never> {
  const entries = checkpoints.flatMap((checkpoint, index) =>
    checkpoint.entries.map((entry) => ({ ...entry, idx: index + 1 })),
  );
  return sql`
      INSERT INTO ${t.checkpoints} (instance_id, task_id, attempt, path, kind, outcome, output, output_ref, failure,
                                    worker_id, duration_ms, at)
      SELECT m.instance_id, e.task_id, e.attempt, m.path, e.kind, e.outcome, e.output, e.output_ref, e.failure,
             ${facts.workerId}::text, e.duration_ms, coalesce(${facts.now}::timestamptz, clock_timestamp())
      FROM unnest(
        ${entries.map((e) => e.idx)}::int[],
        ${entries.map((e) => e.taskId)}::text[],
        ${entries.map((e) => e.attempt)}::int[],
        ${entries.map((e) => e.kind)}::text[],
        ${entries.map((e) => e.outcome)}::text[],
        ${entries.map((e) => e.output)}::bytea[],
        ${entries.map((e) => e.outputRef)}::text[],
        ${entries.map((e) => e.failure)}::bytea[],
        ${entries.map((e) => (e.durationMs === null ? null : Math.min(Math.round(e.durationMs), 2_147_483_647)))}::int[]
      ) WITH ORDINALITY AS e (idx, task_id, attempt, kind, outcome, output, output_ref, failure, duration_ms, position)
      JOIN ${moved} AS m ON m.idx = e.idx
      ORDER BY e.position`;
}

/**
 * Locks the positions that the checkpoints move, if their tokens still hold (INV-5), without ever
 * waiting: a row that somebody else has locked is left out, and reported as busy. So is left out what has a
 * recorded outcome already (INV-3).
 */
export function heldPositions(t: Tables, checkpoints: readonly Checkpoint[]): Query<never> {
  return sql`
      SELECT d.idx, p.instance_id, p.path, p.interrupt
      FROM done AS d
      JOIN ${t.positions} AS p ON p.instance_id = d.instance_id AND p.path = d.path AND p.token = d.token
      WHERE p.worker_id IS NOT NULL AND NOT ${hasOutcome(t, checkpoints)}
      ORDER BY p.instance_id, p.path
      FOR NO KEY UPDATE OF p SKIP LOCKED`;
}

/**
 * Whether a row's task has an outcome already, under another attempt. Under the same one the primary key
 * finds it, so that first attempts, nearly all there are, need not look.
 */
export function hasOutcome(t: Tables, checkpoints: readonly Checkpoint[]): Query<never> {
  const repeated = checkpoints.flatMap(({ entries }, index) =>
    entries.filter((entry) => entry.attempt > 1).map(({ taskId }) => ({ idx: index + 1, taskId })),
  );
  return sql`EXISTS (
        SELECT FROM unnest(
          ${repeated.map((entry) => entry.idx)}::int[],
          ${repeated.map((entry) => entry.taskId)}::text[]
        ) AS r (idx, task_id)
        JOIN ${t.checkpoints} AS c ON c.instance_id = d.instance_id AND c.task_id = r.task_id
        WHERE r.idx = d.idx AND c.outcome IN ('completed', 'timed_out'))`;
}

/**
 * The columns of the answer: `m` is the CTE of accepted rows, `d` that of all. A row that was not accepted but
 * still carries the token was only locked, it or another one that goes with it.
 *
 * @param mayBeBusy - a condition without which that can't be the reason
 */
export function fateColumns(
  t: Tables,
  checkpoints: readonly Checkpoint[],
  mayBeBusy: Query<never> = sql`true`,
): Query<never> {
  const stillHeld = sql<never>`EXISTS (
             SELECT FROM ${t.positions} AS p
             WHERE p.instance_id = d.instance_id AND p.path = d.path AND p.token = d.token
               AND p.worker_id IS NOT NULL)`;
  return sql`
           d.idx::int, m.idx IS NOT NULL AS accepted,
           m.idx IS NULL AND ${hasOutcome(t, checkpoints)} AND ${stillHeld} AS recorded,
           m.idx IS NULL AND ${mayBeBusy} AND ${stillHeld} AS busy`;
}
