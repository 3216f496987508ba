import type { Limit } from "../snapshot/allowance.ts";
import type { Checkpoint, ClaimRef } from "../snapshot/checkpoint.ts";
import type { NewDeadline } from "../snapshot/deadline.ts";
import type { Lane } from "../snapshot/position.ts";
import type {
  Bytes,
  HistoryEntry,
  InstanceOutline,
  InstanceRecord,
  InstanceStatus,
  Snapshot,
  TaskResult,
} from "../snapshot/snapshot.ts";
import type { TraceEntry } from "../snapshot/trace-entry.ts";
import type { AuditStore } from "../store/audit-store.ts";
import type { Backend } from "../store/backend.ts";
import type { ChildFate, NewChild } from "../store/child-store.ts";
import type { DefinitionStore, PublishedDefinition } from "../store/definition-store.ts";
import type { PausedFlow } from "../store/flow-store.ts";
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
import type { Admission, LimitChange, LimitKeyChange, LimitKeyState, LimitState } from "../store/limit-store.ts";
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
import type {
  CancelRequest,
  RetryRequest,
  SendOptions,
  SendOutcome,
  SignalKind,
  SignalRequest,
} from "../store/signal-store.ts";
import type { KeyedStart, StartOutcome } from "../store/start-key-store.ts";
import type { StateVersion, UpdateOutcome, UpdateRequest } from "../store/state-store.ts";
import type { AvailableTask, TaskClaim } from "../store/task-claim-store.ts";
import type {
  TaskTransaction,
  TransactionalStore,
  TransactionRequest,
  TransactionScope,
} from "../store/transactional-store.ts";
import type { Queryable } from "../transaction.ts";
import { PostgresAuditStore } from "./postgres-audit-store.ts";
import { PostgresChildStore } from "./postgres-child-store.ts";
import { PostgresDefinitionStore } from "./postgres-definition-store.ts";
import { PostgresFlowStore } from "./postgres-flow-store.ts";
import { PostgresHistoryStore } from "./postgres-history-store.ts";
import { PostgresInstanceStore } from "./postgres-instance-store.ts";
import { PostgresLimitStore } from "./postgres-limit-store.ts";
import { PostgresOverviewStore } from "./postgres-overview-store.ts";
import { PostgresPositionStore } from "./postgres-position-store.ts";
import { PostgresProgressStore } from "./postgres-progress-store.ts";
import { PostgresSignalStore } from "./postgres-signal-store.ts";
import { PostgresSnapshotStore } from "./postgres-snapshot-store.ts";
import { PostgresStartKeyStore } from "./postgres-start-key-store.ts";
import { PostgresStateStore } from "./postgres-state-store.ts";
import { PostgresTaskClaimStore } from "./postgres-task-claim-store.ts";
import { PostgresTransactionalStore } from "./postgres-transactional-store.ts";
import { PostgresUpkeep } from "./postgres-upkeep.ts";
import type { StoreContext } from "./store-context.ts";

/** What a backend is besides its stores. */
type OwnPart = "codec" | "codecIds" | "findCodec" | "maxPayloadBytes" | "subscribe" | "close";

/** Every store of the PostgreSQL backend, as one object: what is behind each call is in the store that it names. */
export abstract class PostgresStores
  extends PostgresUpkeep
  implements Omit<Backend, OwnPart>, TransactionalStore, DefinitionStore
{
  readonly overview: OverviewStore;
  readonly audit: AuditStore;
  readonly #snapshots: PostgresSnapshotStore;
  readonly #signals: PostgresSignalStore;
  readonly #taskClaims: PostgresTaskClaimStore;
  readonly #instances: PostgresInstanceStore;
  readonly #positions: PostgresPositionStore;
  readonly #limits: PostgresLimitStore;
  readonly #startKeys: PostgresStartKeyStore;
  readonly #flows: PostgresFlowStore;
  readonly #progress: PostgresProgressStore;
  readonly #children: PostgresChildStore;
  readonly #history: PostgresHistoryStore;
  readonly #states: PostgresStateStore;
  readonly #transactions: PostgresTransactionalStore;
  readonly #definitions: PostgresDefinitionStore;

  protected constructor(context: StoreContext, maxTransactions: number) {
    super(context);
    this.overview = new PostgresOverviewStore(context);
    this.audit = new PostgresAuditStore(context);
    this.#snapshots = new PostgresSnapshotStore(context);
    this.#signals = new PostgresSignalStore(context);
    this.#taskClaims = new PostgresTaskClaimStore(context);
    this.#instances = new PostgresInstanceStore(context);
    this.#positions = new PostgresPositionStore(context);
    this.#limits = new PostgresLimitStore(context);
    this.#startKeys = new PostgresStartKeyStore(context);
    this.#flows = new PostgresFlowStore(context);
    this.#progress = new PostgresProgressStore(context);
    this.#children = new PostgresChildStore(context);
    this.#history = new PostgresHistoryStore(context);
    this.#states = new PostgresStateStore(context);
    this.#definitions = new PostgresDefinitionStore(context);
    this.#transactions = new PostgresTransactionalStore(context, maxTransactions);
  }

  saveSnapshot(snapshot: Snapshot): Promise<void> {
    return this.#snapshots.saveSnapshot(snapshot);
  }
  saveTaskResult(instanceId: string, taskId: string, output: Bytes): Promise<void> {
    return this.#snapshots.saveTaskResult(instanceId, taskId, output);
  }
  loadSnapshot(instanceId: string): Promise<Snapshot> {
    return this.#snapshots.loadSnapshot(instanceId);
  }
  deleteSnapshot(instanceId: string): Promise<void> {
    return this.#snapshots.deleteSnapshot(instanceId);
  }
  listSnapshots(page?: { readonly after?: string; readonly limit?: number }): Promise<string[]> {
    return this.#snapshots.listSnapshots(page);
  }

  storeSignal(instanceId: string, kind: SignalKind, request: CancelRequest): Promise<void> {
    return this.#signals.storeSignal(instanceId, kind, request);
  }
  getSignal(instanceId: string, kind: SignalKind): Promise<CancelRequest | null> {
    return this.#signals.getSignal(instanceId, kind);
  }
  clearSignal(instanceId: string, kind: SignalKind): Promise<void> {
    return this.#signals.clearSignal(instanceId, kind);
  }
  sendEvent(instanceId: string, name: string, payload: Bytes, options?: SendOptions): Promise<SendOutcome> {
    return this.#signals.sendEvent(instanceId, name, payload, options);
  }
  consumeEvent(instanceId: string, name: string): Promise<Bytes | null> {
    return this.#signals.consumeEvent(instanceId, name);
  }
  checkAndCancel(instanceId: string, interruptedAtTask?: string): Promise<boolean> {
    return this.#signals.checkAndCancel(instanceId, interruptedAtTask);
  }
  checkAndPause(instanceId: string): Promise<boolean> {
    return this.#signals.checkAndPause(instanceId);
  }
  unpause(instanceId: string): Promise<Snapshot> {
    return this.#signals.unpause(instanceId);
  }

  claimTask(instanceId: string, taskId: string, workerId: string, ttlMs?: number): Promise<TaskClaim | null> {
    return this.#taskClaims.claimTask(instanceId, taskId, workerId, ttlMs);
  }
  releaseTaskClaim(instanceId: string, taskId: string, workerId: string): Promise<void> {
    return this.#taskClaims.releaseTaskClaim(instanceId, taskId, workerId);
  }
  extendTaskClaim(instanceId: string, taskId: string, workerId: string, durationMs: number): Promise<void> {
    return this.#taskClaims.extendTaskClaim(instanceId, taskId, workerId, durationMs);
  }
  findAvailableTasks(workerId: string, limit: number): Promise<AvailableTask[]> {
    return this.#taskClaims.findAvailableTasks(workerId, limit);
  }
  registerWorker(workerId: string, tags: readonly string[]): Promise<void> {
    return this.#taskClaims.registerWorker(workerId, tags);
  }
  keepWorker(workerId: string, tags: readonly string[], ttlMs: number, lanes?: readonly Lane[]): Promise<number> {
    return this.#taskClaims.keepWorker(workerId, tags, ttlMs, lanes);
  }
  unregisterWorker(workerId: string): Promise<void> {
    return this.#taskClaims.unregisterWorker(workerId);
  }

  createInstances(instances: readonly NewInstance[], holder?: Holder): Promise<readonly CreatedInstance[]> {
    return this.#instances.createInstances(instances, holder);
  }
  replaceInstance(instance: NewInstance, holder?: Holder): Promise<CreatedInstance> {
    return this.#instances.replaceInstance(instance, holder);
  }
  findInstance(instanceId: string): Promise<InstanceState | null> {
    return this.#instances.findInstance(instanceId);
  }
  findEnded(instanceIds: readonly string[]): Promise<readonly string[]> {
    return this.#instances.findEnded(instanceIds);
  }
  listInstances(filter: InstanceFilter): Promise<readonly InstanceOutline[]> {
    return this.#instances.listInstances(filter);
  }
  listInstanceIds(filter: InstanceFilter): Promise<readonly string[]> {
    return this.#instances.listInstanceIds(filter);
  }
  requestControl(instanceId: string, kind: SignalKind, request: CancelRequest): Promise<ControlOutcome> {
    return this.#instances.requestControl(instanceId, kind, request);
  }
  terminateInstance(instanceId: string, request: SignalRequest): Promise<TerminateOutcome> {
    return this.#instances.terminateInstance(instanceId, request);
  }
  unpauseInstance(instanceId: string): Promise<void> {
    return this.#instances.unpauseInstance(instanceId);
  }
  setDeadline(instanceId: string, deadline: NewDeadline | null): Promise<void> {
    return this.#instances.setDeadline(instanceId, deadline);
  }
  saveProgress(claim: ClaimRef, taskId: string, value: Bytes): Promise<ProgressFate> {
    return this.#progress.saveProgress(claim, taskId, value);
  }
  loadProgress(instanceId: string, path: string, taskId: string): Promise<Bytes | null> {
    return this.#progress.loadProgress(instanceId, path, taskId);
  }
  retryInstance(instanceId: string, request: RetryRequest): Promise<void> {
    return this.#instances.retryInstance(instanceId, request);
  }
  forkInstance(fork: InstanceFork): Promise<void> {
    return this.#instances.forkInstance(fork);
  }
  migrateInstance(migration: Migration): Promise<void> {
    return this.#instances.migrateInstance(migration);
  }
  settleInterrupt(instanceId: string, interruptedAtTask: string): Promise<InstanceStatus | null> {
    return this.#instances.settleInterrupt(instanceId, interruptedAtTask);
  }

  claimPositions(request: ClaimRequest): Promise<readonly ClaimedPosition[]> {
    return this.#positions.claimPositions(request);
  }
  promoteDue(): Promise<Promotion> {
    return this.#positions.promoteDue();
  }
  commitCheckpoints(
    checkpoints: readonly Checkpoint[],
    holder: { readonly workerId: string; readonly leaseMs: number },
  ): Promise<readonly CheckpointFate[]> {
    return this.#positions.commitCheckpoints(checkpoints, holder);
  }
  renewClaims(claims: readonly ClaimRef[], leaseMs: number): Promise<readonly Renewal[]> {
    return this.#positions.renewClaims(claims, leaseMs);
  }
  releaseClaims(claims: readonly ClaimRef[]): Promise<void> {
    return this.#positions.releaseClaims(claims);
  }
  peekEvent(instanceId: string, name: string): Promise<BufferedEvent | null> {
    return this.#positions.peekEvent(instanceId, name);
  }

  declareLimits(limits: readonly Limit[]): Promise<void> {
    return this.#limits.declareLimits(limits);
  }

  hasGates(lanes: readonly Lane[]): Promise<boolean> {
    return this.#limits.hasGates(lanes);
  }

  claimLimited(request: ClaimRequest): Promise<Admission> {
    return this.#limits.claimLimited(request);
  }

  listLimits(): Promise<readonly LimitState[]> {
    return this.#limits.listLimits();
  }

  listLimitKeys(
    name: string,
    page: { readonly after?: string; readonly limit: number },
  ): Promise<readonly LimitKeyState[]> {
    return this.#limits.listLimitKeys(name, page);
  }

  changeLimit(name: string, change: LimitChange): Promise<boolean> {
    return this.#limits.changeLimit(name, change);
  }

  resetLimit(name: string): Promise<boolean> {
    return this.#limits.resetLimit(name);
  }

  changeLimitKey(name: string, key: string, change: LimitKeyChange): Promise<boolean> {
    return this.#limits.changeLimitKey(name, key, change);
  }

  startKeyed(start: KeyedStart): Promise<StartOutcome> {
    return this.#startKeys.startKeyed(start);
  }

  countReady(definitionHash: string, atMost: number): Promise<number> {
    return this.#flows.countReady(definitionHash, atMost);
  }
  pauseFlow(flow: string, request: SignalRequest): Promise<boolean> {
    return this.#flows.pauseFlow(flow, request);
  }
  unpauseFlow(flow: string): Promise<boolean> {
    return this.#flows.unpauseFlow(flow);
  }
  listPausedFlows(): Promise<readonly PausedFlow[]> {
    return this.#flows.listPausedFlows();
  }

  createChildren(children: readonly NewChild[]): Promise<readonly ChildFate[]> {
    return this.#children.createChildren(children);
  }
  findChildren(instanceIds: readonly string[]): Promise<readonly (InstanceRecord | null)[]> {
    return this.#children.findChildren(instanceIds);
  }
  hasOpenChildren(parentId: string): Promise<boolean> {
    return this.#children.hasOpenChildren(parentId);
  }
  settleEndings(): Promise<boolean> {
    return this.#children.settleEndings();
  }

  readHistory(
    instanceId: string,
    page?: { readonly after?: bigint; readonly limit?: number },
  ): Promise<readonly HistoryEntry[]> {
    return this.#history.readHistory(instanceId, page);
  }
  readTrace(instanceId: string): Promise<readonly TraceEntry[]> {
    return this.#history.readTrace(instanceId);
  }
  loadResults(instanceId: string, taskIds: readonly string[]): Promise<readonly TaskResult[]> {
    return this.#history.loadResults(instanceId, taskIds);
  }
  findLastIteration(instanceId: string, loopTaskId: string): Promise<string | null> {
    return this.#history.findLastIteration(instanceId, loopTaskId);
  }
  loadSteps(instanceId: string, taskId: string): Promise<readonly TaskResult[]> {
    return this.#history.loadSteps(instanceId, taskId);
  }
  listCompleted(instanceId: string): Promise<readonly string[]> {
    return this.#history.listCompleted(instanceId);
  }
  highestAttempt(instanceId: string, taskId: string): Promise<number> {
    return this.#history.highestAttempt(instanceId, taskId);
  }

  lastFailure(instanceId: string, taskId: string): Promise<Uint8Array | null> {
    return this.#history.lastFailure(instanceId, taskId);
  }
  sinceAttempt(instanceId: string, taskId: string, attempt: number): Promise<number | null> {
    return this.#history.sinceAttempt(instanceId, taskId, attempt);
  }

  loadStates(instanceId: string, taskIds: readonly string[]): Promise<readonly StateVersion[]> {
    return this.#states.loadStates(instanceId, taskIds);
  }
  hasStateChange(instanceId: string, taskId: string, after: number, by: string): Promise<boolean> {
    return this.#states.hasStateChange(instanceId, taskId, after, by);
  }
  applyUpdate(request: UpdateRequest): Promise<UpdateOutcome> {
    return this.#states.applyUpdate(request);
  }

  publishDefinitions(definitions: readonly PublishedDefinition[], asNewest: boolean): Promise<void> {
    return this.#definitions.publishDefinitions(definitions, asNewest);
  }

  openTransaction(request: TransactionRequest): Promise<TaskTransaction> {
    return this.#transactions.openTransaction(request);
  }
  within(tx: Queryable): TransactionScope {
    return this.#transactions.within(tx);
  }
}
