import type { Codec } from "../codec/codec.ts";
import { JsonCodec } from "../codec/json-codec.ts";
import { BackendError } from "../errors/backend-errors.ts";
import type { InstanceId, Path, TaskId, WorkerId } from "../ids.ts";
import type { Checkpoint, ClaimRef } from "../snapshot/checkpoint.ts";
import type { NewDeadline } from "../snapshot/deadline.ts";
import type { TraceEntry } from "../snapshot/history-fold.ts";
import type { Lane } from "../snapshot/position.ts";
import {
  type Bytes,
  type HistoryEntry,
  type InstanceOutline,
  type InstanceRecord,
  type InstanceStatus,
  isTerminal,
  type Snapshot,
  type TaskResult,
} from "../snapshot/snapshot.ts";
import { requireName, requireObject } from "../store/argument-shapes.ts";
import { parseWhole } from "../store/arguments.ts";
import type { Backend } from "../store/backend.ts";
import type { ChildFate, NewChild } from "../store/child-store.ts";
import { hintCommitted, hintControlled, hintCreated, hintDeadline, hintTerminated } from "../store/hints.ts";
import type {
  ControlOutcome,
  CreatedInstance,
  Holder,
  InstanceFilter,
  InstanceFork,
  InstanceState,
  Migration,
  NewInstance,
  TerminateOutcome,
} from "../store/instance-store.ts";
import type {
  BufferedEvent,
  CheckpointFate,
  ClaimedPosition,
  ClaimRequest,
  Promotion,
  Renewal,
} from "../store/position-store.ts";
import type { ProgressFate } from "../store/progress-store.ts";
import type {
  CancelRequest,
  RetryRequest,
  SendOptions,
  SendOutcome,
  SignalKind,
  SignalRequest,
} from "../store/signal-store.ts";
import type { StateVersion, UpdateOutcome, UpdateRequest } from "../store/state-store.ts";
import type { AvailableTask, TaskClaim } from "../store/task-claim-store.ts";
import type { WakeupListener, WakeupSubscription } from "../store/wakeup.ts";
import { WakeupHub } from "../store/wakeup-hub.ts";
import { type Clock, systemClock } from "../time/clock.ts";
import { MemoryChildStore } from "./memory-child-store.ts";
import { MemoryHistoryStore } from "./memory-history-store.ts";
import { MemoryInstanceStore } from "./memory-instance-store.ts";
import { MemoryPositionStore } from "./memory-position-store.ts";
import { MemoryProgressStore } from "./memory-progress-store.ts";
import { MemorySignalStore } from "./memory-signal-store.ts";
import { MemorySnapshotStore } from "./memory-snapshot-store.ts";
import { MemoryState } from "./memory-state.ts";
import { MemoryStateStore } from "./memory-state-store.ts";
import { MemoryTaskClaimStore } from "./memory-task-claim-store.ts";
import { MemoryWorkerStore } from "./memory-worker-store.ts";

export interface InMemoryBackendOptions {
  /** Encodes what is new. Default: JSON. */
  readonly codec?: Codec;
  /** More codecs whose payloads can be read. */
  readonly codecs?: readonly Codec[];
  /** Largest encoded input, output or event, in bytes. Default: 2 MiB. */
  readonly maxPayloadBytes?: number;
  /** What leases and timers go by. Default: the system's clock. */
  readonly clock?: Clock;
}

const DEFAULT_MAX_PAYLOAD_BYTES = 2 * 1024 * 1024;

/**
 * A backend that keeps everything in this process's memory: for tests, and for flows that need not
 * outlive the process. Behaves as every other backend does; the conformance suites say how.
 */
export class InMemoryBackend implements Backend {
  readonly codec: Codec;
  readonly maxPayloadBytes: number;
  readonly #codecs: ReadonlyMap<string, Codec>;
  readonly #snapshots: MemorySnapshotStore;
  readonly #signals: MemorySignalStore;
  readonly #claims: MemoryTaskClaimStore;
  readonly #instances: MemoryInstanceStore;
  readonly #positions: MemoryPositionStore;
  readonly #progress: MemoryProgressStore;
  readonly #children: MemoryChildStore;
  readonly #history: MemoryHistoryStore;
  readonly #states: MemoryStateStore;
  readonly #workers: MemoryWorkerStore;
  readonly #hub = new WakeupHub();
  #closed = false;

  /** @throws {InvalidArgumentError} an option is not acceptable */
  constructor(options: InMemoryBackendOptions = {}) {
    requireObject(options, "options");
    const {
      codec = new JsonCodec(),
      codecs = [],
      clock = systemClock,
      maxPayloadBytes = DEFAULT_MAX_PAYLOAD_BYTES,
    } = options;
    parseWhole(maxPayloadBytes, "options.maxPayloadBytes", 1, Number.MAX_SAFE_INTEGER);
    for (const [index, one] of [codec, ...codecs].entries()) {
      requireObject(one, index === 0 ? "options.codec" : `options.codecs[${index - 1}]`);
      requireName(one.id, index === 0 ? "options.codec.id" : `options.codecs[${index - 1}].id`);
    }
    this.codec = codec;
    this.maxPayloadBytes = maxPayloadBytes;
    this.#codecs = new Map([...codecs, codec].map((one) => [one.id, one]));
    const state = new MemoryState(clock, codec.id);
    this.#snapshots = new MemorySnapshotStore(state);
    this.#signals = new MemorySignalStore(state);
    this.#claims = new MemoryTaskClaimStore(state);
    this.#instances = new MemoryInstanceStore(state);
    this.#positions = new MemoryPositionStore(state);
    this.#progress = new MemoryProgressStore(state);
    this.#children = new MemoryChildStore(state, this.#hub);
    this.#history = new MemoryHistoryStore(state);
    this.#states = new MemoryStateStore(state, this.#signals);
    this.#workers = new MemoryWorkerStore(state);
  }

  get codecIds(): readonly string[] {
    return [...this.#codecs.keys()];
  }

  /** Hints reach who listens in this process; there are no others. */
  subscribe(listener: WakeupListener): WakeupSubscription {
    return { isLive: true, close: this.#hub.add(listener) };
  }

  findCodec(codecId: string): Codec | null {
    return this.#codecs.get(codecId) ?? null;
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  async saveSnapshot(snapshot: Snapshot): Promise<void> {
    await this.#settled(this.#open("saveSnapshot", this.#snapshots).saveSnapshot(snapshot));
    this.#hub.ready();
    if (isTerminal(snapshot.status)) this.#hub.ended([{ instanceId: snapshot.instanceId, output: null }]);
  }

  async saveTaskResult(instanceId: InstanceId, taskId: TaskId, output: Bytes): Promise<void> {
    await this.#open("saveTaskResult", this.#snapshots).saveTaskResult(instanceId, taskId, output);
    this.#hub.ready();
  }

  async loadSnapshot(instanceId: InstanceId): Promise<Snapshot> {
    return await this.#open("loadSnapshot", this.#snapshots).loadSnapshot(instanceId);
  }

  async deleteSnapshot(instanceId: InstanceId): Promise<void> {
    await this.#settled(this.#open("deleteSnapshot", this.#snapshots).deleteSnapshot(instanceId));
    this.#hub.ended([{ instanceId, output: null }]);
  }

  async listSnapshots(page?: { readonly after?: InstanceId; readonly limit?: number }): Promise<InstanceId[]> {
    return await this.#open("listSnapshots", this.#snapshots).listSnapshots(page);
  }

  async storeSignal(instanceId: InstanceId, kind: SignalKind, request: CancelRequest): Promise<void> {
    await this.#open("storeSignal", this.#signals).storeSignal(instanceId, kind, request);
    this.#hub.interrupted();
    this.#hub.due(0);
  }

  async getSignal(instanceId: InstanceId, kind: SignalKind): Promise<CancelRequest | null> {
    return await this.#open("getSignal", this.#signals).getSignal(instanceId, kind);
  }

  async clearSignal(instanceId: InstanceId, kind: SignalKind): Promise<void> {
    await this.#open("clearSignal", this.#signals).clearSignal(instanceId, kind);
    this.#hub.ready();
  }

  async sendEvent(instanceId: InstanceId, name: string, payload: Bytes, options?: SendOptions): Promise<SendOutcome> {
    const outcome = await this.#open("sendEvent", this.#signals).sendEvent(instanceId, name, payload, options);
    if (outcome === "delivered") this.#hub.ready();
    return outcome;
  }

  async consumeEvent(instanceId: InstanceId, name: string): Promise<Bytes | null> {
    return await this.#open("consumeEvent", this.#signals).consumeEvent(instanceId, name);
  }

  async checkAndCancel(instanceId: InstanceId, interruptedAtTask?: TaskId): Promise<boolean> {
    const applied = await this.#settled(
      this.#open("checkAndCancel", this.#signals).checkAndCancel(instanceId, interruptedAtTask),
    );
    if (applied) this.#hub.ended([{ instanceId, output: null }]);
    return applied;
  }

  async checkAndPause(instanceId: InstanceId): Promise<boolean> {
    return await this.#open("checkAndPause", this.#signals).checkAndPause(instanceId);
  }

  async unpause(instanceId: InstanceId): Promise<Snapshot> {
    const snapshot = await this.#open("unpause", this.#signals).unpause(instanceId);
    this.#hub.ready();
    return snapshot;
  }

  async claimTask(
    instanceId: InstanceId,
    taskId: TaskId,
    workerId: WorkerId,
    ttlMs?: number,
  ): Promise<TaskClaim | null> {
    return await this.#open("claimTask", this.#claims).claimTask(instanceId, taskId, workerId, ttlMs);
  }

  async releaseTaskClaim(instanceId: InstanceId, taskId: TaskId, workerId: WorkerId): Promise<void> {
    return await this.#open("releaseTaskClaim", this.#claims).releaseTaskClaim(instanceId, taskId, workerId);
  }

  async extendTaskClaim(instanceId: InstanceId, taskId: TaskId, workerId: WorkerId, durationMs: number): Promise<void> {
    return await this.#open("extendTaskClaim", this.#claims).extendTaskClaim(instanceId, taskId, workerId, durationMs);
  }

  async findAvailableTasks(workerId: WorkerId, limit: number): Promise<AvailableTask[]> {
    return await this.#open("findAvailableTasks", this.#claims).findAvailableTasks(workerId, limit);
  }

  async createInstances(instances: readonly NewInstance[], holder?: Holder): Promise<readonly CreatedInstance[]> {
    const created = await this.#open("createInstances", this.#instances).createInstances(instances, holder);
    hintCreated(this.#hub, instances, created);
    return created;
  }

  async replaceInstance(instance: NewInstance, holder?: Holder): Promise<CreatedInstance> {
    const created = await this.#settled(
      this.#open("replaceInstance", this.#instances).replaceInstance(instance, holder),
    );
    hintCreated(this.#hub, [instance], [created]);
    return created;
  }

  async findInstance(instanceId: InstanceId): Promise<InstanceState | null> {
    return await this.#open("findInstance", this.#instances).findInstance(instanceId);
  }

  async findEnded(instanceIds: readonly InstanceId[]): Promise<readonly InstanceId[]> {
    return await this.#open("findEnded", this.#instances).findEnded(instanceIds);
  }

  async listInstances(filter: InstanceFilter): Promise<readonly InstanceOutline[]> {
    return await this.#open("listInstances", this.#instances).listInstances(filter);
  }

  async listInstanceIds(filter: InstanceFilter): Promise<readonly InstanceId[]> {
    return await this.#open("listInstanceIds", this.#instances).listInstanceIds(filter);
  }

  async requestControl(instanceId: InstanceId, kind: SignalKind, request: CancelRequest): Promise<ControlOutcome> {
    const outcome = await this.#settled(
      this.#open("requestControl", this.#instances).requestControl(instanceId, kind, request),
    );
    hintControlled(this.#hub, instanceId, kind, outcome);
    return outcome;
  }

  async terminateInstance(instanceId: InstanceId, request: SignalRequest): Promise<TerminateOutcome> {
    const outcome = await this.#settled(
      this.#open("terminateInstance", this.#instances).terminateInstance(instanceId, request),
    );
    if (outcome === "applied") hintTerminated(this.#hub, instanceId);
    return outcome;
  }

  async unpauseInstance(instanceId: InstanceId): Promise<void> {
    await this.#open("unpauseInstance", this.#instances).unpauseInstance(instanceId);
    this.#hub.ready();
  }

  async saveProgress(claim: ClaimRef, taskId: TaskId, value: Bytes): Promise<ProgressFate> {
    return await this.#open("saveProgress", this.#progress).saveProgress(claim, taskId, value);
  }

  async loadProgress(instanceId: InstanceId, path: Path, taskId: TaskId): Promise<Bytes | null> {
    return await this.#open("loadProgress", this.#progress).loadProgress(instanceId, path, taskId);
  }

  async setDeadline(instanceId: InstanceId, deadline: NewDeadline | null): Promise<void> {
    await this.#open("setDeadline", this.#instances).setDeadline(instanceId, deadline);
    hintDeadline(this.#hub, deadline);
  }

  async retryInstance(instanceId: InstanceId, request: RetryRequest): Promise<void> {
    await this.#open("retryInstance", this.#instances).retryInstance(instanceId, request);
    this.#hub.ready();
  }

  async forkInstance(fork: InstanceFork): Promise<void> {
    await this.#open("forkInstance", this.#instances).forkInstance(fork);
    this.#hub.ready();
  }

  async migrateInstance(migration: Migration): Promise<void> {
    await this.#open("migrateInstance", this.#instances).migrateInstance(migration);
    this.#hub.ready();
  }

  async settleInterrupt(instanceId: InstanceId, interruptedAtTask: string): Promise<InstanceStatus | null> {
    const status = await this.#settled(
      this.#open("settleInterrupt", this.#instances).settleInterrupt(instanceId, interruptedAtTask),
    );
    if (status === "cancelled") this.#hub.ended([{ instanceId, output: null }]);
    return status;
  }

  async claimPositions(request: ClaimRequest): Promise<readonly ClaimedPosition[]> {
    return await this.#open("claimPositions", this.#positions).claimPositions(request);
  }

  async promoteDue(): Promise<Promotion> {
    const promotion = await this.#open("promoteDue", this.#positions).promoteDue();
    if (promotion.promoted > 0) this.#hub.ready();
    return promotion;
  }

  async commitCheckpoints(
    checkpoints: readonly Checkpoint[],
    holder: { readonly workerId: WorkerId; readonly leaseMs: number },
  ): Promise<readonly CheckpointFate[]> {
    const fates = await this.#open("commitCheckpoints", this.#positions).commitCheckpoints(checkpoints, holder);
    hintCommitted(this.#hub, checkpoints, fates);
    return fates;
  }

  async renewClaims(claims: readonly ClaimRef[], leaseMs: number): Promise<readonly Renewal[]> {
    return await this.#open("renewClaims", this.#positions).renewClaims(claims, leaseMs);
  }

  async releaseClaims(claims: readonly ClaimRef[]): Promise<void> {
    await this.#open("releaseClaims", this.#positions).releaseClaims(claims);
    if (claims.length > 0) this.#hub.ready();
  }

  async peekEvent(instanceId: InstanceId, name: string): Promise<BufferedEvent | null> {
    return await this.#open("peekEvent", this.#positions).peekEvent(instanceId, name);
  }

  async createChildren(children: readonly NewChild[]): Promise<readonly ChildFate[]> {
    return await this.#open("createChildren", this.#children).createChildren(children);
  }

  async findChildren(instanceIds: readonly InstanceId[]): Promise<readonly (InstanceRecord | null)[]> {
    return await this.#open("findChildren", this.#children).findChildren(instanceIds);
  }

  async hasOpenChildren(parentId: InstanceId): Promise<boolean> {
    return await this.#open("hasOpenChildren", this.#children).hasOpenChildren(parentId);
  }

  async settleEndings(): Promise<boolean> {
    return await this.#open("settleEndings", this.#children).settleEndings();
  }

  async readHistory(
    instanceId: InstanceId,
    page?: { readonly after?: bigint; readonly limit?: number },
  ): Promise<readonly HistoryEntry[]> {
    return await this.#open("readHistory", this.#history).readHistory(instanceId, page);
  }

  async readTrace(instanceId: InstanceId): Promise<readonly TraceEntry[]> {
    return await this.#open("readTrace", this.#history).readTrace(instanceId);
  }

  async loadResults(instanceId: InstanceId, taskIds: readonly TaskId[]): Promise<readonly TaskResult[]> {
    return await this.#open("loadResults", this.#history).loadResults(instanceId, taskIds);
  }

  async findLastIteration(instanceId: InstanceId, loopTaskId: TaskId): Promise<TaskId | null> {
    return await this.#open("findLastIteration", this.#history).findLastIteration(instanceId, loopTaskId);
  }

  async loadSteps(instanceId: InstanceId, taskId: TaskId): Promise<readonly TaskResult[]> {
    return await this.#open("loadSteps", this.#history).loadSteps(instanceId, taskId);
  }

  async listCompleted(instanceId: InstanceId): Promise<readonly TaskId[]> {
    return await this.#open("listCompleted", this.#history).listCompleted(instanceId);
  }

  async highestAttempt(instanceId: InstanceId, taskId: TaskId): Promise<number> {
    return await this.#open("highestAttempt", this.#history).highestAttempt(instanceId, taskId);
  }

  async lastFailure(instanceId: InstanceId, taskId: TaskId): Promise<Bytes | null> {
    return await this.#open("lastFailure", this.#history).lastFailure(instanceId, taskId);
  }

  async sinceAttempt(instanceId: InstanceId, taskId: TaskId, attempt: number): Promise<number | null> {
    return await this.#open("sinceAttempt", this.#history).sinceAttempt(instanceId, taskId, attempt);
  }

  async loadStates(instanceId: InstanceId, taskIds: readonly TaskId[]): Promise<readonly StateVersion[]> {
    return await this.#open("loadStates", this.#states).loadStates(instanceId, taskIds);
  }

  async hasStateChange(instanceId: InstanceId, taskId: TaskId, after: number, by: TaskId): Promise<boolean> {
    return await this.#open("hasStateChange", this.#states).hasStateChange(instanceId, taskId, after, by);
  }

  async applyUpdate(request: UpdateRequest): Promise<UpdateOutcome> {
    const outcome = await this.#open("applyUpdate", this.#states).applyUpdate(request);
    if (outcome.kind === "applied" && outcome.sent === "delivered") this.#hub.ready();
    return outcome;
  }

  async registerWorker(workerId: WorkerId, tags: readonly string[]): Promise<void> {
    return await this.#open("registerWorker", this.#workers).registerWorker(workerId, tags);
  }

  async keepWorker(
    workerId: WorkerId,
    tags: readonly string[],
    ttlMs: number,
    lanes?: readonly Lane[],
  ): Promise<number> {
    return await this.#open("keepWorker", this.#workers).keepWorker(workerId, tags, ttlMs, lanes);
  }

  async unregisterWorker(workerId: WorkerId): Promise<void> {
    return await this.#open("unregisterWorker", this.#workers).unregisterWorker(workerId);
  }

  /** What a call has ended means something to others at once. */
  async #settled<T>(call: Promise<T>): Promise<T> {
    return await call.then(async (result) => await this.#children.settleEndings().then(() => result));
  }

  #open<Store>(method: string, store: Store): Store {
    if (this.#closed)
      throw new BackendError("BACKEND_CLOSED", { queryName: method, problem: "The backend has been closed" });
    return store;
  }
}
