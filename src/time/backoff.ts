/** When to try again. Durations are milliseconds. */
export interface RetryPolicy {
  /** How many attempts there are in all, the first included. 1 means no retry. */
  readonly maxAttempts: number;
  /** Wait before the second attempt. */
  readonly initialDelayMs: number;
  /** Factor from each wait to the next. */
  readonly multiplier: number;
  /** No wait is longer than this. */
  readonly maxDelayMs: number;
  /** Share of the wait that is left to chance, 0 to 1. */
  readonly jitter: number;
}

/**
 * How long to wait after attempt number `attempt` (counted from 1) has failed.
 *
 * @param chance - uniform in [0, 1)
 */
export function backoffMs(policy: RetryPolicy, attempt: number, chance: number): number {
  // The power overflows to Infinity at some hundred attempts; the cap takes care of that, but
  // 0 × Infinity would be NaN.
  const exponential = policy.initialDelayMs === 0 ? 0 : policy.initialDelayMs * policy.multiplier ** (attempt - 1);
  const capped = Math.min(exponential, policy.maxDelayMs);
  return Math.round(capped * (1 - policy.jitter * chance));
}
