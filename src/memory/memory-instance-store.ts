import { InvalidTransitionError } from "../errors/instance-errors.ts";
import { type InstanceId, parseKnownId, parseTaskId } from "../ids.ts";
import { deadlineTime, type NewDeadline } from "../snapshot/deadline.ts";
import type { Position } from "../snapshot/position.ts";
import { type InstanceOutline, type InstanceRecord, type InstanceStatus, isTerminal } from "../snapshot/snapshot.ts";
import { startingPosition } from "../snapshot/starting-position.ts";
import { requireStood } from "../snapshot/stood-position.ts";
import { parseControlRequest, parseRetryRequest, parseSignalKind, parseSignalRequest } from "../store/arguments.ts";
import {
  checkDeadline,
  checkFilter,
  checkFork,
  checkInstanceIds,
  checkMigration,
  checkNewInstance,
  checkNewInstances,
} from "../store/check-instance.ts";
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
import { pendingRequest } from "../store/pending-request.ts";
import type { CancelRequest, RetryRequest, SignalKind, SignalRequest } from "../store/signal-store.ts";
import { forkInstance } from "./fork-instance.ts";
import * as control from "./instance-control.ts";
import { fits } from "./instance-filter.ts";
import { isAlready } from "./memory-signal-store.ts";
import type { MemoryState } from "./memory-state.ts";
import { migrateInstance } from "./migrate-instance.ts";
import { claimPosition } from "./new-position.ts";
import type { StoredInstance } from "./stored-instance.ts";
import { copyOutline, copyPositions, copyProgress, copyRecord, copyRequest, recordFrom } from "./stored-values.ts";

const DEFAULT_PAGE = 100;
const SIGNAL_KINDS: readonly SignalKind[] = ["cancel", "pause"];

/** Makes, finds and controls instances, in memory. */
export class MemoryInstanceStore implements InstanceStore {
  readonly #state: MemoryState;

  constructor(state: MemoryState) {
    this.#state = state;
  }

  async createInstances(instances: readonly NewInstance[], holder?: Holder): Promise<readonly CreatedInstance[]> {
    checkNewInstances(instances, holder);
    const now = this.#state.now();
    let turn = 0;
    return instances.map((instance) => {
      turn += instance.positions.length;
      if (this.#state.find(instance.instanceId) === null) {
        return this.#create(instance, holder, now, turn - instance.positions.length);
      }
      return { instanceId: instance.instanceId, created: false, granted: [] };
    });
  }

  async replaceInstance(instance: NewInstance, holder?: Holder): Promise<CreatedInstance> {
    checkNewInstance(instance, holder, "instance");
    const existing = this.#state.find(instance.instanceId);
    if (existing !== null) this.#state.delete(existing);
    return this.#create(instance, holder, this.#state.now(), 0);
  }

  async findInstance(instanceId: InstanceId): Promise<InstanceState | null> {
    const instance = this.#state.find(parseKnownId(instanceId));
    if (instance === null) return null;
    return {
      instance: copyRecord(instance.record),
      positions: copyPositions(instance),
      progress: copyProgress(instance),
      signals: SIGNAL_KINDS.flatMap((kind) => {
        const request = instance.signals.get(kind);
        return request === undefined ? [] : [{ kind, request: copyRequest(request) }];
      }),
      now: this.#state.now(),
    };
  }

  async findEnded(instanceIds: readonly InstanceId[]): Promise<readonly InstanceId[]> {
    checkInstanceIds(instanceIds);
    return instanceIds.filter((id) => {
      const instance = this.#state.find(id);
      return instance === null || isTerminal(instance.record.status);
    });
  }

  async listInstances(filter: InstanceFilter): Promise<readonly InstanceOutline[]> {
    checkFilter(filter);
    return this.#page(filter).map(copyOutline);
  }

  async listInstanceIds(filter: InstanceFilter): Promise<readonly InstanceId[]> {
    checkFilter(filter);
    return this.#page(filter).map(({ instanceId }) => instanceId);
  }

  async requestControl(instanceId: InstanceId, kind: SignalKind, request: CancelRequest): Promise<ControlOutcome> {
    parseKnownId(instanceId);
    const facts = parseControlRequest(parseSignalKind(kind), request);
    const instance = this.#state.get(instanceId);
    if (isAlready(instance, kind)) return "unchanged";
    const now = this.#state.now();
    if (kind === "pause") {
      control.pause(this.#state, instance, facts, now);
      return "applied";
    }
    if (control.isCancelling(instance)) return "requested";
    const asked = pendingRequest(instance.signals.get("cancel") ?? null, facts);
    if (asked.undo !== true && !instance.isHeld(now)) {
      control.cancel(this.#state, instance, asked, null, now);
      return "applied";
    }
    control.request(this.#state, instance, kind, facts, now);
    return "requested";
  }

  async terminateInstance(instanceId: InstanceId, request: SignalRequest): Promise<TerminateOutcome> {
    parseKnownId(instanceId);
    const facts = parseSignalRequest(request);
    const instance = this.#state.get(instanceId);
    if (isAlready(instance, "cancel")) return "unchanged";
    control.cancel(this.#state, instance, facts, null, this.#state.now());
    return "applied";
  }

  async unpauseInstance(instanceId: InstanceId): Promise<void> {
    control.unpause(this.#state, this.#state.get(parseKnownId(instanceId)), this.#state.now());
  }

  async retryInstance(instanceId: InstanceId, request: RetryRequest): Promise<void> {
    parseKnownId(instanceId);
    const parsed = parseRetryRequest(request);
    const instance = this.#state.get(instanceId);
    const kept = requireStood(instanceId, instance.record.status, instance.stood);
    control.retry(this.#state, instance, kept, parsed, this.#state.now());
  }

  async forkInstance(fork: InstanceFork): Promise<void> {
    checkFork(fork);
    forkInstance(this.#state, fork);
  }

  async migrateInstance(migration: Migration): Promise<void> {
    checkMigration(migration);
    migrateInstance(this.#state, migration);
  }

  async setDeadline(instanceId: InstanceId, deadline: NewDeadline | null): Promise<void> {
    parseKnownId(instanceId);
    if (deadline !== null) checkDeadline(deadline, "deadline");
    const instance = this.#state.get(instanceId);
    const { status } = instance.record;
    if (isTerminal(status)) throw new InvalidTransitionError(instanceId, status, "setting a deadline");
    const now = this.#state.now();
    this.#state.note(instance, "extend", now);
    this.#state.setDeadline(instance, deadlineTime(deadline, now), now);
  }

  async settleInterrupt(instanceId: InstanceId, interruptedAtTask: string): Promise<InstanceStatus | null> {
    parseKnownId(instanceId);
    parseTaskId(interruptedAtTask, "interruptedAtTask");
    const instance = this.#state.find(instanceId);
    if (instance === null) return null;
    if (!isTerminal(instance.record.status)) this.#settle(instance, interruptedAtTask);
    return instance.record.status;
  }

  #page(filter: InstanceFilter): InstanceRecord[] {
    const found: InstanceRecord[] = [];
    for (const id of this.#state.ids.after(filter.after ?? null)) {
      const record = this.#state.get(id).record;
      if (!fits(record, filter)) continue;
      found.push(record);
      if (found.length === (filter.limit ?? DEFAULT_PAGE)) break;
    }
    return found;
  }

  #settle(instance: StoredInstance, interruptedAtTask: string): void {
    const now = this.#state.now();
    const cancel = instance.signals.get("cancel");
    if (cancel !== undefined) {
      if (cancel.undo === true) control.refreshInterrupts(this.#state, instance, now);
      else if (!instance.isHeld(now)) control.cancel(this.#state, instance, cancel, interruptedAtTask, now);
      return;
    }
    const pause = instance.signals.get("pause");
    if (pause !== undefined) return control.pause(this.#state, instance, pause, now);
    if (instance.record.status === "in_progress") control.refreshInterrupts(this.#state, instance, now);
  }

  #create(start: NewInstance, holder: Holder | undefined, now: number, lastTurn: number): CreatedInstance {
    const instance = this.#state.insert(recordFrom(start, now));
    instance.traceContext = start.traceContext ?? null;
    const granted: { path: string; token: bigint }[] = [];
    for (const [index, position] of start.positions.entries()) {
      let placed: Position = startingPosition(position, now);
      if (position.claimed && holder !== undefined && !this.#state.pausedFlows.has(start.flow)) {
        const token = this.#state.nextToken();
        placed = claimPosition(placed, { workerId: holder.workerId, token, expiresAt: now + holder.leaseMs });
        granted.push({ path: position.path, token });
      }
      this.#state.place(instance, placed, now, lastTurn + index + 1);
    }
    const { deadlineAt } = instance.record;
    if (deadlineAt !== null) this.#state.setDeadline(instance, deadlineAt, now);
    return { instanceId: instance.id, created: true, granted };
  }
}
