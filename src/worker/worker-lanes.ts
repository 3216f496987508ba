import { DEADLINE_ID, type Flow } from "../flow/flow-definition.ts";
import { laneKey } from "../snapshot/lane-key.ts";
import type { Lane } from "../snapshot/position.ts";
import { laneOf } from "../snapshot/standing.ts";

/**
 * The lanes that a worker can serve: of its flows, in the codecs of its backend, with no tag that it lacks.
 *
 * @param tags - empty: it takes all
 */
export function lanesFor(flows: readonly Flow[], codecIds: readonly string[], tags: readonly string[]): Lane[] {
  const lanes = new Map<string, Lane>();
  for (const flow of flows) {
    // Anything may have a deadline.
    for (const located of [...flow.nodes(), flow.get(DEADLINE_ID)]) {
      for (const codecId of codecIds) {
        const lane = laneOf(flow, located, codecId);
        if (tags.length === 0 || lane.tags.every((tag) => tags.includes(tag))) lanes.set(laneKey(lane), lane);
      }
    }
  }
  return [...lanes.values()];
}
