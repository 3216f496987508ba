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
}

/** Renews all leases of this process together, and tells holders of lost ones and of cancellation. */
export class LeaseKeeper {
  readonly #store: Pick<PositionStore, "renewClaims">;
  readonly #ports: Ports;
  readonly #leaseMs: number;
  readonly #kept = new Set<Kept>();
  #timer: Timer | null = null;

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
    const kept: Kept = { claim, controller: new AbortController(), trustedUntilMs: this.#now() + this.#leaseMs };
    this.#kept.add(kept);
    this.#schedule();
    return { signal: kept.controller.signal, forget: () => this.#forget(kept) };
  }

  #forget(kept: Kept): void {
    this.#kept.delete(kept);
    if (this.#kept.size > 0) return;
    this.#timer?.cancel();
    this.#timer = null;
  }

  #schedule(): void {
    // A third: two renewals may fail in a row before a lease is in danger.
    this.#timer ??= this.#ports.timers.after(this.#leaseMs / 3, () => void this.#renewAll());
  }

  async #renewAll(): Promise<void> {
    const all = [...this.#kept];
    // The trusted time counts from before the renewal was sent. Counting from the reply would add the
    // round trip to the time we trust the lease, while the database counted that same time against it.
    const sentAtMs = this.#now();
    try {
      const renewals = await this.#store.renewClaims(
        all.map((kept) => kept.claim),
        this.#leaseMs,
      );
      for (const [index, kept] of all.entries()) {
        const renewal = renewals[index];
        if (renewal === undefined || !renewal.held) abort(kept, lost(kept));
        else kept.trustedUntilMs = sentAtMs + this.#leaseMs;
        if (renewal?.interrupt === "cancel") abort(kept, new InstanceCancelledError(kept.claim.instanceId, null));
      }
    } catch (error) {
      this.#ports.logger.warn({ error, claims: all.length }, "Leases could not be renewed; trying again.");
    }
    for (const kept of this.#kept) {
      // Nobody has confirmed this lease for its whole length: somebody else may have it by now.
      if (kept.trustedUntilMs <= this.#now()) abort(kept, lost(kept));
    }
    this.#timer = null;
    if (this.#kept.size > 0) this.#schedule();
  }

  #now(): number {
    return this.#ports.clock.monotonicMs();
  }
}

function lost({ claim }: Kept): ClaimLostError {
  return new ClaimLostError(claim.instanceId, claim.path === "" ? "the trunk" : claim.path);
}

function abort(kept: Kept, reason: Error): void {
  if (!kept.controller.signal.aborted) kept.controller.abort(reason);
}
