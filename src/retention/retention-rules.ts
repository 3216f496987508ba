import type { Flow } from "../flow/flow-definition.ts";
import type { KeepTimes } from "../flow/keep.ts";
import type { RetentionRule } from "../store/retention-store.ts";

const DAY_MS = 86_400_000;

/** What is kept where nobody says anything. */
export const DEFAULT_KEEP: KeepTimes = Object.freeze({
  completed: 30 * DAY_MS,
  failed: 90 * DAY_MS,
  cancelled: 30 * DAY_MS,
});

/**
 * What flows say of how long their instances are kept. Of several with one name, the first counts.
 *
 * @param usual - what is kept where a flow says nothing
 */
export function retentionRules(
  flows: readonly Flow[],
  usual: Partial<KeepTimes>,
  archives: boolean,
): readonly RetentionRule[] {
  const byName = new Map<string, RetentionRule>();
  for (const { name, keep } of flows)
    if (!byName.has(name)) byName.set(name, { flow: name, keep: { ...DEFAULT_KEEP, ...usual, ...keep }, archives });
  return [...byName.values()];
}
