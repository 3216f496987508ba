import type { InstanceId } from "../ids.ts";
import type { Backend } from "../store/backend.ts";
import type { Timers } from "../time/timers.ts";

/** Who takes longer lets the next one go on beside it. */
const LONGEST_TURN_MS = 2_000;

/** What the last one in the row has to end before another may begin; none where nobody is at it. */
const lastTurns = new WeakMap<Backend, Map<InstanceId, Promise<void>>>();

/**
 * Runs `work` when what was begun before for the same instance in this process has ended, whatever came of that. It saves work,
 * and orders it; nothing may depend on it, because other processes don't wait.
 */
export async function inTurn<T>(
  backend: Backend,
  instanceId: InstanceId,
  timers: Timers,
  work: () => Promise<T>,
): Promise<T> {
  const turns = lastTurns.get(backend) ?? new Map<InstanceId, Promise<void>>();
  lastTurns.set(backend, turns);
  const before = turns.get(instanceId);
  let end: () => void = () => undefined;
  const turn = new Promise<void>((resolve) => (end = resolve));
  turns.set(instanceId, turn);
  const leave = (): void => {
    if (turns.get(instanceId) === turn) turns.delete(instanceId);
    end();
  };
  await before;
  const timer = timers.after(LONGEST_TURN_MS, leave);
  try {
    return await work();
  } finally {
    timer.cancel();
    leave();
  }
}
