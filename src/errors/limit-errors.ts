import { WaymarkError } from "./waymark-error.ts";

/** No limit has this name in the database. */
export class LimitNotFoundError extends WaymarkError {
  override readonly name = "LimitNotFoundError";
  readonly code = "LIMIT_NOT_FOUND";
  readonly retryable = false;
  readonly limit: string;

  constructor(limit: string) {
    super(
      `There is no limit "${limit}". It is known from the first start of a worker or client whose flows use it; client.limits.list() shows all.`,
    );
    this.limit = limit;
  }
}

/** It can't be said whose share of a limit a task or instance takes: its `limitKey` is at fault. */
export class LimitKeyError extends WaymarkError {
  override readonly name = "LimitKeyError";
  readonly code = "LIMIT_KEY_INVALID";
  readonly retryable = false;
  readonly limit: string;

  /** @param problem - the end of a sentence */
  constructor(limit: string, problem: string, options?: ErrorOptions) {
    super(
      `The limitKey for limit "${limit}" ${problem}. Make it of what the task gets, for all inputs that there may be.`,
      options,
    );
    this.limit = limit;
  }
}
