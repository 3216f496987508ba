import type { NewInstance } from "../../store/instance-store.ts";
import { type Column, rowSource } from "../row-source.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";
import { type BatchFacts, type BranchRow, branchColumns } from "./checkpoint-columns.ts";
import { isPausedFlow } from "./flows.ts";

export interface CreatedRow {
  readonly idx: number;
  readonly created: boolean;
  readonly granted: readonly { readonly path: string; readonly token: string }[] | null;
}

/**
 * Makes instances, with their positions and mailboxes; leaves ids that are taken alone (INV-12).
 *
 * Where an instance has a deadline, so does its position; the statement is another one only if some have one.
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
  deadlineLanes: readonly (number | null)[] = [],
): Query<CreatedRow> {
  // Most flows start no children: their instances have nothing written that says so.
  const spawning = instances.some(({ spawns }) => spawns) ? spawningOf(instances) : NOTHING_MORE;
  const deadlines = deadlinesOf(t, instances, deadlineLanes);
  const traces = tracesOf(instances);
  const columns = [...instanceColumns(instances), ...spawning.columns, ...traces.columns, ...deadlines.columns];
  return sql`
    WITH new AS MATERIALIZED (
      SELECT * FROM ${rowSource("n", columns, "idx")}
    ),
    ${makingInstances(t, positions, facts, [spawning, traces, deadlines])}
    SELECT n.idx::int, c.instance_id IS NOT NULL AS created, g.claims AS granted
    FROM new AS n
    LEFT JOIN created AS c ON c.instance_id = n.instance_id
    LEFT JOIN granted AS g ON g.instance_id = n.instance_id
    ORDER BY n.idx
  `;
}

const NOTHING = sql<never>``;

/** What else is written of instances, and beside them. */
export interface MoreOfInstances {
  /** Columns of the rows `new`. */
  readonly columns: readonly Column[];
  /** Names of columns of the table, each behind a comma. */
  readonly names: Query<never>;
  /** What is written into them, of the rows `n` and at `clock.now`, each behind a comma. */
  readonly values: Query<never>;
  /** The same names, as far as `placed` reads them of the rows `created`. */
  readonly returned: Query<never>;
  /** CTEs that write more, each with a comma behind it. */
  readonly placed: Query<never>;
}

const NOTHING_MORE: MoreOfInstances = {
  columns: [],
  names: NOTHING,
  values: NOTHING,
  returned: NOTHING,
  placed: NOTHING,
};

function spawningOf(instances: readonly NewInstance[]): MoreOfInstances {
  return {
    ...NOTHING_MORE,
    columns: [{ name: "spawns", type: "boolean", values: instances.map(({ spawns }) => spawns) }],
    names: sql`, spawns`,
    values: sql`, NULLIF(n.spawns, false)`,
  };
}

/** What tracing has to know; nothing if nobody traces. */
export function tracesOf(instances: readonly NewInstance[]): MoreOfInstances {
  const values = instances.map(({ traceContext = null }) => traceContext);
  if (values.every((value) => value === null)) return NOTHING_MORE;
  return {
    ...NOTHING_MORE,
    columns: [{ name: "trace_context", type: "text", values }],
    names: sql`, trace_context`,
    values: sql`, n.trace_context`,
  };
}

/** Deadlines, each with its position; nothing if none of the instances has one. */
export function deadlinesOf(
  t: Tables,
  instances: readonly NewInstance[],
  lanes: readonly (number | null)[],
): MoreOfInstances {
  if (lanes.every((lane) => lane === null)) return NOTHING_MORE;
  return {
    columns: deadlineColumns(instances, lanes),
    names: sql`, deadline_at`,
    // The earlier of the two.
    values: sql`, least(clock.now + n.deadline_after * interval '1 millisecond',
                   timestamptz 'epoch' + n.deadline_at_ms * interval '1 millisecond')`,
    returned: sql`, deadline_at`,
    placed: sql`
    overdue AS (
      INSERT INTO ${t.positions} (instance_id, path, task_id, kind, lane, priority, since, wake_at, available_at)
      SELECT c.instance_id, '$deadline', '$deadline', 'delay', n.deadline_lane, 1, clock.now, c.deadline_at, c.deadline_at
      FROM created AS c
      JOIN new AS n ON n.instance_id = c.instance_id
      CROSS JOIN clock
      WHERE c.deadline_at IS NOT NULL
    ),`,
  };
}

/**
 * CTEs `clock`, `created`, `mailbox`, `placed` and `granted`, which make the instances of a CTE `new` with the `instanceColumns`
 * and an `idx`, as far as their ids are free.
 */
export function makingInstances(
  t: Tables,
  positions: readonly BranchRow[],
  facts: BatchFacts,
  more: readonly MoreOfInstances[],
): Query<never> {
  return sql`
    clock AS MATERIALIZED (SELECT coalesce(${facts.now}::timestamptz, clock_timestamp()) AS now),
    created AS (
      INSERT INTO ${t.instances} (instance_id, flow, definition_hash, codec, input, priority, tags, labels, created_at${all(more, "names")})
      SELECT n.instance_id, n.flow, n.definition_hash, n.codec, n.input, n.priority,
             CASE WHEN n.tags = '[]' THEN '{}' ELSE ARRAY(SELECT json_array_elements_text(n.tags::json)) END,
             n.labels::jsonb, clock.now${all(more, "values")}
      FROM new AS n
      CROSS JOIN clock
      ORDER BY n.instance_id
      ON CONFLICT (instance_id) DO NOTHING
      RETURNING instance_id${all(more, "returned")}
    ),${all(more, "placed")}
    mailbox AS (
      INSERT INTO ${t.mailboxes} (instance_id)
      SELECT n.instance_id
      FROM new AS n
      JOIN created AS c ON c.instance_id = n.instance_id
      WHERE n.awaits
      ORDER BY n.instance_id
      ON CONFLICT DO NOTHING
    ),
    placed AS (
      INSERT INTO ${t.positions} (instance_id, path, task_id, kind, lane, priority, attempt, pending, input_ref, event,
                                  worker_id, token, since, limit_key, wake_at, available_at, order_key)
      SELECT n.instance_id, b.path, b.task_id, b.kind, b.lane, b.priority, b.attempt, b.pending, b.input_ref, b.event,
             CASE WHEN h.held THEN ${facts.workerId}::text END,
             CASE WHEN h.held THEN nextval(${t.tokenSequence}::regclass) ELSE 0 END,
             clock.now, b.limit_key,
             CASE WHEN b.wake_after > 0 THEN clock.now + b.wake_after * interval '1 millisecond' END,
             CASE
               WHEN h.held THEN clock.now + ${facts.leaseMs}::bigint * interval '1 millisecond'
               WHEN b.wake_after IS NULL THEN 'infinity'
               ELSE clock.now + b.wake_after * interval '1 millisecond'
             END,
             CASE WHEN b.wake_after = 0 AND NOT h.held THEN ${t.orderKey}(b.priority, clock.now) + b.ordinal END
      FROM ${rowSource("b", branchColumns(positions), "ordinal")}
      JOIN new AS n ON n.idx = b.idx
      JOIN created AS c ON c.instance_id = n.instance_id
      CROSS JOIN clock
      CROSS JOIN LATERAL (SELECT b.claimed AND NOT ${isPausedFlow(t, sql`n.flow`)} AS held) AS h
      RETURNING instance_id, path, worker_id, token
    ),
    granted AS (
      SELECT p.instance_id, json_agg(json_build_object('path', p.path, 'token', p.token::text)) AS claims
      FROM placed AS p
      WHERE p.worker_id IS NOT NULL
      GROUP BY p.instance_id
    )`;
}

function all(more: readonly MoreOfInstances[], part: "names" | "values" | "returned" | "placed"): Query<never> {
  return more.reduce<Query<never>>((joined, one) => sql`${joined}${one[part]}`, NOTHING);
}

function deadlineColumns(instances: readonly NewInstance[], lanes: readonly (number | null)[]): Column[] {
  const ceil = (at: number | null | undefined): number | null => (at == null ? null : Math.ceil(at));
  return [
    { name: "deadline_after", type: "bigint", values: instances.map((i) => i.deadline?.afterMs ?? null) },
    { name: "deadline_at_ms", type: "bigint", values: instances.map((i) => ceil(i.deadline?.at)) },
    { name: "deadline_lane", type: "int", values: lanes },
  ];
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
