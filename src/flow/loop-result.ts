const BRAND: unique symbol = Symbol.for("waymark.loopResult") as never;

/** What a loop's body returns: go round again with a value, or leave the loop with one. */
export type LoopResult<Again, Done> = LoopAgain<Again> | LoopDone<Done>;

export interface LoopAgain<Again> {
  readonly decision: "again";
  readonly value: Again;
}

export interface LoopDone<Done> {
  readonly decision: "done";
  readonly value: Done;
}

interface LoopResults {
  /** Another iteration, whose input is `value`. */
  again<Again>(value: Again): LoopAgain<Again>;
  /** Leaves the loop; `value` is the loop's output. */
  done<Done>(value: Done): LoopDone<Done>;
  /** Whether `value` was made by `again` or `done`; a look-alike doesn't count. */
  is(value: unknown): value is LoopResult<unknown, unknown>;
}

/** Makes the results that a loop's body returns. */
export const LoopResult: LoopResults = {
  again: (value) => branded({ decision: "again", value }),
  done: (value) => branded({ decision: "done", value }),
  is: (value): value is LoopResult<unknown, unknown> => typeof value === "object" && value !== null && BRAND in value,
};

function branded<T extends object>(result: T): T {
  Object.defineProperty(result, BRAND, { value: true });
  return Object.freeze(result);
}
