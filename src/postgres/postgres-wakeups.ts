import type { Logger } from "../logger.ts";
import type { Lane } from "../snapshot/position.ts";
import type { InstanceEnd, WakeupListener, WakeupStore, WakeupSubscription } from "../store/wakeup.ts";
import { WakeupHub } from "../store/wakeup-hub.ts";
import type { Clock } from "../time/clock.ts";
import type { Random } from "../time/random.ts";
import type { Timer, Timers } from "../time/timers.ts";
import type { Database, PgPool } from "./database.ts";
import { Listener } from "./listener.ts";
import { notify, notifyOnCommit } from "./queries/notify.ts";
import { Identifier, type Query } from "./sql.ts";
import type { PostgresHints } from "./store-context.ts";

export interface WakeupOptions {
  readonly db: Database;
  /** Gives the connection for LISTEN. */
  readonly pool: PgPool;
  readonly schema: string;
  /** `false`: hints stay in this process. */
  readonly notify: boolean;
  /** Whether messages arrive, each time that it changes: nothing is in between then that would keep them. */
  onLive(isLive: boolean): void;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
}

/** What a message says, a letter each. */
type Letter = "r" | "e" | "i";

/** Messages of one process are at least this far apart; what comes between goes into the next one. */
const LEAST_GAP_MS = 20;
/** Lets what is being done here get out of the way first. */
const FIRST_WAIT_MS = 1;
const LINGER_MS = 10_000;
/** Of messages that are sent by others' transactions: nobody knows when that will be, so this process is to hear them as well. */
const NOBODY = "0";
const MESSAGE = /^([0-9a-f-]{1,40}):([rei]{0,3})$/;

/**
 * Hints between processes by NOTIFY, and within one process without it. A message holds no data: whoever hears it
 * looks into the tables. It is sent after what it tells of has committed, in a transaction of its own that nobody
 * waits for (DESIGN §6).
 */
export class PostgresWakeups implements WakeupStore, PostgresHints {
  readonly #options: WakeupOptions;
  readonly #hub = new WakeupHub();
  readonly #listener: Listener | null;
  /** Tells own messages from others'. */
  readonly #origin: string;
  readonly #channel: string;
  readonly #unsent = new Set<Letter>();
  #isScheduled = false;
  #sentAtMs = Number.NEGATIVE_INFINITY;
  #lingering: Timer | null = null;
  #closed = false;

  constructor(options: WakeupOptions) {
    this.#options = options;
    this.#origin = options.random.uuid();
    this.#channel = `waymark_${options.schema}`;
    const { pool, clock, timers, random, logger } = options;
    this.#listener = !options.notify
      ? null
      : new Listener({
          pool,
          channel: new Identifier(this.#channel),
          channelName: this.#channel,
          clock,
          timers,
          random,
          logger,
          probe: () => this.#send(""),
          onMessage: (payload) => this.#hear(payload),
          onUp: () => {
            options.onLive(true);
            this.#tellAll();
          },
          onDown: () => options.onLive(false),
        });
  }

  subscribe(listener: WakeupListener): WakeupSubscription {
    const remove = this.#hub.add(listener);
    if (!this.#closed) this.#listener?.start();
    const isLive = (): boolean => this.#listener?.isLive ?? false;
    return {
      get isLive() {
        return isLive();
      },
      close: () => {
        remove();
        this.#linger();
      },
    };
  }

  /** Whoever waits for one result after the other shall not connect for each of them. */
  #linger(): void {
    this.#lingering?.cancel();
    this.#lingering = this.#options.timers.after(LINGER_MS, () => {
      if (this.#hub.isEmpty) void this.#listener?.stop();
    });
    this.#lingering.unref?.();
  }

  ready(lanes: readonly Lane[] | null): void {
    const taken = this.#hub.ready(lanes);
    if (lanes === null || taken < lanes.length) this.#tellOthers("r");
  }

  due(afterMs: number): void {
    this.#hub.due(afterMs);
  }

  ended(ends: readonly InstanceEnd[]): void {
    this.#hub.ended(ends);
    this.#tellOthers("e");
  }

  interrupted(): void {
    this.#hub.interrupted();
    this.#tellOthers("i");
  }

  afterCommit(): Query<never> | null {
    return this.#options.notify ? notifyOnCommit({ channel: this.#channel, payload: `${NOBODY}:r` }) : null;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#lingering?.cancel();
    await this.#listener?.stop();
  }

  #tellOthers(letter: Letter): void {
    if (!this.#options.notify || this.#closed) return;
    this.#unsent.add(letter);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const { clock, timers } = this.#options;
    const waitMs = this.#sentAtMs + LEAST_GAP_MS - clock.monotonicMs();
    const send = (): void => {
      this.#isScheduled = false;
      this.#sentAtMs = clock.monotonicMs();
      const letters = [...this.#unsent].join("");
      this.#unsent.clear();
      // Not awaited, not repeated: who misses it finds out by polling.
      if (!this.#closed) this.#send(letters).catch(() => undefined);
    };
    timers.after(Math.max(waitMs, FIRST_WAIT_MS), send);
  }

  async #send(letters: string): Promise<void> {
    const payload = `${this.#origin}:${letters}`;
    await this.#options.db.run("notify", notify({ channel: this.#channel, payload }), "ifWithoutEffect");
  }

  /** A channel is open to everybody: what doesn't look like ours is not looked at. */
  #hear(payload: string): void {
    const [, origin, letters = ""] = MESSAGE.exec(payload) ?? [];
    if (origin === undefined || origin === this.#origin) return;
    if (letters.includes("r")) this.#hub.ready();
    if (letters.includes("e")) this.#hub.ended(null);
    if (letters.includes("i")) this.#hub.interrupted();
  }

  #tellAll(): void {
    this.#hub.ready();
    this.#hub.ended(null);
    this.#hub.interrupted();
  }
}
