import { InvalidTransitionError, ResultConflictError } from "../errors/instance-errors.ts";
import { type InstanceId, parseKnownId, type TaskId } from "../ids.ts";
import type { Position } from "../snapshot/position.ts";
import { kindRecordedAt, standsTheSame, withoutClaim } from "../snapshot/position-rules.ts";
import {
  type Bytes,
  type InstanceRecord,
  isTerminal,
  type NewEntry,
  type Snapshot,
  type TaskResult,
} from "../snapshot/snapshot.ts";
import { requireObject } from "../store/argument-shapes.ts";
import { parseBytes, parseCompletable, parseWhole } from "../store/arguments.ts";
import { checkSnapshot, requireSameRun } from "../store/check-snapshot.ts";
import type { SnapshotStore } from "../store/snapshot-store.ts";
import { sameBytes } from "./bytes.ts";
import { interrupted } from "./instance-control.ts";
import type { MemoryState } from "./memory-state.ts";
import type { StoredInstance } from "./stored-instance.ts";
import { copyPosition, copyRecord, snapshotOf } from "./stored-values.ts";

/** Saves and loads whole instances, in memory. */
export class MemorySnapshotStore implements SnapshotStore {
  readonly #state: MemoryState;

  constructor(state: MemoryState) {
    this.#state = state;
  }

  async saveSnapshot(snapshot: Snapshot): Promise<void> {
    checkSnapshot(snapshot);
    const existing = this.#state.find(snapshot.instanceId);
    if (existing !== null) refuseSave(existing, snapshot);
    const now = this.#state.now();
    // Whose child it is, is not for a snapshot to say.
    const parent = existing?.record.parent ?? null;
    const spawns = snapshot.spawns || existing?.record.spawns === true;
    const record = copyRecord({ ...snapshot, parent, spawns });
    const instance = existing ?? this.#state.insert(record);
    for (const result of snapshot.results) this.#record(instance, result, now);
    this.#state.note(instance, "save", now);
    if (isTerminal(record.status)) return this.#state.end(instance, record);
    if (record.status === "paused") instance.signals.delete("pause");
    this.#overwrite(instance, record, snapshot.positions, now);
  }

  async saveTaskResult(instanceId: InstanceId, taskId: TaskId, output: Bytes): Promise<void> {
    parseKnownId(instanceId);
    parseCompletable(taskId);
    parseBytes(output, "output");
    const instance = this.#state.get(instanceId);
    if (isTerminal(instance.record.status)) {
      throw new InvalidTransitionError(instanceId, instance.record.status, "saving a task's result");
    }
    const recorded = instance.history.outcomeOf(taskId);
    if (recorded !== null) {
      if (recorded.outcome === "completed" && sameBytes(recorded.output, output)) return;
      throw new ResultConflictError(instanceId, taskId);
    }
    const now = this.#state.now();
    const position = instance.standingAt(taskId);
    const attempt = instance.history.freeAttempt(taskId, position?.attempt ?? null);
    const entry = outcomeEntry(
      {
        taskId,
        kind: kindRecordedAt(position),
        outcome: "completed",
        output,
        outputRef: null,
        failure: null,
        decision: null,
      },
      attempt,
    );
    this.#state.append(instance, entry, { path: position?.path ?? "", workerId: null, at: now });
    // Whoever sleeps there is woken, to find the outcome.
    if (position !== null && !position.ready) this.#state.place(instance, position, now);
  }

  async loadSnapshot(instanceId: InstanceId): Promise<Snapshot> {
    return snapshotOf(this.#state.get(parseKnownId(instanceId)));
  }

  async deleteSnapshot(instanceId: InstanceId): Promise<void> {
    this.#state.delete(this.#state.get(parseKnownId(instanceId)));
  }

  async listSnapshots(page: { readonly after?: InstanceId; readonly limit?: number } = {}): Promise<InstanceId[]> {
    requireObject(page, "page");
    if (page.after !== undefined) parseKnownId(page.after, "page.after");
    if (page.limit !== undefined) parseWhole(page.limit, "page.limit", 1, 100_000);
    const ids: InstanceId[] = [];
    for (const id of this.#state.ids.after(page.after ?? null)) {
      ids.push(id);
      if (ids.length === page.limit) break;
    }
    return ids;
  }

  #record(instance: StoredInstance, result: TaskResult, now: number): void {
    if (instance.history.outcomeOf(result.taskId) !== null) return;
    const entry = outcomeEntry(result, instance.history.freeAttempt(result.taskId, null));
    this.#state.append(instance, entry, { path: "", workerId: null, at: now });
  }

  #overwrite(instance: StoredInstance, record: InstanceRecord, positions: readonly Position[], now: number): void {
    const before = new Map(instance.positions);
    const kept = new Set(positions.map((position) => position.path));
    for (const path of before.keys()) if (!kept.has(path)) this.#state.table.remove(instance, path);
    instance.record = record;
    instance.stood = null;
    for (const position of positions) {
      const stored = before.get(position.path);
      const next =
        stored?.claim != null && standsTheSame(stored, position) ? stored : withoutClaim(copyPosition(position), now);
      this.#state.place(instance, interrupted(instance, next, now), now);
    }
  }
}

/** @throws {InvalidTransitionError | ResultConflictError} the snapshot can't be saved over what is stored */
function refuseSave(existing: StoredInstance, snapshot: Snapshot): void {
  const { status, instanceId } = existing.record;
  if (isTerminal(status)) throw new InvalidTransitionError(instanceId, status, "saving a snapshot");
  requireSameRun(existing.record, snapshot);
  for (const result of snapshot.results) {
    const recorded = existing.history.outcomeOf(result.taskId);
    if (recorded === null) continue;
    const same =
      recorded.outcome === result.outcome &&
      recorded.outputRef === result.outputRef &&
      recorded.decision === result.decision &&
      sameBytes(recorded.output, result.output) &&
      sameBytes(recorded.failure, result.failure);
    if (!same) throw new ResultConflictError(instanceId, result.taskId);
  }
}

function outcomeEntry(result: TaskResult, attempt: number): NewEntry {
  const { taskId, kind, outcome, output, outputRef, failure, decision } = result;
  return { taskId, attempt, kind, outcome, output, outputRef, failure, decision, durationMs: null };
}
