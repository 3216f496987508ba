import type { Occurrence } from "../snapshot/occurrence.ts";
import type { Standing } from "../snapshot/position.ts";

/** What came of looking at a position. Where it is nothing, the position is to be given up, to sleep where it is, or to be looked at again. */
export type Happening =
  | Occurrence
  | { readonly kind: "giveUp"; readonly settle: boolean }
  /** For so long, or until a time (milliseconds since the epoch). */
  | { readonly kind: "sleep"; readonly forMs: number | null; readonly until?: number }
  /** Nothing happened: a transaction was rolled back, and the body is to be run again. */
  | { readonly kind: "again" }
  /** A limit has to allow it first: it is to stand before the gate. */
  | { readonly kind: "limited"; readonly to: Standing };
