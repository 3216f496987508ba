import type { SeededRandom } from "./seeded-random.ts";

/** What happens to calls of the store, share by share. */
export const CALL_FAULTS = ["refused", "answerLost", "repeated", "slow", "busy", "skipped"] as const;
/** What happens to hints, share by share. */
export const HINT_FAULTS = ["hintLost", "hintTwice", "hintLate"] as const;
/** What happens to processes and the database, now and then. */
export const EVENT_FAULTS = [
  "crash",
  "standstill",
  "drain",
  "cut",
  "deaf",
  "clockJump",
  "databaseClockJump",
  "outage",
] as const;

/**
 * What goes wrong in a simulation.
 *
 * | kind | |
 * |---|---|
 * | `refused` | a call of the store fails, and has had no effect |
 * | `answerLost` | it has had its effect, but the caller is told that it failed |
 * | `repeated` | its answer is lost and it is sent once more, as a driver does that tries again |
 * | `slow` | it takes up to two leases to arrive |
 * | `busy` | rows of a batch of checkpoints are locked by somebody else |
 * | `skipped` | a claim passes over rows that somebody else has locked |
 * | `hintLost`, `hintTwice`, `hintLate` | a hint that something is ready, or has ended |
 * | `crash` | a process dies, and another one takes its place |
 * | `standstill` | a process is stopped for 0.3 to 3 leases, and goes on as if nothing had been |
 * | `drain` | a process is told to end, and another one takes its place |
 * | `cut` | a process loses its connections, with all that is on its way |
 * | `deaf` | no hints reach a process for a while |
 * | `clockJump` | somebody sets the clock of a process, by up to an hour |
 * | `databaseClockJump` | somebody sets the clock of the database, by up to three leases |
 * | `outage` | the database is away for a while |
 */
export type FaultKind = (typeof CALL_FAULTS)[number] | (typeof HINT_FAULTS)[number] | (typeof EVENT_FAULTS)[number];

export const FAULT_KINDS: readonly FaultKind[] = [...CALL_FAULTS, ...HINT_FAULTS, ...EVENT_FAULTS];

type CallFault = (typeof CALL_FAULTS)[number];
type HintFault = (typeof HINT_FAULTS)[number];
type EventFault = (typeof EVENT_FAULTS)[number];

/** A kind is left out of a run as often as not: what always fails hides what only fails at times. */
const SHARE_THAT_IS_ON = 0.5;
const MOST_OF_CALLS = 0.2;
const MOST_OF_HINTS = 0.8;
const LEAST_SHARE = 0.005;
/** Mean time between two events of a kind, in leases. */
const LEAST_APART = 1;
const MOST_APART = 30;

/** Which faults a run has, and how often: drawn from its seed. */
export class FaultPlan {
  readonly #random: SeededRandom;
  readonly #shares = new Map<FaultKind, number>();
  readonly #apart = new Map<EventFault, number>();
  readonly #fired = new Map<FaultKind, number>();
  #isOver = false;

  constructor(random: SeededRandom, kinds: readonly FaultKind[]) {
    this.#random = random;
    for (const kind of FAULT_KINDS) {
      // Drawn for all, so that the kinds that are left out don't change the others.
      const isOn = random.chance(SHARE_THAT_IS_ON);
      const size = random.next();
      if (!isOn || !kinds.includes(kind)) continue;
      if (isOneOf(EVENT_FAULTS, kind)) this.#apart.set(kind, MOST_APART * (LEAST_APART / MOST_APART) ** size);
      else {
        const most = isOneOf(HINT_FAULTS, kind) ? MOST_OF_HINTS : MOST_OF_CALLS;
        this.#shares.set(kind, LEAST_SHARE * (most / LEAST_SHARE) ** size);
      }
    }
  }

  /** How often each kind has happened. */
  get fired(): Readonly<Partial<Record<FaultKind, number>>> {
    return Object.fromEntries([...this.#fired].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** From now on, nothing goes wrong any more. */
  end(): void {
    this.#isOver = true;
  }

  /** What happens at the next call; `null` for nothing. `kinds`: what can. */
  atCall(kinds: readonly CallFault[]): CallFault | null {
    return this.#first(kinds);
  }

  atHint(): HintFault | null {
    return this.#first(HINT_FAULTS);
  }

  /** After how many leases an event of this kind comes next; `null` for never. */
  nextEvent(kind: EventFault): number | null {
    const apart = this.#apart.get(kind);
    return apart === undefined ? null : -Math.log(1 - this.#random.next()) * apart;
  }

  count(kind: FaultKind): void {
    this.#fired.set(kind, (this.#fired.get(kind) ?? 0) + 1);
  }

  #first<Kind extends FaultKind>(kinds: readonly Kind[]): Kind | null {
    if (this.#isOver) return null;
    for (const kind of kinds) {
      const share = this.#shares.get(kind);
      if (share === undefined || !this.#random.chance(share)) continue;
      this.count(kind);
      return kind;
    }
    return null;
  }
}

function isOneOf<Kind extends string>(kinds: readonly Kind[], kind: string): kind is Kind {
  return (kinds as readonly string[]).includes(kind);
}
