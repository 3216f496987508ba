import { InvalidArgumentError } from "../errors/argument-errors.ts";
import type { Clock } from "../time/clock.ts";

/** Where a test's time begins: a round number, so that times in failures are easy to read. */
const START = Date.UTC(2030, 0, 1);

/** A clock that stands still until it is moved. */
export class TestClock implements Clock {
  #now: number;
  #elapsed = 0;

  /** @param start - milliseconds since the epoch; default: the start of 2030 */
  constructor(start: number = START) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  monotonicMs(): number {
    return this.#elapsed;
  }

  /**
   * Time has passed, for both readings.
   *
   * @throws {InvalidArgumentError} `ms` is negative: use `jumpTo`
   */
  advance(ms: number): void {
    if (!(ms >= 0)) throw new InvalidArgumentError("ms", `must be a number from 0, not ${ms}.`);
    this.#now += ms;
    this.#elapsed += ms;
  }

  /** Somebody has set the clock; may go back. The monotonic reading goes on as before. */
  jumpTo(now: number): void {
    this.#now = now;
  }
}
