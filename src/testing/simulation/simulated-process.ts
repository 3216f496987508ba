import type { Ports } from "../../engine/ports.ts";
import { type Logger, silentLogger } from "../../logger.ts";
import type { SeededRandom } from "./seeded-random.ts";
import type { Owner, Timeline } from "./timeline.ts";

/** A call of the store that is on its way. */
export interface Flight {
  /** Whether it never arrives. */
  isLost: boolean;
  /** Ends it with an error, whatever becomes of it. Idempotent. */
  cut(): void;
}

/** A process from its start to its death: with a clock, timers and connections of its own. */
export class SimulatedProcess implements Owner {
  readonly name: string;
  readonly ports: Ports;
  readonly flights: Set<Flight> = new Set();
  isDead = false;
  stillUntil = 0;
  /** Until when no hints reach it. */
  deafUntil = 0;
  /** How far its clock is from the true time, in milliseconds. */
  clockOffset = 0;
  readonly #timeline: Timeline;

  constructor(name: string, timeline: Timeline, random: SeededRandom, logger: Logger = silentLogger) {
    this.name = name;
    this.#timeline = timeline;
    this.ports = {
      clock: { now: () => timeline.date + this.clockOffset, monotonicMs: () => timeline.now },
      timers: {
        after: (delayMs, callback) => timeline.after(delayMs, this, callback),
        soon: (callback) => timeline.after(0, this, callback),
      },
      random: random.branch(),
      logger,
    };
  }

  /** Nothing that it has begun ever comes to an end. */
  kill(): void {
    this.isDead = true;
    this.flights.clear();
  }

  sleep(delayMs: number): Promise<void> {
    return this.#timeline.sleep(delayMs, this);
  }
}
