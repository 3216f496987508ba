import type { Order, OrderLine, Shipping, Warehouse } from "./domain.ts";
import { between, pick } from "./seeded.ts";

// How the world outside is: no calls, no time, no state. The simulation acts by it, and the model predicts by it.

const PRICES_CENTS: Readonly<Record<string, number>> = {
  MAP: 1_290,
  COMPASS: 3_400,
  TORCH: 2_950,
  ROPE: 5_800,
  FLASK: 1_800,
  GLOBE: 34_000,
  "GIFT-CARD": 5_000,
};

export function priceOf(lines: readonly OrderLine[]): {
  readonly cents: number;
  readonly unavailable: readonly string[];
} {
  return {
    cents: lines.reduce((sum, { sku, quantity }) => sum + (PRICES_CENTS[sku] ?? 0) * quantity, 0),
    unavailable: lines.map(({ sku }) => sku).filter((sku) => PRICES_CENTS[sku] === undefined),
  };
}

/** Globes are made by hand, in one place. */
export function warehouseFor(order: Order): Warehouse {
  if (order.lines.some(({ sku }) => sku === "GLOBE")) return "old-mill";
  return pick(["north", "south"], order.number, "warehouse");
}

/** The people at the old mill don't look at their screen. */
export function answers(warehouse: Warehouse): boolean {
  return warehouse !== "old-mill";
}

/** How often the network fails before it lets a card through. */
export function networkFailures(card: string): number {
  return Number(/^tok_network_fails_(\d+)$/.exec(card)?.[1] ?? 0);
}

export function isDeclined(card: string): boolean {
  return card === "tok_declined";
}

/** Nobody gives away that many gift cards. */
export function fraudScore(order: Order): number {
  const giftCards = order.lines.find(({ sku }) => sku === "GIFT-CARD")?.quantity ?? 0;
  return giftCards >= 10 ? 97 : between(1, 40, order.number, "fraud");
}

export function trackingNumberOf(order: Order, shipping: Shipping): string {
  return `${shipping === "express" ? "EX" : "ST"}${order.number}`;
}

/** After how many looks the carrier's page says "delivered". */
export function looksUntilDelivered(trackingNumber: string): number {
  return trackingNumber.startsWith("EX") ? between(1, 3, trackingNumber) : between(3, 6, trackingNumber);
}
