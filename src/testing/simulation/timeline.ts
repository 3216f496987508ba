import { IndexedHeap } from "../../memory/indexed-heap.ts";
import { systemTimers } from "../../time/timers.ts";
import type { SeededRandom } from "./seeded-random.ts";

/** Something that happens at a time. */
interface Happening {
  at: number;
  /** Decides between those of the same time. */
  tie: number;
  index: number;
  /** Who it happens to; `null`: nobody who could die or stand still. */
  readonly owner: Owner | null;
  readonly happen: () => void;
}

/** Somebody to whom nothing happens while it stands still, nor ever again when it is dead. */
export interface Owner {
  readonly isDead: boolean;
  /** Until when it stands still, on the timeline; a time past for not at all. */
  readonly stillUntil: number;
}

/** Handle of what has been put on a timeline. */
export interface Placed {
  cancel(): void;
}

/** Where a simulation's time begins: a round number, so that times are easy to read. */
const EPOCH = Date.UTC(2030, 0, 1);

/**
 * Time that passes only from one thing that happens to the next. What is due at the same time happens in an order that the seed decides;
 * between two of them, everything runs that waits for nothing else.
 */
export class Timeline {
  readonly #random: SeededRandom;
  readonly #ahead = new IndexedHeap<"index", Happening>("index", (a, b) => a.at - b.at || a.tie - b.tie);
  #now = 0;
  #steps = 0;
  #current: Owner | null = null;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** Milliseconds since the simulation began. */
  get now(): number {
    return this.#now;
  }

  /** The same since the epoch. */
  get date(): number {
    return EPOCH + this.#now;
  }

  /** How many things have happened. */
  get steps(): number {
    return this.#steps;
  }

  /** Who the thing happens to that happens now. */
  get current(): Owner | null {
    return this.#current;
  }

  /** @param delayMs - from now on; not negative */
  after(delayMs: number, owner: Owner | null, happen: () => void): Placed {
    const happening = { at: this.#now + Math.max(0, delayMs), tie: this.#random.next(), index: -1, owner, happen };
    this.#ahead.push(happening);
    return { cancel: () => this.#ahead.delete(happening) };
  }

  /** Resolves when that time has passed. */
  sleep(delayMs: number, owner: Owner | null): Promise<void> {
    return new Promise((resolve) => void this.after(delayMs, owner, resolve));
  }

  /**
   * Has one thing happen after the other until `isOver` says so, or nothing is ahead any more, or the next thing lies beyond `until`.
   *
   * @returns whether `isOver` has said so
   */
  async pass(isOver: () => boolean, until: number): Promise<boolean> {
    await everythingElse();
    for (;;) {
      if (isOver()) return true;
      const next = this.#ahead.peek();
      if (next === undefined || next.at > until) return false;
      this.#ahead.delete(next);
      this.#now = Math.max(this.#now, next.at);
      if (next.owner !== null) {
        if (next.owner.isDead) continue;
        const { stillUntil } = next.owner;
        if (stillUntil > this.#now) {
          // A process that was stopped finds all that has come due meanwhile when it goes on.
          this.#ahead.push({ ...next, at: stillUntil, tie: this.#random.next() });
          continue;
        }
      }
      this.#steps++;
      this.#current = next.owner;
      next.happen();
      await everythingElse();
    }
  }
}

/** Resolves when all promises are settled that can be. */
function everythingElse(): Promise<void> {
  return new Promise((resolve) => void systemTimers.soon(resolve));
}
