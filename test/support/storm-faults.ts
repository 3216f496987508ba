import { between, chance, pick } from "../../examples/order-fulfilment/seeded.ts";
import type { LocalPostgres } from "../../src/local/index.ts";
import { query } from "./local-postgres.ts";
import type { StormFleet } from "./storm-fleet.ts";

/** Beyond the lease of 1.5 s: somebody else goes on meanwhile. */
const STOPPED_MS = 2_500;
const SHARE_OF_KILLS = 0.6;
const CUTS_A_SECOND = 2;
const RETIREMENT_EVERY_S = 7;
/** Somebody has to be left at work. */
const LEAST_AT_WORK = 2;

/** What has been done to the workers and the database. */
export interface FaultCounts {
  readonly kills: number;
  readonly stops: number;
  readonly restarts: number;
  /** Workers that were told to end. */
  readonly retirements: number;
  /** Sessions of workers and the submitter that the server has ended. */
  readonly cuts: number;
  /** When the last worker was killed, in milliseconds since the epoch. */
  readonly lastStruckAt: number;
}

/** Does something to a worker each second, and twice to the database. The seed decides what; to whom depends on who is there. */
export class StormFaults {
  readonly #fleet: StormFleet;
  readonly #server: LocalPostgres;
  readonly #seed: string;
  readonly #say: (line: string) => void;
  readonly #counts = { kills: 0, stops: 0, restarts: 0, retirements: 0, cuts: 0, lastStruckAt: 0 };
  /** What went wrong beside what was meant to. */
  readonly complaints: string[] = [];
  readonly #underWay: Promise<void>[] = [];
  readonly #all: boolean;

  /** @param all - whether workers are told to end, too, and sessions are ended by the server, several times a second */
  constructor(
    fleet: StormFleet,
    server: LocalPostgres,
    seed: string,
    say: (line: string) => void,
    all: boolean = false,
  ) {
    this.#all = all;
    this.#fleet = fleet;
    this.#server = server;
    this.#seed = seed;
    this.#say = say;
  }

  /** Resolves when everybody is up again. */
  async run(seconds: number): Promise<FaultCounts> {
    const startedAt = Date.now();
    const third = Math.floor(seconds / 3);
    const restarts = [1, 2].map((n) => n * third + between(0, Math.floor(third / 2), this.#seed, "restart", n));
    for (let second = 1; second <= seconds; second++) {
      await sleep(startedAt + second * 1_000 - Date.now());
      if (restarts.includes(second)) this.#begin(this.#restart(second));
      // The last one is a kill, so that there is something left to take over when the storm is over.
      this.#begin(this.#strike(second, second === seconds));
      if (!this.#all) continue;
      for (let nth = 0; nth < CUTS_A_SECOND; nth++) this.#begin(this.#cut(second, nth));
      if (second % RETIREMENT_EVERY_S === 0) this.#begin(this.#retire(second));
    }
    await Promise.all(this.#underWay);
    return { ...this.#counts };
  }

  #begin(fault: Promise<void>): void {
    // Handled at once, thrown at the end: a rejection that nobody awaits yet would end the process.
    fault.catch(() => undefined);
    this.#underWay.push(fault);
  }

  async #strike(second: number, isLast: boolean): Promise<void> {
    const victims = this.#fleet.atWork;
    if (victims.length < LEAST_AT_WORK) return;
    const victim = pick(victims, this.#seed, "victim", second);
    if (isLast || chance(this.#seed, "fault", second) < SHARE_OF_KILLS) {
      this.#counts.lastStruckAt = Date.now();
      this.#counts.kills++;
      this.#say(`${second} s: kill ${victim.workerId}`);
      await this.#fleet.kill(victim);
      await this.#fleet.start();
      return;
    }
    this.#counts.stops++;
    this.#say(`${second} s: stop ${victim.workerId}`);
    this.#fleet.stop(victim);
    await sleep(STOPPED_MS);
    this.#fleet.goOn(victim);
  }

  async #retire(second: number): Promise<void> {
    const victims = this.#fleet.atWork;
    if (victims.length < LEAST_AT_WORK) return;
    this.#counts.retirements++;
    const complaint = await this.#fleet.retire(pick(victims, this.#seed, "retire", second));
    if (complaint !== null) this.complaints.push(complaint);
    await this.#fleet.start();
  }

  /** The server ends one session of a worker, or of who submits, whatever it is at. Never one of those who look on. */
  async #cut(second: number, nth: number): Promise<void> {
    await sleep(between(0, 1_000, this.#seed, "cut at", second, nth));
    const share = chance(this.#seed, "cut", second, nth);
    try {
      const rows = await query(
        this.#server.url,
        `SELECT pg_terminate_backend(pid) FROM (
           SELECT pid, row_number() OVER (ORDER BY pid) - 1 AS nth, count(*) OVER () AS all_of
           FROM pg_stat_activity WHERE application_name ~ '^(w[0-9]+|submitter)$') AS s
         WHERE nth = floor(${share} * all_of)`,
      );
      this.#counts.cuts += rows.length;
    } catch {
      // The database is being restarted.
    }
  }

  async #restart(second: number): Promise<void> {
    this.#counts.restarts++;
    const startedAt = Date.now();
    const mode = this.#all && chance(this.#seed, "mode", second) < 0.5 ? "fast" : "immediate";
    await this.#server.restart({ mode });
    this.#say(`${second} s: restarted the database (${mode}), took ${Date.now() - startedAt} ms`);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
