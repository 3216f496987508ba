import type { Timers } from "../time/timers.ts";

export interface GathererOptions<Item> {
  readonly timers: Timers;
  /** How many sendings may be on their way at once. */
  readonly inFlight: number;
  /** Most items in one sending. */
  readonly maxItems: number;
  /** About how much may be in one sending, by `bytesOf`. One item alone may be more. Default: any amount. */
  readonly maxBytes?: number;
  bytesOf?(item: Item): number;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly bytes: number;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/**
 * Sends items together that come in while earlier ones are on their way. No timer holds a lone one up, and
 * what one turn of the event loop brings goes together.
 */
export class Gatherer<Item, Result> {
  readonly #send: (items: readonly Item[]) => Promise<readonly Result[]>;
  readonly #options: GathererOptions<Item>;
  #waiting: Waiting<Item, Result>[] = [];
  #inFlight = 0;
  #isScheduled = false;

  /** @param send - gives one result for each item, in order */
  constructor(send: (items: readonly Item[]) => Promise<readonly Result[]>, options: GathererOptions<Item>) {
    this.#send = send;
    this.#options = options;
  }

  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, bytes: this.#options.bytesOf?.(item) ?? 0, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isScheduled || this.#inFlight >= this.#options.inFlight || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    this.#options.timers.soon(() => {
      this.#isScheduled = false;
      while (this.#waiting.length > 0 && this.#inFlight < this.#options.inFlight) void this.#sendBatch();
    });
  }

  async #sendBatch(): Promise<void> {
    const batch = this.#takeBatch();
    this.#inFlight++;
    try {
      const results = await this.#send(batch.map(({ item }) => item));
      for (let index = 0; index < batch.length; index++) {
        // The caller has promised one result each.
        (batch[index] as Waiting<Item, Result>).resolve(results[index] as Result);
      }
    } catch (error) {
      for (const waiting of batch) waiting.reject(error);
    } finally {
      this.#inFlight--;
      this.#schedule();
    }
  }

  #takeBatch(): Waiting<Item, Result>[] {
    const { maxItems, maxBytes = Number.POSITIVE_INFINITY } = this.#options;
    let count = 0;
    let bytes = 0;
    for (const waiting of this.#waiting) {
      bytes += waiting.bytes;
      if (count > 0 && (count >= maxItems || bytes > maxBytes)) break;
      count++;
    }
    if (count < this.#waiting.length) return this.#waiting.splice(0, count);
    const all = this.#waiting;
    this.#waiting = [];
    return all;
  }
}
