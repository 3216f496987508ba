import type { StoreContext } from "./store-context.ts";

/** Notes what has been ended, or deleted. */
export type NoteEnd = (ended: { readonly hasRelatives: boolean } | null) => void;

/** Runs what may end instances, and then does what their ends mean for others, where they do (`ChildStore`). */
export async function whileEnding<T>(context: StoreContext, work: (note: NoteEnd) => Promise<T>): Promise<T> {
  let isOwed = false;
  const result = await work((ended) => (isOwed ||= ended?.hasRelatives === true));
  if (isOwed) {
    await context.settle().catch(() => {
      // It is written down, and a worker comes to it; what was asked for has been done.
    });
  }
  return result;
}
