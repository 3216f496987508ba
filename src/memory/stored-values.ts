import { deadlineTime } from "../snapshot/deadline.ts";
import type { Position } from "../snapshot/position.ts";
import type { InstanceOutline, InstanceRecord, Snapshot } from "../snapshot/snapshot.ts";
import type { NewInstance } from "../store/instance-store.ts";
import type { SavedProgress } from "../store/progress-store.ts";
import type { CancelRequest } from "../store/signal-store.ts";
import { copyOf, copyOrNull } from "./bytes.ts";
import { compareCodePoints } from "./code-points.ts";
import type { StoredInstance } from "./stored-instance.ts";

// What comes in and goes out is copied, so that neither side sees what the other one changes later.

export function recordFrom(instance: NewInstance, now: number): InstanceRecord {
  return copyRecord({
    instanceId: instance.instanceId,
    flow: instance.flow,
    definitionHash: instance.definitionHash,
    codec: instance.codec,
    status: "in_progress",
    input: instance.input,
    output: null,
    failure: null,
    reason: null,
    priority: instance.priority,
    tags: instance.tags,
    labels: instance.labels,
    createdAt: now,
    deadlineAt: deadlineTime(instance.deadline, now),
    forkedFrom: null,
    parent: null,
    spawns: instance.spawns,
    endedAt: null,
    run: 1,
  });
}

/** The parts of an instance's record, and nothing else that `record` may have. */
export function copyRecord(record: InstanceRecord): InstanceRecord {
  return {
    ...copyOutline(record),
    input: copyOf(record.input),
    output: copyOrNull(record.output),
    failure: copyOrNull(record.failure),
  };
}

/** What there is of an instance's record without payloads. */
export function copyOutline(record: InstanceOutline): InstanceOutline {
  return {
    instanceId: record.instanceId,
    flow: record.flow,
    definitionHash: record.definitionHash,
    codec: record.codec,
    status: record.status,
    reason: record.reason,
    priority: record.priority,
    tags: [...record.tags],
    labels: copyLabels(record.labels),
    createdAt: record.createdAt,
    deadlineAt: record.deadlineAt,
    forkedFrom: record.forkedFrom === null ? null : { ...record.forkedFrom },
    parent: record.parent === null ? null : { ...record.parent },
    spawns: record.spawns,
    endedAt: record.endedAt,
    run: record.run,
  };
}

/** By path. */
export function copyPositions(instance: StoredInstance): Position[] {
  return [...instance.positions.values()].sort((a, b) => compareCodePoints(a.path, b.path)).map(copyPosition);
}

/** The parts of a position, and nothing else that `position` may have. */
export function copyPosition(position: Position): Position {
  const { claim, gate, limitKey, slot } = position;
  return {
    path: position.path,
    taskId: position.taskId,
    kind: position.kind,
    inputRef: position.inputRef,
    attempt: position.attempt,
    priority: position.priority,
    tags: [...position.tags],
    ...(gate === undefined ? {} : { gate: { limit: gate.limit, scope: gate.scope } }),
    ...(limitKey === undefined ? {} : { limitKey }),
    ...(slot === undefined ? {} : { slot: { limit: slot.limit, key: slot.key } }),
    event: position.event,
    pending: position.pending,
    items: position.items === null ? null : { ...position.items },
    ready: position.ready,
    availableAt: position.availableAt,
    wakeAt: position.wakeAt,
    interrupt: position.interrupt,
    lost: position.lost,
    claim: claim === null ? null : { workerId: claim.workerId, token: claim.token, expiresAt: claim.expiresAt },
  };
}

/** Of what its positions stand at. */
export function copyProgress({ positions, progress }: StoredInstance): SavedProgress[] {
  return [...progress.values()]
    .filter(({ path, taskId }) => positions.get(path)?.taskId === taskId)
    .map((one) => ({ ...one, value: copyOf(one.value) }));
}

export function copyRequest(request: CancelRequest): CancelRequest {
  return {
    ...(request.undo === undefined ? {} : { undo: request.undo }),
    ...(request.reason === undefined ? {} : { reason: request.reason }),
    ...(request.requestedBy === undefined ? {} : { requestedBy: request.requestedBy }),
  };
}

export function snapshotOf(instance: StoredInstance): Snapshot {
  return { ...copyRecord(instance.record), positions: copyPositions(instance), results: instance.history.results() };
}

function copyLabels(labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  // `fromEntries` defines properties, so that a label named `__proto__` stays a label.
  return Object.fromEntries(Object.entries(labels));
}
