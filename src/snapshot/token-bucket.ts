import type { Rate } from "./allowance.ts";

// A token bucket is kept as the time when it is full again, so that nothing has to fill it.

/** What a rate allows is counted from the same times in other stores, which round them. */
const TOLERANCE = 1e-4;

/** How many may begin now. */
export function rateRoom({ count, perMs, burst }: Rate, fullAt: number | null, now: number): number {
  return Math.floor(burst - (Math.max((fullAt ?? now) - now, 0) * count) / perMs + TOLERANCE);
}

/** After how many milliseconds one more may begin. */
export function rateWaitMs({ count, perMs, burst }: Rate, fullAt: number | null, now: number): number {
  return Math.max((fullAt ?? now) - now - ((burst - 1) * perMs) / count, 0);
}

/** When it is full again, now that so many begin. */
export function fullAgainAt({ count, perMs }: Rate, fullAt: number | null, now: number, begun: number): number {
  return Math.max(fullAt ?? now, now) + (begun * perMs) / count;
}
