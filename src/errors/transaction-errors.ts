import { WaymarkError } from "./waymark-error.ts";

/** The backend can't take part in a transaction. Nothing was run, and nothing was written. */
export class TransactionUnsupportedError extends WaymarkError {
  override readonly name = "TransactionUnsupportedError";
  readonly code = "TRANSACTION_UNSUPPORTED";
  readonly retryable = false;

  /** @param what - what was asked for, as the beginning of a sentence */
  constructor(what: string, backend: string) {
    super(`${what} needs a backend that stores in PostgreSQL, such as PostgresBackend; this one is ${backend}.`);
  }
}

/** A transaction was used in a way that would break what it promises. Nothing of the task was committed with it. */
export class TransactionMisuseError extends WaymarkError {
  override readonly name = "TransactionMisuseError";
  readonly code = "TRANSACTION_MISUSED";
  readonly retryable = false;
}

/** The transaction of a task was used after the task's function had ended. The statement was not run. */
export class TransactionEndedError extends WaymarkError {
  override readonly name = "TransactionEndedError";
  readonly code = "TRANSACTION_ENDED";
  readonly retryable = false;

  constructor() {
    super(
      "The task's function has ended, and its transaction with it. Await every statement before you return, " +
        "and stop when context.signal aborts.",
    );
  }
}

/** A transactional task's transaction could not be committed and was rolled back: nothing of it happened. */
export class TransactionFailedError extends WaymarkError {
  override readonly name = "TransactionFailedError";
  readonly code = "TRANSACTION_FAILED";
  readonly retryable = true;

  /** @param problem - why, as a sentence */
  constructor(taskId: string, problem: string, options?: ErrorOptions) {
    super(`The transaction of task "${taskId}" was rolled back. ${problem}`, options);
  }
}
