import type { InstanceId, TaskId, WorkerId } from "../ids.ts";
import type { InstanceStatus } from "../snapshot/snapshot.ts";

interface AtTask {
  readonly instanceId: InstanceId;
  readonly taskId: TaskId;
  readonly attempt: number;
}

/** Something that the engine has done. Told after it is durable, unless the name says otherwise. */
export type EngineEvent =
  /** A body is about to run. Nothing is durable yet. */
  | ({ readonly kind: "task_started"; readonly workerId: WorkerId } & AtTask)
  /** An outcome has been recorded. */
  | ({ readonly kind: "task_completed"; readonly durationMs: number } & AtTask)
  /** A failed attempt has been recorded; `retryAfterMs` is `null` if it was the last. */
  | ({ readonly kind: "task_failed"; readonly error: unknown; readonly retryAfterMs: number | null } & AtTask)
  /** A position sleeps or waits, at the task and before the attempt that are named. */
  | ({ readonly kind: "parked"; readonly event: string | null; readonly wakeAfterMs: number | null } & AtTask)
  /** An event has been recorded as the outcome of a wait, from which the instance goes on now. */
  | ({ readonly kind: "event_received"; readonly event: string } & AtTask)
  /** A checkpoint was refused, because the claim does not hold any more. */
  | ({ readonly kind: "fenced" } & AtTask)
  /** An instance has ended, or was paused. */
  | { readonly kind: "instance_ended"; readonly instanceId: InstanceId; readonly status: InstanceStatus };

/** Is told what the engine does. Isn't waited for; what it throws, or rejects with, is dropped. */
export type Observer = (event: EngineEvent) => unknown;

/** An observer whose failures can't harm the engine. */
export function guarded(observer: Observer): Observer {
  return (event) => {
    try {
      const outcome: unknown = observer(event);
      // An asynchronous one must not end the process.
      if (outcome instanceof Promise) outcome.catch(() => undefined);
    } catch {
      // An exporter that fails must not fail a flow.
    }
  };
}
