import { ClaimLostError } from "../errors/claim-errors.ts";
import { type InstanceId, parseKnownId, parseTaskId, parseWorkerId, type TaskId, type WorkerId } from "../ids.ts";
import { isDeadline } from "../snapshot/deadline.ts";
import type { Position, PositionClaim } from "../snapshot/position.ts";
import { comeDue } from "../snapshot/position-rules.ts";
import { parseSpanMs, parseWhole } from "../store/arguments.ts";
import type { AvailableTask, TaskClaim, TaskClaimStore } from "../store/task-claim-store.ts";
import { copyOrNull } from "./bytes.ts";
import type { MemoryState } from "./memory-state.ts";
import { claimPosition } from "./new-position.ts";
import { readyInOrder } from "./ready-order.ts";
import type { Slot, StoredInstance } from "./stored-instance.ts";

/** Claims by task id, in memory. */
export class MemoryTaskClaimStore implements TaskClaimStore {
  readonly #state: MemoryState;

  constructor(state: MemoryState) {
    this.#state = state;
  }

  async claimTask(
    instanceId: InstanceId,
    taskId: TaskId,
    workerId: WorkerId,
    ttlMs?: number,
  ): Promise<TaskClaim | null> {
    checkIds(instanceId, taskId, workerId);
    const spanMs = ttlMs === undefined ? null : parseSpanMs(ttlMs, "ttlMs");
    const instance = this.#state.get(instanceId);
    const now = this.#state.now();
    const position = readyAt(instance, taskId, now);
    if (position === null) return null;
    const claim: PositionClaim = {
      workerId,
      token: this.#state.nextToken(),
      expiresAt: spanMs === null ? null : now + spanMs,
    };
    this.#state.place(instance, claimPosition(position, claim), now);
    return { instanceId, taskId, ...claim, claimedAt: now };
  }

  async releaseTaskClaim(instanceId: InstanceId, taskId: TaskId, workerId: WorkerId): Promise<void> {
    checkIds(instanceId, taskId, workerId);
    const { instance, position } = this.#heldBy(instanceId, taskId, workerId);
    const now = this.#state.now();
    this.#state.giveBack(instance, position, now);
  }

  async extendTaskClaim(instanceId: InstanceId, taskId: TaskId, workerId: WorkerId, durationMs: number): Promise<void> {
    checkIds(instanceId, taskId, workerId);
    const spanMs = parseSpanMs(durationMs, "durationMs");
    const { instance, position, claim } = this.#heldBy(instanceId, taskId, workerId);
    if (claim.expiresAt === null) return;
    const now = this.#state.now();
    this.#state.place(instance, claimPosition(position, { ...claim, expiresAt: now + spanMs }), now);
  }

  async findAvailableTasks(workerId: WorkerId, limit: number): Promise<AvailableTask[]> {
    parseWorkerId(workerId);
    parseWhole(limit, "limit", 1, 10_000);
    this.#state.promoteDue(this.#state.now());
    const registered = this.#state.workers.get(workerId)?.tags;
    const takesAll = registered?.length === 0;
    const tags = new Set(registered);
    const queues = [...this.#state.table.queues()].filter(
      (queue) => takesAll || queue.tags.every((tag) => tags.has(tag)),
    );
    return readyInOrder(queues, limit, isTask).map(availableTask);
  }

  /** @throws {ClaimLostError} */
  #heldBy(
    instanceId: InstanceId,
    taskId: TaskId,
    workerId: WorkerId,
  ): { instance: StoredInstance; position: Position; claim: PositionClaim } {
    const instance = this.#state.find(instanceId);
    const position = instance?.standingAt(taskId);
    if (instance == null || position?.claim == null || position.claim.workerId !== workerId) {
      throw new ClaimLostError(instanceId, taskId);
    }
    return { instance, position, claim: position.claim };
  }
}

function checkIds(instanceId: unknown, taskId: unknown, workerId: unknown): void {
  parseKnownId(instanceId);
  parseTaskId(taskId);
  parseWorkerId(workerId);
}

/** The position that stands at a task, if it can be taken now; what has come due is brought up to date. */
function readyAt(instance: StoredInstance, taskId: TaskId, now: number): Position | null {
  const position = instance.standingAt(taskId);
  // Whoever takes a position this way is not told of a request, so it waits for somebody who is.
  if (position === null || position.interrupt !== null) return null;
  // Before a gate, only a claim that keeps to the limit is let through.
  if (position.gate !== undefined) return null;
  if (position.ready) return position;
  if (position.availableAt === null || position.availableAt > now) return null;
  const due = comeDue(position, now, instance.history.outcomeOf(taskId) !== null);
  return due.ready ? due : null;
}

/** Whether it is one to hand out. */
function isTask({ position }: Slot): boolean {
  return position.interrupt === null && !isDeadline(position);
}

function availableTask({ instance, position }: Slot): AvailableTask {
  const { flow, definitionHash, codec, input } = instance.record;
  return {
    instanceId: instance.id,
    taskId: position.taskId,
    flow,
    definitionHash,
    codec,
    attempt: position.attempt,
    priority: position.priority,
    input: position.kind === "join" ? null : copyOrNull(instance.history.valueOf(position.inputRef, input)),
  };
}
