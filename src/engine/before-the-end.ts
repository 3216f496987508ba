// What is looked up before an instance ends as failed or cancelled.
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { InstanceCancelledError } from "../errors/instance-errors.ts";
import { standpoint } from "../flow/continuation.ts";
import type { FailedInstance } from "../flow/task-options.ts";
import { handlerTaskId, isUndoTaskId, nextToUndo } from "../flow/undo-order.ts";
import type { InstanceId, TaskId } from "../ids.ts";
import { NOTES } from "../snapshot/apply.ts";
import type { Occurrence } from "../snapshot/occurrence.ts";
import { isUndoing } from "../snapshot/plan-undo.ts";
import type { Bytes } from "../snapshot/snapshot.ts";
import type { Backend } from "../store/backend.ts";
import type { InstanceState } from "../store/instance-store.ts";
import type { HeldPosition } from "./held-position.ts";
import { isPassing } from "./passing-errors.ts";
import { decodeFailure, decodeOwned, encodeFailure } from "./payloads.ts";

/**
 * What is next for an instance that is to end: something is undone, the flow's failure handler runs, or it ends. All of that
 * follows from the history. Where an undo has failed, `inputRef` names it.
 */
export async function lookHowToEnd(store: Backend, held: HeldPosition): Promise<Occurrence> {
  const { flow, claim, stand } = held;
  const { instanceId } = claim;
  const failedUndo = stand.inputRef;
  const completed = await store.listCompleted(instanceId);
  const tasks = failedUndo === null ? nextToUndo(flow, completed) : [];
  if (tasks.length > 0) return { kind: "undoing", tasks };
  const cancelled = await store.lastFailure(instanceId, NOTES.cancelling);
  if (cancelled !== null && failedUndo === null) return { kind: "cancelled", reason: await reasonIn(held, cancelled) };
  const handler = flow.onFailure === null ? null : await handlerToRun(store, instanceId);
  if (handler !== null) return { kind: "handling", taskId: handler };
  const failure = failedUndo === null ? null : await store.lastFailure(instanceId, failedUndo);
  return {
    kind: "undone",
    failure: failure ?? cancelled ?? (await whyFailed(store, held)),
    asKept: failedUndo !== null || !completed.some(isUndoTaskId),
  };
}

/** Whether the instance is being undone, or its failure handler runs: whoever holds a position, its trunk says so. */
export function isBeingUndone({ flow, claim, stand }: HeldPosition, state: InstanceState | null): boolean {
  const at = claim.path === "" ? stand.taskId : state?.positions.find(({ path }) => path === "")?.taskId;
  return at !== undefined && isUndoing(standpoint(flow, at));
}

/** What is asked of an instance that is to be cancelled and undone; `null` if somebody still runs something of it, or it isn't. */
export async function lookHowToCancel(store: Backend, held: HeldPosition): Promise<Occurrence | "undoing" | null> {
  const { claim, codec, stand } = held;
  const state = await store.findInstance(claim.instanceId);
  // It is being undone because it has failed, and ends so.
  if (isBeingUndone(held, state)) return "undoing";
  const request = state?.signals.find(({ kind }) => kind === "cancel")?.request;
  if (state === null || request?.undo !== true) return null;
  // Who runs a body had its claim before this one. Claims that came later are there for the same request: the first acts on it.
  const isRunning = state.positions.some(
    ({ claim: other }) =>
      other !== null && other.token < claim.token && (other.expiresAt === null || other.expiresAt > state.now),
  );
  if (isRunning) return null;
  const { reason = null } = request;
  // The request is gone by the time that all has been undone: the reason is kept with it, as its cause.
  const cause = reason === null ? {} : { cause: { name: "Reason", message: reason } };
  const why = new InstanceCancelledError(claim.instanceId, reason, cause);
  return { kind: "cancelling", why: await encodeFailure(codec, why, claim.instanceId, stand.taskId), reason };
}

/** What the failure handler of a flow gets. */
export async function readFailedInstance(
  store: Pick<Backend, "lastFailure" | "findInstance">,
  held: HeldPosition,
): Promise<FailedInstance<unknown>> {
  const { claim, codec, stand } = held;
  const { instanceId } = claim;
  const read = async (bytes: Bytes): Promise<FailedInstance<unknown>["failure"]> =>
    await decodeFailure(codec, bytes, instanceId);
  const failedUndo = stand.inputRef === null ? null : await store.lastFailure(instanceId, stand.inputRef);
  const failure = (await store.lastFailure(instanceId, NOTES.cancelling)) ?? (await whyFailed(store, held));
  return {
    input: await readInstanceInput(store, held),
    failure: await read(failure),
    undoFailure: failedUndo === null ? null : await read(failedUndo),
  };
}

/** The task id of the failure handler, each time that the instance fails another one; `null` if it has run this time. */
async function handlerToRun(store: Backend, instanceId: InstanceId): Promise<TaskId | null> {
  const retries = await store.highestAttempt(instanceId, NOTES.retry);
  // What the handler of another instance has done for that one says nothing of this one.
  const forks = await store.highestAttempt(instanceId, NOTES.fork);
  const taskId = handlerTaskId(retries + forks);
  const [result] = await store.loadResults(instanceId, [taskId]);
  return result === undefined ? taskId : null;
}

async function whyFailed(
  store: Pick<Backend, "lastFailure">,
  { claim, codec, stand }: Pick<HeldPosition, "claim" | "codec" | "stand">,
): Promise<Bytes> {
  const failure = await store.lastFailure(claim.instanceId, NOTES.failed);
  if (failure !== null) return failure;
  const lost = new InvalidArgumentError(`"${NOTES.failed}"`, "has no entry in the history.");
  return await encodeFailure(codec, lost, claim.instanceId, stand.taskId);
}

async function reasonIn({ codec, claim }: HeldPosition, cancelled: Bytes): Promise<string | null> {
  return (await decodeFailure(codec, cancelled, claim.instanceId)).cause?.message ?? null;
}

/** That it can't be read may be just why the instance fails, of which the handler is to tell. */
async function readInstanceInput(store: Pick<Backend, "findInstance">, held: HeldPosition): Promise<unknown> {
  const { flow, codec, claim } = held;
  const bytes = (await store.findInstance(claim.instanceId))?.instance.input ?? null;
  try {
    return await decodeOwned(flow, codec, claim.instanceId, { owner: null, bytes });
  } catch (error) {
    if (isPassing(error)) throw error;
    return undefined;
  }
}
