import type { NewEntry } from "../../snapshot/snapshot.ts";
import type { HistoryRow, ResultRow, TraceRow } from "../rows.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";
import { storedDuration } from "./checkpoint-columns.ts";

/** Reads history in order. Index: checkpoints_pkey (one instance's rows, then sorted). */
export function readHistory(
  t: Tables,
  p: { readonly instanceId: string; readonly after: bigint | null; readonly limit: number },
): Query<HistoryRow> {
  return sql`
    SELECT c.sequence, c.task_id, c.attempt, c.path, c.kind, c.outcome, c.output, c.output_ref, c.failure, c.worker_id,
           c.duration_ms, c.decision, extract(epoch FROM c.at)::float8 * 1000 AS at_ms
    FROM ${t.checkpoints} AS c
    WHERE c.instance_id = ${p.instanceId}::text AND c.sequence > coalesce(${p.after}::bigint, 0)
    ORDER BY c.sequence
    LIMIT ${p.limit}::int
  `;
}

/** Reads the whole history in order, without payloads. Index: checkpoints_pkey (one instance's rows, then sorted). */
export function readTrace(t: Tables, instanceId: string): Query<TraceRow> {
  return sql`
    SELECT c.sequence, c.task_id, c.attempt, c.path, c.kind, c.outcome, c.output_ref, c.worker_id, c.duration_ms, c.decision,
           extract(epoch FROM c.at)::float8 * 1000 AS at_ms
    FROM ${t.checkpoints} AS c
    WHERE c.instance_id = ${instanceId}::text
    ORDER BY c.sequence
  `;
}

/**
 * Reads recorded outcomes of some task ids, or of all (`null`), what passes on another's output or the
 * instance's input resolved. Index: checkpoints_pkey.
 */
export function loadResults(
  t: Tables,
  p: { readonly instanceId: string; readonly taskIds: readonly string[] | null },
): Query<ResultRow> {
  return sql`
    SELECT c.task_id, c.kind, c.outcome, c.output_ref, c.failure, c.decision,
           CASE
             WHEN c.output IS NOT NULL OR c.outcome <> 'completed' THEN c.output
             ELSE ${t.recordedOutput}(c.instance_id, c.task_id)
           END AS output
    FROM ${t.checkpoints} AS c
    WHERE c.instance_id = ${p.instanceId}::text
      AND (${p.taskIds}::text[] IS NULL OR c.task_id = ANY (${p.taskIds}::text[]))
      AND c.outcome IN ('completed', 'timed_out', 'tolerated')
    ORDER BY c.sequence
  `;
}

/** Reads the recorded outcomes as they are stored, for a snapshot. Index: checkpoints_pkey. */
export function readResults(t: Tables, instanceId: string): Query<ResultRow> {
  return sql`
    SELECT c.task_id, c.kind, c.outcome, c.output, c.output_ref, c.failure, c.decision
    FROM ${t.checkpoints} AS c
    WHERE c.instance_id = ${instanceId}::text AND c.outcome IN ('completed', 'timed_out', 'tolerated')
    ORDER BY c.sequence
  `;
}

/**
 * Finds a loop's recorded iteration with the greatest index. Index: checkpoints_pkey, over the task ids that
 * start with "loop[".
 */
export function findLastIteration(
  t: Tables,
  p: { readonly instanceId: string; readonly loopTaskId: string },
): Query<{ task_id: string }> {
  const prefix = `${p.loopTaskId}[`;
  // The next character after "[": ends the range of what starts with the prefix.
  const end = `${p.loopTaskId}\\`;
  return sql`
    SELECT c.task_id
    FROM ${t.checkpoints} AS c
    WHERE c.instance_id = ${p.instanceId}::text
      AND c.task_id >= ${prefix}::text AND c.task_id < ${end}::text
      AND substr(c.task_id, char_length(${prefix}::text) + 1) ~ '^(0|[1-9][0-9]{0,14})]$'
      AND c.outcome IN ('completed', 'timed_out', 'tolerated')
    ORDER BY rtrim(substr(c.task_id, char_length(${prefix}::text) + 1), ']')::bigint DESC
    LIMIT 1
  `;
}

/** Reads one task's recorded outcome as it is stored. Index: checkpoints_pkey. */
export function findOutcome(t: Tables, p: { readonly instanceId: string; readonly taskId: string }): Query<ResultRow> {
  return sql`
    SELECT c.task_id, c.kind, c.outcome, c.output, c.output_ref, c.failure, c.decision
    FROM ${t.checkpoints} AS c
    WHERE c.instance_id = ${p.instanceId}::text AND c.task_id = ${p.taskId}::text AND c.outcome IN ('completed', 'timed_out', 'tolerated')
  `;
}

/** Reads what has been recorded of a task's steps: task ids from `from` up to, not including, `to`. Index: checkpoints_pkey. */
export function loadSteps(
  t: Tables,
  p: { readonly instanceId: string; readonly from: string; readonly to: string },
): Query<ResultRow> {
  return sql`
    SELECT c.task_id, c.kind, c.outcome, c.output, c.output_ref, c.failure, c.decision
    FROM ${t.checkpoints} AS c
    WHERE c.instance_id = ${p.instanceId}::text AND c.task_id >= ${p.from}::text AND c.task_id < ${p.to}::text
      AND c.kind = 'step' AND c.outcome IN ('completed', 'timed_out', 'tolerated')
    ORDER BY c.sequence
  `;
}

/** Lists the tasks with a recorded output. Index: checkpoints_pkey (one instance's rows, then sorted). */
export function listCompleted(t: Tables, instanceId: string): Query<{ task_id: string }> {
  return sql`
    SELECT c.task_id
    FROM ${t.checkpoints} AS c
    WHERE c.instance_id = ${instanceId}::text AND c.outcome = 'completed'
    ORDER BY c.sequence
  `;
}

/** Reads what a task's last failed attempt failed with. Index: checkpoints_pkey. */
export function lastFailure(
  t: Tables,
  p: { readonly instanceId: string; readonly taskId: string },
): Query<{ failure: Uint8Array }> {
  return sql`
    SELECT c.failure
    FROM ${t.checkpoints} AS c
    WHERE c.instance_id = ${p.instanceId}::text AND c.task_id = ${p.taskId}::text AND c.failure IS NOT NULL
    ORDER BY c.attempt DESC
    LIMIT 1
  `;
}

/** How long ago a recorded attempt began. Index: checkpoints_pkey. */
export function sinceAttempt(
  t: Tables,
  p: { readonly instanceId: string; readonly taskId: string; readonly attempt: number; readonly now: Date | null },
): Query<{ since_ms: number }> {
  return sql`
    SELECT extract(epoch FROM coalesce(${p.now}::timestamptz, clock_timestamp()) - c.at)::float8 * 1000
             + coalesce(c.duration_ms, 0) AS since_ms
    FROM ${t.checkpoints} AS c
    WHERE c.instance_id = ${p.instanceId}::text AND c.task_id = ${p.taskId}::text AND c.attempt = ${p.attempt}::int
  `;
}

/** How often a task id stands in the history already: its highest attempt, 0 if it doesn't. Index: checkpoints_pkey. */
export function highestAttempt(
  t: Tables,
  p: { readonly instanceId: string; readonly taskId: string },
): Query<{ attempt: number }> {
  return sql`
    SELECT coalesce(max(c.attempt), 0) AS attempt
    FROM ${t.checkpoints} AS c
    WHERE c.instance_id = ${p.instanceId}::text AND c.task_id = ${p.taskId}::text
  `;
}

/** Appends one entry outside a checkpoint, e.g. a note. */
export function appendEntry(
  t: Tables,
  p: {
    readonly instanceId: string;
    readonly path: string;
    readonly entry: NewEntry;
    readonly workerId: string | null;
    readonly now: Date | null;
  },
): Query<never> {
  const { entry } = p;
  return sql`
    INSERT INTO ${t.checkpoints} (instance_id, task_id, attempt, path, kind, outcome, output, output_ref, failure, worker_id,
                                  duration_ms, decision, at)
    VALUES (${p.instanceId}::text, ${entry.taskId}::text, ${entry.attempt}::int, ${p.path}::text, ${entry.kind}::text,
            ${entry.outcome}::text, ${entry.output}::bytea, ${entry.outputRef}::text, ${entry.failure}::bytea,
            ${p.workerId}::text, ${storedDuration(entry.durationMs)}::int, ${entry.decision}::text, coalesce(${p.now}::timestamptz, clock_timestamp()))
  `;
}
