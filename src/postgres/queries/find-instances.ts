import type { InstanceRow, OutlineRow, PositionRow, ProgressRow } from "../rows.ts";
import { type Query, sql } from "../sql.ts";
import type { StoodJson } from "../stood-json.ts";
import type { Tables } from "../tables.ts";

export const OUTLINE_COLUMNS: Query<never> = sql<never>`
      i.instance_id, i.flow, i.definition_hash, i.codec, i.status, i.reason, i.priority,
      array_to_json(i.tags) AS tags, i.labels, i.forked_from, i.forked_at, i.parent_id, i.parent_task_id, i.parent_run, i.on_parent_close, i.spawns, i.run,
      extract(epoch FROM i.created_at)::float8 * 1000 AS created_ms,
      extract(epoch FROM i.deadline_at)::float8 * 1000 AS deadline_ms,
      extract(epoch FROM i.ended_at)::float8 * 1000 AS ended_ms,
      extract(epoch FROM clock_timestamp())::float8 * 1000 AS now_ms`;
export const INSTANCE_COLUMNS: Query<never> = sql<never>`${OUTLINE_COLUMNS}, i.input, i.output, i.failure`;

/** Reads one instance. Index: instances_pkey. */
export function findInstance(t: Tables, instanceId: string): Query<InstanceRow> {
  return sql`
    SELECT ${INSTANCE_COLUMNS}
    FROM ${t.instances} AS i
    WHERE i.instance_id = ${instanceId}::text
  `;
}

/** Reads what an instance is an instance of. Index: instances_pkey. */
export function findDefinition(t: Tables, instanceId: string): Query<{ flow: string; definition_hash: string }> {
  return sql`SELECT i.flow, i.definition_hash FROM ${t.instances} AS i WHERE i.instance_id = ${instanceId}::text`;
}

/**
 * Locks one instance against changes of its status, and reads it. Waits for whoever has the lock.
 *
 * Taken first by every transaction that changes a whole instance; checkpoints never wait for it.
 */
export function lockInstance(t: Tables, instanceId: string): Query<InstanceRow> {
  return sql`
    SELECT ${INSTANCE_COLUMNS}
    FROM ${t.instances} AS i
    WHERE i.instance_id = ${instanceId}::text
    FOR NO KEY UPDATE
  `;
}

/**
 * Keeps an instance from being deleted until the transaction ends. Whoever changes anything else of it doesn't wait. Index:
 * instances_pkey.
 */
export function keepInstance(t: Tables, instanceId: string): Query<{ instance_id: string }> {
  return sql`
    SELECT i.instance_id
    FROM ${t.instances} AS i
    WHERE i.instance_id = ${instanceId}::text
    FOR KEY SHARE
  `;
}

/** What a retry needs to know of an instance that has failed. */
export interface StoodRow {
  readonly flow: string;
  readonly definition_hash: string;
  readonly codec: string;
  readonly stood_at: readonly StoodJson[] | null;
}

/** Reads where a failed instance stood. Index: instances_pkey. */
export function findStood(t: Tables, instanceId: string): Query<StoodRow> {
  return sql`
    SELECT i.flow, i.definition_hash, i.codec, i.stood_at
    FROM ${t.instances} AS i
    WHERE i.instance_id = ${instanceId}::text
  `;
}

export interface ListParams {
  readonly flow: string | null;
  readonly statuses: readonly string[] | null;
  readonly idPrefix: string | null;
  readonly tags: readonly string[];
  /** As JSON. */
  readonly labels: string;
  readonly parent: string | null;
  readonly after: string | null;
  readonly limit: number;
}

/** Pages through instances by keyset, without their payloads. Index: instances_pkey, of one's children instances_parent. */
export function listInstances(t: Tables, p: ListParams): Query<OutlineRow> {
  return sql`
    SELECT ${OUTLINE_COLUMNS}
    ${onePage(t, p)}
  `;
}

/** Pages through the ids of instances by keyset. Index: instances_pkey. */
export function listInstanceIds(t: Tables, p: ListParams): Query<{ instance_id: string }> {
  return sql`
    SELECT i.instance_id
    ${onePage(t, p)}
  `;
}

function onePage(t: Tables, p: ListParams): Query<never> {
  return sql`FROM ${t.instances} AS i
    WHERE i.instance_id > coalesce(${p.after}::text, '')
      AND (${p.flow}::text IS NULL OR i.flow = ${p.flow}::text)
      AND (${p.statuses}::text[] IS NULL OR i.status = ANY (${p.statuses}::text[]))
      AND (${p.idPrefix}::text IS NULL OR starts_with(i.instance_id, ${p.idPrefix}::text))
      ${p.parent === null ? sql`` : sql`AND i.parent_id = ${p.parent}::text`}
      AND i.tags @> ${p.tags}::text[] AND i.labels @> ${p.labels}::jsonb
    ORDER BY i.instance_id
    LIMIT ${p.limit}::int`;
}

/** Pages through all ids. Index: instances_pkey. */
export function listAllIds(
  t: Tables,
  p: { readonly after: string | null; readonly limit: number | null },
): Query<{ instance_id: string }> {
  return sql`
    SELECT i.instance_id
    FROM ${t.instances} AS i
    WHERE i.instance_id > coalesce(${p.after}::text, '')
    ORDER BY i.instance_id
    LIMIT ${p.limit}::int
  `;
}

export const POSITION_COLUMNS: Query<never> = sql<never>`
      p.path, p.task_id, p.kind, array_to_json(coalesce(l.tags, '{}')) AS tags, p.priority, p.attempt, p.lost, p.pending,
      p.item_total, p.item_started, p.item_failed, p.input_ref, p.event, p.interrupt, p.worker_id, p.token,
      extract(epoch FROM p.available_at)::float8 * 1000 AS available_ms,
      extract(epoch FROM p.wake_at)::float8 * 1000 AS wake_ms,
      p.order_key IS NOT NULL AS ready, l.limit_name, l.limit_scope, p.limit_key, p.slot_of, p.slot_key`;

/**
 * In which order positions are locked: those that can be held before the joins that they count down, and a join within a
 * branch before the join of that branch, as checkpoints do. So a join that has closed since it was looked at, and whose holder ends the
 * branch just now, is not waited for by somebody who has the join that this one waits for.
 */
export const IN_LOCK_ORDER: Query<never> = sql<never>`
      p.kind = 'join' AND p.pending > 0, CASE WHEN p.kind = 'join' AND p.pending > 0 THEN p.path END DESC, p.path`;

/** Reads all positions of an instance, with how far their tasks say they are. Index: positions_pkey. */
export function findPositions(t: Tables, instanceId: string): Query<ProgressRow> {
  return sql`
    SELECT ${POSITION_COLUMNS},
           CASE WHEN p.progress_of = p.task_id THEN p.progress END AS progress,
           extract(epoch FROM p.progress_at)::float8 * 1000 AS progress_ms
    FROM ${t.positions} AS p
    LEFT JOIN ${t.lanes} AS l ON l.lane = p.lane
    WHERE p.instance_id = ${instanceId}::text
    ORDER BY p.path
  `;
}

/**
 * Locks and reads all positions of an instance whose row is locked: those that can be held before the joins
 * that they count down, as checkpoints do. New ones can't come meanwhile: a fork needs the instance's row.
 */
export function lockPositions(t: Tables, instanceId: string): Query<PositionRow> {
  return sql`
    SELECT ${POSITION_COLUMNS}
    FROM ${t.positions} AS p
    LEFT JOIN ${t.lanes} AS l ON l.lane = p.lane
    WHERE p.instance_id = ${instanceId}::text
    ORDER BY ${IN_LOCK_ORDER}
    FOR UPDATE OF p
  `;
}

/** Which of some instances are not live: ended, or unknown. Index: instances_pkey. */
export function findEnded(t: Tables, instanceIds: readonly string[]): Query<{ instance_id: string }> {
  return sql`
    SELECT d.instance_id
    FROM unnest(${instanceIds}::text[]) AS d (instance_id)
    LEFT JOIN ${t.instances} AS i ON i.instance_id = d.instance_id
    WHERE i.status IS NULL OR i.status NOT IN ('in_progress', 'paused')
  `;
}
