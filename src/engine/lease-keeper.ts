import { ClaimLostError } from "../errors/claim-errors.ts";
import { InstanceCancelledError } from "../errors/instance-errors.ts";
import type { ClaimRef } from "../snapshot/checkpoint.ts";
import type { PositionStore, Renewal } from "../store/position-store.ts";
import type { Timer } from "../time/timers.ts";
import type { Ports } from "./ports.ts";

/** Why the holder of a lease is to stop. */
export interface LeaseEnd {
  /** What the running body's `AbortSignal` says. */
  readonly reason: unknown;
  /** Whether a request to the instance is behind it, on which is to be acted; not where the process shuts down. */
  readonly settle: boolean;
}

/**
 * The right to move one position, as far as this process knows. It is ended by whoever learns that it is over, or
 * wants its holder to stop; the first end stands.
 */
export class Lease {
  readonly claim: ClaimRef;
  /** On the monotonic clock: until then it certainly holds. */
  trustedUntilMs: number;
  /** When the renewal was sent to which the answer is still out; `null` if none is. */
  askedAtMs: number | null = null;
  #ended: LeaseEnd | null = null;
  #listener: ((end: LeaseEnd) => void) | null = null;

  constructor(claim: ClaimRef, trustedUntilMs: number) {
    this.claim = claim;
    this.trustedUntilMs = trustedUntilMs;
  }

  /** `null` while nothing stands in the way. */
  get ended(): LeaseEnd | null {
    return this.#ended;
  }

  end(end: LeaseEnd): void {
    if (this.#ended !== null) return;
    this.#ended = end;
    this.#listener?.(end);
  }

  /** Calls `listener` when it ends; `null` for nobody any more. There is one at a time: the running body. */
  onEnd(listener: ((end: LeaseEnd) => void) | null): void {
    this.#listener = listener;
  }
}

/** Renewals that are sent while earlier ones are still on their way: one of them may never be answered. */
const MOST_ON_THEIR_WAY = 3;

/** Renews all leases of this process together, and ends those that are lost or whose instance is to be cancelled. */
export class LeaseKeeper {
  readonly #store: Pick<PositionStore, "renewClaims">;
  readonly #ports: Ports;
  readonly #leaseMs: number;
  readonly #kept = new Set<Lease>();
  #timer: Timer | null = null;
  #onTheirWay = 0;
  /** Somebody wants to know what the renewals on their way may not have seen any more. */
  #isWanted = false;

  constructor(store: Pick<PositionStore, "renewClaims">, ports: Ports, leaseMs: number) {
    this.#store = store;
    this.#ports = ports;
    this.#leaseMs = leaseMs;
  }

  /**
   * Keeps a claim alive until `forget` is called.
   *
   * @param askedForAtMs - when the store was asked for it, on the monotonic clock: its answer may have been long in coming
   */
  keep(claim: ClaimRef, askedForAtMs: number): Lease {
    const lease = new Lease(claim, askedForAtMs + this.#leaseMs);
    this.#kept.add(lease);
    this.#schedule();
    return lease;
  }

  forget(lease: Lease): void {
    this.#kept.delete(lease);
    if (this.#kept.size > 0) return;
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** Whether a lease has run out, as far as is known here, that its holder has not given up yet. */
  get isInDoubt(): boolean {
    const now = this.#now();
    for (const { ended, trustedUntilMs } of this.#kept) {
      if (ended === null && trustedUntilMs <= now) return true;
    }
    return false;
  }

  /** Whether nobody else can have the position by now. */
  isTrusted(lease: Lease): boolean {
    return lease.trustedUntilMs > this.#now();
  }

  /**
   * Asks the store whether a lease still holds, and ends it if not.
   *
   * @throws {BackendError} the store has no answer
   */
  async confirm(lease: Lease): Promise<void> {
    const sentAtMs = this.#now();
    const [renewal] = await this.#store.renewClaims([lease.claim], this.#leaseMs);
    this.#renewed(lease, renewal, sentAtMs);
  }

  /** Asks the store about all leases now, instead of at the next turn. */
  async renewNow(): Promise<void> {
    if (this.#kept.size === 0) return;
    if (this.#onTheirWay < MOST_ON_THEIR_WAY) await this.#renewAll();
    else this.#isWanted = true;
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
    void this.renewNow();
    // Not at once: after something has blocked this thread, the answer may be here, and only unread.
    this.#ports.timers.soon(() => this.#dropOverdue(startedAtMs));
    if (this.#kept.size > 0) this.#schedule();
  }

  async #renewAll(): Promise<void> {
    const all = [...this.#kept];
    // The trusted time counts from before the renewal was sent. Counting from the reply would add the
    // round trip to the time we trust the lease, while the database counted that same time against it.
    const sentAtMs = this.#now();
    for (const lease of all) lease.askedAtMs ??= sentAtMs;
    this.#onTheirWay++;
    try {
      const renewals = await this.#store.renewClaims(
        all.map((lease) => lease.claim),
        this.#leaseMs,
      );
      for (const [index, lease] of all.entries()) this.#renewed(lease, renewals[index], sentAtMs);
    } catch (error) {
      this.#ports.logger.warn({ error, claims: all.length }, "Leases could not be renewed; trying again.");
    } finally {
      this.#onTheirWay--;
    }
    if (!this.#isWanted) return;
    this.#isWanted = false;
    await this.renewNow();
  }

  #renewed(lease: Lease, renewal: Renewal | undefined, sentAtMs: number): void {
    if (renewal === undefined || !renewal.held) lease.end(lost(lease));
    else confirmed(lease, sentAtMs + this.#leaseMs);
    if (renewal?.interrupt === "cancel" || renewal?.interrupt === "undo") lease.end(cancelled(lease));
  }

  /**
   * Gives up leases that nobody has confirmed for their whole length, though asked before `askedBeforeMs`:
   * somebody else may have them by now. One that was merely not asked about may well hold.
   */
  #dropOverdue(askedBeforeMs: number): void {
    for (const lease of this.#kept) {
      const isAnswerOut = lease.askedAtMs !== null && lease.askedAtMs < askedBeforeMs;
      if (isAnswerOut && lease.trustedUntilMs <= this.#now()) lease.end(lost(lease));
    }
  }

  #now(): number {
    return this.#ports.clock.monotonicMs();
  }
}

function lost({ claim }: Lease): LeaseEnd {
  const position = claim.path === "" ? "the trunk" : claim.path;
  return { reason: new ClaimLostError(claim.instanceId, position), settle: true };
}

function cancelled({ claim }: Lease): LeaseEnd {
  return { reason: new InstanceCancelledError(claim.instanceId, null), settle: true };
}

function confirmed(lease: Lease, untilMs: number): void {
  lease.trustedUntilMs = Math.max(lease.trustedUntilMs, untilMs);
  lease.askedAtMs = null;
}
