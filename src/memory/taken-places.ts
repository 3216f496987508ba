import { COMMON_KEY } from "../snapshot/allowance.ts";
import type { Position } from "../snapshot/position.ts";
import { SortedKeys } from "./sorted-keys.ts";

/** How many places of one limit are taken. */
class Taken {
  all = 0;
  readonly byKey: Map<string, number> = new Map();
  readonly keys: SortedKeys = new SortedKeys();

  count(key: string, difference: 1 | -1): void {
    const before = this.byKey.get(key) ?? 0;
    this.all += difference;
    if (before === 0) this.keys.add(key);
    if (before + difference > 0) {
      this.byKey.set(key, before + difference);
      return;
    }
    this.byKey.delete(key);
    this.keys.delete(key);
  }
}

/**
 * The places of all limits that are taken: by claimed positions before a gate of scope "task", and by trunks that came through
 * one of scope "flow". Follows each change of a position, so that nobody has to count.
 */
export class TakenPlaces {
  readonly #byLimit = new Map<string, Taken>();

  /** A position was `before`, and is `after`; `null` for not there. */
  follow(before: Position | null, after: Position | null): void {
    if (before !== null) this.#count(before, -1);
    if (after !== null) this.#count(after, 1);
  }

  of(limit: string): number {
    return this.#byLimit.get(limit)?.all ?? 0;
  }

  ofKey(limit: string, key: string): number {
    return this.#byLimit.get(limit)?.byKey.get(key) ?? 0;
  }

  /** The first key greater than this one of which a place is taken. */
  keyAfter(limit: string, key: string): string | undefined {
    return this.#byLimit.get(limit)?.keys.after(key);
  }

  #count({ gate, claim, limitKey, slot }: Position, difference: 1 | -1): void {
    if (gate?.scope === "task" && claim !== null) this.#of(gate.limit).count(limitKey ?? COMMON_KEY, difference);
    if (slot !== undefined) this.#of(slot.limit).count(slot.key, difference);
  }

  #of(limit: string): Taken {
    let taken = this.#byLimit.get(limit);
    if (taken === undefined) this.#byLimit.set(limit, (taken = new Taken()));
    return taken;
  }
}
