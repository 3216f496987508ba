import type { NewInstance } from "../../store/instance-store.ts";
import { type Column, rowSource } from "../row-source.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";
import { type BatchFacts, type BranchRow, branchColumns } from "./checkpoint-columns.ts";

export interface CreatedRow {
  readonly idx: number;
  readonly created: boolean;
  readonly granted: readonly { readonly path: string; readonly token: string }[] | null;
}

/**
 * Makes instances, with their positions and mailboxes; leaves ids that are taken alone (INV-12).
 *
 * No id may occur twice. Among themselves, they are to be taken in the order given: that is what the ordinal does
 * in the order key, which counts microseconds. Locks: the new rows, by key, so that two batches with the same ids in another
 * order wait for each other instead of deadlocking.
 */
export function createInstances(
  t: Tables,
  instances: readonly NewInstance[],
  positions: readonly BranchRow[],
  facts: BatchFacts,
): Query<CreatedRow> {
  // Most flows start no children: their instances have nothing written that says so.
  const spawning = instances.some(({ spawns }) => spawns) ? SPAWNING : NOTHING_MORE;
  return sql`
    WITH new AS MATERIALIZED (
      SELECT * FROM ${rowSource("n", [...instanceColumns(instances), ...spawning.columns(instances)], "idx")}
    ),
    ${makingInstances(t, positions, facts, { source: sql`new`, ...spawning })}
    SELECT n.idx::int, c.instance_id IS NOT NULL AS created, g.claims AS granted
    FROM new AS n
    LEFT JOIN created AS c ON c.instance_id = n.instance_id
    LEFT JOIN granted AS g ON g.instance_id = n.instance_id
    ORDER BY n.idx
  `;
}

/** What else is written of an instance: names, and values of the rows `n`. */
export interface MoreColumns {
  readonly names: Query<never>;
  readonly values: Query<never>;
}

const NOTHING_MORE = { names: sql<never>``, values: sql<never>``, columns: (): Column[] => [] };
const SPAWNING = {
  names: sql<never>`, spawns`,
  values: sql<never>`, NULLIF(n.spawns, false)`,
  columns: (instances: readonly NewInstance[]): Column[] => [
    { name: "spawns", type: "boolean", values: instances.map(({ spawns }) => spawns) },
  ],
};

/**
 * CTEs `clock`, `created`, `mailbox`, `placed` and `granted`, which make the instances of a CTE with the `instanceColumns` and
 * an `idx`, as far as their ids are free.
 */
export function makingInstances(
  t: Tables,
  positions: readonly BranchRow[],
  facts: BatchFacts,
  more: MoreColumns & { readonly source: Query<never> },
): Query<never> {
  return sql`
    clock AS MATERIALIZED (SELECT coalesce(${facts.now}::timestamptz, clock_timestamp()) AS now),
    created AS (
      INSERT INTO ${t.instances} (instance_id, flow, definition_hash, codec, input, priority, tags, labels, created_at${more.names})
      SELECT n.instance_id, n.flow, n.definition_hash, n.codec, n.input, n.priority,
             CASE WHEN n.tags = '[]' THEN '{}' ELSE ARRAY(SELECT json_array_elements_text(n.tags::json)) END,
             n.labels::jsonb, clock.now${more.values}
      FROM ${more.source} AS n
      CROSS JOIN clock
      ORDER BY n.instance_id
      ON CONFLICT (instance_id) DO NOTHING
      RETURNING instance_id
    ),
    mailbox AS (
      INSERT INTO ${t.mailboxes} (instance_id)
      SELECT n.instance_id
      FROM ${more.source} AS n
      JOIN created AS c ON c.instance_id = n.instance_id
      WHERE n.awaits
      ORDER BY n.instance_id
      ON CONFLICT DO NOTHING
    ),
    placed AS (
      INSERT INTO ${t.positions} (instance_id, path, task_id, kind, lane, priority, attempt, pending, input_ref, event,
                                  worker_id, token, since, wake_at, available_at, order_key)
      SELECT n.instance_id, b.path, b.task_id, b.kind, b.lane, b.priority, b.attempt, b.pending, b.input_ref, b.event,
             CASE WHEN b.claimed THEN ${facts.workerId}::text END,
             CASE WHEN b.claimed THEN nextval(${t.tokenSequence}::regclass) ELSE 0 END,
             clock.now,
             CASE WHEN b.wake_after > 0 THEN clock.now + b.wake_after * interval '1 millisecond' END,
             CASE
               WHEN b.claimed THEN clock.now + ${facts.leaseMs}::bigint * interval '1 millisecond'
               WHEN b.wake_after IS NULL THEN 'infinity'
               ELSE clock.now + b.wake_after * interval '1 millisecond'
             END,
             CASE WHEN b.wake_after = 0 AND NOT b.claimed THEN ${t.orderKey}(b.priority, clock.now) + b.ordinal END
      FROM ${rowSource("b", branchColumns(positions), "ordinal")}
      JOIN ${more.source} AS n ON n.idx = b.idx
      JOIN created AS c ON c.instance_id = n.instance_id
      CROSS JOIN clock
      RETURNING instance_id, path, worker_id, token
    ),
    granted AS (
      SELECT p.instance_id, json_agg(json_build_object('path', p.path, 'token', p.token::text)) AS claims
      FROM placed AS p
      WHERE p.worker_id IS NOT NULL
      GROUP BY p.instance_id
    )`;
}

export function instanceColumns(instances: readonly NewInstance[]): Column[] {
  return [
    { name: "instance_id", type: "text", values: instances.map((i) => i.instanceId) },
    { name: "flow", type: "text", values: instances.map((i) => i.flow) },
    { name: "definition_hash", type: "text", values: instances.map((i) => i.definitionHash) },
    { name: "codec", type: "text", values: instances.map((i) => i.codec) },
    { name: "input", type: "bytea", values: instances.map((i) => i.input) },
    { name: "priority", type: "smallint", values: instances.map((i) => i.priority) },
    { name: "tags", type: "text", values: instances.map((i) => JSON.stringify(i.tags)) },
    { name: "labels", type: "text", values: instances.map((i) => JSON.stringify(i.labels)) },
    { name: "awaits", type: "boolean", values: instances.map((i) => i.awaitsEvents) },
  ];
}
