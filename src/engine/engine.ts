import type { Flow } from "../flow/flow-definition.ts";
import type { WorkerId } from "../ids.ts";
import { guarded, type Observer } from "../observability/observer.ts";
import { guardedTelemetry, type Telemetry } from "../observability/telemetry.ts";
import type { ClaimRef } from "../snapshot/checkpoint.ts";
import type { Backend } from "../store/backend.ts";
import type { ClaimedPosition } from "../store/position-store.ts";
import { Children } from "./children.ts";
import { Committer } from "./committer.ts";
import { DeadlineWatch } from "./deadline-watch.ts";
import { Gatherer } from "./gatherer.ts";
import { type HeldPosition, heldFrom } from "./held-position.ts";
import type { Host } from "./host.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import type { Ports } from "./ports.ts";
import { PositionDriver } from "./position-driver.ts";

export interface EngineOptions {
  readonly backend: Backend;
  readonly workerId: WorkerId;
  readonly leaseMs: number;
  readonly ports: Ports;
  readonly observer?: Observer | undefined;
  readonly telemetry?: Telemetry | undefined;
}

export interface Turn {
  readonly begins: Promise<void>;
  readonly onProgress: () => void;
}

const MOST_RELEASED_AT_ONCE = 1_000;

/** Drives positions that this process holds. Runner and worker are both made of it. */
export class Engine {
  readonly workerId: WorkerId;
  readonly leaseMs: number;
  readonly #backend: Backend;
  readonly #committer: Committer;
  readonly #releases: Gatherer<ClaimRef, void>;
  readonly #children: Children;
  readonly #leases: LeaseKeeper;
  readonly #deadlines: DeadlineWatch;
  readonly #ports: Ports;
  readonly #observer: Observer | null;
  readonly #telemetry: Telemetry | null;
  readonly #flows = new Map<string, Flow>();

  constructor(options: EngineOptions) {
    const { backend, workerId, leaseMs, ports } = options;
    this.workerId = workerId;
    this.leaseMs = leaseMs;
    this.#backend = backend;
    this.#ports = ports;
    this.#observer = options.observer === undefined ? null : guarded(options.observer);
    this.#telemetry = options.telemetry === undefined ? null : guardedTelemetry(options.telemetry);
    this.#committer = new Committer(backend, ports, { workerId, leaseMs });
    this.#releases = new Gatherer((claims) => this.#releaseAll(claims), {
      timers: ports.timers,
      // One that waits for a locked row must not hold up the others.
      inFlight: 4,
      maxItems: MOST_RELEASED_AT_ONCE,
    });
    this.#children = new Children(backend, ports);
    this.#leases = new LeaseKeeper(backend, ports, leaseMs);
    const release = (claim: ClaimRef): Promise<void> => this.release(claim);
    this.#deadlines = new DeadlineWatch({ store: backend, ports, workerId, leaseMs, release });
  }

  /**
   * Whether a lease may have run out without its driver knowing, because this process was blocked or the
   * store is silent. Whoever claims now may take a position from under its own driver.
   */
  get isInDoubt(): boolean {
    return this.#leases.isInDoubt;
  }

  /** Looks now, instead of at the next renewal, whether a driven instance is to be cancelled. */
  async renewNow(): Promise<void> {
    await this.#leases.renewNow();
  }

  /** Does what ends of instances have left to be done, if that can be done now. */
  async settleEndings(): Promise<void> {
    try {
      await this.#children.settle();
    } catch (error) {
      this.#ports.logger.error({ error }, "What ends of instances mean for others can't be done.");
    }
  }

  /** Instances of this definition can be driven from now on. */
  register(flow: Flow): void {
    this.#flows.set(flow.hash, flow);
  }

  /**
   * What is needed to drive a claimed position; `null` if its definition or codec is not known here.
   *
   * @param askedForAtMs - when the store was asked for it, on the monotonic clock
   * @param flow - default: the one that is registered. Two flows may have one hash and different functions,
   *   so that who was given a flow for an instance has to say so
   */
  hold(
    claimed: ClaimedPosition,
    askedForAtMs: number,
    flow: Flow | undefined = this.#flows.get(claimed.definitionHash),
  ): HeldPosition | null {
    const codec = this.#backend.findCodec(claimed.codec);
    if (flow === undefined || flow.hash !== claimed.definitionHash || codec === null) return null;
    return heldFrom(claimed, flow, codec, { askedForAtMs, nowMs: this.#ports.clock.monotonicMs() });
  }

  /**
   * Moves a position on until this process does not hold it any more: it is parked, ended, lost, or given back.
   *
   * @param turn - `begins`: the position's turn to be moved, until when its lease is kept; `onProgress` is called each
   *   time that it has been moved
   * @throws {BackendError} the store failed for longer than it is worth waiting; the lease will run out
   */
  async drive(held: HeldPosition, host: Host, turn?: Turn): Promise<void> {
    const lease = this.#leases.keep(held.claim, held.askedForAtMs);
    host.leases.add(lease);
    const unwatch = this.#deadlines.watch(held, host);
    const driver = new PositionDriver({
      store: this.#backend,
      committer: this.#committer,
      releases: this.#releases,
      children: this.#children,
      ports: this.#ports,
      observer: this.#observer,
      telemetry: this.#telemetry,
      workerId: this.workerId,
      leaseMs: this.leaseMs,
      host,
      leases: this.#leases,
      lease,
      onProgress: turn?.onProgress,
    });
    try {
      if (turn !== undefined) await turn.begins;
      await driver.drive(held);
    } finally {
      unwatch?.();
      host.leases.delete(lease);
      this.#leases.forget(lease);
    }
  }

  /** Gives back a claim that is not driven. */
  async release(claim: ClaimRef): Promise<void> {
    try {
      await this.#releases.add(claim);
    } catch (error) {
      this.#ports.logger.warn({ error, claim }, "A claim could not be given back; its lease will run out.");
    }
  }

  async #releaseAll(claims: readonly ClaimRef[]): Promise<readonly void[]> {
    await this.#backend.releaseClaims(claims);
    return claims.map(() => undefined);
  }
}
