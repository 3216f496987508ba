import { InvalidTransitionError } from "../errors/instance-errors.ts";
import type { TaskId } from "../ids.ts";
import { NOTES } from "../snapshot/apply.ts";
import { deadlineTime } from "../snapshot/deadline.ts";
import type { Position } from "../snapshot/position.ts";
import { interruptOf, withInterrupt } from "../snapshot/position-rules.ts";
import { putBack, type StoodPosition } from "../snapshot/stood-position.ts";
import { parseDeadline } from "../store/arguments.ts";
import { otherSingletonLives } from "../store/other-singleton.ts";
import { pendingRequest } from "../store/pending-request.ts";
import type { CancelRequest, RetryRequest, SignalKind, SignalRequest } from "../store/signal-store.ts";
import type { MemoryState } from "./memory-state.ts";
import type { StoredInstance } from "./stored-instance.ts";

/** Stores a request, with what one that is pending has said; its instance's positions stop at their next checkpoint. */
export function request(
  state: MemoryState,
  instance: StoredInstance,
  kind: SignalKind,
  facts: CancelRequest,
  now: number,
): void {
  instance.signals.set(kind, pendingRequest(instance.signals.get(kind) ?? null, facts));
  refreshInterrupts(state, instance, now);
}

/** Applies a cancel to an instance that is not terminal. */
export function cancel(
  state: MemoryState,
  instance: StoredInstance,
  facts: SignalRequest,
  at: TaskId | null,
  now: number,
): void {
  state.note(instance, "cancel", now, at);
  state.end(instance, { status: "cancelled", endedAt: now, reason: facts.reason ?? null });
}

/** Applies a pause to an instance that is in progress. */
export function pause(state: MemoryState, instance: StoredInstance, facts: SignalRequest, now: number): void {
  instance.record = { ...instance.record, status: "paused", reason: facts.reason ?? null };
  instance.signals.delete("pause");
  state.note(instance, "pause", now);
  refreshInterrupts(state, instance, now);
}

/**
 * Lifts the pause of an instance.
 *
 * @throws {InvalidTransitionError} it is not paused
 */
export function unpause(state: MemoryState, instance: StoredInstance, now: number): void {
  const { instanceId, status: from } = instance.record;
  if (from !== "paused") throw new InvalidTransitionError(instanceId, from, "unpause");
  instance.record = { ...instance.record, status: "in_progress", reason: null };
  state.note(instance, "unpause", now);
  refreshInterrupts(state, instance, now);
}

/**
 * Takes back an instance that has failed, with the positions that were kept.
 *
 * @throws {InvalidTransitionError} another one lives under the key under which it lives alone
 */
export function retry(
  state: MemoryState,
  instance: StoredInstance,
  kept: readonly StoodPosition[],
  request: RetryRequest,
  now: number,
): void {
  const status = request.paused === true ? "paused" : "in_progress";
  if (instance.singletonKey !== null) takeOver(state, instance, instance.singletonKey, now);
  instance.record = { ...instance.record, status, failure: null, reason: request.reason ?? null, endedAt: null };
  instance.stood = null;
  state.note(instance, "retry", now);
  for (const position of kept) state.place(instance, putBack(position, status, now), now);
  const { deadline } = request;
  const next = deadline === undefined ? null : parseDeadline(deadline, "request.deadline");
  state.setDeadline(instance, deadlineTime(next, now), now);
}

function takeOver(state: MemoryState, { id, record }: StoredInstance, key: string, now: number): void {
  const last = state.startKeys.find(record.flow, key);
  if (last !== null && last.instanceId !== id && state.isLive(last.instanceId))
    throw otherSingletonLives(id, record.status, last.instanceId);
  state.startKeys.set(record.flow, key, { startsAt: now, markAt: null, ...last, instanceId: id });
}

/** Whether the instance is being undone because it is to be cancelled. */
export function isCancelling({ history }: StoredInstance): boolean {
  return history.highestAttemptOf(NOTES.cancelling) > 0;
}

/** Withdraws a request; what it would have stopped goes on. */
export function withdraw(state: MemoryState, instance: StoredInstance, kind: SignalKind, now: number): void {
  if (instance.signals.delete(kind)) refreshInterrupts(state, instance, now);
}

/** Brings all positions in line with what is pending and whether the instance is paused. */
export function refreshInterrupts(state: MemoryState, instance: StoredInstance, now: number): void {
  for (const position of [...instance.positions.values()]) {
    const next = interrupted(instance, position, now);
    if (next !== position) state.place(instance, next, now);
  }
}

/** The position as the pending requests and the pause of its instance leave it. */
export function interrupted(instance: StoredInstance, position: Position, now: number): Position {
  return withInterrupt(position, interruptOf(instance.record.status, instance.signals), now);
}
