import { type InstanceId, parseKnownId, parseTaskId, type TaskId } from "../ids.ts";
import type { Bytes, HistoryEntry, TaskResult } from "../snapshot/snapshot.ts";
import type { TraceEntry } from "../snapshot/trace-entry.ts";
import { requireArray, requireBigint, requireObject } from "../store/argument-shapes.ts";
import { parseAttempt, parseWhole } from "../store/arguments.ts";
import type { HistoryStore } from "../store/history-store.ts";
import type { MemoryState } from "./memory-state.ts";

const DEFAULT_PAGE = 1_000;

/** Reads what was recorded, in memory. */
export class MemoryHistoryStore implements HistoryStore {
  readonly #state: MemoryState;

  constructor(state: MemoryState) {
    this.#state = state;
  }

  async readHistory(
    instanceId: InstanceId,
    page: { readonly after?: bigint; readonly limit?: number } = {},
  ): Promise<readonly HistoryEntry[]> {
    parseKnownId(instanceId);
    requireObject(page, "page");
    if (page.after !== undefined) requireBigint(page.after, "page.after");
    if (page.limit !== undefined) parseWhole(page.limit, "page.limit", 1, 10_000);
    return this.#state.find(instanceId)?.history.page(page.after ?? null, page.limit ?? DEFAULT_PAGE) ?? [];
  }

  async readTrace(instanceId: InstanceId): Promise<readonly TraceEntry[]> {
    parseKnownId(instanceId);
    return this.#state.find(instanceId)?.history.trace() ?? [];
  }

  async loadResults(instanceId: InstanceId, taskIds: readonly TaskId[]): Promise<readonly TaskResult[]> {
    parseKnownId(instanceId);
    requireArray(taskIds, "taskIds");
    for (const [index, taskId] of taskIds.entries()) parseTaskId(taskId, `taskIds[${index}]`);
    const instance = this.#state.find(instanceId);
    if (instance === null) return [];
    return [...new Set(taskIds)].flatMap(
      (taskId) => instance.history.resolvedResult(taskId, instance.record.input) ?? [],
    );
  }

  async findLastIteration(instanceId: InstanceId, loopTaskId: TaskId): Promise<TaskId | null> {
    parseKnownId(instanceId);
    parseTaskId(loopTaskId, "loopTaskId");
    return this.#state.find(instanceId)?.history.lastIteration(loopTaskId) ?? null;
  }

  async loadSteps(instanceId: InstanceId, taskId: TaskId): Promise<readonly TaskResult[]> {
    parseKnownId(instanceId);
    parseTaskId(taskId);
    return this.#state.find(instanceId)?.history.stepsOf(taskId) ?? [];
  }

  async listCompleted(instanceId: InstanceId): Promise<readonly TaskId[]> {
    const results = this.#state.find(parseKnownId(instanceId))?.history.results() ?? [];
    return results.filter(({ outcome }) => outcome === "completed").map(({ taskId }) => taskId);
  }

  async lastFailure(instanceId: InstanceId, taskId: TaskId): Promise<Bytes | null> {
    parseKnownId(instanceId);
    parseTaskId(taskId);
    return this.#state.find(instanceId)?.history.lastFailureOf(taskId) ?? null;
  }

  async highestAttempt(instanceId: InstanceId, taskId: TaskId): Promise<number> {
    parseKnownId(instanceId);
    parseTaskId(taskId);
    return this.#state.find(instanceId)?.history.highestAttemptOf(taskId) ?? 0;
  }

  async sinceAttempt(instanceId: InstanceId, taskId: TaskId, attempt: number): Promise<number | null> {
    parseKnownId(instanceId);
    parseTaskId(taskId);
    parseAttempt(attempt);
    const beganAt = this.#state.find(instanceId)?.history.beginningOf(taskId, attempt) ?? null;
    return beganAt === null ? null : this.#state.now() - beganAt;
  }
}
