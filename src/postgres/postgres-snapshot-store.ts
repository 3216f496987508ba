import { InstanceNotFoundError, InvalidTransitionError, ResultConflictError } from "../errors/instance-errors.ts";
import { parseKnownId } from "../ids.ts";
import { NOTES } from "../snapshot/apply.ts";
import { laneIn } from "../snapshot/lane-key.ts";
import type { Position } from "../snapshot/position.ts";
import { kindRecordedAt, standsTheSame, withoutClaim } from "../snapshot/position-rules.ts";
import { type Bytes, isTerminal, type NewEntry, type Snapshot, type TaskResult } from "../snapshot/snapshot.ts";
import { requireObject } from "../store/argument-shapes.ts";
import { parseBytes, parseCompletable, parseWhole } from "../store/arguments.ts";
import { checkSnapshot, requireSameRun } from "../store/check-snapshot.ts";
import type { SnapshotStore } from "../store/snapshot-store.ts";
import type { Session } from "./database.ts";
import { type NoteEnd, whileEnding } from "./ending.ts";
import { appendNote, LockedInstance } from "./instance-control.ts";
import {
  deleteInstance,
  deletePositions,
  deleteSignals,
  ensureMailbox,
  lockInstanceId,
  touchMailbox,
  upsertInstance,
} from "./queries/change-instance.ts";
import { findInstance, findPositions, listAllIds, lockInstance } from "./queries/find-instances.ts";
import { appendEntry, findOutcome, highestAttempt, readResults } from "./queries/history.ts";
import { deleteSignal } from "./queries/signals.ts";
import { deletePositionsExcept, upsertPositions, wakePositions } from "./queries/write-positions.ts";
import { instanceFromRow, positionFromRow, resultFromRow } from "./rows.ts";
import type { StoreContext } from "./store-context.ts";

/** Saves and loads whole instances. */
export class PostgresSnapshotStore implements SnapshotStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async saveSnapshot(snapshot: Snapshot): Promise<void> {
    checkSnapshot(snapshot);
    const { db, lanes, tables } = this.#context;
    const { instanceId } = snapshot;
    await lanes.resolve(snapshot.positions.map((position) => laneIn(snapshot, position)));
    const save = async (tx: Session, note: NoteEnd): Promise<void> => {
      await tx.run("lock-instance-id", lockInstanceId(tables, instanceId));
      const stored = await LockedInstance.find(this.#context, tx, instanceId);
      if (isTerminal(snapshot.status)) note(stored);
      if (stored !== null && isTerminal(stored.status)) {
        throw new InvalidTransitionError(instanceId, stored.status, "saving a snapshot");
      }
      if (stored !== null) requireSameRun({ instanceId, status: stored.status, run: stored.row.run }, snapshot);
      await tx.run("upsert-instance", upsertInstance(tables, snapshot));
      await tx.run("ensure-mailbox", ensureMailbox(tables, instanceId));
      await this.#appendResults(tx, snapshot);
      await appendNote(this.#context, tx, instanceId, NOTES.save, null);
      await this.#overwritePositions(tx, snapshot, stored);
    };
    await whileEnding(this.#context, (note) => db.transaction("save-snapshot", (tx) => save(tx, note)));
    if (isTerminal(snapshot.status)) this.#context.hints.ended([{ instanceId, output: null }]);
    else this.#context.hints.ready(null);
  }

  async saveTaskResult(instanceId: string, taskId: string, output: Bytes): Promise<void> {
    const id = parseKnownId(instanceId);
    const task = parseCompletable(taskId);
    parseBytes(output, "output");
    const { db, tables } = this.#context;
    await db.transaction("save-task-result", async (tx) => {
      const instance = await LockedInstance.get(this.#context, tx, id);
      if (isTerminal(instance.status)) throw new InvalidTransitionError(id, instance.status, "saving a task's result");
      const [recorded] = await tx.run("find-outcome", findOutcome(tables, { instanceId: id, taskId: task }));
      if (recorded !== undefined) {
        const same = recorded.outcome === "completed" && recorded.output !== null && isSame(recorded.output, output);
        if (same) return;
        throw new ResultConflictError(id, task);
      }
      const standing = instance.positions.find((position) => position.taskId === task);
      const now = this.#context.now();
      const entry: NewEntry = {
        ...blankEntry(task),
        attempt: await this.#freeAttempt(tx, id, task, standing?.attempt ?? null),
        kind: kindRecordedAt(standing ?? null),
        output,
      };
      await tx.run(
        "append-entry",
        appendEntry(tables, { instanceId: id, path: standing?.path ?? "", entry, workerId: null, now }),
      );
      // Whoever sleeps there need not sleep on; whoever is just parking looks again.
      await tx.run("touch-mailbox", touchMailbox(tables, id));
      await tx.run("wake-positions", wakePositions(tables, { instanceId: id, now }));
    });
    this.#context.hints.ready(null);
  }

  async loadSnapshot(instanceId: string): Promise<Snapshot> {
    const id = parseKnownId(instanceId);
    return await this.#context.db.transaction("load-snapshot", async (tx) => {
      // Under the instance's lock the parts belong together, whatever its workers are doing.
      const [row] = await tx.run("lock-instance", lockInstance(this.#context.tables, id));
      if (row === undefined) throw new InstanceNotFoundError(id);
      return await readSnapshot(this.#context, tx, id);
    });
  }

  async deleteSnapshot(instanceId: string): Promise<void> {
    const id = parseKnownId(instanceId);
    const { db, tables } = this.#context;
    await whileEnding(this.#context, (note) =>
      db.transaction("delete-snapshot", async (tx) => {
        note(await LockedInstance.get(this.#context, tx, id));
        await tx.run("delete-positions", deletePositions(tables, id));
        await tx.run("delete-instance", deleteInstance(tables, id));
      }),
    );
    this.#context.hints.ended([{ instanceId: id, output: null }]);
  }

  async listSnapshots(page: { readonly after?: string; readonly limit?: number } = {}): Promise<string[]> {
    requireObject(page, "page");
    const after = page.after === undefined ? null : parseKnownId(page.after, "page.after");
    const limit = page.limit === undefined ? null : parseWhole(page.limit, "page.limit", 1, 100_000);
    const rows = await this.#context.db.run("list-all-ids", listAllIds(this.#context.tables, { after, limit }));
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
      const attempt = await this.#freeAttempt(tx, instanceId, result.taskId, null);
      const entry: NewEntry = { ...blankEntry(result.taskId), ...result, attempt };
      const now = this.#context.now();
      await tx.run("append-entry", appendEntry(tables, { instanceId, path: "", entry, workerId: null, now }));
    }
  }

  async #overwritePositions(tx: Session, snapshot: Snapshot, stored: LockedInstance | null): Promise<void> {
    const { tables, lanes } = this.#context;
    const { instanceId } = snapshot;
    const paths = snapshot.positions.map((position) => position.path);
    await tx.run("delete-positions", deletePositionsExcept(tables, { instanceId, paths }));
    if (isTerminal(snapshot.status)) {
      await tx.run("delete-signals", deleteSignals(tables, instanceId));
      return;
    }
    if (snapshot.status === "paused")
      await tx.run("delete-signal", deleteSignal(tables, { instanceId, kind: "pause" }));
    const before = new Map(stored?.positions.map((position) => [position.path, position]));
    const kept = (position: Position): boolean => {
      const old = before.get(position.path);
      return old?.claim != null && standsTheSame(old, position);
    };
    const now = stored?.now ?? this.#context.now()?.getTime() ?? snapshot.createdAt;
    const rows = snapshot.positions
      .filter((position) => !kept(position))
      .map((position) => ({ position: withoutClaim(position, now), lane: lanes.numberOf(laneIn(snapshot, position)) }));
    await tx.run(
      "upsert-positions",
      upsertPositions(tables, { instanceId, positions: rows, now: this.#context.now() }),
    );
    await (await LockedInstance.get(this.#context, tx, instanceId)).refresh();
    await tx.run("wake-positions", wakePositions(tables, { instanceId, now: this.#context.now() }));
  }

  /** An attempt of a task that has no entry yet: `preferred` if it is free, else the one after the highest. */
  async #freeAttempt(tx: Session, instanceId: string, taskId: string, preferred: number | null): Promise<number> {
    const [highest] = await tx.run("highest-attempt", highestAttempt(this.#context.tables, { instanceId, taskId }));
    return preferred !== null && preferred > (highest?.attempt ?? 0) ? preferred : (highest?.attempt ?? 0) + 1;
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

function isSameResult(a: TaskResult, b: TaskResult): boolean {
  const isSameValue = isSame(a.output, b.output) && isSame(a.failure, b.failure);
  return isSameValue && a.outcome === b.outcome && a.outputRef === b.outputRef && a.decision === b.decision;
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
    decision: null,
  };
}

function isSame(a: Bytes | null, b: Bytes | null): boolean {
  return a === null || b === null ? a === b : Buffer.compare(a, b) === 0;
}
