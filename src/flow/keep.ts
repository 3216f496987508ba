import type { Duration } from "../time/duration.ts";
import { readOptions } from "./known-options.ts";
import { resolveDuration } from "./option-values.ts";

/** How long instances are kept after their end, by how they ended: a span, or "forever". */
export interface KeepByStatus {
  readonly completed?: Duration;
  readonly failed?: Duration;
  readonly cancelled?: Duration;
}

export type KeepOptions = KeepByStatus | "forever";

/** In milliseconds; `null` for ever. */
export interface KeepTimes {
  readonly completed: number | null;
  readonly failed: number | null;
  readonly cancelled: number | null;
}

/** How an instance can have ended. */
export type EndedStatus = keyof KeepTimes;

export const ENDED_STATUSES: readonly EndedStatus[] = ["completed", "failed", "cancelled"];

const FOREVER: KeepTimes = Object.freeze({ completed: null, failed: null, cancelled: null });

/** What is said; what isn't is left out. What is wrong goes to `issues`. */
export function resolveKeep(value: unknown, field: string, issues: string[]): Partial<KeepTimes> {
  if (value === undefined) return {};
  if (value === "forever") return FOREVER;
  const given = readOptions(value, field, ENDED_STATUSES, issues);
  const named = ENDED_STATUSES.filter((status) => given[status] !== undefined);
  const times = named.map((status) => {
    const span = given[status];
    return [status, span === "forever" ? null : resolveDuration(span, `${field}.${status}`, null, issues)];
  });
  return Object.freeze(Object.fromEntries(times) as Partial<KeepTimes>);
}
