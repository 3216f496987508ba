import type { Flow } from "../flow/flow-definition.ts";
import type { TaskId } from "../ids.ts";
import { type DerivedState, UnreadableTrace } from "../snapshot/history-fold.ts";
import { type Course, stateAt } from "../snapshot/state-at.ts";
import type { StoodPosition } from "../snapshot/stood-position.ts";

/** What keeps a course from being one of a definition. `message` is the end of a sentence. */
export type Misfit =
  /** An entry of the history has no place in the definition. */
  | { readonly kind: "history"; readonly sequence: bigint; readonly taskId: TaskId; readonly message: string }
  /** The history fits, but leads elsewhere. */
  | { readonly kind: "place"; readonly message: string };

/** Whether a course is one of a definition, and where it leads by that. */
export interface Fit {
  /** `null` where the history does not fit. */
  readonly after: DerivedState | null;
  /** `null` if it is. */
  readonly misfit: Misfit | null;
}

/**
 * Follows a course with a definition.
 *
 * @param sequence - up to which entry
 * @param before - where it is to lead
 */
export function fitOf(to: Flow, course: Course, sequence: bigint, before: readonly StoodPosition[]): Fit {
  let after: DerivedState;
  try {
    after = stateAt(to, course, sequence);
  } catch (error) {
    if (!(error instanceof UnreadableTrace)) throw error;
    const taskId = course.trace.find((entry) => entry.sequence === error.sequence)?.taskId ?? "";
    const message = `entry ${error.sequence} of its history does not fit: ${error.message}`;
    return { after: null, misfit: { kind: "history", sequence: error.sequence, taskId, message } };
  }
  const [old, now] = [places(before), places(after.positions)];
  const gone = old.filter((place) => !now.includes(place));
  const come = now.filter((place) => !old.includes(place));
  if (gone.length === 0 && come.length === 0) return { after, misfit: null };
  const message = `it stands at ${gone.join(", ") || "nothing else"}, and would stand at ${come.join(", ") || "nothing else"}`;
  return { after, misfit: { kind: "place", message } };
}

export function endOf(flow: Flow, course: Course): DerivedState {
  return stateAt(flow, course, course.trace.at(-1)?.sequence ?? 0n);
}

/** All that a position is, but what the definition may change under it. */
function places(positions: readonly StoodPosition[]): string[] {
  return positions.map(({ path, taskId, kind, attempt, inputRef, event, pending, items }) => {
    const details = [
      kind === "task" ? [] : [kind],
      path === "" ? [] : [`of "${path}"`],
      event === null ? [] : [`for "${event}"`],
      pending === 0 ? [] : [`with ${pending} to come`],
      items === null ? [] : [`${items.started} of ${items.total} begun, ${items.failed} failed`],
      inputRef === null ? [] : [`after "${inputRef}"`],
    ].flat();
    return `"${taskId}" (${[`attempt ${attempt}`, ...details].join(", ")})`;
  });
}
