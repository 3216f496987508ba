import type { Checkpoint, ClaimRef, NewPosition } from "../../snapshot/checkpoint.ts";
import type { Interrupt, Standing } from "../../snapshot/position.ts";
import type { NewEntry } from "../../snapshot/snapshot.ts";
import { type Column, rowSource } from "../row-source.ts";
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
  readonly interrupt: Interrupt | null;
}

/** Which positions are moved, by which right. */
export function claimColumns(claims: readonly ClaimRef[]): Column[] {
  return [
    { name: "instance_id", type: "text", values: claims.map((claim) => claim.instanceId) },
    { name: "path", type: "text", values: claims.map((claim) => claim.path) },
    { name: "token", type: "bigint", values: claims.map((claim) => claim.token) },
  ];
}

/** Where they go. */
export function standingColumns(
  rows: readonly { readonly to: Standing; readonly lane: number }[],
  prefix: "to_" | "" = "to_",
): Column[] {
  return [
    { name: `${prefix}task_id`, type: "text", values: rows.map((row) => row.to.taskId) },
    { name: `${prefix}kind`, type: "text", values: rows.map((row) => row.to.kind) },
    { name: `${prefix}lane`, type: "int", values: rows.map((row) => row.lane) },
    { name: `${prefix}priority`, type: "smallint", values: rows.map((row) => row.to.priority) },
    { name: `${prefix}attempt`, type: "int", values: rows.map((row) => row.to.attempt) },
    { name: `${prefix}pending`, type: "int", values: rows.map((row) => row.to.pending) },
    { name: `${prefix}input_ref`, type: "text", values: rows.map((row) => row.to.inputRef) },
    { name: `${prefix}event`, type: "text", values: rows.map((row) => row.to.event) },
  ];
}

/** A new position of the row `idx` of a batch (counted from 1). */
export interface BranchRow {
  readonly idx: number;
  readonly branch: NewPosition;
  readonly lane: number;
}

export function branchColumns(branches: readonly BranchRow[]): Column[] {
  return [
    { name: "idx", type: "int", values: branches.map((row) => row.idx) },
    { name: "path", type: "text", values: branches.map((row) => row.branch.path) },
    ...standingColumns(
      branches.map((row) => ({ to: row.branch.standing, lane: row.lane })),
      "",
    ),
    { name: "limit_key", type: "text", values: branches.map((row) => row.branch.standing.limitKey ?? null) },
    { name: "wake_after", type: "bigint", values: branches.map((row) => row.branch.wakeAfterMs) },
    { name: "claimed", type: "boolean", values: branches.map((row) => row.branch.claimed) },
  ];
}

/** `done`: all rows of a batch, numbered from 1 by `idx`. */
export function doneRows(checkpoints: readonly Checkpoint[], more: readonly Column[] = []): Query<never> {
  const claims = claimColumns(checkpoints.map(({ claim }) => claim));
  return sql`SELECT * FROM ${rowSource("d", [...claims, ...more], "idx")}`;
}

/** `moved` is the CTE that names the accepted rows (idx, instance_id, path). Appends their entries, in order. */
export function appendEntries(
  t: Tables,
  checkpoints: readonly Checkpoint[],
  facts: BatchFacts,
  moved: Query<never>,
): Query<never> {
  const rows: number[] = [];
  const entries: NewEntry[] = [];
  for (const [index, checkpoint] of checkpoints.entries()) {
    for (const entry of checkpoint.entries) {
      rows.push(index + 1);
      entries.push(entry);
    }
  }
  const source = rowSource(
    "e",
    [
      { name: "idx", type: "int", values: rows },
      { name: "task_id", type: "text", values: entries.map((e) => e.taskId) },
      { name: "attempt", type: "int", values: entries.map((e) => e.attempt) },
      { name: "kind", type: "text", values: entries.map((e) => e.kind) },
      { name: "outcome", type: "text", values: entries.map((e) => e.outcome) },
      { name: "output", type: "bytea", values: entries.map((e) => e.output) },
      { name: "output_ref", type: "text", values: entries.map((e) => e.outputRef) },
      { name: "failure", type: "bytea", values: entries.map((e) => e.failure) },
      { name: "duration_ms", type: "int", values: entries.map((e) => storedDuration(e.durationMs)) },
      { name: "decision", type: "text", values: entries.map((e) => e.decision) },
    ],
    "position",
  );
  return sql`
      INSERT INTO ${t.checkpoints} (instance_id, task_id, attempt, path, kind, outcome, output, output_ref, failure,
                                    worker_id, duration_ms, decision, at)
      SELECT m.instance_id, e.task_id, e.attempt, m.path, e.kind, e.outcome, e.output, e.output_ref, e.failure,
             ${facts.workerId}::text, e.duration_ms, e.decision, coalesce(${facts.now}::timestamptz, clock_timestamp())
      FROM ${source}
      JOIN ${moved} AS m ON m.idx = e.idx
      ORDER BY e.position`;
}

/** In whole milliseconds, as far as the column can hold them. */
export function storedDuration(durationMs: number | null): number | null {
  return durationMs === null ? null : Math.min(Math.round(durationMs), 2_147_483_647);
}

/**
 * Locks the positions that the checkpoints move, if their tokens still hold (INV-5), without ever
 * waiting: a row that somebody else has locked is left out, and reported as busy. So is left out what has a
 * recorded outcome already (INV-3).
 *
 * LATERAL with a lock in it is a fence for the planner: each position is looked up by its key. A plain join would be
 * planned by what statistics say of `worker_id`, and they may have been taken when nobody held anything.
 */
export function heldPositions(t: Tables, checkpoints: readonly Checkpoint[]): Query<never> {
  return sql`
      SELECT d.idx, h.instance_id, h.path, h.interrupt
      FROM done AS d
      CROSS JOIN LATERAL (
        SELECT p.instance_id, p.path, p.interrupt
        FROM ${t.positions} AS p
        WHERE p.instance_id = d.instance_id AND p.path = d.path AND p.token = d.token AND p.worker_id IS NOT NULL
        FOR NO KEY UPDATE OF p SKIP LOCKED
      ) AS h
      WHERE NOT ${hasOutcome(t, checkpoints)}`;
}

/**
 * Whether a row's task has an outcome already, under another attempt. Under the same one the primary key
 * finds it, so that first attempts, nearly all there are, need not look; nor need what is merely noted, of which there is any
 * number and never an outcome.
 */
export function hasOutcome(t: Tables, checkpoints: readonly Checkpoint[]): Query<never> {
  const rows: number[] = [];
  const taskIds: string[] = [];
  for (const [index, { entries }] of checkpoints.entries()) {
    for (const entry of entries) {
      if (entry.attempt === 1 || entry.outcome === "noted") continue;
      rows.push(index + 1);
      taskIds.push(entry.taskId);
    }
  }
  if (rows.length === 0) return sql`false`;
  const repeated = rowSource(
    "r",
    [
      { name: "idx", type: "int", values: rows },
      { name: "task_id", type: "text", values: taskIds },
    ],
    "position",
  );
  // Entry by entry (LATERAL, LIMIT): joined freely, an instance's whole history might be read for each of them.
  return sql`(
        SELECT true
        FROM ${repeated}
        CROSS JOIN LATERAL (
          SELECT FROM ${t.checkpoints} AS c
          WHERE c.instance_id = d.instance_id AND c.task_id = r.task_id AND c.outcome IN ('completed', 'timed_out', 'tolerated')
          LIMIT 1
        ) AS recorded
        WHERE r.idx = d.idx
        LIMIT 1) IS NOT NULL`;
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
  // Not EXISTS, which might be answered by reading the whole table once.
  const stillHeld = sql<never>`coalesce((
             SELECT true FROM ${t.positions} AS p
             WHERE p.instance_id = d.instance_id AND p.path = d.path AND p.token = d.token
               AND p.worker_id IS NOT NULL
             LIMIT 1), false)`;
  return sql`
           d.idx::int, m.idx IS NOT NULL AS accepted,
           m.idx IS NULL AND ${hasOutcome(t, checkpoints)} AND ${stillHeld} AS recorded,
           m.idx IS NULL AND ${mayBeBusy} AND ${stillHeld} AS busy`;
}
