import type { Codec } from "../codec/codec.ts";
import { JsonCodec } from "../codec/json-codec.ts";
import type { InstanceId, Path, TaskId, WorkerId } from "../ids.ts";
import type { Checkpoint, ClaimRef } from "../snapshot/checkpoint.ts";
import type { Lane } from "../snapshot/position.ts";
import type { Bytes, HistoryEntry, TaskResult } from "../snapshot/snapshot.ts";
import type { TraceEntry } from "../snapshot/trace-entry.ts";
import { requireName, requireObject, requireRecord } from "../store/argument-shapes.ts";
import { parseWhole } from "../store/arguments.ts";
import type { AuditStore } from "../store/audit-store.ts";
import type { Backend } from "../store/backend.ts";
import type { PausedFlow } from "../store/flow-store.ts";
import { hintCommitted } from "../store/hints.ts";
import type { Admission, Limit, LimitChange, LimitKeyChange, LimitKeyState, LimitState } from "../store/limit-store.ts";
import type { OverviewStore } from "../store/overview-store.ts";
import type {
  BufferedEvent,
  CheckpointFate,
  ClaimedPosition,
  ClaimRequest,
  Promotion,
  Renewal,
} from "../store/position-store.ts";
import type { ProgressFate } from "../store/progress-store.ts";
import type { SignalRequest } from "../store/signal-store.ts";
import type { StateVersion, UpdateOutcome, UpdateRequest } from "../store/state-store.ts";
import type { WakeupListener, WakeupSubscription } from "../store/wakeup.ts";
import { type Clock, systemClock } from "../time/clock.ts";
import { MemoryAuditStore } from "./memory-audit-store.ts";
import { MemoryFlowStore } from "./memory-flow-store.ts";
import { MemoryHistoryStore } from "./memory-history-store.ts";
import { MemoryLimitStore } from "./memory-limit-store.ts";
import { MemoryOverviewStore } from "./memory-overview-store.ts";
import { MemoryPositionStore } from "./memory-position-store.ts";
import { MemoryProgressStore } from "./memory-progress-store.ts";
import { MemoryStateStore } from "./memory-state-store.ts";
import { MemoryUpkeep } from "./memory-upkeep.ts";
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
export class InMemoryBackend extends MemoryUpkeep implements Backend {
  readonly codec: Codec;
  readonly maxPayloadBytes: number;
  readonly overview: OverviewStore;
  readonly audit: AuditStore;
  readonly #codecs: ReadonlyMap<string, Codec>;
  readonly #positions: MemoryPositionStore;
  readonly #limits: MemoryLimitStore;
  readonly #flows: MemoryFlowStore;
  readonly #progress: MemoryProgressStore;
  readonly #history: MemoryHistoryStore;
  readonly #states: MemoryStateStore;
  readonly #workers: MemoryWorkerStore;

  /** @throws {InvalidArgumentError} an option is not acceptable */
  constructor(options: InMemoryBackendOptions = {}) {
    requireRecord(options, "options");
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
    super(clock, codec.id);
    this.codec = codec;
    this.maxPayloadBytes = maxPayloadBytes;
    this.#codecs = new Map([...codecs, codec].map((one) => [one.id, one]));
    const { state } = this;
    this.#positions = new MemoryPositionStore(state);
    this.#limits = new MemoryLimitStore(state);
    this.#flows = new MemoryFlowStore(state);
    this.#progress = new MemoryProgressStore(state);
    this.#history = new MemoryHistoryStore(state);
    this.#states = new MemoryStateStore(state, this.signals);
    this.#workers = new MemoryWorkerStore(state);
    const open = (method: string): typeof state => this.open(method, state);
    this.overview = new MemoryOverviewStore(open, () => this.#limits.mark());
    this.audit = new MemoryAuditStore(open);
  }

  get codecIds(): readonly string[] {
    return [...this.#codecs.keys()];
  }

  /** Hints reach who listens in this process; there are no others. */
  subscribe(listener: WakeupListener): WakeupSubscription {
    return { isLive: true, close: this.hub.add(listener) };
  }

  findCodec(codecId: string): Codec | null {
    return this.#codecs.get(codecId) ?? null;
  }

  async saveProgress(claim: ClaimRef, taskId: TaskId, value: Bytes): Promise<ProgressFate> {
    return await this.open("saveProgress", this.#progress).saveProgress(claim, taskId, value);
  }

  async loadProgress(instanceId: InstanceId, path: Path, taskId: TaskId): Promise<Bytes | null> {
    return await this.open("loadProgress", this.#progress).loadProgress(instanceId, path, taskId);
  }

  async claimPositions(request: ClaimRequest): Promise<readonly ClaimedPosition[]> {
    return await this.open("claimPositions", this.#positions).claimPositions(request);
  }

  async declareLimits(limits: readonly Limit[]): Promise<void> {
    await this.open("declareLimits", this.#limits).declareLimits(limits);
    this.hub.ready();
  }

  async hasGates(lanes: readonly Lane[]): Promise<boolean> {
    return await this.open("hasGates", this.#limits).hasGates(lanes);
  }

  async claimLimited(request: ClaimRequest): Promise<Admission> {
    return await this.open("claimLimited", this.#limits).claimLimited(request);
  }

  async listLimits(): Promise<readonly LimitState[]> {
    return await this.open("listLimits", this.#limits).listLimits();
  }

  async listLimitKeys(
    name: string,
    page: { readonly after?: string; readonly limit: number },
  ): Promise<readonly LimitKeyState[]> {
    return await this.open("listLimitKeys", this.#limits).listLimitKeys(name, page);
  }

  async changeLimit(name: string, change: LimitChange): Promise<boolean> {
    const isThere = await this.open("changeLimit", this.#limits).changeLimit(name, change);
    this.hub.ready();
    return isThere;
  }

  async resetLimit(name: string): Promise<boolean> {
    return await this.open("resetLimit", this.#limits).resetLimit(name);
  }

  async changeLimitKey(name: string, key: string, change: LimitKeyChange): Promise<boolean> {
    const isThere = await this.open("changeLimitKey", this.#limits).changeLimitKey(name, key, change);
    this.hub.ready();
    return isThere;
  }

  async countReady(definitionHash: string, atMost: number): Promise<number> {
    return await this.open("countReady", this.#flows).countReady(definitionHash, atMost);
  }

  async pauseFlow(flow: string, request: SignalRequest): Promise<boolean> {
    return await this.open("pauseFlow", this.#flows).pauseFlow(flow, request);
  }

  async unpauseFlow(flow: string): Promise<boolean> {
    const wasPaused = await this.open("unpauseFlow", this.#flows).unpauseFlow(flow);
    if (wasPaused) this.hub.ready();
    return wasPaused;
  }

  async listPausedFlows(): Promise<readonly PausedFlow[]> {
    return await this.open("listPausedFlows", this.#flows).listPausedFlows();
  }

  async promoteDue(): Promise<Promotion> {
    const promotion = await this.open("promoteDue", this.#positions).promoteDue();
    if (promotion.promoted > 0) this.hub.ready();
    return promotion;
  }

  async commitCheckpoints(
    checkpoints: readonly Checkpoint[],
    holder: { readonly workerId: WorkerId; readonly leaseMs: number },
  ): Promise<readonly CheckpointFate[]> {
    const fates = await this.open("commitCheckpoints", this.#positions).commitCheckpoints(checkpoints, holder);
    hintCommitted(this.hub, checkpoints, fates);
    return fates;
  }

  async renewClaims(claims: readonly ClaimRef[], leaseMs: number): Promise<readonly Renewal[]> {
    return await this.open("renewClaims", this.#positions).renewClaims(claims, leaseMs);
  }

  async releaseClaims(claims: readonly ClaimRef[]): Promise<void> {
    await this.open("releaseClaims", this.#positions).releaseClaims(claims);
    if (claims.length > 0) this.hub.ready();
  }

  async peekEvent(instanceId: InstanceId, name: string): Promise<BufferedEvent | null> {
    return await this.open("peekEvent", this.#positions).peekEvent(instanceId, name);
  }

  async readHistory(
    instanceId: InstanceId,
    page?: { readonly after?: bigint; readonly limit?: number },
  ): Promise<readonly HistoryEntry[]> {
    return await this.open("readHistory", this.#history).readHistory(instanceId, page);
  }

  async readTrace(instanceId: InstanceId): Promise<readonly TraceEntry[]> {
    return await this.open("readTrace", this.#history).readTrace(instanceId);
  }

  async loadResults(instanceId: InstanceId, taskIds: readonly TaskId[]): Promise<readonly TaskResult[]> {
    return await this.open("loadResults", this.#history).loadResults(instanceId, taskIds);
  }

  async findLastIteration(instanceId: InstanceId, loopTaskId: TaskId): Promise<TaskId | null> {
    return await this.open("findLastIteration", this.#history).findLastIteration(instanceId, loopTaskId);
  }

  async loadSteps(instanceId: InstanceId, taskId: TaskId): Promise<readonly TaskResult[]> {
    return await this.open("loadSteps", this.#history).loadSteps(instanceId, taskId);
  }

  async listCompleted(instanceId: InstanceId): Promise<readonly TaskId[]> {
    return await this.open("listCompleted", this.#history).listCompleted(instanceId);
  }

  async highestAttempt(instanceId: InstanceId, taskId: TaskId): Promise<number> {
    return await this.open("highestAttempt", this.#history).highestAttempt(instanceId, taskId);
  }

  async lastFailure(instanceId: InstanceId, taskId: TaskId): Promise<Bytes | null> {
    return await this.open("lastFailure", this.#history).lastFailure(instanceId, taskId);
  }

  async sinceAttempt(instanceId: InstanceId, taskId: TaskId, attempt: number): Promise<number | null> {
    return await this.open("sinceAttempt", this.#history).sinceAttempt(instanceId, taskId, attempt);
  }

  async loadStates(instanceId: InstanceId, taskIds: readonly TaskId[]): Promise<readonly StateVersion[]> {
    return await this.open("loadStates", this.#states).loadStates(instanceId, taskIds);
  }

  async hasStateChange(instanceId: InstanceId, taskId: TaskId, after: number, by: TaskId): Promise<boolean> {
    return await this.open("hasStateChange", this.#states).hasStateChange(instanceId, taskId, after, by);
  }

  async applyUpdate(request: UpdateRequest): Promise<UpdateOutcome> {
    const outcome = await this.open("applyUpdate", this.#states).applyUpdate(request);
    if (outcome.kind === "applied" && outcome.sent === "delivered") this.hub.ready();
    return outcome;
  }

  async registerWorker(workerId: WorkerId, tags: readonly string[]): Promise<void> {
    return await this.open("registerWorker", this.#workers).registerWorker(workerId, tags);
  }

  async keepWorker(
    workerId: WorkerId,
    tags: readonly string[],
    ttlMs: number,
    lanes?: readonly Lane[],
  ): Promise<number> {
    return await this.open("keepWorker", this.#workers).keepWorker(workerId, tags, ttlMs, lanes);
  }

  async unregisterWorker(workerId: WorkerId): Promise<void> {
    return await this.open("unregisterWorker", this.#workers).unregisterWorker(workerId);
  }
}
