import { Engine } from "../engine/engine.ts";
import type { HeldPosition } from "../engine/held-position.ts";
import type { Host, Tally } from "../engine/host.ts";
import type { Lease } from "../engine/lease-keeper.ts";
import { addLocalWorker, type LocalWorker } from "../engine/local-workers.ts";
import { ABORT_GRACE_MS } from "../engine/run-body.ts";
import { WorkerStoppedError } from "../errors/claim-errors.ts";
import { withChildFlows } from "../flow/child-flows.ts";
import type { WorkerId } from "../ids.ts";
import { laneKey, openLane } from "../snapshot/lane-key.ts";
import type { Lane } from "../snapshot/position.ts";
import type { Backend } from "../store/backend.ts";
import type { ClaimedPosition, ClaimRequest } from "../store/position-store.ts";
import type { WakeupSubscription } from "../store/wakeup.ts";
import { pause } from "../time/timers.ts";
import { Heartbeat } from "./heartbeat.ts";
import { Poller, type PollTarget } from "./polling.ts";
import { Pruner } from "./pruner.ts";
import { Scheduler } from "./scheduler.ts";
import { SUSPECT_FROM_LOST, Suspects } from "./suspects.ts";
import { healthOf, type WorkerHealth } from "./worker-health.ts";
import { lanesFor } from "./worker-lanes.ts";
import type { ResolvedWorkerOptions } from "./worker-options.ts";

/** What a worker is doing, and has done since it was started. */
export interface WorkerStats {
  readonly workerId: WorkerId;
  readonly state: "running" | "draining" | "stopped";
  readonly concurrency: number;
  /** Positions that are being moved right now. */
  readonly active: number;
  readonly claimed: number;
  readonly completedTasks: number;
  readonly failedAttempts: number;
  /** Checkpoints that were refused, because the claim did not hold any more. */
  readonly fenced: number;
  /** Statements that looked for work. */
  readonly polls: number;
  /** Whether hints of other processes arrive. */
  readonly isListening: boolean;
  /** Other workers that were alive at the last heartbeat. */
  readonly otherWorkers: number;
}

/** For how long what has failed here is left to others, and a little longer. */
const SPARED_MS = 2_100;
/** Bodies get this much longer than their grace to be given back, before nobody waits for them any more. */
const LAST_WAIT_MS = 1_000;

/** A worker from its start to its end. */
export class RunningWorker implements Host, PollTarget, LocalWorker {
  readonly leases: Set<Lease> = new Set();
  readonly mostLost: number;
  /** Resolves when it has stopped. */
  readonly closed: Promise<void>;
  readonly #backend: Backend;
  readonly #options: ResolvedWorkerOptions;
  readonly #engine: Engine;
  readonly #poller: Poller;
  readonly #suspects: Suspects;
  readonly #heartbeat: Heartbeat;
  readonly #scheduler: Scheduler;
  readonly #pruner: Pruner;
  readonly #lanes: readonly Lane[];
  readonly #laneKeys: ReadonlySet<string>;
  readonly #served = new WeakMap<Lane, boolean>();
  readonly #subscription: WakeupSubscription;
  readonly #removeLocal: () => void;
  readonly tally: Tally = { completedTasks: 0, failedAttempts: 0, fenced: 0 };
  #claimed = 0;
  #close: () => void = () => undefined;
  #active = 0;
  #reserved = 0;
  #isClaiming = false;
  #limitedFirst = false;
  #state: WorkerStats["state"] = "running";
  #leaving: Promise<void> | null = null;
  #onIdle: (() => void) | null = null;

  constructor(backend: Backend, options: ResolvedWorkerOptions) {
    const { leaseMs, ports, tags, concurrency, pollIntervalMs } = options;
    const flows = withChildFlows(options.flows);
    this.#backend = backend;
    this.#options = options;
    this.mostLost = options.mostLost;
    this.closed = new Promise((resolve) => (this.#close = resolve));
    this.#engine = new Engine({ ...options, backend });
    for (const flow of flows) this.#engine.register(flow);
    this.#lanes = lanesFor(flows, backend.codecIds, tags);
    this.#laneKeys = new Set(this.#lanes.map(laneKey));
    this.#suspects = new Suspects(
      ports,
      leaseMs,
      () => this.#active - this.#suspects.count,
      () => this.#poller.hint(),
    );
    const onReady = (): void => this.#poller.hint();
    this.#heartbeat = new Heartbeat({ backend, options, flows, lanes: this.#lanes, onReady });
    this.#scheduler = new Scheduler({ backend, ports, flows, schedules: options.schedules, pollIntervalMs });
    this.#pruner = new Pruner({ ...options.retention, backend, ports, flows });
    this.#poller = new Poller(this, { store: backend, ports, concurrency, pollIntervalMs });
    this.#subscription = backend.subscribe({
      ready: (lanes) => this.#hinted(lanes),
      due: (afterMs) => this.#poller.expect(afterMs),
      interrupted: () => void this.#engine.renewNow(),
    });
    this.#removeLocal = addLocalWorker(backend, this);
  }

  get workerId(): WorkerId {
    return this.#options.workerId;
  }

  get leaseMs(): number {
    return this.#options.leaseMs;
  }

  get isLive(): boolean {
    return this.#subscription.isLive;
  }

  get isLeaving(): boolean {
    return this.#state !== "running";
  }

  /** Also while a suspect waits for the others to make room for it. */
  get givesBack(): boolean {
    return this.isLeaving || this.#suspects.count > 0;
  }

  run(): void {
    void this.#poller.run();
    this.#heartbeat.begin();
    this.#scheduler.begin();
    this.#pruner.begin();
  }

  stats(): WorkerStats {
    return {
      workerId: this.workerId,
      state: this.#state,
      concurrency: this.#options.concurrency,
      active: this.#active,
      claimed: this.#claimed,
      ...this.tally,
      polls: this.#poller.polls,
      isListening: this.isLive,
      otherWorkers: this.#heartbeat.otherWorkers,
    };
  }

  health(): WorkerHealth {
    const { writtenAtMs } = this.#heartbeat;
    const ageMs = writtenAtMs === null ? null : this.#nowMs() - writtenAtMs;
    return healthOf(this.#state, ageMs, this.leaseMs);
  }

  /** Takes nothing new; what runs may finish its task within the grace period, and is given back then. */
  drain(): Promise<void> {
    this.#leaving ??= this.#leave(this.#options.graceMs);
    return this.#leaving;
  }

  /** As `drain`, but tells the running tasks to stop at once. */
  async stop(): Promise<void> {
    if (this.#leaving === null) this.#leaving = this.#leave(0);
    else this.#endLeases();
    await this.#leaving;
  }

  reserveSlots(wanted: number): number {
    const slots = Math.min(wanted, Math.max(1, this.#free()));
    this.#reserved += slots;
    return slots;
  }

  unreserve(slots: number): void {
    this.#reserved -= slots;
    this.#settled();
  }

  /** Asked at each step; the engine uses the same object for the same lane. */
  serves(lane: Lane): boolean {
    let isServed = this.#served.get(lane);
    if (isServed === undefined) {
      isServed = this.#laneKeys.has(laneKey(lane));
      this.#served.set(lane, isServed);
    }
    return isServed;
  }

  expect(ms: number, hasFailed: boolean): void {
    this.#poller.expect(ms);
    // By then, the others have had their chance to take what has failed here.
    if (hasFailed && this.#heartbeat.otherWorkers > 0) this.#poller.hintAfter(ms + SPARED_MS);
  }

  placeFreed(): void {
    this.#poller.hint();
  }

  room(): number {
    // Who claims while a lease is in doubt may take a position from under its own driver.
    const mayNot = this.isLeaving || this.#suspects.count > 0 || this.#engine.isInDoubt;
    if (mayNot || !this.#heartbeat.isReady) return 0;
    return Math.max(0, this.#free());
  }

  settleEndings(): void {
    void this.#engine.settleEndings();
  }

  /** @returns how many it got */
  async claim(limit: number): Promise<number> {
    const { workerId, leaseMs } = this;
    const suspectFromLost = SUSPECT_FROM_LOST;
    const sparesFailed = this.#heartbeat.otherWorkers > 0;
    const request = { workerId, leaseMs, limit, lanes: this.#lanes, readyOnly: true, sparesFailed, suspectFromLost };
    const askedForAtMs = this.#nowMs();
    this.#isClaiming = true;
    const claimed: ClaimedPosition[] = [];
    // Those who wait for limits and those who don't are first by turns, so that neither has all the room for itself.
    this.#limitedFirst = !this.#limitedFirst;
    try {
      if (this.#limitedFirst) claimed.push(...(await this.#claimLimited(request)));
      const room = limit - claimed.length;
      if (room > 0) claimed.push(...(await this.#backend.claimPositions({ ...request, limit: room })));
      const left = limit - claimed.length;
      if (!this.#limitedFirst && left > 0) claimed.push(...(await this.#claimLimited({ ...request, limit: left })));
    } finally {
      this.#isClaiming = false;
      this.#takeClaimed(claimed, askedForAtMs);
    }
    return claimed.length;
  }

  async #claimLimited(request: ClaimRequest): Promise<readonly ClaimedPosition[]> {
    if (!this.#heartbeat.hasGates) return [];
    const { claimed, nextMs } = await this.#backend.claimLimited(request);
    if (nextMs !== null) this.#poller.hintAfter(nextMs);
    return claimed;
  }

  take(held: HeldPosition): void {
    void this.#drive(held);
  }

  reserve(lanes: readonly Lane[]): ((claimed: readonly ClaimedPosition[]) => void) | null {
    if (!lanes.every((lane) => this.serves(lane)) || this.room() < lanes.length) return null;
    this.#reserved += lanes.length;
    const askedForAtMs = this.#nowMs();
    return (claimed) => {
      this.#reserved -= lanes.length;
      this.#takeClaimed(claimed, askedForAtMs);
    };
  }

  #nowMs(): number {
    return this.#options.ports.clock.monotonicMs();
  }

  #free(): number {
    return this.#options.concurrency - this.#active - this.#reserved;
  }

  #takeClaimed(positions: readonly ClaimedPosition[], askedForAtMs: number): void {
    this.#claimed += positions.length;
    if (this.isLeaving) {
      for (const claimed of positions) this.#giveBack(claimed);
      // Where it has got nothing, nobody else says that the last look for work is over.
      this.#settled();
      return;
    }
    let suspect: HeldPosition | null = null;
    for (const claimed of positions) {
      const held = this.#engine.hold(claimed, askedForAtMs);
      const isSuspect = claimed.lost >= SUSPECT_FROM_LOST;
      // A second one would lose another lease if the first one is what ends processes.
      // Slots are not kept for a claim, which may bring nothing; what was handed over meanwhile has them.
      const isFull = this.#active + this.#reserved + (suspect === null ? 0 : 1) >= this.#options.concurrency;
      if (held === null || isFull || (isSuspect && (suspect !== null || this.#suspects.count > 0)))
        this.#giveBack(claimed);
      else if (isSuspect) suspect = held;
      else void this.#drive(held);
    }
    // Last: it waits until the others have been given back.
    if (suspect !== null) void this.#driveAlone(suspect);
    this.#settled();
  }

  #giveBack(claimed: ClaimedPosition): void {
    this.#active++;
    void this.#engine.release(claimed).finally(() => this.#freed());
  }

  async #drive(held: HeldPosition): Promise<void> {
    this.#active++;
    try {
      await this.#engine.drive(held, this);
    } catch (error) {
      this.#warnLost(held, error);
    } finally {
      this.#freed();
    }
  }

  async #driveAlone(held: HeldPosition): Promise<void> {
    this.#active++;
    const { turn, done } = this.#suspects.add();
    const { instanceId } = held.claim;
    const fields = { instanceId, taskId: held.stand.taskId, lost: held.lost };
    this.#options.ports.logger.warn(fields, "Leases were lost at this task before; it runs alone.");
    try {
      await this.#engine.drive(held, this.#asSuspect(), turn);
    } catch (error) {
      this.#warnLost(held, error);
    } finally {
      done();
      this.#freed();
    }
  }

  /** The same host, but for what keeps the others from going on. */
  #asSuspect(): Host {
    const { leases, mostLost, tally } = this;
    const isLeaving = (): boolean => this.isLeaving;
    return {
      leases,
      mostLost,
      tally,
      expect: (ms, hasFailed) => this.expect(ms, hasFailed),
      reserveSlots: (wanted) => this.reserveSlots(wanted),
      unreserve: (slots) => this.unreserve(slots),
      serves: (lane) => this.serves(lane),
      placeFreed: () => this.placeFreed(),
      take: (held) => this.take(held),
      get givesBack() {
        return isLeaving();
      },
    };
  }

  #freed(): void {
    this.#active--;
    if (this.#suspects.count > 0) this.#suspects.advance();
    this.#settled();
    this.#poller.touch();
  }

  #settled(): void {
    if (this.#active === 0 && this.#reserved === 0 && !this.#isClaiming) this.#onIdle?.();
  }

  #warnLost({ claim, stand }: HeldPosition, error: unknown): void {
    const fields = { error, instanceId: claim.instanceId, taskId: stand.taskId };
    this.#options.ports.logger.warn(fields, "A position was given up; it goes on when its lease has run out.");
  }

  #hinted(lanes: readonly Lane[] | null): number {
    if (this.isLeaving) return 0;
    const served = lanes?.filter((lane) => this.serves(openLane(lane))).length;
    if (served === 0) return 0;
    this.#poller.hint();
    return Math.min(this.room(), served ?? 0);
  }

  async #leave(graceMs: number): Promise<void> {
    const { ports } = this.#options;
    this.#state = "draining";
    this.#removeLocal();
    const upkeep = Promise.all([this.#scheduler.end(), this.#pruner.end()]);
    this.#suspects.dismiss();
    this.#poller.touch();
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
      this.#settled();
    });
    const isOver = new AbortController();
    const inTime = pause(ports.timers, graceMs, isOver.signal);
    const atLast = pause(ports.timers, graceMs + ABORT_GRACE_MS + LAST_WAIT_MS, isOver.signal);
    await Promise.race([idle, inTime]);
    this.#endLeases();
    await Promise.race([idle, atLast]);
    await Promise.race([upkeep, atLast]);
    isOver.abort();
    if (this.#active > 0) {
      const message = "Some tasks did not stop when they were told to; their leases will run out.";
      ports.logger.warn({ active: this.#active }, message);
    }
    this.#subscription.close();
    await this.#heartbeat.end(LAST_WAIT_MS);
    this.#state = "stopped";
    this.#close();
  }

  #endLeases(): void {
    for (const lease of this.leases) lease.end({ reason: new WorkerStoppedError(this.workerId), settle: false });
  }
}
