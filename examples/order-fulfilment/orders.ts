import type { Order, OrderLine } from "./domain.ts";
import { between, pick } from "./seeded.ts";

const CUSTOMERS = [
  { customer: "Ada Lovelace", city: "London" },
  { customer: "Grace Hopper", city: "New York" },
  { customer: "Alan Turing", city: "Manchester" },
  { customer: "Edsger Dijkstra", city: "Rotterdam" },
  { customer: "Barbara Liskov", city: "Los Angeles" },
  { customer: "Donald Knuth", city: "Milwaukee" },
  { customer: "Margaret Hamilton", city: "Boston" },
  { customer: "Tony Hoare", city: "Oxford" },
  { customer: "Radia Perlman", city: "Portsmouth" },
  { customer: "Leslie Lamport", city: "Brooklyn" },
  { customer: "Konrad Zuse", city: "Berlin" },
  { customer: "Jim Gray", city: "San Francisco" },
  { customer: "Frances Allen", city: "Peru" },
  { customer: "Niklaus Wirth", city: "Winterthur" },
  { customer: "Katherine Johnson", city: "Hampton" },
  { customer: "Edgar Codd", city: "Portland" },
] as const;

const SKUS = ["MAP", "COMPASS", "TORCH", "ROPE", "FLASK"] as const;

/** What goes wrong with an order. In two dozen orders in a row each entry comes up once, whatever the seed is. */
const TROUBLES: readonly Partial<Order>[] = [
  { lines: [{ sku: "GIFT-CARD", quantity: 40 }] },
  { card: "tok_network_fails_1" },
  { card: "tok_network_fails_2" },
  { card: "tok_network_fails_3" },
  { lines: [{ sku: "GLOBE", quantity: 1 }] },
  { card: "tok_declined" },
  { lines: [{ sku: "SEXTANT", quantity: 1 }] },
  { card: "tok_network_fails_1" },
];
const CYCLE = 24;

/** The order with this number: always the same one for a seed. */
export function makeOrder(number: number, seed: number): Order {
  const buyer = pick(CUSTOMERS, seed, number, "customer");
  return {
    number,
    ...buyer,
    lines: makeLines(number, seed),
    shipping: pick(["express", "standard", "standard"], seed, number, "shipping"),
    card: "tok_visa",
    // 7 and 24 have no common divisor, so 24 numbers in a row give 24 different remainders.
    ...TROUBLES[(number * 7 + seed * 5) % CYCLE],
  };
}

function makeLines(number: number, seed: number): readonly OrderLine[] {
  const first = between(0, SKUS.length - 1, seed, number, "sku");
  const count = between(1, 3, seed, number, "lines");
  return Array.from({ length: count }, (_, index) => ({
    sku: SKUS[(first + index) % SKUS.length] ?? "MAP",
    quantity: between(1, 3, seed, number, "quantity", index),
  }));
}
