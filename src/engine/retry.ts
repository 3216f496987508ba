import { isPromiseLike } from "../codec/maybe-promise.ts";
import { failureFrom } from "../errors/failure.ts";
import type { RetryAfterError } from "../errors/task-errors.ts";
import { WaymarkError } from "../errors/waymark-error.ts";
import { kindOf } from "../ids.ts";
import { backoffMs, type RetryPolicy } from "../time/backoff.ts";
import { MAX_DURATION_MS } from "../time/duration.ts";

/** What has failed, and where. */
export interface FailedAttempt {
  readonly error: unknown;
  readonly attempt: number;
}

/** Is told of a function of the user's that threw while it was asked about an error. */
type OnBroken = (what: "retry.retryIf" | "retry.rules", error: unknown) => void;

/** The policy for an error: that of the first rule that fits, else the task's own. A rule that throws doesn't fit. */
export function policyFor(policy: RetryPolicy, error: unknown, onBroken: OnBroken): RetryPolicy {
  for (const rule of policy.rules) {
    try {
      if (rule.matches(error)) return rule.policy;
    } catch (cause) {
      onBroken("retry.rules", cause);
    }
  }
  return policy;
}

/**
 * When to try again after an attempt has failed; `null`: not again. Knows nothing of `rules` and `maxElapsed`.
 *
 * @param chance - uniform in [0, 1)
 */
export function retryDelayMs(
  policy: RetryPolicy,
  { error, attempt }: FailedAttempt,
  chance: number,
  onBroken: OnBroken,
): number | null {
  if (attempt >= policy.maxAttempts) return null;
  if (!failureFrom(error).retryable) return null;
  if (!isWanted(policy, { error, attempt }, onBroken)) return null;
  const asked = WaymarkError.is(error) && error.code === "RETRY_AFTER" ? (error as RetryAfterError).delayMs : null;
  if (asked !== null && asked >= 0 && asked <= MAX_DURATION_MS) return Math.ceil(asked);
  return backoffMs(policy, attempt, chance);
}

function isWanted({ retryIf }: RetryPolicy, { error, attempt }: FailedAttempt, onBroken: OnBroken): boolean {
  if (retryIf === null) return true;
  try {
    const answer: unknown = retryIf(error, attempt);
    if (typeof answer === "boolean") return answer;
    // Nobody else looks at what an async function rejects with.
    if (isPromiseLike(answer)) answer.then(undefined, () => undefined);
    throw new TypeError(`It must return true or false, not ${kindOf(answer)}.`);
  } catch (cause) {
    onBroken("retry.retryIf", cause);
    return true;
  }
}
