import type { Flow } from "../flow/flow-definition.ts";
import type { WorkerId } from "../ids.ts";
import { guarded, type Observer } from "../observability/observer.ts";
import type { Backend } from "../store/backend.ts";
import type { ClaimedPosition } from "../store/position-store.ts";
import { Committer } from "./committer.ts";
import { type HeldPosition, heldFrom } from "./held-position.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import type { Ports } from "./ports.ts";
import { PositionDriver } from "./position-driver.ts";

export interface EngineOptions {
  readonly backend: Backend;
  readonly workerId: WorkerId;
  readonly leaseMs: number;
  readonly ports: Ports;
  readonly observer?: Observer | undefined;
}

/** Whoever has the engine drive positions: a runner, a worker. */
export interface Host {
  /** How many more positions may be held at once. */
  free(): number;
  /** Positions that the driver of another one has been granted besides; to be driven, too. */
  take(held: HeldPosition): void;
  /** Aborts on shutdown: bodies are told to stop, claims are given back. */
  readonly stop: AbortSignal;
}

/** Drives positions that this process holds. Runner and worker are both made of it. */
export class Engine {
  readonly workerId: WorkerId;
  readonly leaseMs: number;
  readonly #backend: Backend;
  readonly #committer: Committer;
  readonly #leases: LeaseKeeper;
  readonly #ports: Ports;
  readonly #observer: Observer;
  readonly #flows = new Map<string, Flow>();

  constructor(options: EngineOptions) {
    const { backend, workerId, leaseMs, ports } = options;
    this.workerId = workerId;
    this.leaseMs = leaseMs;
    this.#backend = backend;
    this.#ports = ports;
    this.#observer = guarded(options.observer);
    this.#committer = new Committer(backend, ports, { workerId, leaseMs, maxBatch: 512 });
    this.#leases = new LeaseKeeper(backend, ports, leaseMs);
  }

  /**
   * Whether a lease may have run out without its driver knowing, because this process was blocked or the
   * store is silent. Whoever claims now may take a position from under its own driver.
   */
  get isInDoubt(): boolean {
    return this.#leases.isInDoubt;
  }

  /** Instances of this definition can be driven from now on. */
  register(flow: Flow): void {
    this.#flows.set(flow.hash, flow);
  }

  /**
   * What is needed to drive a claimed position; `null` if its definition or codec is not known here.
   *
   * @param flow - default: the one that is registered. Two flows may have one hash and different functions,
   *   so that who was given a flow for an instance has to say so
   */
  hold(
    claimed: ClaimedPosition,
    flow: Flow | undefined = this.#flows.get(claimed.definitionHash),
  ): HeldPosition | null {
    const codec = this.#backend.findCodec(claimed.codec);
    if (flow === undefined || flow.hash !== claimed.definitionHash || codec === null) return null;
    return heldFrom(claimed, flow, codec);
  }

  /**
   * Moves a position on until this process does not hold it any more: it is parked, ended, or lost.
   *
   * @throws {BackendError} the store failed for longer than it is worth waiting; the lease will run out
   */
  async drive(held: HeldPosition, host: Host): Promise<void> {
    const lease = this.#leases.keep(held.claim);
    const driver = new PositionDriver({
      store: this.#backend,
      committer: this.#committer,
      ports: this.#ports,
      observer: this.#observer,
      workerId: this.workerId,
      host,
      lost: lease.signal,
    });
    try {
      await driver.drive(held);
    } finally {
      lease.forget();
    }
  }
}
