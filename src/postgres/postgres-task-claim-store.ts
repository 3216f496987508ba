import { ClaimLostError } from "../errors/claim-errors.ts";
import { InstanceNotFoundError } from "../errors/instance-errors.ts";
import { parseKnownId, parseTaskId, parseWorkerId } from "../ids.ts";
import type { Lane } from "../snapshot/position.ts";
import { parseSpanMs, parseTags, parseWhole } from "../store/arguments.ts";
import { checkLanes } from "../store/check-instance.ts";
import type { AvailableTask, TaskClaim, TaskClaimStore } from "../store/task-claim-store.ts";
import type { WorkerStore } from "../store/worker-store.ts";
import { findInstance } from "./queries/find-instances.ts";
import { countOthers, deleteWorker, upsertWorker } from "./queries/lanes-and-workers.ts";
import { promoteDue } from "./queries/promote-due.ts";
import { claimTask, extendTask, findAvailable, releaseTask } from "./queries/task-claims.ts";
import { wholeMs } from "./rows.ts";
import type { StoreContext } from "./store-context.ts";

/** Claims by task id, and the workers that make them. */
export class PostgresTaskClaimStore implements TaskClaimStore, WorkerStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async claimTask(instanceId: string, taskId: string, workerId: string, ttlMs?: number): Promise<TaskClaim | null> {
    const params = this.#params(instanceId, taskId, workerId);
    const ttl = ttlMs === undefined ? null : parseSpanMs(ttlMs, "ttlMs");
    const { db, tables } = this.#context;
    const [row] = await db.run("claim-task", claimTask(tables, { ...params, ttlMs: ttl }), "ifWithoutEffect");
    if (row === undefined) {
      const [instance] = await db.run("find-instance", findInstance(tables, params.instanceId));
      if (instance === undefined) throw new InstanceNotFoundError(params.instanceId);
      return null;
    }
    return {
      instanceId: params.instanceId,
      taskId: params.taskId,
      workerId: params.workerId,
      token: row.token,
      claimedAt: wholeMs(row.claimed_ms),
      expiresAt: Number.isFinite(row.expires_ms) ? wholeMs(row.expires_ms) : null,
    };
  }

  async releaseTaskClaim(instanceId: string, taskId: string, workerId: string): Promise<void> {
    const params = this.#params(instanceId, taskId, workerId);
    const rows = await this.#context.db.run(
      "release-task",
      releaseTask(this.#context.tables, params),
      "ifWithoutEffect",
    );
    if (rows.length === 0) throw new ClaimLostError(params.instanceId, params.taskId);
  }

  async extendTaskClaim(instanceId: string, taskId: string, workerId: string, durationMs: number): Promise<void> {
    const params = { ...this.#params(instanceId, taskId, workerId), durationMs: parseSpanMs(durationMs, "durationMs") };
    const rows = await this.#context.db.run("extend-task", extendTask(this.#context.tables, params));
    if (rows.length === 0) throw new ClaimLostError(params.instanceId, params.taskId);
  }

  async findAvailableTasks(workerId: string, limit: number): Promise<AvailableTask[]> {
    const params = {
      workerId: parseWorkerId(workerId),
      limit: parseWhole(limit, "limit", 1, 10_000),
      now: this.#context.now(),
    };
    const { db, tables } = this.#context;
    await db.run("promote-due", promoteDue(tables, { limit: 10_000, now: params.now }));
    const rows = await db.run("find-available", findAvailable(tables, params));
    return rows.map((row) => ({
      instanceId: row.instance_id,
      taskId: row.task_id,
      flow: row.flow,
      definitionHash: row.definition_hash,
      codec: row.codec,
      attempt: row.attempt,
      priority: row.priority,
      input: row.input,
    }));
  }

  async registerWorker(workerId: string, tags: readonly string[]): Promise<void> {
    const params = { workerId: parseWorkerId(workerId), tags: parseTags(tags), lanes: [], now: this.#context.now() };
    await this.#context.db.run("upsert-worker", upsertWorker(this.#context.tables, params));
  }

  async keepWorker(workerId: string, tags: readonly string[], ttlMs: number, lanes?: readonly Lane[]): Promise<number> {
    checkLanes(lanes ?? [], "lanes");
    const { reserved, tables } = this.#context;
    const now = this.#context.now();
    const numbers = lanes === undefined ? null : await this.#context.lanes.find(lanes);
    const params = { workerId: parseWorkerId(workerId), tags: parseTags(tags), lanes: numbers ?? [], now };
    await reserved.run("upsert-worker", upsertWorker(tables, params));
    const own = { workerId: params.workerId, lanes: numbers, ttlMs: parseSpanMs(ttlMs, "ttlMs"), now };
    const query = countOthers(tables, own);
    const [row] = await reserved.run("count-others", query);
    return row?.others ?? 0;
  }

  async unregisterWorker(workerId: string): Promise<void> {
    await this.#context.db.run("delete-worker", deleteWorker(this.#context.tables, parseWorkerId(workerId)));
  }

  #params(
    instanceId: string,
    taskId: string,
    workerId: string,
  ): { instanceId: string; taskId: string; workerId: string; now: Date | null } {
    return {
      instanceId: parseKnownId(instanceId),
      taskId: parseTaskId(taskId),
      workerId: parseWorkerId(workerId),
      now: this.#context.now(),
    };
  }
}
