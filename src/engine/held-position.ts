import type { Codec } from "../codec/codec.ts";
import { standpoint } from "../flow/continuation.ts";
import type { Flow } from "../flow/flow-definition.ts";
import type { ClaimRef } from "../snapshot/checkpoint.ts";
import type { Interrupt, Standing } from "../snapshot/position.ts";
import type { Bytes } from "../snapshot/snapshot.ts";
import type { Stand } from "../snapshot/standing.ts";
import type { ClaimedPosition, RecordedOutcome } from "../store/position-store.ts";

/** A position that this process holds, with what is needed to go on from it. */
export interface HeldPosition {
  readonly claim: ClaimRef;
  readonly flow: Flow;
  readonly codec: Codec;
  readonly stand: Stand;
  /** The encoded input, if it is at hand; `null` for a join, and after a timed-out wait. */
  readonly input: Bytes | null;
  readonly recorded: RecordedOutcome | null;
  /** Whether a time limit or wake time is set, and whether it has passed. */
  readonly armed: boolean;
  readonly due: boolean;
  /** What has to be settled before anything else. */
  readonly interrupt: Interrupt | null;
  /** Whether its row has just been moved here, by this process: nobody can have begun the task before. */
  readonly isFresh: boolean;
  /** How many leases were lost here in a row. */
  readonly lost: number;
}

export function heldFrom(claimed: ClaimedPosition, flow: Flow, codec: Codec): HeldPosition {
  const { instanceId, path, token, taskId, attempt, inputRef, instancePriority } = claimed;
  // One that starts later stands at its first node as a delay; the node's own time has not begun.
  const isStart = claimed.kind === "delay" && standpoint(flow, taskId).located.node.kind !== "delay";
  return {
    claim: { instanceId, path, token },
    flow,
    codec,
    stand: { path, taskId, attempt, inputRef, instancePriority, codec: claimed.codec },
    input: claimed.input,
    recorded: claimed.recorded,
    armed: claimed.armed && !isStart,
    due: claimed.due && !isStart,
    interrupt: claimed.interrupt,
    isFresh: false,
    lost: claimed.lost,
  };
}

/** The same position, at another standing. `input` is the encoded value under `to.inputRef`. */
export function movedTo(
  held: HeldPosition,
  to: Pick<Standing, "taskId" | "attempt" | "inputRef">,
  input: Bytes | null,
): HeldPosition {
  const { taskId, attempt, inputRef } = to;
  return {
    ...held,
    stand: { ...held.stand, taskId, attempt, inputRef },
    input,
    recorded: null,
    armed: false,
    due: false,
    interrupt: null,
    isFresh: attempt === 1,
    lost: 0,
  };
}
