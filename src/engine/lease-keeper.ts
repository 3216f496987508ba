import { ClaimLostError } from "../errors/claim-errors.ts";
import { InstanceCancelledError } from "../errors/instance-errors.ts";
import type { ClaimRef } from "../snapshot/checkpoint.ts";
import type { PositionStore } from "../store/position-store.ts";
import type { Timer } from "../time/timers.ts";
import type { Ports } from "./ports.ts";

/** A claim that is being kept, and how its holder is told that it is in danger. */
interface Kept {
  readonly claim: ClaimRef;
  readonly controller: AbortController;
  /** On the monotonic clock: until then the lease certainly holds. */
  trustedUntilMs: number;
  /** When the renewal was sent to which the answer is still out; `null` if none is. */
  askedAtMs: number | null;
}

/** Renewals that are sent while earlier ones are still on their way: one of them may never be answered. */
const MOST_ON_THEIR_WAY = 3;

/** Renews all leases of this process together, and tells holders of lost ones and of cancellation. */
export class LeaseKeeper {
  readonly #store: Pick<PositionStore, "renewClaims">;
  readonly #ports: Ports;
  readonly #leaseMs: number;
  readonly #kept = new Set<Kept>();
  #timer: Timer | null = null;
  #onTheirWay = 0;

  constructor(store: Pick<PositionStore, "renewClaims">, ports: Ports, leaseMs: number) {
    this.#store = store;
    this.#ports = ports;
    this.#leaseMs = leaseMs;
  }

  /**
   * Keeps a claim alive until `forget` is called.
   *
   * @returns `signal` aborts when the claim is lost (`ClaimLostError`) or its instance is to be cancelled
   *   (`InstanceCancelledError`)
   */
  keep(claim: ClaimRef): { readonly signal: AbortSignal; forget(): void } {
    const trustedUntilMs = this.#now() + this.#leaseMs;
    const kept: Kept = { claim, controller: new AbortController(), trustedUntilMs, askedAtMs: null };
    this.#kept.add(kept);
    this.#schedule();
    return { signal: kept.controller.signal, forget: () => this.#forget(kept) };
  }

  /** Whether a lease has run out, as far as is known here, that its holder has not given up yet. */
  get isInDoubt(): boolean {
    const now = this.#now();
    for (const { controller, trustedUntilMs } of this.#kept) {
      if (!controller.signal.aborted && trustedUntilMs <= now) return true;
    }
    return false;
  }

  #forget(kept: Kept): void {
    this.#kept.delete(kept);
    if (this.#kept.size > 0) return;
    this.#timer?.cancel();
    this.#timer = null;
  }

  #schedule(): void {
    // A third: two renewals may fail in a row before a lease is in danger.
    this.#timer ??= this.#ports.timers.after(this.#leaseMs / 3, () => {
      this.#timer = null;
      this.#tick();
    });
  }

  /** Doesn't wait for the store: a lease runs out also where no answer ever comes. */
  #tick(): void {
    const startedAtMs = this.#now();
    if (this.#onTheirWay < MOST_ON_THEIR_WAY) void this.#renewAll();
    // Not at once: after something has blocked this thread, the answer may be here, and only unread.
    this.#ports.timers.soon(() => this.#dropOverdue(startedAtMs));
    if (this.#kept.size > 0) this.#schedule();
  }

  async #renewAll(): Promise<void> {
    const all = [...this.#kept];
    // The trusted time counts from before the renewal was sent. Counting from the reply would add the
    // round trip to the time we trust the lease, while the database counted that same time against it.
    const sentAtMs = this.#now();
    for (const kept of all) kept.askedAtMs ??= sentAtMs;
    this.#onTheirWay++;
    try {
      const renewals = await this.#store.renewClaims(
        all.map((kept) => kept.claim),
        this.#leaseMs,
      );
      for (const [index, kept] of all.entries()) {
        const renewal = renewals[index];
        if (renewal === undefined || !renewal.held) abort(kept, lost(kept));
        else confirm(kept, sentAtMs + this.#leaseMs);
        if (renewal?.interrupt === "cancel") abort(kept, new InstanceCancelledError(kept.claim.instanceId, null));
      }
    } catch (error) {
      this.#ports.logger.warn({ error, claims: all.length }, "Leases could not be renewed; trying again.");
    } finally {
      this.#onTheirWay--;
    }
  }

  /**
   * Gives up leases that nobody has confirmed for their whole length, though asked before `askedBeforeMs`:
   * somebody else may have them by now. One that was merely not asked about may well hold.
   */
  #dropOverdue(askedBeforeMs: number): void {
    for (const kept of this.#kept) {
      const isAnswerOut = kept.askedAtMs !== null && kept.askedAtMs < askedBeforeMs;
      if (isAnswerOut && kept.trustedUntilMs <= this.#now()) abort(kept, lost(kept));
    }
  }

  #now(): number {
    return this.#ports.clock.monotonicMs();
  }
}

function lost({ claim }: Kept): ClaimLostError {
  return new ClaimLostError(claim.instanceId, claim.path === "" ? "the trunk" : claim.path);
}

function confirm(kept: Kept, untilMs: number): void {
  kept.trustedUntilMs = Math.max(kept.trustedUntilMs, untilMs);
  kept.askedAtMs = null;
}

function abort(kept: Kept, reason: Error): void {
  if (!kept.controller.signal.aborted) kept.controller.abort(reason);
}
