import type { Order, Result } from "./domain.ts";
import { makeOrder } from "./orders.ts";
import * as world from "./world.ts";

/** What is known of an order's end before it has begun. */
export interface Prediction {
  readonly status: "completed" | "failed";
  /** `null` if it fails. */
  readonly result: Result | null;
  /** Every task id that will have a recorded outcome, sorted. */
  readonly recorded: readonly string[];
  /** How many attempts will have failed. */
  readonly failedAttempts: number;
}

/**
 * How the order with this number ends, whatever happens to the processes that work on it.
 *
 * Pure, and knows nothing of the engine: what the flow amounts to if nobody ever pulls the plug.
 */
export function predict(orderNumber: number, seed: number): Prediction {
  const order = makeOrder(orderNumber, seed);
  const { cents, unavailable } = world.priceOf(order.lines);
  if (unavailable.length > 0) return { status: "failed", result: null, recorded: [], failedAttempts: 1 };

  const result = resultOf(order, cents);
  return {
    status: "completed",
    result,
    recorded: [...COMMON_STEPS, ...stepsOf(result)].sort(),
    failedAttempts: world.networkFailures(order.card),
  };
}

const COMMON_STEPS = ["validate", "reserve", "charge", "screen", "review", "verdict", "notify"] as const;

function resultOf(order: Order, cents: number): Result {
  const { number, shipping } = order;
  if (world.isDeclined(order.card)) {
    return { outcome: "refused", number, reason: "card declined", refundedCents: 0 };
  }
  if (world.fraudScore(order) >= 90) {
    return { outcome: "refused", number, reason: "suspected fraud", refundedCents: cents };
  }
  const warehouse = world.warehouseFor(order);
  return {
    outcome: "delivered",
    number,
    cents,
    shipping,
    packedBy: world.answers(warehouse) ? warehouse : "reserve depot",
    looks: world.looksUntilDelivered(world.trackingNumberOf(order, shipping)),
  };
}

function stepsOf(result: Result): readonly string[] {
  if (result.outcome === "refused") return ["release", "refund"];
  return [
    "service",
    result.shipping === "express" ? "book-courier" : "book-parcel",
    "change-of-mind",
    "ask-warehouse",
    "packed",
    "hand-over",
    ...Array.from({ length: result.looks }, (_, look) => `track[${look}]`),
  ];
}
