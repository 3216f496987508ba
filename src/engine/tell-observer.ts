import { standpoint } from "../flow/continuation.ts";
import type { Observer } from "../observability/observer.ts";
import type { Move } from "../snapshot/checkpoint.ts";
import type { Occurrence } from "../snapshot/occurrence.ts";
import { isStarting, startedBy } from "./complete-move.ts";
import type { HeldPosition } from "./held-position.ts";
import { durationOf } from "./occurrence-values.ts";
import { atTask, type BodyParts } from "./task-bodies.ts";

const ENDS: Partial<Readonly<Record<Move["kind"], "completed" | "failed" | "cancelled">>> = {
  complete: "completed",
  fail: "failed",
  cancel: "cancelled",
};

/** Tells observers, and the host's counts, of a checkpoint that was accepted. `error`: what the last failed attempt threw. */
export function tellCheckpoint(
  { observer, host, ports }: Pick<BodyParts, "observer" | "host" | "ports">,
  error: unknown,
  checkpoint: { held: HeldPosition; happening: Occurrence; move: Move; kept: boolean },
): void {
  const { held, happening, move, kept } = checkpoint;
  const isParked = !kept && (move.kind === "park" || move.kind === "await");
  const durationMs = durationOf(happening);
  if (durationMs !== null) host.tally.completedTasks++;
  if (happening.kind === "failed") host.tally.failedAttempts++;
  const wakeAfterMs = isParked ? wakeAfterOf(move, ports.clock.now()) : firstDueOf(move);
  if (wakeAfterMs !== null) host.expect(wakeAfterMs, happening.kind === "failed");
  if (observer === null) return;
  const at = atTask(held);
  if (durationMs !== null) observer({ kind: "task_completed", durationMs, ...at });
  if (happening.kind === "failed") {
    observer({ kind: "task_failed", error, retryAfterMs: happening.retryAfterMs, ...at });
  }
  if (isParked) {
    const { taskId, attempt, event } = move.to;
    observer({ kind: "parked", event, wakeAfterMs, ...at, taskId, attempt });
  }
  const status = ENDS[move.kind];
  if (status !== undefined) observer({ kind: "instance_ended", instanceId: at.instanceId, status });
}

/** Whether it was delivered to the wait or taken from the buffer: the outcome is recorded before it is used. */
export function tellReceived(observer: Observer | null, held: HeldPosition): void {
  const { node } = standpoint(held.flow, held.stand.taskId).located;
  if (node.kind !== "wait" || held.recorded?.outcome !== "completed") return;
  observer?.({ kind: "event_received", event: node.event, ...atTask(held) });
}

/** After which time a position that was parked wakes by itself, as far as the move says; `null` for never. */
function wakeAfterOf(move: Extract<Move, { kind: "park" | "await" }>, now: number): number | null {
  if (move.kind === "await") return move.timeoutMs === "keep" ? null : move.timeoutMs;
  return move.wakeAt === undefined ? move.wakeAfterMs : Math.max(0, move.wakeAt - now);
}

/** After which time the first of the positions that a move makes wakes by itself; `null` for never. */
function firstDueOf(move: Move): number | null {
  if (!isStarting(move)) return null;
  let first: number | null = null;
  for (const { wakeAfterMs } of startedBy(move)) {
    if (wakeAfterMs !== null && wakeAfterMs > 0 && (first === null || wakeAfterMs < first)) first = wakeAfterMs;
  }
  return first;
}
