import { BackendError } from "../errors/backend-errors.ts";
import { applyCheckpoint, type Changes } from "../snapshot/apply.ts";
import type { Checkpoint, LeaveBranch } from "../snapshot/checkpoint.ts";
import { isTerminal } from "../snapshot/snapshot.ts";
import type { CheckpointFate } from "../store/position-store.ts";
import type { Session } from "./database.ts";
import { lockInstance } from "./queries/find-instances.ts";
import { appendEntry, findOutcome } from "./queries/history.ts";
import {
  countJoin,
  deletePaths,
  findPosition,
  holdJoin,
  lockBranch,
  nextToken,
  startItem,
} from "./queries/leave-branch.ts";
import { positionFromRow } from "./rows.ts";
import { isUniqueViolation } from "./sqlstate.ts";
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
  const { move } = checkpoint;
  if (move.kind !== "leaveBranch") throw new TypeError("Only what is in a branch leaves it.");
  try {
    return await context.db.transaction<CheckpointFate>("checkpoint-leaveBranch", (tx) =>
      leave(context, tx, checkpoint, { holder, move }),
    );
  } catch (error) {
    if (isUniqueViolation(error) && error.constraint === "checkpoints_pkey") return { kind: "recorded" };
    if (error instanceof BackendError && error.code === "BACKEND_BUG") return { kind: "refused", error };
    throw error;
  }
}

async function leave(
  context: StoreContext,
  tx: Session,
  checkpoint: Checkpoint,
  { holder, move }: { readonly holder: Holder; readonly move: LeaveBranch },
): Promise<CheckpointFate> {
  const { tables } = context;
  const { claim, entries } = checkpoint;
  const { instanceId } = claim;
  const [instance] = await tx.run("lock-instance", lockInstance(tables, instanceId));
  if (instance === undefined || isTerminal(instance.status)) return { kind: "fenced" };
  const [join] = (await tx.run("find-join", findPosition(tables, { instanceId, path: move.joinPath }))).map(
    positionFromRow,
  );
  // Nobody else counts failures meanwhile: that takes the instance's lock.
  const failed = (join?.items?.failed ?? 0) + 1;
  const closes = move.closes || (move.mostFailed !== null && failed > move.mostFailed);
  const paths = [claim.path, move.path, move.joinPath];
  const range = { instanceId, paths, beginning: closes ? move.within : `${move.path}/` };
  const positions = (await tx.run("lock-branch", lockBranch(tables, range))).map(positionFromRow);
  const held = positions.find(({ path }) => path === claim.path);
  if (held?.claim?.token !== claim.token) return { kind: "fenced" };
  for (const { taskId } of entries) {
    const recorded = await tx.run("find-outcome", findOutcome(tables, { instanceId, taskId }));
    if (recorded.length > 0) return { kind: "recorded" };
  }
  const [drawn] = await tx.run("next-token", nextToken(tables));
  const now = context.now()?.getTime() ?? instance.now_ms;
  const changes = applyCheckpoint(new Map(positions.map((position) => [position.path, position])), checkpoint, {
    now,
    workerId: holder.workerId,
    leaseEnd: now + holder.leaseMs,
    // One position at most is granted: the join, or the next item.
    nextToken: () => drawn?.token ?? 0n,
    hasEvent: () => false,
  });
  if (changes === null) return { kind: "fenced" };
  await write(context, tx, { instanceId, joinPath: move.joinPath, changes, now });
  for (const entry of entries) {
    const appended = { instanceId, path: claim.path, entry, workerId: holder.workerId, now: context.now() };
    await tx.run("append-entry", appendEntry(tables, appended));
  }
  return {
    kind: "accepted",
    kept: false,
    interrupt: changes.interrupt,
    granted: changes.granted.map(({ path, claim: granted }) => ({ path, token: granted?.token ?? 0n })),
  };
}

async function write(
  { tables }: StoreContext,
  tx: Session,
  what: { readonly instanceId: string; readonly joinPath: string; readonly changes: Changes; readonly now: number },
): Promise<void> {
  const { instanceId, joinPath, changes, now } = what;
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
