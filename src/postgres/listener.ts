import type { Logger } from "../logger.ts";
import type { Clock } from "../time/clock.ts";
import type { Random } from "../time/random.ts";
import { pause, type Timers } from "../time/timers.ts";
import type { Notification, PgPool } from "./database.ts";
import type { Identifier } from "./sql.ts";

export interface ListenerOptions {
  /** Gives a connection of its own, on which nothing else runs. */
  readonly pool: PgPool;
  readonly channel: Identifier;
  readonly channelName: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
  /** Has the server send a message to the channel, on another connection. */
  probe(): Promise<void>;
  /** A message has arrived; anybody may have sent it. */
  onMessage(payload: string): void;
  /** Messages arrive from now on. Some may have been missed before. */
  onUp(): void;
  /** Messages don't arrive any more. */
  onDown(): void;
}

/** A message is awaited for this long, and a silence of this length is broken by a probe. */
const SILENCE_MS = 5_000;
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;
/** Where messages never arrive, a pooler is in between: asking more often would not change that. */
const POOLER_RETRY_MS = 60_000;

/** Whoever waits for a message keeps the process alive by itself. */
const IN_BACKGROUND = { keepsAlive: false };

/**
 * Listens to a channel. Looks for itself whether messages arrive: at the start, and whenever nothing has come for a
 * while. A listener that is dead without knowing it, because of a pooler or a half-open connection, is found within
 * ten seconds.
 */
export class Listener {
  readonly #options: ListenerOptions;
  #isLive = false;
  #running: { readonly stop: AbortController; readonly done: Promise<void> } | null = null;
  #heardAtMs = 0;
  #onHeard: (() => void) | null = null;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  get isLive(): boolean {
    return this.#isLive;
  }

  start(): void {
    if (this.#running !== null) return;
    const stop = new AbortController();
    this.#running = { stop, done: this.#run(stop.signal) };
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = null;
    running?.stop.abort();
    await running?.done;
  }

  async #run(stop: AbortSignal): Promise<void> {
    const { timers, random, logger } = this.#options;
    let silences = 0;
    for (let delayMs = FIRST_RETRY_MS; !stop.aborted; delayMs = Math.min(delayMs * 2, LONGEST_RETRY_MS)) {
      let hasWorked = false;
      try {
        hasWorked = await this.#listen(stop);
        silences = hasWorked ? 0 : silences + 1;
        // Once, a server or process that is busy may have kept it waiting.
        if (silences > 1 && !stop.aborted) {
          const message = "LISTEN brings no messages, probably because of a pooler; polling instead.";
          logger.info({ channel: this.#options.channelName }, message);
          delayMs = POOLER_RETRY_MS;
        }
      } catch (error) {
        if (!stop.aborted) logger.warn({ error }, "The connection for LISTEN was lost; polling until it is back.");
      }
      if (hasWorked) delayMs = FIRST_RETRY_MS;
      await pause(timers, delayMs * (0.5 + random.next() / 2), stop, IN_BACKGROUND);
    }
  }

  /** Until it is stopped or messages don't arrive any more. @returns whether any has ever arrived */
  async #listen(stop: AbortSignal): Promise<boolean> {
    const client = await this.#options.pool.connect();
    client.unref?.();
    const broken = new AbortController();
    const onEnd = (): void => broken.abort();
    const onMessage = (message: Notification): void => this.#hear(message);
    let failure: Error | true = true;
    try {
      client.on("error", onEnd);
      client.on("end", onEnd);
      client.on("notification", onMessage);
      await client.query({ text: `LISTEN ${this.#options.channel.sql}` });
      const until = AbortSignal.any([stop, broken.signal]);
      const answer = await this.#probe(until);
      if (answer === "none" && !stop.aborted) return false;
      if (answer !== "heard") throw new Error("The connection ended, or nothing could be sent to it.");
      this.#isLive = true;
      this.#options.onUp();
      await this.#watch(until);
      return true;
    } catch (error) {
      if (error instanceof Error) failure = error;
      throw error;
    } finally {
      if (this.#isLive) this.#options.onDown();
      this.#isLive = false;
      client.off("notification", onMessage);
      client.off("end", onEnd);
      // It keeps its listener for errors: it may still report its end. Never goes back to a pool, still listening.
      client.release(failure);
    }
  }

  async #watch(until: AbortSignal): Promise<void> {
    const { clock, timers } = this.#options;
    while (!until.aborted) {
      const silentMs = clock.monotonicMs() - this.#heardAtMs;
      if (silentMs < SILENCE_MS) await pause(timers, SILENCE_MS - silentMs, until, IN_BACKGROUND);
      else if ((await this.#probe(until)) !== "heard") return;
    }
  }

  /**
   * Has a message sent, and waits a while for it.
   *
   * @returns "none" if it was sent and did not arrive; "unknown" if it may not have been sent, or was not waited for
   */
  async #probe(until: AbortSignal): Promise<"heard" | "none" | "unknown"> {
    const heard = new AbortController();
    this.#onHeard = () => heard.abort();
    try {
      const either = AbortSignal.any([until, heard.signal]);
      const waiting = pause(this.#options.timers, SILENCE_MS, either, IN_BACKGROUND);
      let isSent = false;
      this.#options.probe().then(
        () => (isSent = true),
        () => undefined,
      );
      await waiting;
      if (heard.signal.aborted) return "heard";
      return isSent && !until.aborted ? "none" : "unknown";
    } finally {
      this.#onHeard = null;
    }
  }

  #hear({ channel, payload }: Notification): void {
    if (channel !== this.#options.channelName) return;
    this.#heardAtMs = this.#options.clock.monotonicMs();
    this.#onHeard?.();
    this.#options.onMessage(payload ?? "");
  }
}
