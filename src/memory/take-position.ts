import { COMMON_KEY } from "../snapshot/allowance.ts";
import type { Position } from "../snapshot/position.ts";
import type { ClaimedPosition, ClaimRequest } from "../store/position-store.ts";
import { copyOrNull } from "./bytes.ts";
import type { MemoryState } from "./memory-state.ts";
import { claimPosition } from "./new-position.ts";
import type { Slot } from "./stored-instance.ts";

/** The caller holds a position that was ready; where it stood before a gate, that has let it through. */
export function takePosition(
  state: MemoryState,
  { instance, position, path }: Slot,
  request: Pick<ClaimRequest, "workerId" | "leaseMs">,
  now: number,
): ClaimedPosition {
  const token = state.nextToken();
  const claim = { workerId: request.workerId, token, expiresAt: now + request.leaseMs };
  const through = letThrough(position);
  state.place(instance, claimPosition(through, claim), now);
  const { flow, definitionHash, codec, priority, input, deadlineAt, run } = instance.record;
  const recorded = instance.history.outcomeOf(position.taskId);
  return {
    instanceId: instance.id,
    path,
    token,
    taskId: position.taskId,
    kind: position.kind,
    attempt: position.attempt,
    lost: position.lost,
    inputRef: position.inputRef,
    input: position.kind === "join" ? null : copyOrNull(instance.history.valueOf(position.inputRef, input)),
    recorded: recorded === null ? null : { outcome: recorded.outcome, output: copyOrNull(recorded.output) },
    event: position.event,
    armed: position.wakeAt !== null,
    due: position.wakeAt !== null && position.wakeAt <= now,
    interrupt: position.interrupt,
    flow,
    definitionHash,
    codec,
    instancePriority: priority,
    deadline: deadlineAt === null ? null : { at: deadlineAt, inMs: deadlineAt - now },
    run,
    ...(instance.traceContext === null ? {} : { traceContext: instance.traceContext }),
    ...(position.gate === undefined ? {} : { admitted: position.gate.scope }),
    ...(through.slot === undefined ? {} : { hasPlace: true }),
  };
}

/** A task's gate is stood before while the attempt lasts. A flow's is behind it until the instance ends, which has a place of it. */
function letThrough(position: Position): Position {
  if (position.gate?.scope !== "flow") return position;
  const { gate, limitKey, ...open } = position;
  return { ...open, slot: { limit: gate.limit, key: limitKey ?? COMMON_KEY } };
}
