import type { PublishedDefinition } from "../../store/definition-store.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";

/** Publishes definitions for `submit`. Locks: their rows, by key. */
export function publishDefinitions(
  t: Tables,
  p: {
    readonly definitions: readonly {
      readonly definition: PublishedDefinition;
      readonly positions: string;
      readonly deadlineLane: number;
    }[];
    readonly asNewest: boolean;
  },
): Query<never> {
  const all = p.definitions.map(({ definition }) => definition);
  return sql`
    INSERT INTO ${t.definitions} AS known (flow, definition_hash, awaits_events, spawns, positions, deadline_ms, deadline_lane,
                                          start_policy, graph)
    SELECT d.flow, d.definition_hash, d.awaits_events, d.spawns, d.positions::jsonb, d.deadline_ms, d.deadline_lane,
           d.start_policy, d.graph::json
    FROM unnest(
      ${all.map(({ flow }) => flow)}::text[],
      ${all.map(({ definitionHash }) => definitionHash)}::text[],
      ${all.map(({ awaitsEvents }) => awaitsEvents)}::boolean[],
      ${all.map(({ spawns }) => spawns)}::boolean[],
      ${p.definitions.map(({ positions }) => positions)}::text[],
      ${all.map(({ deadlineMs }) => deadlineMs)}::bigint[],
      ${p.definitions.map(({ deadlineLane }) => deadlineLane)}::int[],
      ${all.map(({ startPolicy }) => startPolicy ?? null)}::text[],
      ${all.map(({ graph = null }) => graph)}::text[]
    ) AS d (flow, definition_hash, awaits_events, spawns, positions, deadline_ms, deadline_lane, start_policy, graph)
    ORDER BY d.flow, d.definition_hash
    ON CONFLICT (flow, definition_hash) DO UPDATE
    SET positions = excluded.positions, deadline_ms = excluded.deadline_ms, start_policy = excluded.start_policy,
        graph = excluded.graph,
        published_at = CASE WHEN ${p.asNewest}::boolean THEN excluded.published_at ELSE known.published_at END
    WHERE ${p.asNewest}::boolean OR known.positions <> excluded.positions
       OR known.deadline_ms IS DISTINCT FROM excluded.deadline_ms OR known.start_policy IS DISTINCT FROM excluded.start_policy
       OR known.graph::text IS DISTINCT FROM excluded.graph::text
  `;
}
