import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { InstanceNotFoundError, InvalidTransitionError, ResultConflictError } from "../errors/instance-errors.ts";
import { parseInstanceId, parseTaskId } from "../ids.ts";
import { NOTES } from "../snapshot/apply.ts";
import { checkSnapshot } from "../snapshot/check-snapshot.ts";
import type { Lane, Position } from "../snapshot/position.ts";
import { type Bytes, isTerminal, type NewEntry, type Snapshot, type TaskResult } from "../snapshot/snapshot.ts";
import { parseBytes, parsePath, parseStanding, parseWhole } from "../store/arguments.ts";
import type { SnapshotStore } from "../store/snapshot-store.ts";
import type { Session } from "./database.ts";
import { appendNote, lockAllPositions, lockExisting } from "./instance-control.ts";
import { deleteInstance, deletePositions, deleteSignals, upsertInstance } from "./queries/change-instance.ts";
import { deletePositionsExcept, upsertPosition, wakePosition } from "./queries/change-positions.ts";
import {
  findInstance,
  findPositions,
  type LockedPositionRow,
  listInstanceIds,
  lockInstance,
  lockPositions,
} from "./queries/find-instances.ts";
import { appendEntry, highestAttempt, readResults } from "./queries/history.ts";
import { instanceFromRow, positionFromRow, resultFromRow } from "./rows.ts";
import type { StoreContext } from "./store-context.ts";

/** Saves and loads whole instances. */
export class PostgresSnapshotStore implements SnapshotStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async saveSnapshot(snapshot: Snapshot): Promise<void> {
    parseSnapshot(snapshot);
    const { db, lanes, tables } = this.#context;
    const { instanceId } = snapshot;
    await lanes.resolve(snapshot.positions.map((position) => laneOf(snapshot, position)));
    await db.transaction("save-snapshot", async (tx) => {
      const [stored] = await tx.run("lock-instance", lockInstance(tables, instanceId));
      if (stored !== undefined && isTerminal(stored.status))
        throw new InvalidTransitionError(instanceId, stored.status, "saving");
      const now = this.#context.now();
      const held = await tx.run("lock-positions", lockPositions(tables, { instanceId, now }));
      await this.#appendResults(tx, snapshot);
      await tx.run("upsert-instance", upsertInstance(tables, snapshot));
      const paths = snapshot.positions.map((position) => position.path);
      await tx.run("delete-positions", deletePositionsExcept(tables, { instanceId, paths }));
      for (const position of snapshot.positions) {
        if (held.some((row) => isUnchanged(row, position))) continue;
        const lane = lanes.numberOf(laneOf(snapshot, position));
        await tx.run("upsert-position", upsertPosition(tables, { instanceId, position, lane, now }));
      }
      if (isTerminal(snapshot.status)) await tx.run("delete-signals", deleteSignals(tables, instanceId));
      await appendNote(this.#context, tx, instanceId, NOTES.save, null);
    });
  }

  async saveTaskResult(instanceId: string, taskId: string, output: Bytes): Promise<void> {
    const id = parseInstanceId(instanceId);
    const task = parseTaskId(taskId);
    parseBytes(output, "output");
    const { db, tables } = this.#context;
    await db.transaction("save-task-result", async (tx) => {
      const instance = await lockExisting(this.#context, tx, id);
      if (isTerminal(instance.status)) throw new InvalidTransitionError(id, instance.status, "saving a task's result");
      const now = this.#context.now();
      const positions = await tx.run("lock-positions", lockPositions(tables, { instanceId: id, now }));
      const recorded = (await tx.run("read-results", readResults(tables, id))).find((row) => row.task_id === task);
      if (recorded !== undefined) {
        if (recorded.output !== null && Buffer.compare(recorded.output, output) === 0) return;
        throw new ResultConflictError(id, task);
      }
      const standing = positions.find((row) => row.task_id === task);
      const [highest] = await tx.run("highest-attempt", highestAttempt(tables, { instanceId: id, taskId: task }));
      const entry: NewEntry = {
        ...blankEntry(task),
        attempt: standing?.attempt ?? (highest?.attempt ?? 0) + 1,
        kind: standing?.kind ?? "task",
        output,
      };
      await tx.run(
        "append-entry",
        appendEntry(tables, { instanceId: id, path: standing?.path ?? "", entry, workerId: null, now }),
      );
      // One that is asleep (a retry, a delay, a wait) need not sleep on.
      if (standing !== undefined)
        await tx.run("wake-position", wakePosition(tables, { instanceId: id, path: standing.path, now }));
    });
  }

  async loadSnapshot(instanceId: string): Promise<Snapshot> {
    const id = parseInstanceId(instanceId);
    return await this.#context.db.transaction("load-snapshot", async (tx) => {
      // Under the instance's lock the parts belong together, whatever its workers are doing.
      const [row] = await tx.run("lock-instance", lockInstance(this.#context.tables, id));
      if (row === undefined) throw new InstanceNotFoundError(id);
      return await readSnapshot(this.#context, tx, id);
    });
  }

  async deleteSnapshot(instanceId: string): Promise<void> {
    const id = parseInstanceId(instanceId);
    const { db, tables } = this.#context;
    await db.transaction("delete-snapshot", async (tx) => {
      await lockExisting(this.#context, tx, id);
      await lockAllPositions(this.#context, tx, id);
      await tx.run("delete-positions", deletePositions(tables, id));
      await tx.run("delete-instance", deleteInstance(tables, id));
    });
  }

  async listSnapshots(page: { readonly after?: string; readonly limit?: number } = {}): Promise<string[]> {
    const after = page.after === undefined ? null : parseInstanceId(page.after, "page.after");
    const limit = page.limit === undefined ? null : parseWhole(page.limit, "page.limit", 1, 100_000);
    const rows = await this.#context.db.run(
      "list-instance-ids",
      listInstanceIds(this.#context.tables, { after, limit }),
    );
    return rows.map((row) => row.instance_id);
  }

  /** @throws {ResultConflictError} a result differs from the one recorded */
  async #appendResults(tx: Session, snapshot: Snapshot): Promise<void> {
    const { tables } = this.#context;
    const { instanceId } = snapshot;
    const recorded = new Map(
      (await tx.run("read-results", readResults(tables, instanceId))).map((row) => [row.task_id, resultFromRow(row)]),
    );
    for (const result of snapshot.results) {
      const known = recorded.get(result.taskId);
      if (known !== undefined && !isSameResult(known, result)) throw new ResultConflictError(instanceId, result.taskId);
      if (known !== undefined) continue;
      const [highest] = await tx.run("highest-attempt", highestAttempt(tables, { instanceId, taskId: result.taskId }));
      const entry: NewEntry = { ...blankEntry(result.taskId), ...result, attempt: (highest?.attempt ?? 0) + 1 };
      const now = this.#context.now();
      await tx.run("append-entry", appendEntry(tables, { instanceId, path: "", entry, workerId: null, now }));
    }
  }
}

/** Reads a whole instance within a transaction that has its row locked. */
export async function readSnapshot(context: StoreContext, tx: Session, instanceId: string): Promise<Snapshot> {
  const { tables } = context;
  const positions = await tx.run("find-positions", findPositions(tables, instanceId));
  const results = await tx.run("read-results", readResults(tables, instanceId));
  const [row] = await tx.run("find-instance", findInstance(tables, instanceId));
  if (row === undefined) throw new InstanceNotFoundError(instanceId);
  return { ...instanceFromRow(row), positions: positions.map(positionFromRow), results: results.map(resultFromRow) };
}

function parseSnapshot(snapshot: Snapshot): void {
  parseInstanceId(snapshot?.instanceId, "snapshot.instanceId");
  for (const part of ["flow", "definitionHash", "codec"] as const) {
    if (typeof snapshot[part] !== "string") throw new InvalidArgumentError(`snapshot.${part}`, "must be a string.");
  }
  parseBytes(snapshot.input, "snapshot.input");
  for (const [index, position] of snapshot.positions.entries()) {
    parsePath(position.path, `snapshot.positions[${index}].path`);
    parseStanding(position, `snapshot.positions[${index}]`);
  }
  for (const [index, result] of snapshot.results.entries())
    parseTaskId(result.taskId, `snapshot.results[${index}].taskId`);
  checkSnapshot(snapshot);
}

function laneOf(snapshot: Snapshot, position: Position): Lane {
  return { flow: snapshot.flow, definitionHash: snapshot.definitionHash, codec: snapshot.codec, tags: position.tags };
}

function isUnchanged(row: LockedPositionRow, position: Position): boolean {
  return (
    row.path === position.path &&
    row.task_id === position.taskId &&
    row.kind === position.kind &&
    row.attempt === position.attempt &&
    row.pending === position.pending &&
    row.input_ref === position.inputRef &&
    row.event === position.event
  );
}

function isSameResult(a: TaskResult, b: TaskResult): boolean {
  const sameBytes =
    a.output === null || b.output === null ? a.output === b.output : Buffer.compare(a.output, b.output) === 0;
  return sameBytes && a.outcome === b.outcome && a.outputRef === b.outputRef;
}

function blankEntry(taskId: string): NewEntry {
  return {
    taskId,
    attempt: 1,
    kind: "task",
    outcome: "completed",
    output: null,
    outputRef: null,
    failure: null,
    durationMs: null,
  };
}
