import { WaymarkError } from "./waymark-error.ts";

/** An attempt took longer than the task's `timeout`. Its late result is dropped. */
export class TaskTimeoutError extends WaymarkError {
  override readonly name = "TaskTimeoutError";
  readonly code = "TASK_TIMEOUT";
  readonly retryable = true;
  readonly taskId: string;
  readonly timeoutMs: number;

  constructor(taskId: string, timeoutMs: number) {
    super(`Task "${taskId}" did not settle within its timeout of ${timeoutMs} ms.`);
    this.taskId = taskId;
    this.timeoutMs = timeoutMs;
  }
}

/** No event of the awaited name arrived in time, and the flow says that this fails it. */
export class EventTimeoutError extends WaymarkError {
  override readonly name = "EventTimeoutError";
  readonly code = "EVENT_TIMEOUT";
  readonly retryable = false;
  readonly eventName: string;

  constructor(taskId: string, eventName: string, timeoutMs: number) {
    super(
      `Wait "${taskId}" had no event "${eventName}" within ${timeoutMs} ms. ` +
        'Use onTimeout: "continue" where the flow should go on without it.',
    );
    this.eventName = eventName;
  }
}

/** A loop asked for one iteration more than its `maxIterations`. */
export class LoopLimitError extends WaymarkError {
  override readonly name = "LoopLimitError";
  readonly code = "LOOP_LIMIT";
  readonly retryable = false;

  constructor(loopId: string, maxIterations: number) {
    super(
      `Loop "${loopId}" was not done after ${maxIterations} iterations. ` +
        'Raise maxIterations, or use onMax: "exitWithLast".',
    );
  }
}

/** A route's key function returned something that no branch is for. */
export class RouteKeyError extends WaymarkError {
  override readonly name = "RouteKeyError";
  readonly code = "ROUTE_KEY_UNKNOWN";
  readonly retryable = false;

  constructor(routeId: string, key: string, keys: readonly string[]) {
    super(`Route "${routeId}" has no branch for key ${key}. It knows ${keys.map((k) => `"${k}"`).join(", ")}.`);
  }
}

/** Each time that the task ran, its process ended. It is not run again, so that it takes no others with it. */
export class TaskLostError extends WaymarkError {
  override readonly name = "TaskLostError";
  readonly code = "TASK_LOST";
  readonly retryable = false;
  readonly taskId: string;
  /** How many leases were lost in a row. */
  readonly lost: number;

  constructor(taskId: string, lost: number) {
    super(
      `Task "${taskId}" was running ${lost} times when its process ended or lost touch with the database, the last time ` +
        "on its own. It is not tried again. Look for process.exit(), an exhausted heap, a native crash, or a blocked event loop.",
    );
    this.taskId = taskId;
    this.lost = lost;
  }
}

/** More items of a map have failed than its `onFailure` tolerates. */
export class ItemsFailedError extends WaymarkError {
  override readonly name = "ItemsFailedError";
  readonly code = "ITEMS_FAILED";
  readonly retryable = false;
  readonly mapId: string;
  /** How many have failed, as far as the map has come. */
  readonly failed: number;
  readonly tolerated: number;

  /** @param first - what the first of them failed with */
  constructor(mapId: string, failed: number, tolerated: number, first: string) {
    super(`${failed} items of map "${mapId}" have failed, and ${tolerated} may. The first one: ${first}`);
    this.mapId = mapId;
    this.failed = failed;
    this.tolerated = tolerated;
  }
}

/** Every branch of a fork that needs one to succeed has failed. */
export class BranchesFailedError extends WaymarkError {
  override readonly name = "BranchesFailedError";
  readonly code = "BRANCHES_FAILED";
  readonly retryable = false;
  readonly forkId: string;

  /** @param failures - messages by branch */
  constructor(forkId: string, failures: ReadonlyMap<string, string>) {
    const each = Array.from(failures, ([branch, message]) => `${branch}: ${message}`).join("; ");
    super(`Every branch of fork "${forkId}" has failed. ${each}`);
    this.forkId = forkId;
  }
}

/** A child that a task waits for has ended without an output. `cause` is what it failed with, if it did. */
export class ChildFailedError extends WaymarkError {
  override readonly name = "ChildFailedError";
  readonly code = "CHILD_FAILED";
  readonly retryable = false;
  readonly taskId: string;
  readonly childId: string;
  /** How it has ended. One that is deleted has left nothing behind. */
  readonly outcome: "failed" | "cancelled" | "deleted";

  /** @param details - what it failed with, or why it was cancelled, as far as is known */
  constructor(
    taskId: string,
    childId: string,
    outcome: "failed" | "cancelled" | "deleted",
    details: string | null,
    options?: ErrorOptions,
  ) {
    const was = outcome === "failed" ? "has failed" : `was ${outcome}`;
    super(`Child "${childId}" of task "${taskId}" ${was}${details === null ? "" : `: ${details}`}.`, options);
    this.taskId = taskId;
    this.childId = childId;
    this.outcome = outcome;
  }
}

/** Thrown by user code: trying again is of no use. The task fails at once, whatever its retry policy. */
export class NonRetryableError extends WaymarkError {
  override readonly name: string = "NonRetryableError";
  readonly code = "NON_RETRYABLE";
  readonly retryable = false;
}

/** Thrown by user code: try again, but not before `delayMs` have passed. Spends an attempt. */
export class RetryAfterError extends WaymarkError {
  override readonly name: string = "RetryAfterError";
  readonly code = "RETRY_AFTER";
  readonly retryable = true;
  /** Milliseconds to wait before the next attempt; replaces the policy's delay. */
  readonly delayMs: number;

  constructor(message: string, delayMs: number, options?: ErrorOptions) {
    super(message, options);
    this.delayMs = delayMs;
  }
}
