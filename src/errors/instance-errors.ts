import type { SerializedFailure } from "./failure.ts";
import { WaymarkError } from "./waymark-error.ts";

/** No instance has this id. */
export class InstanceNotFoundError extends WaymarkError {
  override readonly name = "InstanceNotFoundError";
  readonly code = "INSTANCE_NOT_FOUND";
  readonly retryable = false;
  readonly instanceId: string;

  constructor(instanceId: string, options?: ErrorOptions) {
    super(`There is no instance "${instanceId}". Check the id and the schema that the backend uses.`, options);
    this.instanceId = instanceId;
  }
}

/** The instance id is taken and the conflict policy is "fail". The existing instance is unchanged. */
export class InstanceConflictError extends WaymarkError {
  override readonly name = "InstanceConflictError";
  readonly code = "INSTANCE_EXISTS";
  readonly retryable = false;
  readonly instanceId: string;

  /** @param options - `remedy`: a sentence that says what to do instead */
  constructor(instanceId: string, options?: ErrorOptions & { readonly remedy?: string }) {
    const remedy = options?.remedy ?? 'Choose another id, or pass onConflict: "useExisting" or "terminateExisting".';
    super(`Instance "${instanceId}" exists already. ${remedy}`, options);
    this.instanceId = instanceId;
  }
}

/** The instance is in a state from which the request is not possible. Nothing was changed. */
export class InvalidTransitionError extends WaymarkError {
  override readonly name = "InvalidTransitionError";
  readonly code = "INVALID_TRANSITION";
  readonly retryable = false;
  readonly instanceId: string;
  /** The instance's status. */
  readonly from: string;
  /** What was asked for, e.g. `cancel`. */
  readonly requested: string;

  /** @param options - `remedy`: a sentence that says what to do instead */
  constructor(
    instanceId: string,
    from: string,
    requested: string,
    options?: ErrorOptions & { readonly remedy?: string },
  ) {
    const remedy = options?.remedy === undefined ? "" : ` ${options.remedy}`;
    super(
      `Instance "${instanceId}" is ${from}; ${requested} is not possible from there. Nothing was changed.${remedy}`,
      options,
    );
    this.instanceId = instanceId;
    this.from = from;
    this.requested = requested;
  }
}

/** Another outcome is already recorded for this task (INV-3). The recorded one stands. */
export class ResultConflictError extends WaymarkError {
  override readonly name = "ResultConflictError";
  readonly code = "RESULT_CONFLICT";
  readonly retryable = false;
  readonly instanceId: string;
  readonly taskId: string;

  constructor(instanceId: string, taskId: string, options?: ErrorOptions) {
    super(
      `Task "${taskId}" of instance "${instanceId}" has another recorded outcome. ` +
        "The recorded one stands, because outcomes are never rewritten.",
      options,
    );
    this.instanceId = instanceId;
    this.taskId = taskId;
  }
}

/** Rethrown where a failed instance's result is asked for. `cause` is rebuilt from the recorded failure. */
export class InstanceFailedError extends WaymarkError {
  override readonly name = "InstanceFailedError";
  readonly code = "INSTANCE_FAILED";
  readonly retryable = false;
  readonly instanceId: string;
  readonly failure: SerializedFailure;

  constructor(instanceId: string, failure: SerializedFailure, options?: ErrorOptions) {
    super(`Instance "${instanceId}" failed: ${failure.name}: ${failure.message}`, options);
    this.instanceId = instanceId;
    this.failure = failure;
  }
}

/** Where an instance stood at some point of its history can't be derived. Nothing was changed. */
export class StateUnknownError extends WaymarkError {
  override readonly name = "StateUnknownError";
  readonly code = "STATE_UNKNOWN";
  readonly retryable = false;
  readonly instanceId: string;
  /** The entry of the history from which on it is unknown. */
  readonly sequence: bigint;

  /** @param problem - the end of a sentence: what happened at this entry */
  constructor(instanceId: string, sequence: bigint, problem: string) {
    super(
      `The state of instance "${instanceId}" can't be told from entry ${sequence} of its history on: ${problem}. ` +
        "Ask for an earlier one.",
    );
    this.instanceId = instanceId;
    this.sequence = sequence;
  }
}

/** Thrown where a cancelled instance's result is asked for. */
export class InstanceCancelledError extends WaymarkError {
  override readonly name = "InstanceCancelledError";
  readonly code = "INSTANCE_CANCELLED";
  readonly retryable = false;
  readonly instanceId: string;
  readonly reason: string | null;

  constructor(instanceId: string, reason: string | null, options?: ErrorOptions) {
    super(`Instance "${instanceId}" was cancelled${reason === null ? "" : `: ${reason}`}.`, options);
    this.instanceId = instanceId;
    this.reason = reason;
  }
}

/** The instance had not ended by its deadline, and has failed for that. What ran was told to stop. */
export class DeadlineExceededError extends WaymarkError {
  override readonly name = "DeadlineExceededError";
  readonly code = "DEADLINE_EXCEEDED";
  readonly retryable = false;
  readonly instanceId: string;
  readonly deadline: Date;

  constructor(instanceId: string, deadline: Date) {
    super(
      `Instance "${instanceId}" had not ended by its deadline, ${deadline.toISOString()}. ` +
        "Retry it with a later one, or give instances of its flow more time.",
    );
    this.instanceId = instanceId;
    this.deadline = deadline;
  }
}

/** The instance did not end within the time that the caller was willing to wait. It goes on. */
export class ResultTimeoutError extends WaymarkError {
  override readonly name = "ResultTimeoutError";
  readonly code = "RESULT_TIMEOUT";
  readonly retryable = true;
  readonly instanceId: string;

  constructor(instanceId: string, timeoutMs: number) {
    super(
      `Instance "${instanceId}" did not end within ${timeoutMs} ms. It goes on, if a worker with its flow is running; ask again later.`,
    );
    this.instanceId = instanceId;
  }
}
