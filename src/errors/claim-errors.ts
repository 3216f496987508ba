import { WaymarkError } from "./waymark-error.ts";

/** The process that runs the task is about to end, and its grace period is over. The task will run again elsewhere. */
export class WorkerStoppedError extends WaymarkError {
  override readonly name = "WorkerStoppedError";
  readonly code = "WORKER_STOPPED";
  readonly retryable = true;

  constructor(workerId: string) {
    super(`Worker "${workerId}" is shutting down. The task was told to stop, and will be run again by another worker.`);
  }
}

/** Somebody else holds, or has held, the position since. Nothing was written. */
export class ClaimLostError extends WaymarkError {
  override readonly name = "ClaimLostError";
  readonly code = "CLAIM_LOST";
  // Repeating the write cannot help: tokens are never reused.
  readonly retryable = false;
  readonly instanceId: string;
  /** Where the position stood, as far as known: a task id or a path. */
  readonly position: string;

  constructor(instanceId: string, position: string, options?: ErrorOptions) {
    super(
      `The claim on "${position}" of instance "${instanceId}" is not held (any more). Nothing was written; ` +
        "whoever holds it now goes on. If this happens often, raise leaseTtl.",
      options,
    );
    this.instanceId = instanceId;
    this.position = position;
  }
}
