import type { UpdateRequest } from "../../store/state-store.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";

export interface StateRow {
  readonly task_id: string;
  readonly version: number;
  readonly output: Uint8Array | null;
  readonly decision: string | null;
}

/** Reads the last version of each of some states. Index: checkpoints_pkey, backwards: one row for each. */
export function loadStates(
  t: Tables,
  p: { readonly instanceId: string; readonly taskIds: readonly string[] },
): Query<StateRow> {
  return sql`
    SELECT s.task_id, s.version, s.output, s.decision
    FROM (SELECT DISTINCT w.task_id FROM unnest(${p.taskIds}::text[]) AS w (task_id)) AS wanted
    CROSS JOIN LATERAL (
      SELECT c.task_id, c.attempt AS version, c.output, c.decision
      FROM ${t.checkpoints} AS c
      WHERE c.instance_id = ${p.instanceId}::text AND c.task_id = wanted.task_id
      ORDER BY c.attempt DESC
      LIMIT 1
    ) AS s
  `;
}

/** Whether a task or update has made one of a state's later versions. Index: checkpoints_pkey. */
export function findStateChange(
  t: Tables,
  p: { readonly instanceId: string; readonly taskId: string; readonly after: number; readonly by: string },
): Query<{ version: number }> {
  return sql`
    SELECT c.attempt AS version
    FROM ${t.checkpoints} AS c
    WHERE c.instance_id = ${p.instanceId}::text AND c.task_id = ${p.taskId}::text AND c.attempt > ${p.after}::int
      AND c.output_ref = ${p.by}::text
    LIMIT 1
  `;
}

/** Writes a change from outside. The function says how, and which locks it takes (migration 0001). */
export function applyUpdate(
  t: Tables,
  { instanceId, entry, state, event, codec }: UpdateRequest,
  now: Date | null,
): Query<{ outcome: string }> {
  return sql`
    SELECT ${t.applyUpdate}(${instanceId}::text, ${entry.taskId}::text, ${entry.decision}::text, ${entry.output}::bytea,
                            ${state?.taskId ?? null}::text, ${state?.attempt ?? null}::int, ${state?.output ?? null}::bytea,
                            ${event?.name ?? null}::text, ${event?.payload ?? null}::bytea, ${codec}::text,
                            ${now}::timestamptz) AS outcome
  `;
}
