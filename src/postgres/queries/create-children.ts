import type { NewChild } from "../../store/child-store.ts";
import { rowSource } from "../row-source.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";
import type { BatchFacts, BranchRow } from "./checkpoint-columns.ts";
import { deadlinesOf, instanceColumns, type MoreOfInstances, makingInstances, tracesOf } from "./create-instances.ts";

export interface ChildRow {
  readonly idx: number;
  readonly created: boolean;
  /** The claim of the parent's position holds, as far as the statement could see. */
  readonly held: boolean;
  /** That position's row could be locked. */
  readonly locked: boolean;
}

/** The parent can't come to another run meanwhile: its position is locked. */
function parentsIn(t: Tables): MoreOfInstances {
  return {
    columns: [],
    names: sql`, spawns, parent_id, parent_task_id, parent_token, parent_run, awaited_at, on_parent_close`,
    values: sql`, NULLIF(n.spawns, false), n.parent_id, n.parent_task_id, n.parent_token,
             (SELECT p.run FROM ${t.instances} AS p WHERE p.instance_id = n.parent_id),
             CASE WHEN n.is_awaited THEN n.parent_path END, n.on_close`,
    returned: sql``,
    placed: sql``,
  };
}

/**
 * Makes children, as `createInstances` does, as far as the claims of their parents' positions hold (INV-5). No id may occur twice.
 *
 * The lock on the position keeps it from being removed until the child is there: whoever ends the parent either does so before,
 * and nothing is made, or finds the child (docs/protocols/children.md).
 * Locks: positions by key, shared, skipping locked ones; then the new rows by key. Index: positions_pkey, instances_pkey.
 */
export function createChildren(
  t: Tables,
  children: readonly NewChild[],
  positions: readonly BranchRow[],
  facts: BatchFacts,
  deadlineLanes: readonly (number | null)[],
): Query<ChildRow> {
  const instances = children.map(({ instance }) => instance);
  const traces = tracesOf(instances);
  const deadlines = deadlinesOf(t, instances, deadlineLanes);
  const columns = [
    ...instanceColumns(instances),
    ...traces.columns,
    ...deadlines.columns,
    { name: "spawns", type: "boolean" as const, values: instances.map(({ spawns }) => spawns) },
    { name: "parent_id", type: "text" as const, values: children.map(({ claim }) => claim.instanceId) },
    { name: "parent_path", type: "text" as const, values: children.map(({ claim }) => claim.path) },
    { name: "parent_token", type: "bigint" as const, values: children.map(({ claim }) => claim.token) },
    { name: "parent_task_id", type: "text" as const, values: children.map(({ taskId }) => taskId) },
    { name: "is_awaited", type: "boolean" as const, values: children.map(({ isAwaited }) => isAwaited) },
    { name: "on_close", type: "text" as const, values: children.map(({ onClose }) => onClose) },
  ];
  return sql`
    WITH asked AS MATERIALIZED (
      SELECT * FROM ${rowSource("a", columns, "idx")}
    ),
    held AS MATERIALIZED (
      SELECT a.idx
      FROM asked AS a
      JOIN ${t.positions} AS p ON p.instance_id = a.parent_id AND p.path = a.parent_path
      WHERE p.token = a.parent_token AND p.worker_id IS NOT NULL
      ORDER BY p.instance_id, p.path
      FOR KEY SHARE OF p SKIP LOCKED
    ),
    new AS MATERIALIZED (
      SELECT a.* FROM asked AS a JOIN held AS h ON h.idx = a.idx
    ),
    ${makingInstances(t, positions, facts, [parentsIn(t), traces, deadlines])}
    SELECT a.idx::int, c.instance_id IS NOT NULL AS created, h.idx IS NOT NULL AS locked,
           (SELECT true FROM ${t.positions} AS p
            WHERE p.instance_id = a.parent_id AND p.path = a.parent_path AND p.token = a.parent_token
              AND p.worker_id IS NOT NULL
            LIMIT 1) IS NOT NULL AS held
    FROM asked AS a
    LEFT JOIN held AS h ON h.idx = a.idx
    LEFT JOIN created AS c ON c.instance_id = a.instance_id
    ORDER BY a.idx
  `;
}
