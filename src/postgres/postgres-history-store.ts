import { parseKnownId, parseTaskId } from "../ids.ts";
import type { HistoryEntry, TaskResult } from "../snapshot/snapshot.ts";
import { stepRange } from "../snapshot/step-ids.ts";
import type { TraceEntry } from "../snapshot/trace-entry.ts";
import { requireArray, requireBigint, requireObject } from "../store/argument-shapes.ts";
import { parseAttempt, parseWhole } from "../store/arguments.ts";
import type { HistoryStore } from "../store/history-store.ts";
import {
  findLastIteration,
  highestAttempt,
  lastFailure,
  listCompleted,
  loadResults,
  loadSteps,
  readHistory,
  readTrace,
  sinceAttempt,
} from "./queries/history.ts";
import { historyEntryFromRow, resultFromRow, traceEntryFromRow } from "./rows.ts";
import type { StoreContext } from "./store-context.ts";

/** Reads what was recorded. */
export class PostgresHistoryStore implements HistoryStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async readHistory(
    instanceId: string,
    page: { readonly after?: bigint; readonly limit?: number } = {},
  ): Promise<readonly HistoryEntry[]> {
    requireObject(page, "page");
    if (page.after !== undefined) requireBigint(page.after, "page.after");
    const params = {
      instanceId: parseKnownId(instanceId),
      after: page.after ?? null,
      limit: parseWhole(page.limit ?? 1_000, "page.limit", 1, 10_000),
    };
    return (await this.#context.db.run("read-history", readHistory(this.#context.tables, params))).map(
      historyEntryFromRow,
    );
  }

  async readTrace(instanceId: string): Promise<readonly TraceEntry[]> {
    const { db, tables } = this.#context;
    const rows = await db.run("read-trace", readTrace(tables, parseKnownId(instanceId)));
    return rows.map(traceEntryFromRow);
  }

  async loadResults(instanceId: string, taskIds: readonly string[]): Promise<readonly TaskResult[]> {
    requireArray(taskIds, "taskIds");
    const params = {
      instanceId: parseKnownId(instanceId),
      taskIds: taskIds.map((taskId, index) => parseTaskId(taskId, `taskIds[${index}]`)),
    };
    if (params.taskIds.length === 0) return [];
    return (await this.#context.db.run("load-results", loadResults(this.#context.tables, params))).map(resultFromRow);
  }

  async findLastIteration(instanceId: string, loopTaskId: string): Promise<string | null> {
    const params = { instanceId: parseKnownId(instanceId), loopTaskId: parseTaskId(loopTaskId, "loopTaskId") };
    const [row] = await this.#context.db.run("find-last-iteration", findLastIteration(this.#context.tables, params));
    return row?.task_id ?? null;
  }

  async loadSteps(instanceId: string, taskId: string): Promise<readonly TaskResult[]> {
    const { db, tables } = this.#context;
    const [from, to] = stepRange(parseTaskId(taskId));
    const params = { instanceId: parseKnownId(instanceId), from, to };
    return (await db.run("load-steps", loadSteps(tables, params))).map(resultFromRow);
  }

  async listCompleted(instanceId: string): Promise<readonly string[]> {
    const { db, tables } = this.#context;
    const rows = await db.run("list-completed", listCompleted(tables, parseKnownId(instanceId)));
    return rows.map((row) => row.task_id);
  }

  async lastFailure(instanceId: string, taskId: string): Promise<Uint8Array | null> {
    const { db, tables } = this.#context;
    const params = { instanceId: parseKnownId(instanceId), taskId: parseTaskId(taskId) };
    const [row] = await db.run("last-failure", lastFailure(tables, params));
    return row?.failure ?? null;
  }

  async highestAttempt(instanceId: string, taskId: string): Promise<number> {
    const { db, tables } = this.#context;
    const params = { instanceId: parseKnownId(instanceId), taskId: parseTaskId(taskId) };
    const [row] = await db.run("highest-attempt", highestAttempt(tables, params));
    return row?.attempt ?? 0;
  }

  async sinceAttempt(instanceId: string, taskId: string, attempt: number): Promise<number | null> {
    const { db, tables } = this.#context;
    const params = {
      instanceId: parseKnownId(instanceId),
      taskId: parseTaskId(taskId),
      attempt: parseAttempt(attempt),
      now: this.#context.now(),
    };
    const [row] = await db.run("since-attempt", sinceAttempt(tables, params));
    return row?.since_ms ?? null;
  }
}
