import { InstanceNotFoundError } from "../errors/instance-errors.ts";
import { NOTES } from "../snapshot/apply.ts";
import type { Checkpoint } from "../snapshot/checkpoint.ts";
import { isTerminal, type NewEntry } from "../snapshot/snapshot.ts";
import type { CheckpointFate } from "../store/position-store.ts";
import type { SignalRequest } from "../store/signal-store.ts";
import type { Session } from "./database.ts";
import { deletePositions, deleteSignals, setStatus } from "./queries/change-instance.ts";
import { pausePositions, resumePositions } from "./queries/change-positions.ts";
import { lockInstance, lockPositions } from "./queries/find-instances.ts";
import { appendEntry, highestAttempt } from "./queries/history.ts";
import { deleteSignal } from "./queries/signals.ts";
import type { InstanceRow } from "./rows.ts";
import { isUniqueViolation } from "./sqlstate.ts";
import type { StoreContext } from "./store-context.ts";

/**
 * Changes to whole instances. Each runs in a transaction that has the instance's row locked first, and
 * then its positions, those with a worker before the joins that they count down. Checkpoints never wait
 * for an instance's row, so there is no cycle (docs/protocols/claims.md).
 */

/** @throws {InstanceNotFoundError} */
export async function lockExisting(context: StoreContext, tx: Session, instanceId: string): Promise<InstanceRow> {
  const [row] = await tx.run("lock-instance", lockInstance(context.tables, instanceId));
  if (row === undefined) throw new InstanceNotFoundError(instanceId);
  return row;
}

/**
 * Locks all positions of an instance whose row is locked.
 *
 * @returns whether somebody holds one of them
 */
export async function lockAllPositions(context: StoreContext, tx: Session, instanceId: string): Promise<boolean> {
  const now = context.now();
  const rows = await tx.run("lock-positions", lockPositions(context.tables, { instanceId, now }));
  return rows.some((row) => row.live);
}

/** Ends an instance as cancelled. The transaction has its row and its positions locked. */
export async function applyCancel(
  context: StoreContext,
  tx: Session,
  instanceId: string,
  request: SignalRequest,
  interruptedAtTask: string | null,
): Promise<void> {
  const { tables } = context;
  const now = context.now();
  await tx.run("delete-positions", deletePositions(tables, instanceId));
  await tx.run("delete-signals", deleteSignals(tables, instanceId));
  const reason = request.reason ?? null;
  await tx.run("set-status", setStatus(tables, { instanceId, status: "cancelled", failure: null, reason, now }));
  await appendNote(context, tx, instanceId, NOTES.cancel, interruptedAtTask);
}

/** Pauses an instance. The transaction has its row and its positions locked. */
export async function applyPause(
  context: StoreContext,
  tx: Session,
  instanceId: string,
  request: SignalRequest,
): Promise<void> {
  const { tables } = context;
  const now = context.now();
  await tx.run("pause-positions", pausePositions(tables, { instanceId, now }));
  await tx.run("delete-signal", deleteSignal(tables, { instanceId, kind: "pause" }));
  const reason = request.reason ?? null;
  await tx.run("set-status", setStatus(tables, { instanceId, status: "paused", failure: null, reason, now }));
  await appendNote(context, tx, instanceId, NOTES.pause, null);
}

/** Lets a paused instance go on. The transaction has its row and its positions locked. */
export async function applyUnpause(context: StoreContext, tx: Session, instanceId: string): Promise<void> {
  const { tables } = context;
  const now = context.now();
  await tx.run("resume-positions", resumePositions(tables, { instanceId, now }));
  await tx.run(
    "set-status",
    setStatus(tables, { instanceId, status: "in_progress", failure: null, reason: null, now }),
  );
  await appendNote(context, tx, instanceId, NOTES.unpause, null);
}

/** Appends a note to the history; the transaction has the instance's row locked, so notes don't collide. */
export async function appendNote(
  context: StoreContext,
  tx: Session,
  instanceId: string,
  taskId: string,
  about: string | null,
): Promise<void> {
  const { tables } = context;
  const [last] = await tx.run("highest-attempt", highestAttempt(tables, { instanceId, taskId }));
  const entry: NewEntry = {
    taskId,
    attempt: (last?.attempt ?? 0) + 1,
    kind: "instance",
    outcome: "noted",
    output: null,
    outputRef: about,
    failure: null,
    durationMs: null,
  };
  await tx.run(
    "append-entry",
    appendEntry(tables, { instanceId, path: "", entry, workerId: null, now: context.now() }),
  );
}

/** Fails an instance from within a branch: the other branches go too, which takes more than one statement. */
export async function failInstance(
  context: StoreContext,
  checkpoint: Checkpoint,
  workerId: string,
): Promise<CheckpointFate> {
  const { db, tables } = context;
  const { claim, move, entries } = checkpoint;
  if (move.kind !== "fail") throw new TypeError("Only a failure fails an instance.");
  const { instanceId } = claim;
  const now = context.now();
  try {
    return await db.transaction<CheckpointFate>("checkpoint-failBranch", async (tx) => {
      const [instance] = await tx.run("lock-instance", lockInstance(tables, instanceId));
      if (instance === undefined || isTerminal(instance.status)) return { kind: "fenced" };
      const positions = await tx.run("lock-positions", lockPositions(tables, { instanceId, now }));
      const own = positions.find((row) => row.path === claim.path);
      if (own === undefined || own.worker_id === null || own.token !== claim.token) return { kind: "fenced" };
      await tx.run("delete-positions", deletePositions(tables, instanceId));
      await tx.run("delete-signals", deleteSignals(tables, instanceId));
      for (const entry of entries) {
        await tx.run("append-entry", appendEntry(tables, { instanceId, path: claim.path, entry, workerId, now }));
      }
      await tx.run(
        "set-status",
        setStatus(tables, { instanceId, status: "failed", failure: move.failure, reason: null, now }),
      );
      return { kind: "accepted", kept: false, interrupt: null, granted: [] };
    });
  } catch (error) {
    if (isUniqueViolation(error) && error.constraint === "checkpoints_pkey") return { kind: "recorded" };
    throw error;
  }
}
