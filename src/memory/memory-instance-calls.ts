import type { InstanceId, TaskId, WorkerId } from "../ids.ts";
import type { NewDeadline } from "../snapshot/deadline.ts";
import {
  type Bytes,
  type InstanceOutline,
  type InstanceRecord,
  type InstanceStatus,
  isTerminal,
  type Snapshot,
} from "../snapshot/snapshot.ts";
import type { ChildFate, ChildStore, NewChild } from "../store/child-store.ts";
import { hintControlled, hintCreated, hintDeadline, hintTerminated } from "../store/hints.ts";
import type {
  ControlOutcome,
  CreatedInstance,
  Holder,
  InstanceFilter,
  InstanceFork,
  InstanceState,
  InstanceStore,
  Migration,
  NewInstance,
  TerminateOutcome,
} from "../store/instance-store.ts";
import type { PersistentBackend } from "../store/persistent-backend.ts";
import type {
  CancelRequest,
  RetryRequest,
  SendOptions,
  SendOutcome,
  SignalKind,
  SignalRequest,
} from "../store/signal-store.ts";
import type { KeyedStart, StartKeyStore, StartOutcome } from "../store/start-key-store.ts";
import type { AvailableTask, TaskClaim, TaskClaimStore } from "../store/task-claim-store.ts";
import type { Clock } from "../time/clock.ts";
import { MemoryCalls } from "./memory-calls.ts";
import { MemoryInstanceStore } from "./memory-instance-store.ts";
import { MemorySignalStore } from "./memory-signal-store.ts";
import { MemorySnapshotStore } from "./memory-snapshot-store.ts";
import { MemoryStartKeyStore } from "./memory-start-key-store.ts";
import { MemoryTaskClaimStore } from "./memory-task-claim-store.ts";

/** Calls that make, save, find, control and end whole instances, and those by which single tasks are claimed. */
export abstract class MemoryInstanceCalls
  extends MemoryCalls
  implements PersistentBackend, TaskClaimStore, InstanceStore, StartKeyStore, ChildStore
{
  readonly #snapshots: MemorySnapshotStore;
  readonly #claims: MemoryTaskClaimStore;
  readonly #instances: MemoryInstanceStore;
  readonly #startKeys: MemoryStartKeyStore;
  protected readonly signals: MemorySignalStore;

  constructor(clock: Clock, codecId: string) {
    super(clock, codecId);
    this.#snapshots = new MemorySnapshotStore(this.state);
    this.signals = new MemorySignalStore(this.state);
    this.#claims = new MemoryTaskClaimStore(this.state);
    this.#instances = new MemoryInstanceStore(this.state);
    this.#startKeys = new MemoryStartKeyStore(this.state, this.#instances, this.hub);
  }

  async saveSnapshot(snapshot: Snapshot): Promise<void> {
    await this.settled(this.open("saveSnapshot", this.#snapshots).saveSnapshot(snapshot));
    this.hub.ready();
    if (isTerminal(snapshot.status)) this.hub.ended([{ instanceId: snapshot.instanceId, output: null }]);
  }

  async saveTaskResult(instanceId: InstanceId, taskId: TaskId, output: Bytes): Promise<void> {
    await this.open("saveTaskResult", this.#snapshots).saveTaskResult(instanceId, taskId, output);
    this.hub.ready();
  }

  async loadSnapshot(instanceId: InstanceId): Promise<Snapshot> {
    return await this.open("loadSnapshot", this.#snapshots).loadSnapshot(instanceId);
  }

  async deleteSnapshot(instanceId: InstanceId): Promise<void> {
    await this.settled(this.open("deleteSnapshot", this.#snapshots).deleteSnapshot(instanceId));
    this.hub.ended([{ instanceId, output: null }]);
  }

  async listSnapshots(page?: { readonly after?: InstanceId; readonly limit?: number }): Promise<InstanceId[]> {
    return await this.open("listSnapshots", this.#snapshots).listSnapshots(page);
  }

  async storeSignal(instanceId: InstanceId, kind: SignalKind, request: CancelRequest): Promise<void> {
    await this.open("storeSignal", this.signals).storeSignal(instanceId, kind, request);
    this.hub.interrupted();
    this.hub.due(0);
  }

  async getSignal(instanceId: InstanceId, kind: SignalKind): Promise<CancelRequest | null> {
    return await this.open("getSignal", this.signals).getSignal(instanceId, kind);
  }

  async clearSignal(instanceId: InstanceId, kind: SignalKind): Promise<void> {
    await this.open("clearSignal", this.signals).clearSignal(instanceId, kind);
    this.hub.ready();
  }

  async sendEvent(instanceId: InstanceId, name: string, payload: Bytes, options?: SendOptions): Promise<SendOutcome> {
    const outcome = await this.open("sendEvent", this.signals).sendEvent(instanceId, name, payload, options);
    if (outcome === "delivered") this.hub.ready();
    return outcome;
  }

  async consumeEvent(instanceId: InstanceId, name: string): Promise<Bytes | null> {
    return await this.open("consumeEvent", this.signals).consumeEvent(instanceId, name);
  }

  async checkAndCancel(instanceId: InstanceId, interruptedAtTask?: TaskId): Promise<boolean> {
    const applied = await this.settled(
      this.open("checkAndCancel", this.signals).checkAndCancel(instanceId, interruptedAtTask),
    );
    if (applied) this.hub.ended([{ instanceId, output: null }]);
    return applied;
  }

  async checkAndPause(instanceId: InstanceId): Promise<boolean> {
    return await this.open("checkAndPause", this.signals).checkAndPause(instanceId);
  }

  async unpause(instanceId: InstanceId): Promise<Snapshot> {
    const snapshot = await this.open("unpause", this.signals).unpause(instanceId);
    this.hub.ready();
    return snapshot;
  }

  async claimTask(
    instanceId: InstanceId,
    taskId: TaskId,
    workerId: WorkerId,
    ttlMs?: number,
  ): Promise<TaskClaim | null> {
    return await this.open("claimTask", this.#claims).claimTask(instanceId, taskId, workerId, ttlMs);
  }

  async releaseTaskClaim(instanceId: InstanceId, taskId: TaskId, workerId: WorkerId): Promise<void> {
    return await this.open("releaseTaskClaim", this.#claims).releaseTaskClaim(instanceId, taskId, workerId);
  }

  async extendTaskClaim(instanceId: InstanceId, taskId: TaskId, workerId: WorkerId, durationMs: number): Promise<void> {
    return await this.open("extendTaskClaim", this.#claims).extendTaskClaim(instanceId, taskId, workerId, durationMs);
  }

  async findAvailableTasks(workerId: WorkerId, limit: number): Promise<AvailableTask[]> {
    return await this.open("findAvailableTasks", this.#claims).findAvailableTasks(workerId, limit);
  }

  async createInstances(instances: readonly NewInstance[], holder?: Holder): Promise<readonly CreatedInstance[]> {
    const created = await this.open("createInstances", this.#instances).createInstances(instances, holder);
    hintCreated(this.hub, instances, created);
    return created;
  }

  async replaceInstance(instance: NewInstance, holder?: Holder): Promise<CreatedInstance> {
    const created = await this.settled(this.open("replaceInstance", this.#instances).replaceInstance(instance, holder));
    hintCreated(this.hub, [instance], [created]);
    return created;
  }

  async startKeyed(start: KeyedStart): Promise<StartOutcome> {
    return await this.settled(this.open("startKeyed", this.#startKeys).startKeyed(start));
  }

  async findInstance(instanceId: InstanceId): Promise<InstanceState | null> {
    return await this.open("findInstance", this.#instances).findInstance(instanceId);
  }

  async findEnded(instanceIds: readonly InstanceId[]): Promise<readonly InstanceId[]> {
    return await this.open("findEnded", this.#instances).findEnded(instanceIds);
  }

  async listInstances(filter: InstanceFilter): Promise<readonly InstanceOutline[]> {
    return await this.open("listInstances", this.#instances).listInstances(filter);
  }

  async listInstanceIds(filter: InstanceFilter): Promise<readonly InstanceId[]> {
    return await this.open("listInstanceIds", this.#instances).listInstanceIds(filter);
  }

  async requestControl(instanceId: InstanceId, kind: SignalKind, request: CancelRequest): Promise<ControlOutcome> {
    const outcome = await this.settled(
      this.open("requestControl", this.#instances).requestControl(instanceId, kind, request),
    );
    hintControlled(this.hub, instanceId, kind, outcome);
    return outcome;
  }

  async terminateInstance(instanceId: InstanceId, request: SignalRequest): Promise<TerminateOutcome> {
    const outcome = await this.settled(
      this.open("terminateInstance", this.#instances).terminateInstance(instanceId, request),
    );
    if (outcome === "applied") hintTerminated(this.hub, instanceId);
    return outcome;
  }

  async unpauseInstance(instanceId: InstanceId): Promise<void> {
    await this.open("unpauseInstance", this.#instances).unpauseInstance(instanceId);
    this.hub.ready();
  }

  async setDeadline(instanceId: InstanceId, deadline: NewDeadline | null): Promise<void> {
    await this.open("setDeadline", this.#instances).setDeadline(instanceId, deadline);
    hintDeadline(this.hub, deadline);
  }

  async retryInstance(instanceId: InstanceId, request: RetryRequest): Promise<void> {
    await this.open("retryInstance", this.#instances).retryInstance(instanceId, request);
    this.hub.ready();
  }

  async forkInstance(fork: InstanceFork): Promise<void> {
    await this.open("forkInstance", this.#instances).forkInstance(fork);
    this.hub.ready();
  }

  async migrateInstance(migration: Migration): Promise<void> {
    await this.open("migrateInstance", this.#instances).migrateInstance(migration);
    this.hub.ready();
  }

  async settleInterrupt(instanceId: InstanceId, interruptedAtTask: string): Promise<InstanceStatus | null> {
    const status = await this.settled(
      this.open("settleInterrupt", this.#instances).settleInterrupt(instanceId, interruptedAtTask),
    );
    if (status === "cancelled") this.hub.ended([{ instanceId, output: null }]);
    return status;
  }

  async createChildren(children: readonly NewChild[]): Promise<readonly ChildFate[]> {
    return await this.open("createChildren", this.children).createChildren(children);
  }

  async findChildren(instanceIds: readonly InstanceId[]): Promise<readonly (InstanceRecord | null)[]> {
    return await this.open("findChildren", this.children).findChildren(instanceIds);
  }

  async hasOpenChildren(parentId: InstanceId): Promise<boolean> {
    return await this.open("hasOpenChildren", this.children).hasOpenChildren(parentId);
  }

  async settleEndings(): Promise<boolean> {
    return await this.open("settleEndings", this.children).settleEndings();
  }
}
