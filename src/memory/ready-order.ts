import { compareReady, type LaneQueue, type Slot } from "./stored-instance.ts";

/** What gives ready positions in order. */
interface ReadyQueue {
  readonly ready: { peek(): Slot | undefined };
}

/** The queue whose first position comes before the first of all others. */
export function firstOf<Queue extends ReadyQueue>(queues: readonly Queue[]): Queue | undefined {
  let best: Queue | undefined;
  for (const queue of queues) {
    const head = queue.ready.peek();
    const bestHead = best?.ready.peek();
    if (head !== undefined && (bestHead === undefined || compareReady(head, bestHead) < 0)) best = queue;
  }
  return best;
}

/** At most `limit` ready positions that `wanted` accepts, in order; all stay where they are. */
export function readyInOrder(queues: readonly LaneQueue[], limit: number, wanted: (slot: Slot) => boolean): Slot[] {
  const found: Slot[] = [];
  const passed: { queue: LaneQueue; slot: Slot }[] = [];
  while (found.length < limit) {
    const queue = firstOf(queues);
    const slot = queue?.ready.pop();
    if (queue === undefined || slot === undefined) break;
    passed.push({ queue, slot });
    if (wanted(slot)) found.push(slot);
  }
  for (const { queue, slot } of passed) queue.ready.push(slot);
  return found;
}
