/** How fast the simulated world turns. A real shop would say "1h" and "2d" where this one says "1s". */
export interface Pace {
  /** A call of a service takes between the two. */
  readonly latencyMs: readonly [number, number];
  /** Before the second attempt at charging a card; later ones wait longer. */
  readonly retryDelay: string;
  readonly changeOfMind: string;
  /** The warehouse packs an order in a time between the two. */
  readonly packingMs: readonly [number, number];
  /** How long the flow waits for the warehouse. */
  readonly warehouseTimeout: string;
  /** How often worker and warehouse look for news. */
  readonly lookEveryMs: number;
}

export type Speed = "normal" | "fast";

/** None of this is part of a flow's shape: a batch that was begun at one speed goes on at the other. */
export const PACES: Readonly<Record<Speed, Pace>> = {
  normal: {
    latencyMs: [150, 700],
    retryDelay: "500ms",
    changeOfMind: "1s",
    packingMs: [300, 2_000],
    warehouseTimeout: "8s",
    lookEveryMs: 100,
  },
  fast: {
    latencyMs: [2, 20],
    retryDelay: "20ms",
    changeOfMind: "50ms",
    packingMs: [10, 100],
    warehouseTimeout: "4s",
    lookEveryMs: 50,
  },
};
