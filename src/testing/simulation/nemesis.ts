import { EVENT_FAULTS, type FaultPlan } from "./faults.ts";
import type { SeededRandom } from "./seeded-random.ts";
import type { SimulatedServer } from "./simulated-server.ts";
import type { Timeline } from "./timeline.ts";
import type { WorkerProcess } from "./worker-process.ts";

type EventFault = (typeof EVENT_FAULTS)[number];

const HOUR_MS = 3_600_000;

/** What the one that makes trouble works on. */
export interface NemesisParts {
  readonly timeline: Timeline;
  readonly random: SeededRandom;
  readonly faults: FaultPlan;
  readonly server: SimulatedServer;
  readonly workers: readonly WorkerProcess[];
  readonly leaseMs: number;
}

/** Strikes processes and the database, each kind of fault by itself, as often as the plan says. */
export class Nemesis {
  readonly #parts: NemesisParts;

  constructor(parts: NemesisParts) {
    this.#parts = parts;
  }

  begin(): void {
    for (const kind of EVENT_FAULTS) this.#strikeNext(kind);
  }

  /** Nothing goes wrong any more, and who stands still goes on. */
  end(): void {
    const { faults, server, workers } = this.#parts;
    faults.end();
    server.downUntil = 0;
    server.clockOffset = 0;
    for (const worker of workers) worker.heal();
  }

  #strikeNext(kind: EventFault): void {
    const { faults, timeline, leaseMs } = this.#parts;
    const leases = faults.nextEvent(kind);
    if (leases === null) return;
    timeline.after(Math.ceil(leases * leaseMs), null, () => {
      if (faults.isOver) return;
      faults.count(kind);
      this.#strike(kind);
      this.#strikeNext(kind);
    });
  }

  #strike(kind: EventFault): void {
    const { timeline, random, server, workers, leaseMs } = this.#parts;
    const victim = random.pick(workers);
    const leases = (least: number, most: number): number =>
      Math.ceil(leaseMs * (least + random.next() * (most - least)));
    switch (kind) {
      case "crash":
        return victim.crash(leases(0, 2));
      case "standstill":
        victim.process.stillUntil = timeline.now + leases(0.3, 3);
        return;
      case "drain":
        return victim.drain(leases(0, 1));
      case "cut":
        return server.cut(victim.process);
      case "deaf":
        victim.process.deafUntil = timeline.now + leases(1, 10);
        return;
      case "clockJump":
        victim.process.clockOffset = random.between(-HOUR_MS, HOUR_MS);
        return;
      case "databaseClockJump":
        server.clockOffset = random.between(-3 * leaseMs, 3 * leaseMs);
        return;
      case "outage":
        server.downUntil = timeline.now + leases(0.1, 2);
    }
  }
}
