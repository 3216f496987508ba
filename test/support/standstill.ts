import type { Ports } from "../../src/engine/ports.ts";
import { TestClock } from "../../src/testing/index.ts";
import { systemTimers, type Timer, type Timers } from "../../src/time/timers.ts";

/**
 * Ports for which no time passes: who has them does something only when it is told to. For tests of what wakes whom.
 * `thaw` lets time pass again, so that everything can be stopped.
 */
export class Standstill {
  readonly #pending = new Map<object, () => void>();
  #isThawed = false;

  readonly timers: Timers = { soon: systemTimers.soon, after: (delayMs, callback) => this.#after(delayMs, callback) };
  readonly ports: Pick<Ports, "clock" | "timers"> = { clock: new TestClock(), timers: this.timers };

  thaw(): void {
    this.#isThawed = true;
    const callbacks = [...this.#pending.values()];
    this.#pending.clear();
    for (const callback of callbacks) callback();
  }

  #after(delayMs: number, callback: () => void): Timer {
    if (this.#isThawed) return systemTimers.after(delayMs, callback);
    const key = {};
    this.#pending.set(key, callback);
    return { cancel: () => void this.#pending.delete(key) };
  }
}
