import type { PublishedDefinition } from "../../store/definition-store.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";

/** Publishes definitions for `submit`. Locks: their rows, by key. */
export function publishDefinitions(
  t: Tables,
  p: {
    readonly definitions: readonly { readonly definition: PublishedDefinition; readonly positions: string }[];
    readonly asNewest: boolean;
  },
): Query<never> {
  const all = p.definitions.map(({ definition }) => definition);
  return sql`
    INSERT INTO ${t.definitions} AS known (flow, definition_hash, awaits_events, spawns, positions)
    SELECT d.flow, d.definition_hash, d.awaits_events, d.spawns, d.positions::jsonb
    FROM unnest(
      ${all.map(({ flow }) => flow)}::text[],
      ${all.map(({ definitionHash }) => definitionHash)}::text[],
      ${all.map(({ awaitsEvents }) => awaitsEvents)}::boolean[],
      ${all.map(({ spawns }) => spawns)}::boolean[],
      ${p.definitions.map(({ positions }) => positions)}::text[]
    ) AS d (flow, definition_hash, awaits_events, spawns, positions)
    ORDER BY d.flow, d.definition_hash
    ON CONFLICT (flow, definition_hash) DO UPDATE
    SET positions = excluded.positions,
        published_at = CASE WHEN ${p.asNewest}::boolean THEN excluded.published_at ELSE known.published_at END
    WHERE ${p.asNewest}::boolean OR known.positions <> excluded.positions
  `;
}
