// What happens to positions at which no user code runs.
import type { MaybePromise } from "../codec/maybe-promise.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { DeadlineExceededError } from "../errors/instance-errors.ts";
import { EventTimeoutError } from "../errors/task-errors.ts";
import { standpoint } from "../flow/continuation.ts";
import type { DelayNode, FlowNode, WaitNode } from "../flow/definition.ts";
import { UNDO_ID } from "../flow/flow-definition.ts";
import { afterEvent, countTaskId } from "../snapshot/events.ts";
import type { Decision, Occurrence } from "../snapshot/occurrence.ts";
import type { Bytes, RecordedKind } from "../snapshot/snapshot.ts";
import type { Backend } from "../store/backend.ts";
import { isBeingUndone } from "./before-the-end.ts";
import type { Happening } from "./happening.ts";
import type { HeldPosition } from "./held-position.ts";
import { decisionOfRecorded } from "./interpret-output.ts";
import { decodeOwned, eventContext } from "./payloads.ts";
import { encodeFailureOf } from "./task-bodies.ts";
import { readCount } from "./task-inputs.ts";

/** The value of an item is in the history; who has claimed its position has it, who was granted it may not. */
export function beginItem(store: Backend, held: HeldPosition): MaybePromise<Occurrence> {
  const value = held.recorded?.output ?? held.input;
  if (value !== null) return { kind: "begun", value };
  const { taskId } = held.stand;
  return store.loadResults(held.claim.instanceId, [taskId]).then(([result]) => {
    if (result?.output == null) throw new InvalidArgumentError(`"${taskId}"`, "has no recorded value.");
    return { kind: "begun", value: result.output };
  });
}

/** Whether the instance is to fail because its time is up. What is being undone takes as long as it takes. */
export async function lookAtDeadline(store: Backend, held: HeldPosition): Promise<Happening> {
  const { flow, claim, deadline, due } = held;
  if (deadline === null) return { kind: "sleep", forMs: null };
  if (flow.find(UNDO_ID) !== null && isBeingUndone(held, await store.findInstance(claim.instanceId)))
    return { kind: "sleep", forMs: null };
  if (!due) return { kind: "sleep", forMs: null, until: deadline.at };
  return { kind: "overdue", failure: await encodeFailureOf(held, overdueError(held)) };
}

export function overdueError({ claim, deadline }: HeldPosition): DeadlineExceededError {
  return new DeadlineExceededError(claim.instanceId, new Date(deadline?.at ?? 0));
}

/** Until when a delay sleeps that was woken before its time. */
export async function sleepOn(store: Backend, held: HeldPosition, node: DelayNode): Promise<Happening> {
  if (node.durationMs !== null) return { kind: "sleep", forMs: node.durationMs };
  const { flow, codec, claim, stand } = held;
  const untilId = `${stand.taskId}~until`;
  const [result] = await store.loadResults(claim.instanceId, [untilId]);
  const output = await decodeOwned(flow, codec, claim.instanceId, { owner: untilId, bytes: result?.output ?? null });
  const decision = decisionOfRecorded(standpoint(flow, untilId).located, untilId, { outcome: "completed", output });
  return { kind: "sleep", forMs: null, ...(decision?.kind === "until" ? { until: decision.at } : {}) };
}

/** Whether an event has come, or the time limit has passed. */
export async function readWait(
  store: Backend,
  held: HeldPosition,
  node: WaitNode,
  isOneOfSeveral: boolean,
): Promise<Occurrence> {
  const { instanceId } = held.claim;
  const event = await store.peekEvent(instanceId, node.event);
  // The time limit that the others have to keep, too, begins before the first is taken.
  if (event !== null && isOneOfSeveral && node.timeoutMs !== null && !held.armed)
    return { kind: "nothingYet", armed: false };
  if (event !== null)
    return { kind: "received", payload: await inOwnCodec(store, held, event), sequence: event.sequence };
  if (!held.due) return { kind: "nothingYet", armed: held.armed };
  if (node.onTimeout !== "fail") return { kind: "timedOut", failure: null };
  const error = new EventTimeoutError(held.stand.taskId, node.event, node.timeoutMs ?? 0);
  return { kind: "timedOut", failure: await encodeFailureOf(held, error) };
}

/** Where it goes on from one of several events whose outcome is recorded. */
export async function decideAfterEvent(
  store: Backend,
  held: HeldPosition,
  whole: FlowNode,
  outcome: RecordedKind,
): Promise<Decision> {
  if (whole.kind !== "collect") throw new TypeError("Only a wait for several events has parts that are events.");
  const { taskId } = held.stand;
  return afterEvent(taskId, outcome, await readCount(store, held, whole, countTaskId(taskId)));
}

/** An event that came before its instance may have been written with another codec. */
async function inOwnCodec(
  store: Backend,
  held: HeldPosition,
  event: { codec: string; payload: Bytes },
): Promise<Bytes> {
  const { codec, claim } = held;
  const writer = event.codec === codec.id ? null : store.findCodec(event.codec);
  if (writer === null) return event.payload;
  const context = eventContext(claim.instanceId);
  return await codec.encode(await writer.decode(event.payload, context), context);
}
