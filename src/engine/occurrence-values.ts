import { indexOf } from "../flow/continuation.ts";
import type { TaskId } from "../ids.ts";
import type { NewPosition } from "../snapshot/checkpoint.ts";
import type { Occurrence } from "../snapshot/occurrence.ts";
import type { Bytes } from "../snapshot/snapshot.ts";
import type { HeldPosition } from "./held-position.ts";

/** How long what has been completed took; `null` if nothing has. */
export function durationOf(happening: Occurrence): number | null {
  if (happening.kind === "elapsed") return 0;
  // A list that was recorded before is none of this run's.
  if (happening.kind === "listed") return happening.count === null ? null : happening.durationMs;
  return happening.kind === "succeeded" || happening.kind === "continued" ? happening.durationMs : null;
}

/** The encoded value under a reference that follows a step: what the step recorded, or what was there before. */
export function valueUnder(ref: TaskId | null, held: HeldPosition, happening: Occurrence): Bytes | null {
  if (ref === held.stand.inputRef) return held.input;
  if (happening.kind === "begun") return happening.value;
  if (happening.kind === "listed") return happening.none;
  return happening.kind === "succeeded" ? happening.output : (held.recorded?.output ?? null);
}

/** The encoded value with which a branch begins; that of a map's item is its own. */
export function inputOfBranch(
  { path, standing }: NewPosition,
  held: HeldPosition,
  happening: Occurrence,
): Bytes | null {
  // A map without items goes on at once: then these are branches of the fork behind it.
  if (happening.kind !== "listed" || happening.items.length === 0)
    return valueUnder(standing.inputRef, held, happening);
  return happening.items[indexOf(path) ?? -1] ?? null;
}
