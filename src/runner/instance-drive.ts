import type { Engine } from "../engine/engine.ts";
import type { HeldPosition } from "../engine/held-position.ts";
import type { Host, Tally } from "../engine/host.ts";
import {
  awaitsChildren,
  codecOf,
  getState,
  isParked,
  reportStatus,
  type StatusReport,
} from "../engine/instance-status.ts";
import type { Lease } from "../engine/lease-keeper.ts";
import { requireDefinition } from "../engine/require-definition.ts";
import type { Flow } from "../flow/flow-definition.ts";
import type { InstanceId } from "../ids.ts";
import type { Lane } from "../snapshot/position.ts";
import type { Backend } from "../store/backend.ts";
import type { InstanceState } from "../store/instance-store.ts";
import type { ClaimedPosition } from "../store/position-store.ts";
import { pause } from "../time/timers.ts";
import { driveChildren } from "./child-drives.ts";
import type { DriveOptions, ResolvedRunnerOptions } from "./runner-options.ts";

interface DriveParts {
  readonly backend: Backend;
  readonly engine: Engine;
  readonly options: ResolvedRunnerOptions;
  readonly flow: Flow;
  readonly instanceId: InstanceId;
  readonly request: DriveOptions;
}

/** Drives one instance: claims its positions, drives them side by side, waits for what is left to others and to time. */
export class InstanceDrive implements Host {
  readonly leases: Set<Lease> = new Set();
  readonly tally: Tally = { completedTasks: 0, failedAttempts: 0, fenced: 0 };
  // Who resumes an instance that has ended its process several times wants exactly that.
  readonly mostLost: number = Number.POSITIVE_INFINITY;
  readonly #stop: AbortSignal;
  readonly #parts: DriveParts;
  readonly #active = new Set<Promise<void>>();
  readonly #stopper = new AbortController();
  #reserved = 0;
  /** None of the children that it waits for could be moved on when that was tried last. */
  #childrenRest = false;
  /** Something stood before a gate when it was looked at last: also where the flow names no limit any more. */
  #isLimited = false;
  #failure: { readonly error: unknown } | null = null;

  constructor(parts: DriveParts) {
    this.#parts = parts;
    const { signal } = parts.request;
    this.#stop = signal === undefined ? this.#stopper.signal : AbortSignal.any([signal, this.#stopper.signal]);
  }

  expect(): void {
    // It looks into the database before it rests.
  }

  placeFreed(): void {
    // As for what comes due.
  }

  get givesBack(): boolean {
    return this.#stop.aborted;
  }

  reserveSlots(wanted: number): number {
    const slots = Math.min(wanted, Math.max(1, this.#free()));
    this.#reserved += slots;
    return slots;
  }

  unreserve(slots: number): void {
    this.#reserved -= slots;
  }

  /** Whoever runs an instance on its own has all tags; what a limit holds back, it has no more than others. */
  serves({ gate }: Lane): boolean {
    return gate === undefined;
  }

  #free(): number {
    return this.#parts.options.concurrency - this.#active.size - this.#reserved;
  }

  take(held: HeldPosition): void {
    this.#follow(this.#parts.engine.drive(held, this));
  }

  #follow(running: Promise<void>): void {
    // The other positions finish what they are at; then the failure is thrown.
    const driven = running.catch((error: unknown) => this.#fail(error));
    const settled = driven.finally(() => this.#active.delete(settled));
    this.#active.add(settled);
  }

  /** @throws {DefinitionMismatchError} the instance was replaced by one of another definition meanwhile */
  async run(): Promise<StatusReport> {
    const stopAll = (): void => {
      for (const lease of this.leases) lease.end({ reason: this.#stop.reason, settle: false });
    };
    this.#stop.addEventListener("abort", stopAll, { once: true });
    try {
      while (!this.#stop.aborted) {
        const taken = await this.#claim();
        if (this.#active.size > 0) await this.#waitForOne();
        else if (taken === 0) {
          const report = await this.#rest();
          if (report !== null) return report;
        }
      }
    } catch (error) {
      // Not while bodies are still running: whoever called would take them for ended.
      this.#fail(error);
    }
    try {
      return await this.#finish();
    } finally {
      this.#stop.removeEventListener("abort", stopAll);
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#stopper.abort(error);
  }

  async #claim(): Promise<number> {
    const { backend, engine, options, flow, instanceId } = this.#parts;
    const limit = this.#free();
    if (limit <= 0 || (this.#active.size > 0 && engine.isInDoubt)) return 0;
    const { workerId, leaseMs } = engine;
    const askedForAtMs = options.ports.clock.monotonicMs();
    const claimed = await backend.claimPositions({ workerId, leaseMs, limit, lanes: [], instanceId });
    const taken = [...claimed, ...(await this.#claimLimited(limit - claimed.length))];
    for (const position of taken) {
      const held = engine.hold(position, askedForAtMs, flow);
      if (held !== null) this.take(held);
      else await this.#giveBack(taken);
    }
    return taken.length;
  }

  /** Of what stands before a gate, as far as something may. */
  async #claimLimited(limit: number): Promise<readonly ClaimedPosition[]> {
    const { backend, engine, flow, instanceId } = this.#parts;
    if (limit <= 0 || !(flow.hasLimits || this.#isLimited)) return [];
    const { workerId, leaseMs } = engine;
    return (await backend.claimLimited({ workerId, leaseMs, limit, lanes: [], instanceId })).claimed;
  }

  /** Not ours to drive, none of them: somebody has replaced the instance since we began. */
  async #giveBack(claimed: readonly ClaimedPosition[]): Promise<void> {
    const { backend, flow } = this.#parts;
    await backend.releaseClaims(claimed);
    for (const position of claimed) {
      requireDefinition(flow, position);
      codecOf(backend, position.codec);
    }
  }

  /** Until a position is let go of, or it is time to look whether another one has come due. */
  async #waitForOne(): Promise<void> {
    const { ports, pollIntervalMs } = this.#parts.options;
    const enough = new AbortController();
    await Promise.race([...this.#active, pause(ports.timers, pollIntervalMs, enough.signal)]);
    enough.abort();
  }

  /** Nothing can be claimed: reports if that is the end of it, waits a while (`null`) if not. */
  async #rest(): Promise<StatusReport | null> {
    const { backend, request } = this.#parts;
    const state = await this.#look();
    const { status } = state.instance;
    this.#isLimited = state.positions.some(({ gate }) => gate !== undefined);
    if (status === "in_progress" && !this.#childrenRest && state.positions.some(awaitsChildren)) {
      this.#childrenRest = true;
      this.#follow(this.#driveChildren());
      return null;
    }
    this.#childrenRest = false;
    const parked = state.positions.length > 0 && state.positions.every(isParked) && state.signals.length === 0;
    if (status !== "in_progress" || (parked && request.until !== "ended" && !isDueSoon(state)))
      return await reportStatus(backend, state);
    const { ports } = this.#parts.options;
    await pause(ports.timers, this.#restMs(state), this.#stop);
    return null;
  }

  /** What it waits for is not left to others. Ends when they have all ended, or come to where only time or an event moves them on. */
  async #driveChildren(): Promise<void> {
    const { backend, engine, options, flow, instanceId } = this.#parts;
    await engine.settleEndings();
    const ended = await driveChildren({ backend, flow, instanceId, atOnce: options.concurrency }, async (child) => {
      const request = { until: "parked", signal: this.#stop } as const;
      return await new InstanceDrive({ backend, engine, options, request, ...child }).run();
    });
    await engine.settleEndings();
    if (ended > 0) this.#childrenRest = false;
  }

  #restMs({ positions, now }: InstanceState): number {
    const times = positions.flatMap((position) =>
      position.ready ? [now] : position.availableAt === null ? [] : [position.availableAt],
    );
    const untilNext = Math.max(...[0], Math.min(...times, Number.POSITIVE_INFINITY) - now);
    // A little rest even if something is ready: somebody else has just locked it.
    return Math.min(Math.max(untilNext, 5), this.#parts.options.pollIntervalMs);
  }

  async #finish(): Promise<StatusReport> {
    // One that ends may have been granted others.
    while (this.#active.size > 0) await Promise.all(this.#active);
    if (this.#failure !== null) throw this.#failure.error;
    return await reportStatus(this.#parts.backend, await this.#look());
  }

  async #look(): Promise<InstanceState> {
    const { backend, flow, instanceId } = this.#parts;
    const state = await getState(backend, instanceId);
    requireDefinition(flow, state.instance);
    return state;
  }
}

/** Whether something that looked parked has come due between the claim and this look. */
function isDueSoon({ positions, now }: InstanceState): boolean {
  return positions.some((position) => position.availableAt !== null && position.availableAt <= now);
}
