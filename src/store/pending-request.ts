import type { CancelRequest } from "./signal-store.ts";

/**
 * What is pending once another request of the same kind has come: what the first said stays. The later one adds a reason where
 * that gave none, and that undoing is asked for.
 */
export function pendingRequest(first: CancelRequest | null, later: CancelRequest): CancelRequest {
  if (first === null) return later;
  const undo = first.undo === true || later.undo === true ? { undo: true } : {};
  if (first.reason !== undefined) return { ...first, ...undo };
  // Whoever gives the reason is whose request it is.
  return later.reason === undefined ? { ...later, ...first, ...undo } : { ...first, ...later, ...undo };
}
