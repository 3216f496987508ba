import { failureFrom } from "../errors/failure.ts";
import type { RetryAfterError } from "../errors/task-errors.ts";
import { WaymarkError } from "../errors/waymark-error.ts";
import { backoffMs, type RetryPolicy } from "../time/backoff.ts";
import { MAX_DURATION_MS } from "../time/duration.ts";

/** When to try again after attempt number `attempt` has failed with `error`; `null`: not again. */
export function retryDelayMs(policy: RetryPolicy, attempt: number, error: unknown, chance: number): number | null {
  if (attempt >= policy.maxAttempts) return null;
  if (!failureFrom(error).retryable) return null;
  const asked = WaymarkError.is(error) && error.code === "RETRY_AFTER" ? (error as RetryAfterError).delayMs : null;
  if (asked !== null && asked >= 0 && asked <= MAX_DURATION_MS) return Math.ceil(asked);
  return backoffMs(policy, attempt, chance);
}
