import type { Codec } from "../codec/codec.ts";
import { standpoint } from "../flow/continuation.ts";
import type { Flow } from "../flow/flow-definition.ts";
import type { TaskId } from "../ids.ts";
import type { ClaimRef } from "../snapshot/checkpoint.ts";
import type { Interrupt, Standing } from "../snapshot/position.ts";
import type { Bytes } from "../snapshot/snapshot.ts";
import type { Stand } from "../snapshot/standing.ts";
import type { ClaimedPosition, RecordedOutcome } from "../store/position-store.ts";

/** A position that this process holds, with what is needed to go on from it. */
export interface HeldPosition {
  readonly claim: ClaimRef;
  /** When the store was asked for the claim, on the monotonic clock: its lease counts from then at the latest. */
  readonly askedForAtMs: number;
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
  /** Whether its row still stands where nothing was to be recorded any more: it follows with the next checkpoint. */
  readonly isAhead: boolean;
  /** How many leases were lost here in a row. */
  readonly lost: number;
  /** By when its instance has to have ended, as far as was known when it was claimed; `null` for never. */
  readonly deadline: HeldDeadline | null;
  /** Which run of the instance this is, counted from 1. */
  readonly run: number;
  /** What tracing has to know of its instance's submission; `null` for nothing. */
  readonly traceContext: string | null;
  /** Whether a limit has let this attempt through. */
  readonly isAdmitted: boolean;
  /** Whether its flow has a limit, of which the instance has no place: it failed and was retried, is a fork, or is older than the limit. */
  readonly lacksPlace: boolean;
}

export interface HeldDeadline {
  /** Milliseconds since the epoch, by the store's clock. */
  readonly at: number;
  /** The same on this process's monotonic clock. */
  readonly atMs: number;
}

const TRUNK = "";

/** @param times - on the monotonic clock: when the store was asked, and now */
export function heldFrom(
  claimed: ClaimedPosition,
  flow: Flow,
  codec: Codec,
  { askedForAtMs, nowMs }: { readonly askedForAtMs: number; readonly nowMs: number },
): HeldPosition {
  const { instanceId, path, token, taskId, attempt, inputRef, instancePriority, deadline } = claimed;
  // One that starts later stands at its first node as a delay; the node's own time has not begun.
  const isStart = claimed.kind === "delay" && standpoint(flow, taskId).located.node.kind !== "delay";
  return {
    claim: { instanceId, path, token },
    askedForAtMs,
    flow,
    codec,
    stand: { path, taskId, attempt, inputRef, instancePriority, codec: claimed.codec },
    input: claimed.input,
    recorded: claimed.recorded,
    armed: claimed.armed && !isStart,
    due: claimed.due && !isStart,
    interrupt: claimed.interrupt,
    isFresh: false,
    isAhead: false,
    lost: claimed.lost,
    deadline: deadline === null ? null : { at: deadline.at, atMs: nowMs + deadline.inMs },
    run: claimed.run,
    traceContext: claimed.traceContext ?? null,
    isAdmitted: claimed.admitted === "task",
    lacksPlace: flow.limitedBy !== null && path === TRUNK && claimed.hasPlace !== true,
  };
}

/** The same for every run of a task's body, or of a step of it, and for no other task, instance or run of the instance. */
export function idempotencyKeyOf({ claim, run }: Pick<HeldPosition, "claim" | "run">, taskId: TaskId): string {
  // No task id has a "#", so the last one in the key is where the instance id ends. Nor has one an "@".
  return `${claim.instanceId}#${taskId}${run === 1 ? "" : `@${run}`}`;
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
    isAhead: false,
    lost: 0,
    isAdmitted: false,
  };
}
