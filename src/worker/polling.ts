import type { Ports } from "../engine/ports.ts";
import type { PositionStore, Promotion } from "../store/position-store.ts";
import { pause } from "../time/timers.ts";

/** What polling needs of its worker. */
export interface PollTarget {
  readonly isLeaving: boolean;
  readonly isLive: boolean;
  /** How many positions it could take now; 0 also where it should not take any. */
  room(): number;
  /** Has done what ends of instances have left to be done. */
  settleEndings(): void;
  /** Claims, and drives what it gets. @returns how many that were */
  claim(limit: number): Promise<number>;
}

export interface PollerOptions {
  readonly store: Pick<PositionStore, "promoteDue">;
  readonly ports: Ports;
  /** As many as it could take when it is idle. */
  readonly concurrency: number;
  /** `null`: two seconds, or one where hints don't arrive. */
  readonly pollIntervalMs: number | null;
}

const MOST_AT_ONCE = 1_000;
const LIVE_INTERVAL_MS = 2_000;
const DEAF_INTERVAL_MS = 1_000;
const FIRST_INTERVAL_MS = 25;
/** Where more is known to be ready, claims are this far apart, unless a quarter of the slots is free. */
const HUNGRY_GAP_MS = 5;
const FIRST_FAILURE_MS = 100;
/** What comes beyond that is found by looking without a reason. */
const MOST_LATER_HINTS = 100;
/** Given, because the default one is an exception with a stack. */
const WOKEN = "woken";

/** Looks for work: at once when told, often while there is some, seldom while there is none. */
export class Poller {
  readonly #target: PollTarget;
  readonly #options: PollerOptions;
  /** More was ready than could be taken. */
  #isHungry = false;
  #isHinted = true;
  /** There was no room when it went to rest. */
  #restsFull = false;
  /** When to look without being told, in order. */
  readonly #laterHints: number[] = [];
  #intervalMs = FIRST_INTERVAL_MS;
  #promoteAtMs = 0;
  #claimedAtMs = 0;
  #failures = 0;
  #polls = 0;
  #sleeper: AbortController | null = null;

  constructor(target: PollTarget, options: PollerOptions) {
    this.#target = target;
    this.#options = options;
  }

  /** How often it has asked the database. */
  get polls(): number {
    return this.#polls;
  }

  /** Something may have become ready. */
  hint(): void {
    this.#isHinted = true;
    this.#wake();
  }

  /** After `ms`, something becomes ready that nobody will tell of. */
  hintAfter(ms: number): void {
    if (this.#laterHints.length < MOST_LATER_HINTS) this.#laterHints.push(this.#now() + ms);
    this.#laterHints.sort((a, b) => a - b);
    this.#wake();
  }

  /** A slot has become free, or the worker's state has changed. */
  touch(): void {
    const isDue = this.#now() >= this.#promoteAtMs;
    // Who went to rest without room did not ask when the next thing comes due.
    if (this.#isHungry || this.#isHinted || isDue || this.#restsFull || this.#target.isLeaving) this.#wake();
  }

  /** In at most `ms`, something comes due. */
  expect(ms: number): void {
    const at = this.#now() + Math.ceil(ms) + 1;
    if (at >= this.#promoteAtMs) return;
    this.#promoteAtMs = at;
    this.#wake();
  }

  /** Until the worker leaves. */
  async run(): Promise<void> {
    while (!this.#target.isLeaving) {
      try {
        await this.#poll();
        this.#failures = 0;
      } catch (error) {
        this.#failures++;
        this.#options.ports.logger.warn({ error, failures: this.#failures }, "Looking for work failed; trying again.");
      }
      if (!this.#target.isLeaving) await this.#rest();
    }
  }

  async #poll(): Promise<void> {
    if (this.#target.room() === 0) return;
    while ((this.#laterHints[0] ?? Number.POSITIVE_INFINITY) <= this.#now()) {
      this.#laterHints.shift();
      this.#isHinted = true;
    }
    if (this.#now() >= this.#promoteAtMs) await this.#promote();
    if (this.#isHinted || this.#isHungry || this.#claimDue()) await this.#claim();
  }

  async #promote(): Promise<void> {
    this.#polls++;
    const intervalMs = this.#limitMs();
    // What is expected from now on may not be in the answer.
    this.#promoteAtMs = Number.POSITIVE_INFINITY;
    let untilNextMs = intervalMs;
    try {
      const { promoted, nextDueMs, owes }: Promotion = await this.#options.store.promoteDue();
      if (owes) this.#target.settleEndings();
      if (promoted > 0) this.#isHinted = true;
      // A little late rather than early: what is not due yet would have to be asked for again.
      if (nextDueMs !== null) untilNextMs = Math.min(intervalMs, Math.ceil(nextDueMs) + 1);
    } finally {
      this.#promoteAtMs = Math.min(this.#promoteAtMs, this.#now() + untilNextMs);
    }
  }

  async #claim(): Promise<void> {
    const limit = Math.min(this.#target.room(), MOST_AT_ONCE);
    if (limit === 0) return;
    this.#polls++;
    // Hints that come while the statement runs count for the next one.
    this.#isHinted = false;
    this.#claimedAtMs = this.#now();
    const claimed = await this.#target.claim(limit);
    this.#isHungry = claimed === limit;
    this.#intervalMs = claimed > 0 ? FIRST_INTERVAL_MS : Math.min(this.#intervalMs * 2, this.#limitMs());
  }

  /** A look without a reason: hints get lost. */
  #claimDue(): boolean {
    return this.#now() >= this.#nextClaimAtMs;
  }

  /** One sum for all who ask: put differently, it is rounded differently, and a claim that is due may not be told so. */
  get #nextClaimAtMs(): number {
    return this.#claimedAtMs + this.#intervalMs;
  }

  async #rest(): Promise<void> {
    const waitMs = this.#waitMs();
    if (waitMs <= 0) return;
    const sleeper = new AbortController();
    this.#sleeper = sleeper;
    await pause(this.#options.ports.timers, waitMs, sleeper.signal);
    if (this.#sleeper === sleeper) this.#sleeper = null;
  }

  #waitMs(): number {
    const now = this.#now();
    if (this.#failures > 0) {
      const mostMs = Math.min(FIRST_FAILURE_MS * 2 ** Math.min(this.#failures, 6), LIVE_INTERVAL_MS);
      return mostMs * (0.5 + this.#options.ports.random.next() / 2);
    }
    const room = this.#target.room();
    const tillClaim = this.#nextClaimAtMs - now;
    const tillPromote = this.#promoteAtMs - now;
    this.#restsFull = room === 0;
    if (room === 0) return this.#limitMs();
    if (this.#isHinted) return 0;
    if (this.#isHungry && room >= this.#options.concurrency / 4) return 0;
    const tillHungry = this.#isHungry ? this.#claimedAtMs + HUNGRY_GAP_MS - now : Number.POSITIVE_INFINITY;
    const tillHint = (this.#laterHints[0] ?? Number.POSITIVE_INFINITY) - now;
    return Math.min(tillClaim, tillPromote, tillHungry, tillHint);
  }

  #limitMs(): number {
    return this.#options.pollIntervalMs ?? (this.#target.isLive ? LIVE_INTERVAL_MS : DEAF_INTERVAL_MS);
  }

  #wake(): void {
    const sleeper = this.#sleeper;
    this.#sleeper = null;
    sleeper?.abort(WOKEN);
  }

  #now(): number {
    return this.#options.ports.clock.monotonicMs();
  }
}
