import { type Logger, silentLogger } from "../logger.ts";
import { type Clock, systemClock } from "../time/clock.ts";
import { type Random, systemRandom } from "../time/random.ts";
import { systemTimers, type Timers } from "../time/timers.ts";

/** Everything that the engine gets from outside besides the store: so that a simulation can decide it. */
export interface Ports {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
}

export const systemPorts: Ports = {
  clock: systemClock,
  timers: systemTimers,
  random: systemRandom,
  logger: silentLogger,
};
