import type { Bytes } from "../snapshot/snapshot.ts";

/** An event that nobody has consumed yet. */
export interface StoredEvent {
  readonly sequence: bigint;
  readonly payload: Bytes;
  readonly codec: string;
  /** Milliseconds since the epoch. */
  readonly sentAt: number;
}

/** The events of one instance, which need not exist yet. */
export class Mailbox {
  readonly #queues = new Map<string, EventQueue>();
  readonly #dedupKeys = new Set<string>();
  #lastSequence = 0n;
  /** When an event was accepted last, in ms since the epoch; `null` if none was. */
  lastSentAt: number | null = null;

  /** Sequence of the event that was buffered last. */
  get lastSequence(): bigint {
    return this.#lastSequence;
  }

  /** Whether an event with this dedup key was accepted before. */
  knows(dedupKey: string): boolean {
    return this.#dedupKeys.has(dedupKey);
  }

  remember(dedupKey: string): void {
    this.#dedupKeys.add(dedupKey);
  }

  /** Whether an event of this name is buffered. */
  has(name: string): boolean {
    return this.#queues.has(name);
  }

  buffer(name: string, payload: Bytes, codec: string, sentAt: number): void {
    this.#lastSequence += 1n;
    let queue = this.#queues.get(name);
    if (queue === undefined) this.#queues.set(name, (queue = new EventQueue()));
    queue.push({ sequence: this.#lastSequence, payload, codec, sentAt });
  }

  /** The oldest event of a name, left where it is. */
  peek(name: string): StoredEvent | null {
    return this.#queues.get(name)?.first() ?? null;
  }

  /** All that is buffered, in the order of sending. */
  list(): (StoredEvent & { readonly name: string })[] {
    return [...this.#queues]
      .flatMap(([name, queue]) => queue.list().map((event) => ({ ...event, name })))
      .sort((a, b) => (a.sequence < b.sequence ? -1 : 1));
  }

  /** Whether the event of this name with this sequence is buffered. */
  holds(name: string, sequence: bigint): boolean {
    return this.#queues.get(name)?.has(sequence) ?? false;
  }

  take(name: string, sequence: bigint): void {
    const queue = this.#queues.get(name);
    queue?.delete(sequence);
    if (queue?.size === 0) this.#queues.delete(name);
  }
}

/** First in, first out, in O(1) each; also takes one from the middle. */
class EventQueue {
  #events: StoredEvent[] = [];
  #head = 0;
  readonly #waiting = new Set<bigint>();

  get size(): number {
    return this.#waiting.size;
  }

  has(sequence: bigint): boolean {
    return this.#waiting.has(sequence);
  }

  push(event: StoredEvent): void {
    this.#events.push(event);
    this.#waiting.add(event.sequence);
  }

  list(): StoredEvent[] {
    return this.#events.slice(this.#head).filter(({ sequence }) => this.#waiting.has(sequence));
  }

  first(): StoredEvent | null {
    for (; this.#head < this.#events.length; this.#head++) {
      const event = this.#events[this.#head];
      if (event !== undefined && this.#waiting.has(event.sequence)) return event;
    }
    return null;
  }

  delete(sequence: bigint): void {
    this.#waiting.delete(sequence);
    this.first();
    // What has been passed is let go of once it is the larger part.
    if (this.#head * 2 <= this.#events.length) return;
    this.#events = this.#events.slice(this.#head);
    this.#head = 0;
  }
}
