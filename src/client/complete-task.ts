import { awaitsChildren, codecOf, getState } from "../engine/instance-status.ts";
import { encodePayload, eventContext } from "../engine/payloads.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { InvalidTransitionError } from "../errors/instance-errors.ts";
import type { InstanceId, TaskId } from "../ids.ts";
import { isDeadline } from "../snapshot/deadline.ts";
import { isPendingJoin } from "../snapshot/position-rules.ts";
import { isTerminal } from "../snapshot/snapshot.ts";
import type { Backend } from "../store/backend.ts";

/** As `Client.completeTask`. */
export async function completeTask(backend: Backend, id: InstanceId, task: TaskId, output: unknown): Promise<void> {
  const state = await getState(backend, id);
  const { instance } = state;
  const positions = state.positions.filter((position) => !isDeadline(position));
  if (isTerminal(instance.status)) {
    const remedy = "Take it back first, with retry({ paused: true }); then complete the task, and unpause it.";
    throw new InvalidTransitionError(id, instance.status, "completing a task", {
      ...(instance.status === "failed" ? { remedy } : {}),
    });
  }
  const standing = positions.find((position) => position.taskId === task);
  if (standing === undefined || isPendingJoin(standing)) {
    const places = positions.filter((position) => !isPendingJoin(position)).map((position) => `"${position.taskId}"`);
    throw new InvalidArgumentError(
      "taskId",
      `"${task}" is not where the instance stands; that is ${places.join(", ")}.`,
    );
  }
  const context =
    standing.kind === "wait" && !awaitsChildren(standing)
      ? eventContext(id)
      : ({ instanceId: id, taskId: task, kind: "output" } as const);
  const codec = codecOf(backend, instance.codec);
  const bytes = await encodePayload(codec, output, context, backend.maxPayloadBytes);
  await backend.saveTaskResult(id, task, bytes);
}
