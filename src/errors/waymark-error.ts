/** Every code that an error of this library can carry. Part of the public API; explained in docs/errors.md. */
export type ErrorCode =
  | "INVALID_ARGUMENT"
  | "DEFINITION_INVALID"
  | "DEFINITION_MISMATCH"
  | "MIGRATION_REFUSED"
  | "VALIDATION_FAILED"
  | "INSTANCE_NOT_FOUND"
  | "INSTANCE_EXISTS"
  | "INSTANCE_FAILED"
  | "INSTANCE_CANCELLED"
  | "INVALID_TRANSITION"
  | "RESULT_CONFLICT"
  | "STATE_UNKNOWN"
  | "CODEC_ENCODE"
  | "CODEC_DECODE"
  | "CODEC_UNKNOWN"
  | "KEY_UNAVAILABLE"
  | "PAYLOAD_TOO_LARGE"
  | "CLAIM_LOST"
  | "WORKER_STOPPED"
  | "TASK_LOST"
  | "LIMIT_KEY_INVALID"
  | "LIMIT_NOT_FOUND"
  | "START_REFUSED"
  | "START_KEY_INVALID"
  | "QUEUE_FULL"
  | "TASK_TIMEOUT"
  | "EVENT_TIMEOUT"
  | "RESULT_TIMEOUT"
  | "DEADLINE_EXCEEDED"
  | "LOOP_LIMIT"
  | "ROUTE_KEY_UNKNOWN"
  | "ITEMS_FAILED"
  | "BRANCHES_FAILED"
  | "CHILD_FAILED"
  | "NON_RETRYABLE"
  | "RETRY_AFTER"
  | "TRANSACTION_UNSUPPORTED"
  | "TRANSACTION_MISUSED"
  | "TRANSACTION_ENDED"
  | "TRANSACTION_FAILED"
  | "BACKEND_UNAVAILABLE"
  | "BACKEND_CONFLICT"
  | "BACKEND_REFUSED"
  | "BACKEND_BUG"
  | "BACKEND_CLOSED"
  | "SCHEDULE_NOT_FOUND"
  | "SCHEMA_TOO_OLD"
  | "SCHEMA_TOO_NEW"
  | "LOCAL_POSTGRES";

// Symbol.for, so that an error made by a second installed copy of this package, or in another
// realm, is still recognised. That happens in monorepos and in test runners that reload modules.
const BRAND: unique symbol = Symbol.for("waymark.error") as never;

/** Base of everything that this library throws on purpose. Match on `code`, not on the message. */
export abstract class WaymarkError extends Error {
  abstract readonly code: ErrorCode;
  /** Whether the same call, unchanged, may succeed later. */
  abstract readonly retryable: boolean;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    // Not enumerable, so that it doesn't show in logs.
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** Like `instanceof`, and also true for an error of another installed copy of this package. */
  static is(value: unknown): value is WaymarkError {
    try {
      return typeof value === "object" && value !== null && BRAND in value;
    } catch {
      // A proxy whose trap throws: user code may throw anything, and what looks at it must not fail.
      return false;
    }
  }
}
