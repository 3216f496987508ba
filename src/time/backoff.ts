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
  /** No attempt begins later than this after the first one has; `null` for no limit. */
  readonly maxElapsedMs: number | null;
  /** Whether to try again at all; `null` for yes. May throw. */
  readonly retryIf: ((error: unknown, attempt: number) => boolean) | null;
  /** The first one that fits replaces all of the above. */
  readonly rules: readonly RetryRule[];
}

/** A policy for some errors. */
export interface RetryRule {
  /** May throw. */
  matches(error: unknown): boolean;
  readonly policy: RetryPolicy;
}

/**
 * How long to wait after attempt number `attempt` (counted from 1) has failed.
 *
 * @param chance - uniform in [0, 1)
 */
export function backoffMs(
  policy: Pick<RetryPolicy, "initialDelayMs" | "multiplier" | "maxDelayMs" | "jitter">,
  attempt: number,
  chance: number,
): number {
  // The power overflows to Infinity at some hundred attempts; the cap takes care of that, but
  // 0 × Infinity would be NaN.
  const exponential = policy.initialDelayMs === 0 ? 0 : policy.initialDelayMs * policy.multiplier ** (attempt - 1);
  const capped = Math.min(exponential, policy.maxDelayMs);
  return Math.round(capped * (1 - policy.jitter * chance));
}
