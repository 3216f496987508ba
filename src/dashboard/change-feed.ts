import type { Client } from "../client/client.ts";
import type { Ports } from "../engine/ports.ts";
import type { Backend } from "../store/backend.ts";
import type { Activity } from "../store/overview-store.ts";
import type { InstanceEnd, WakeupSubscription } from "../store/wakeup.ts";
import type { Timer } from "../time/timers.ts";
import type { Change, ChangeTopic } from "./api-types.ts";
import { type ChangeStream, openStream } from "./change-stream.ts";
import { RequestRefused } from "./problems.ts";

/** How many changes can be caught up on. */
const REMEMBERED = 1_000;
const MOST_STREAMS = 200;
/** Changes are told at least so far apart. */
const LEAST_GAP_MS = 200;
const HEARTBEAT_MS = 15_000;
/** Goes on looking so long after the last listener has left: it may come back. */
const LINGER_MS = 30_000;
/** Then whoever listens has to say anew who it is. */
const LONGEST_STREAM_MS = 3_600_000;
const MOST_IDS = 1_000;

interface Remembered {
  readonly number: number;
  readonly change: Change;
}

/**
 * Tells what has changed, to any number of listeners: one subscription of the store and one look at a time, whoever listens.
 * Ids of events are `epoch-number`: numbers count up within an epoch, and an epoch ends when nothing is looked at any more. Who comes
 * back within it is told everything since; who can't be gets `reset`.
 */
export class ChangeFeed {
  readonly #client: Client;
  readonly #backend: Backend;
  readonly #ports: Ports;
  readonly #pollMs: number;
  readonly #streams = new Set<ChangeStream>();
  readonly #remembered: Remembered[] = [];
  #epoch = "";
  #number = 0;
  #subscription: WakeupSubscription | null = null;
  #next: Timer | null = null;
  #beat: Timer | null = null;
  #linger: Timer | null = null;
  #isLooking = false;
  #isHinted = false;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #last: Activity | null = null;
  /** Marks of the instances that were looked at last; `null` for one that does not exist. */
  readonly #marks = new Map<string, string | null>();
  /** Who has been told nothing yet. */
  readonly #waiting = new Set<ChangeStream>();
  /** Instances whose listeners have left, and until when they are looked at all the same. */
  readonly #left = new Map<string, number>();
  readonly #ended = new Set<string>();
  #closed = false;

  constructor(client: Client, backend: Backend, ports: Ports, pollMs: number) {
    this.#client = client;
    this.#backend = backend;
    this.#ports = ports;
    this.#pollMs = pollMs;
  }

  /** Whether hints of other processes arrive, as far as somebody listens. */
  get isLive(): boolean {
    return this.#subscription?.isLive ?? false;
  }

  /**
   * @param instanceIds - whose changes are wanted one by one
   * @param lastEventId - of the last event that was received, if any
   * @throws {RequestRefused} there are too many listeners, or it is closed
   */
  open(instanceIds: readonly string[], lastEventId: string | null): ReadableStream<Uint8Array<ArrayBuffer>> {
    if (this.#closed) throw new RequestRefused("CLOSED", "The server is being shut down.");
    if (this.#streams.size >= MOST_STREAMS)
      throw new RequestRefused("TOO_MANY_REQUESTS", "Too many listen already.", { headers: { "retry-after": "10" } });
    this.#start();
    const { clock } = this.#ports;
    const stream = openStream({
      instanceIds,
      until: clock.monotonicMs() + LONGEST_STREAM_MS,
      onEnd: () => this.#leave(stream),
    });
    this.#streams.add(stream);
    const missed = instanceIds.every((id) => this.#marks.has(id)) ? this.#missedSince(lastEventId) : null;
    if (missed === null) this.#admitLater(stream);
    else for (const { number, change } of missed) stream.send("change", this.#id(number), change);
    return stream.readable;
  }

  /** Ends all streams. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const stream of this.#streams) stream.end();
    this.#stop();
  }

  /** It is told to read everything once a look has been taken with which later ones can be compared. */
  #admitLater(stream: ChangeStream): void {
    this.#waiting.add(stream);
    this.#hint();
  }

  #missedSince(lastEventId: string | null): readonly Remembered[] | null {
    const [, epoch, text = ""] = /^(\w+)-(\d{1,15})$/.exec(lastEventId ?? "") ?? [];
    const seen = Number(text);
    if (epoch !== this.#epoch || seen > this.#number) return null;
    const missed = this.#remembered.filter(({ number }) => number > seen);
    return missed.length === this.#number - seen ? missed : null;
  }

  #id(number: number): string {
    return `${this.#epoch}-${number}`;
  }

  #start(): void {
    this.#linger?.cancel();
    this.#linger = null;
    if (this.#subscription !== null) return;
    this.#epoch = this.#ports.random.uuid().replaceAll("-", "");
    this.#number = 0;
    this.#remembered.length = 0;
    this.#last = null;
    this.#marks.clear();
    this.#left.clear();
    const hint = (): void => this.#hint();
    this.#subscription = this.#backend.subscribe({
      ready: () => {
        hint();
        return 0;
      },
      interrupted: hint,
      ended: (ends) => this.#hear(ends),
    });
    this.#schedule(0);
    this.#heartbeat();
  }

  #stop(): void {
    this.#subscription?.close();
    this.#subscription = null;
    for (const timer of [this.#next, this.#beat, this.#linger]) timer?.cancel();
    this.#next = null;
    this.#linger = null;
  }

  #leave(stream: ChangeStream): void {
    this.#streams.delete(stream);
    this.#waiting.delete(stream);
    const until = this.#ports.clock.monotonicMs() + LINGER_MS;
    for (const id of stream.instanceIds) this.#left.set(id, until);
    if (this.#streams.size > 0 || this.#closed || this.#subscription === null) return;
    this.#linger = this.#ports.timers.after(LINGER_MS, () => this.#stop());
    this.#linger.unref?.();
  }

  #heartbeat(): void {
    this.#beat = this.#ports.timers.after(HEARTBEAT_MS, () => {
      const now = this.#ports.clock.monotonicMs();
      for (const stream of this.#streams) {
        if (stream.until <= now) stream.end();
        else stream.beat();
      }
      this.#heartbeat();
    });
    this.#beat.unref?.();
  }

  #hear(ends: readonly InstanceEnd[] | null): void {
    for (const { instanceId } of ends ?? []) if (this.#ended.size < MOST_IDS) this.#ended.add(instanceId);
    this.#hint();
  }

  /** Something may have happened: looks soon, but not all the time. */
  #hint(): void {
    if (this.#isHinted || this.#subscription === null) return;
    this.#isHinted = true;
    if (!this.#isLooking) this.#schedule(this.#lookedAtMs + LEAST_GAP_MS - this.#ports.clock.monotonicMs());
  }

  #schedule(inMs: number): void {
    this.#next?.cancel();
    this.#next = this.#ports.timers.after(Math.max(inMs, 1), () => void this.#look());
    this.#next.unref?.();
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    this.#isHinted = false;
    this.#lookedAtMs = this.#ports.clock.monotonicMs();
    const ended = [...this.#ended];
    this.#ended.clear();
    const waiting = [...this.#waiting];
    const watched = this.#watched();
    try {
      this.#tell(await this.#client.activity(watched), watched, ended);
      for (const stream of waiting) {
        if (!this.#waiting.delete(stream)) continue;
        stream.send("reset", this.#id(this.#number), {});
      }
    } catch (error) {
      // Whoever listens looks from time to time anyway; the next look tells what this one has missed.
      this.#ports.logger.warn(
        { error: error instanceof Error ? error.message : "" },
        "could not look what has changed",
      );
    } finally {
      this.#isLooking = false;
      if (this.#subscription !== null) this.#schedule(this.#isHinted ? LEAST_GAP_MS : this.#pollMs);
    }
  }

  /** Whose changes are wanted one by one. */
  #watched(): readonly string[] {
    const now = this.#ports.clock.monotonicMs();
    for (const [id, until] of this.#left) if (until < now) this.#left.delete(id);
    const wanted = [...this.#streams].flatMap(({ instanceIds }) => instanceIds);
    return [...new Set([...wanted, ...this.#left.keys()])].slice(0, MOST_IDS);
  }

  #tell(now: Activity, watched: readonly string[], ended: readonly string[]): void {
    const last = this.#last;
    this.#last = now;
    const before = new Map(this.#marks);
    this.#marks.clear();
    for (const id of watched) this.#marks.set(id, now.byInstance.get(id) ?? null);
    const changed = watched.filter((id) => before.has(id) && before.get(id) !== this.#marks.get(id));
    const instanceIds = [...new Set([...ended, ...changed])];
    const topics: ChangeTopic[] = [];
    if (instanceIds.length > 0 || (last !== null && last.instances !== now.instances)) topics.push("instances");
    if (last !== null && last.workers !== now.workers) topics.push("workers");
    if (last !== null && last.limits !== now.limits) topics.push("limits");
    if (topics.length === 0) return;
    this.#number++;
    const change: Change = { topics, instanceIds };
    this.#remembered.push({ number: this.#number, change });
    if (this.#remembered.length > REMEMBERED) this.#remembered.shift();
    for (const stream of this.#streams)
      if (!this.#waiting.has(stream)) stream.send("change", this.#id(this.#number), change);
  }
}
