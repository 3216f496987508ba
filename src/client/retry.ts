import { decodeFailure } from "../engine/payloads.ts";
import { InvalidTransitionError } from "../errors/instance-errors.ts";
import { isUndoTaskId } from "../flow/undo-order.ts";
import type { InstanceId, TaskId } from "../ids.ts";
import type { Backend } from "../store/backend.ts";
import type { RetryRequest } from "../store/signal-store.ts";

/** Failures that follow from what is recorded, by the names of their errors: what is to be run anew, to get around them. */
const FOLLOWING: Readonly<Record<string, (taskId: TaskId) => string>> = {
  ItemsFailedError: (taskId) =>
    `the items of map "${taskId}" have failed for good: fork it at "${taskId}~list" to run them anew`,
  BranchesFailedError: (taskId) =>
    `the branches of fork "${taskId}" have failed for good: fork it at a task before that to run them anew`,
};

/**
 * As `Client.retry`.
 *
 * @throws {InvalidTransitionError} as there; also where it would fail again at once, unless it is to come back paused
 */
export async function retryInstance(backend: Backend, id: InstanceId, request: RetryRequest): Promise<void> {
  if (request.paused !== true) await refuseInVain(backend, id);
  await backend.retryInstance(id, request);
}

async function refuseInVain(backend: Backend, id: InstanceId): Promise<void> {
  const instance = (await backend.findInstance(id))?.instance;
  const codec = instance === undefined ? null : backend.findCodec(instance.codec);
  if (instance?.failure == null || codec === null) return;
  const { name, taskId = "" } = await decodeFailure(codec, instance.failure, id);
  const why = Object.hasOwn(FOLLOWING, name) ? FOLLOWING[name]?.(taskId) : undefined;
  if (why !== undefined) {
    const remedy = `It would fail again at once, because ${why}; or retry it with paused: true, and complete "${taskId}" by hand.`;
    throw new InvalidTransitionError(id, instance.status, "retry", { remedy });
  }
  // Where undoing has failed, it goes on with that.
  if (isUndoTaskId(taskId) || !(await backend.listCompleted(id)).some(isUndoTaskId)) return;
  const remedy =
    "It would fail again at once, because what it had done has been undone: fork it at a task before that, or start the work anew under another id.";
  throw new InvalidTransitionError(id, instance.status, "retry", { remedy });
}
