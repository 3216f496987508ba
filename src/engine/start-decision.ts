import { StartKeyError } from "../errors/start-errors.ts";
import type { StartPolicy } from "../flow/start-policy.ts";
import { idIssue } from "../ids.ts";
import { COMMON_KEY } from "../snapshot/allowance.ts";
import { fullAgainAt, rateRoom } from "../snapshot/token-bucket.ts";
import type { NewInstance } from "../store/instance-store.ts";
import type { LastStart, StartDecision } from "../store/start-key-store.ts";

/** A policy by which each submission is decided for itself; a batch gathers them before. */
export type SinglePolicy = Exclude<StartPolicy, { readonly kind: "batch" }>;

/**
 * What a submission has in common with others.
 *
 * @throws {StartKeyError} the flow's function says nothing of use
 */
export function startKeyFor(flow: string, { key }: StartPolicy, input: unknown): string {
  if (key === null) return COMMON_KEY;
  let made: unknown;
  try {
    made = key(input);
  } catch (error) {
    throw new StartKeyError(flow, "threw", { cause: error });
  }
  const issue = idIssue(made);
  if (issue !== null) throw new StartKeyError(flow, `must return a text of 1 to 255 characters: it ${issue}`);
  return made as string;
}

/**
 * What becomes of a submission, by what was started last under its key.
 *
 * @param make - makes the instance, so that it begins after so many milliseconds, under this id or its own
 */
export async function decideStart(
  policy: SinglePolicy,
  last: LastStart | null,
  make: (afterMs: number, instanceId?: string) => Promise<NewInstance>,
): Promise<StartDecision> {
  switch (policy.kind) {
    case "singleton": {
      if (last?.isLive === true && policy.onConflict === "reject") return { kind: "refuse" };
      const instance = await make(0);
      const cancels = `replaced by ${instance.instanceId}`;
      return { kind: "start", instance, startsInMs: 0, markInMs: null, cancels, isSingle: true };
    }
    case "rateLimit": {
      const fullInMs = last?.markInMs ?? null;
      if (rateRoom(policy.rate, fullInMs, 0) < 1) return { kind: "refuse" };
      return started(await make(0), 0, fullAgainAt(policy.rate, fullInMs, 0, 1));
    }
    case "debounce": {
      const latestInMs = last?.pending == null ? policy.maxWaitMs : last.markInMs;
      const startsInMs = Math.min(policy.waitMs, Math.max(latestInMs ?? Number.POSITIVE_INFINITY, 0));
      if (last?.pending == null) return started(await make(startsInMs), startsInMs, latestInMs);
      return gathered(await make(startsInMs, last.instanceId), startsInMs, latestInMs);
    }
    case "throttle": {
      if (last?.pending != null) {
        const { startsInMs } = last.pending;
        return gathered(await make(startsInMs, last.instanceId), startsInMs, last.markInMs);
      }
      const startsInMs = Math.max(last?.markInMs ?? 0, 0);
      return started(await make(startsInMs), startsInMs, startsInMs + policy.perMs);
    }
  }
}

function started(instance: NewInstance, startsInMs: number, markInMs: number | null): StartDecision {
  return { kind: "start", instance, startsInMs, markInMs, cancels: null, isSingle: false };
}

function gathered(instance: NewInstance, startsInMs: number, markInMs: number | null): StartDecision {
  return { kind: "gather", instance, startsInMs, markInMs };
}
