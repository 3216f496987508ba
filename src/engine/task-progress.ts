import { ClaimLostError } from "../errors/claim-errors.ts";
import type { Bytes } from "../snapshot/snapshot.ts";
import type { Backend } from "../store/backend.ts";
import { pause } from "../time/timers.ts";
import type { HeldPosition } from "./held-position.ts";
import type { LazySignal } from "./lazy-signal.ts";
import type { Lease } from "./lease-keeper.ts";
import { encodePayload, progressContext } from "./payloads.ts";
import type { Ports } from "./ports.ts";

export interface ProgressParts {
  readonly store: Pick<Backend, "saveProgress" | "loadProgress" | "maxPayloadBytes">;
  readonly ports: Ports;
  readonly lease: Lease;
  /** Resolves when nothing of the run before is on its way any more; it never rejects. */
  readonly after: Promise<void>;
  /** Is told of errors that are not the body's fault, wherever it lets them go. */
  onPassing(error: unknown): void;
}

interface Waiting {
  readonly number: number;
  resolve(): void;
  reject(error: unknown): void;
}

/** It stands beside the position, which is written with every checkpoint. */
const MOST_BYTES = 16 * 1024;
const LONGEST_BUSY_WAIT_MS = 100;

/** How far one run of a body says it is. One value at a time is on its way; of those that come meanwhile, the last one counts. */
export class TaskProgress {
  readonly #held: HeldPosition;
  readonly #signal: LazySignal;
  readonly #parts: ProgressParts;
  #calls = 0;
  #next: { readonly number: number; readonly bytes: Bytes } | null = null;
  /** The last one that is stored, or that was dropped with an error. */
  #settled = 0;
  #waiting: Waiting[] = [];
  #sending: Promise<void> | null = null;
  #isOver = false;

  constructor(held: HeldPosition, signal: LazySignal, parts: ProgressParts) {
    this.#held = held;
    this.#signal = signal;
    this.#parts = parts;
  }

  /** As `TaskContext.progress`. */
  async report(value: unknown): Promise<void> {
    this.#signal.signal.throwIfAborted();
    const number = ++this.#calls;
    const { claim, stand, codec } = this.#held;
    const limit = Math.min(MOST_BYTES, this.#parts.store.maxPayloadBytes);
    const bytes = await encodePayload(codec, value, progressContext(claim.instanceId, stand.taskId), limit);
    // One that was called later may have been encoded sooner.
    if (this.#isOver || number <= this.#settled) return;
    if (this.#next === null || this.#next.number < number) this.#next = { number, bytes };
    const stored = new Promise<void>((resolve, reject) => this.#waiting.push({ number, resolve, reject }));
    this.#sending ??= this.#send();
    await stored;
  }

  /** As `TaskContext.lastProgress`. */
  async last(): Promise<unknown> {
    const { claim, stand, codec, isFresh } = this.#held;
    if (isFresh && this.#calls === 0) return undefined;
    let bytes: Bytes | null;
    try {
      bytes = await this.#parts.store.loadProgress(claim.instanceId, claim.path, stand.taskId);
    } catch (error) {
      this.#parts.onPassing(error);
      throw error;
    }
    return bytes === null ? undefined : await codec.decode(bytes, progressContext(claim.instanceId, stand.taskId));
  }

  /** The body has come to its end: what has not been sent by now is of no use any more. */
  end(): Promise<void> {
    this.#isOver = true;
    this.#next = null;
    this.#settle(Number.POSITIVE_INFINITY, (waiting) => waiting.resolve());
    return this.#sending ?? this.#parts.after;
  }

  /** Until there is nothing left to send. Never rejects. */
  async #send(): Promise<void> {
    await this.#parts.after;
    for (let waitMs = 1; this.#next !== null; ) {
      const { number, bytes } = this.#next;
      this.#next = null;
      try {
        const fate = await this.#parts.store.saveProgress(this.#held.claim, this.#held.stand.taskId, bytes);
        if (fate === "fenced") this.#lose();
        if (fate === "saved") this.#settle(number, (waiting) => waiting.resolve());
        if (fate !== "busy") continue;
        await pause(this.#parts.ports.timers, waitMs, undefined, { keepsAlive: false });
        waitMs = Math.min(waitMs * 2, LONGEST_BUSY_WAIT_MS);
        if (!this.#isOver) this.#next ??= { number, bytes };
      } catch (error) {
        this.#parts.onPassing(error);
        this.#settle(number, (waiting) => waiting.reject(error));
      }
    }
    this.#sending = null;
  }

  #lose(): void {
    const { claim, stand } = this.#held;
    const error = new ClaimLostError(claim.instanceId, stand.taskId);
    this.#next = null;
    this.#parts.lease.end({ reason: error, settle: false });
    this.#settle(Number.POSITIVE_INFINITY, (waiting) => waiting.reject(error));
  }

  #settle(upTo: number, how: (waiting: Waiting) => void): void {
    this.#settled = Math.max(this.#settled, Math.min(upTo, this.#calls));
    const all = this.#waiting;
    this.#waiting = all.filter(({ number }) => number > upTo);
    for (const waiting of all) if (waiting.number <= upTo) how(waiting);
  }
}
