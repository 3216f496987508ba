import { BackendError } from "../errors/backend-errors.ts";
import { applyCheckpoint, type Changes } from "../snapshot/apply.ts";
import type { Checkpoint } from "../snapshot/checkpoint.ts";
import { DEADLINE_PATH } from "../snapshot/deadline.ts";
import type { Position } from "../snapshot/position.ts";
import { isTerminal, type NewEntry } from "../snapshot/snapshot.ts";
import type { CheckpointFate } from "../store/position-store.ts";
import type { Session } from "./database.ts";
import { deletePositions, deleteSignals, KEEP_STOOD, keepStood, setStatus } from "./queries/change-instance.ts";
import { lockInstance, lockPositions } from "./queries/find-instances.ts";
import { appendEntry, findOutcome, highestAttempt } from "./queries/history.ts";
import {
  countJoin,
  deletePaths,
  findPosition,
  holdJoin,
  lockBranch,
  nextToken,
  startItem,
} from "./queries/leave-branch.ts";
import { deletePositionsExcept, upsertPositions } from "./queries/write-positions.ts";
import { hasRelatives, type InstanceRow, positionFromRow } from "./rows.ts";
import { isUniqueViolation } from "./sqlstate.ts";
import { stoodToJson } from "./stood-json.ts";
import type { StoreContext } from "./store-context.ts";

interface Holder {
  readonly workerId: string;
  readonly leaseMs: number;
}

/**
 * Ends a branch or item together with what others may be standing at in it, or with all the others: more than one statement
 * can do. The instance's row is locked first, so that nothing is forked meanwhile; then the positions, those that can be held
 * before the joins that they count down. What becomes of them is decided by the snapshot layer, the same as in memory.
 */
export async function leaveBranch(
  context: StoreContext,
  checkpoint: Checkpoint,
  holder: Holder,
): Promise<CheckpointFate> {
  return await inTransaction(context, checkpoint, (tx) => leaveBranchIn(context, tx, checkpoint, holder));
}

/** The same, in a transaction of the caller's, which is to be rolled back unless this is accepted. */
export async function leaveBranchIn(
  context: StoreContext,
  tx: Session,
  checkpoint: Checkpoint,
  holder: Holder,
): Promise<CheckpointFate> {
  const { move } = checkpoint;
  if (move.kind !== "leaveBranch") throw new TypeError("Only what is in a branch leaves it.");
  const { tables } = context;
  return await writeIn(context, tx, { checkpoint, holder }, async (instance) => {
    const { instanceId } = checkpoint.claim;
    const found = await tx.run("find-join", findPosition(tables, { instanceId, path: move.joinPath }));
    const [join] = found.map(positionFromRow);
    // Nobody else counts failures meanwhile: that takes the instance's lock.
    const failed = (join?.items?.failed ?? 0) + 1;
    const closes = move.closes || (move.mostFailed !== null && failed > move.mostFailed);
    const paths = [checkpoint.claim.path, move.path, move.joinPath];
    const range = { instanceId, paths, beginning: closes ? move.within : `${move.path}/` };
    const positions = (await tx.run("lock-branch", lockBranch(tables, range))).map(positionFromRow);
    const applied = await apply(context, tx, { checkpoint, holder, instance, positions });
    if (applied.changes !== null) await writeBranch(context, tx, { instanceId, joinPath: move.joinPath, ...applied });
    return applied.changes;
  });
}

/** Leaves nothing of an instance's positions but its trunk, whoever holds the others. In the same order. */
export async function collapse(context: StoreContext, checkpoint: Checkpoint, holder: Holder): Promise<CheckpointFate> {
  const { move } = checkpoint;
  if (move.kind !== "collapse") throw new TypeError("Only what is to have one position left collapses.");
  const { lanes, tables } = context;
  return await inTransaction(context, checkpoint, (tx) =>
    writeIn(context, tx, { checkpoint, holder }, async (instance) => {
      const { instanceId } = checkpoint.claim;
      const now = context.now();
      const positions = (await tx.run("lock-positions", lockPositions(tables, instanceId))).map(positionFromRow);
      const applied = await apply(context, tx, { checkpoint, holder, instance, positions });
      const { upserts = [] } = applied.changes ?? {};
      const [trunk] = upserts;
      if (trunk === undefined) return null;
      await tx.run("delete-positions", deletePositionsExcept(tables, { instanceId, paths: ["", DEADLINE_PATH] }));
      // The deadline is in the lane of what is to be undone: neither has tags.
      const placed = upserts.map((position) => ({ position, lane: lanes.numberOf(move.to.lane) }));
      await tx.run("upsert-positions", upsertPositions(tables, { instanceId, positions: placed, now }));
      await tx.run("hold-join", holdJoin(tables, { instanceId, join: trunk, now: applied.now }));
      const stoodAt = stoodToJson(applied.changes?.stood ?? []);
      if (applied.changes?.stood != null) await tx.run("keep-stood", keepStood(tables, { instanceId, stoodAt }));
      if (applied.changes?.clears === true) await tx.run("delete-signals", deleteSignals(tables, instanceId));
      if (instance.status === "paused" && move.cancels) {
        const going = { status: "in_progress", failure: null, reason: null, stoodAt: KEEP_STOOD } as const;
        await tx.run("set-status", setStatus(tables, { instanceId, ...going, now }));
      }
      return applied.changes;
    }),
  );
}

/** Ends an instance as cancelled, whoever holds positions of it. In the same order. */
export async function cancel(context: StoreContext, checkpoint: Checkpoint, holder: Holder): Promise<CheckpointFate> {
  const { move } = checkpoint;
  if (move.kind !== "cancel") throw new TypeError("Only what is cancelled ends so.");
  const { tables } = context;
  return await inTransaction(context, checkpoint, (tx) =>
    writeIn(context, tx, { checkpoint, holder }, async (instance) => {
      const { instanceId } = checkpoint.claim;
      const positions = (await tx.run("lock-positions", lockPositions(tables, instanceId))).map(positionFromRow);
      const { changes } = await apply(context, tx, { checkpoint, holder, instance, positions });
      if (changes === null) return null;
      await tx.run("delete-positions", deletePositions(tables, instanceId));
      await tx.run("delete-signals", deleteSignals(tables, instanceId));
      const ended = { status: "cancelled", failure: null, reason: move.reason, stoodAt: null } as const;
      await tx.run("set-status", setStatus(tables, { instanceId, ...ended, now: context.now() }));
      return changes;
    }),
  );
}

interface Applied {
  /** `null`: the claim does not hold, or there is nothing to move. */
  readonly changes: Changes | null;
  readonly now: number;
}

/** Runs `work` in a transaction of its own, and says what an error of its statements means for the checkpoint. */
export async function inTransaction(
  { db }: StoreContext,
  checkpoint: Checkpoint,
  work: (tx: Session) => Promise<CheckpointFate>,
): Promise<CheckpointFate> {
  try {
    return await db.transaction<CheckpointFate>(`checkpoint-${checkpoint.move.kind}`, work);
  } catch (error) {
    if (isUniqueViolation(error) && error.constraint === "checkpoints_pkey") return { kind: "recorded" };
    if (error instanceof BackendError && error.code === "BACKEND_BUG") return { kind: "refused", error };
    throw error;
  }
}

/** Runs `work` with the instance's row locked, appends the entries behind it, and says what has become of the checkpoint. */
export async function writeIn(
  context: StoreContext,
  tx: Session,
  { checkpoint, holder }: { readonly checkpoint: Checkpoint; readonly holder: Holder },
  work: (instance: InstanceRow) => Promise<Changes | null>,
): Promise<CheckpointFate> {
  const { tables } = context;
  const { claim, entries, move } = checkpoint;
  const { instanceId, path } = claim;
  const [instance] = await tx.run("lock-instance", lockInstance(tables, instanceId));
  if (instance === undefined || isTerminal(instance.status)) return { kind: "fenced" };
  for (const { taskId, outcome } of entries) {
    if (outcome === "noted") continue;
    const recorded = await tx.run("find-outcome", findOutcome(tables, { instanceId, taskId }));
    if (recorded.length > 0) return await recordedOrFenced(context, tx, checkpoint);
  }
  const changes = await work(instance);
  if (changes === null) return { kind: "fenced" };
  // What outlives a run has been written with the move; the rest goes with the run.
  for (const entry of move.kind === "restart" ? [] : entries) {
    const numbered = await numberedIn(context, tx, checkpoint, entry);
    const appended = { instanceId, path, entry: numbered, workerId: holder.workerId, now: context.now() };
    await tx.run("append-entry", appendEntry(tables, appended));
  }
  const owes = isTerminal(changes.instance?.status ?? "in_progress") && hasRelatives(instance);
  return {
    kind: "accepted",
    kept: false,
    interrupt: changes.interrupt,
    granted: changes.granted.map((granted) => ({ path: granted.path, token: granted.claim?.token ?? 0n })),
    ...(owes ? { owes } : {}),
  };
}

/** Notes of an instance that is to end get an attempt here: it may have come there before. */
async function numberedIn(
  { tables }: StoreContext,
  tx: Session,
  { claim, move }: Checkpoint,
  entry: NewEntry,
): Promise<NewEntry> {
  if (entry.outcome !== "noted" || (move.kind !== "collapse" && move.kind !== "cancel")) return entry;
  const { instanceId } = claim;
  const [last] = await tx.run("highest-attempt", highestAttempt(tables, { instanceId, taskId: entry.taskId }));
  return { ...entry, attempt: (last?.attempt ?? 0) + 1 };
}

/** As in memory: a claim that does not hold comes first. */
async function recordedOrFenced(context: StoreContext, tx: Session, { claim }: Checkpoint): Promise<CheckpointFate> {
  const [row] = await tx.run("find-position", findPosition(context.tables, claim));
  const holds = row !== undefined && row.worker_id !== null && row.token === claim.token;
  return { kind: holds ? "recorded" : "fenced" };
}

async function apply(
  context: StoreContext,
  tx: Session,
  what: {
    readonly checkpoint: Checkpoint;
    readonly holder: Holder;
    readonly instance: InstanceRow;
    readonly positions: readonly Position[];
  },
): Promise<Applied> {
  const { checkpoint, holder, instance, positions } = what;
  const [drawn] = await tx.run("next-token", nextToken(context.tables));
  const now = context.now()?.getTime() ?? instance.now_ms;
  const byPath = new Map(positions.map((position) => [position.path, position]));
  const changes = applyCheckpoint(byPath, checkpoint, {
    now,
    workerId: holder.workerId,
    leaseEnd: now + holder.leaseMs,
    // One position at most is granted.
    nextToken: () => drawn?.token ?? 0n,
    hasEvent: () => false,
  });
  return { changes, now };
}

async function writeBranch(
  { tables }: StoreContext,
  tx: Session,
  what: {
    readonly instanceId: string;
    readonly joinPath: string;
    readonly changes: Changes | null;
    readonly now: number;
  },
): Promise<void> {
  const { instanceId, joinPath, changes, now } = what;
  if (changes === null) return;
  if (changes.removals === "all") throw new TypeError("A branch that is left doesn't end its instance.");
  await tx.run("delete-paths", deletePaths(tables, { instanceId, paths: changes.removals }));
  for (const position of changes.upserts) {
    if (position.path !== joinPath) {
      await tx.run("start-item", startItem(tables, { instanceId, joinPath, item: position, now }));
      continue;
    }
    await tx.run("count-join", countJoin(tables, { instanceId, join: position }));
    if (position.pending === 0) await tx.run("hold-join", holdJoin(tables, { instanceId, join: position, now }));
  }
}
