import { TestClock } from "../../src/testing/index.ts";
import type { Timer, Timers } from "../../src/time/timers.ts";

interface Pending {
  readonly at: number;
  readonly callback: () => void;
}

const MOST_TIMERS = 100_000;

/** Time that passes only when there is nothing else to do. For code that waits for timers and promises alone. */
export class VirtualTime {
  readonly clock: TestClock = new TestClock();
  readonly #pending = new Set<Pending>();

  readonly timers: Timers = {
    after: (delayMs, callback) => this.#add(this.clock.monotonicMs() + Math.max(delayMs, 0), callback),
    soon: (callback) => {
      const handle = setImmediate(callback);
      return { cancel: () => clearImmediate(handle) };
    },
  };

  /** @throws {Error} nothing is left to do, and still `done` has not settled */
  async passUntil(done: Promise<unknown>): Promise<void> {
    let settled = false;
    const settle = (): void => {
      settled = true;
    };
    done.then(settle, settle);
    for (let fired = 0; fired < MOST_TIMERS; fired++) {
      // Two turns: what a callback has put off until "soon" runs in the second.
      await turn();
      await turn();
      if (settled) return;
      this.#fireNext();
    }
    throw new Error(`Still not done after ${MOST_TIMERS} timers: something goes round in circles.`);
  }

  #add(at: number, callback: () => void): Timer {
    const pending = { at, callback };
    this.#pending.add(pending);
    return { cancel: () => this.#pending.delete(pending) };
  }

  #fireNext(): void {
    let next: Pending | undefined;
    for (const pending of this.#pending) if (next === undefined || pending.at < next.at) next = pending;
    if (next === undefined) throw new Error("Nothing is left to do, and no timer is set: something is stuck.");
    this.#pending.delete(next);
    this.clock.advance(Math.max(next.at - this.clock.monotonicMs(), 0));
    next.callback();
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
