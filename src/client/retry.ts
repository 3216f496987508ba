import { decodeFailure } from "../engine/payloads.ts";
import { InvalidTransitionError } from "../errors/instance-errors.ts";
import { isUndoTaskId } from "../flow/undo-order.ts";
import type { InstanceId, TaskId } from "../ids.ts";
import type { Backend } from "../store/backend.ts";
import type { RetryRequest } from "../store/signal-store.ts";

/** Failures that follow from what is recorded, by the names of their errors: of what, and where that is run anew. */
const FOLLOWING: Readonly<Record<string, (taskId: TaskId) => { readonly what: string; readonly forkAt: string }>> = {
  ItemsFailedError: (taskId) => ({ what: `the items of map "${taskId}"`, forkAt: `"${taskId}~list"` }),
  BranchesFailedError: (taskId) => ({ what: `the branches of fork "${taskId}"`, forkAt: "a task before that" }),
};

/**
 * As `Client.retry`.
 *
 * @throws {InvalidTransitionError} as there; also where it would fail again at once, unless it is to come back paused and an
 *   output given by hand would help
 */
export async function retryInstance(backend: Backend, id: InstanceId, request: RetryRequest): Promise<void> {
  await refuseInVain(backend, id, request.paused === true);
  await backend.retryInstance(id, request);
}

async function refuseInVain(backend: Backend, id: InstanceId, isPaused: boolean): Promise<void> {
  const instance = (await backend.findInstance(id))?.instance;
  const codec = instance === undefined ? null : backend.findCodec(instance.codec);
  if (instance?.failure == null || codec === null) return;
  const { name, taskId = "" } = await decodeFailure(codec, instance.failure, id);
  const { what, forkAt } = (Object.hasOwn(FOLLOWING, name) ? FOLLOWING[name]?.(taskId) : undefined) ?? {
    what: null,
    forkAt: "a task before that",
  };
  const refuse = (why: string): never => {
    const remedy = `It would fail again at once, because ${why}.`;
    throw new InvalidTransitionError(id, instance.status, "retry", { remedy });
  };
  // Where undoing has failed, it goes on with that. Otherwise there is nowhere to stand, and so nothing to complete by hand.
  if (!isUndoTaskId(taskId) && (await backend.listCompleted(id)).some(isUndoTaskId))
    refuse(`what it had done has been undone: fork it at ${forkAt}, or start the work anew under another id`);
  if (what === null || isPaused) return;
  refuse(
    `${what} have failed for good: fork it at ${forkAt} to run them anew; or retry it with paused: true, and complete "${taskId}" by hand`,
  );
}
