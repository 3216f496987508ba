import { applyCheckpoint } from "../snapshot/apply.ts";
import type { Checkpoint } from "../snapshot/checkpoint.ts";
import { outlivesRun } from "../snapshot/state-ids.ts";
import type { CheckpointFate } from "../store/position-store.ts";
import { inTransaction, writeIn } from "./branch-leaver.ts";
import { lockPositions } from "./queries/find-instances.ts";
import { appendEntry } from "./queries/history.ts";
import { beginRun, drawTokens, holdPositions } from "./queries/restart.ts";
import { upsertPositions } from "./queries/write-positions.ts";
import { positionFromRow } from "./rows.ts";
import type { StoreContext } from "./store-context.ts";

/**
 * Ends a run of an instance and begins the next. Takes its locks as a change to the whole instance does: the instance's row
 * first, then its positions. What becomes of these is decided by the snapshot layer, the same as in memory.
 */
export async function restart(
  context: StoreContext,
  checkpoint: Checkpoint,
  holder: { readonly workerId: string; readonly leaseMs: number },
): Promise<CheckpointFate> {
  const { move, claim } = checkpoint;
  if (move.kind !== "restart") throw new TypeError("Only what continues as new restarts.");
  const { lanes, tables } = context;
  const { instanceId, path } = claim;
  const { workerId } = holder;
  return await inTransaction(context, checkpoint, (tx) =>
    writeIn(context, tx, { checkpoint, holder }, async (instance) => {
      const positions = (await tx.run("lock-positions", lockPositions(tables, instanceId))).map(positionFromRow);
      const claimed = move.positions.filter((position) => position.claimed).length;
      const tokens = (await tx.run("draw-tokens", drawTokens(tables, claimed))).map(({ token }) => token);
      const now = context.now()?.getTime() ?? instance.now_ms;
      const changes = applyCheckpoint(new Map(positions.map((position) => [position.path, position])), checkpoint, {
        ...{ now, workerId: holder.workerId, leaseEnd: now + holder.leaseMs, hasEvent: () => false },
        nextToken: () => tokens.pop() ?? 0n,
      });
      if (changes === null) return null;
      // Before the history goes, of which the last state is kept.
      for (const entry of checkpoint.entries.filter(({ taskId }) => outlivesRun(taskId)))
        await tx.run("append-entry", appendEntry(tables, { instanceId, path, entry, workerId, now: context.now() }));
      const begun = { instanceId, input: move.input, workerId, now: context.now() };
      await tx.run("begin-run", beginRun(tables, begun));
      const laneByPath = new Map(move.positions.map(({ path, standing }) => [path, lanes.numberOf(standing.lane)]));
      const placed = changes.upserts.map((position) => ({ position, lane: laneByPath.get(position.path) ?? 0 }));
      await tx.run("upsert-positions", upsertPositions(tables, { instanceId, positions: placed, now: context.now() }));
      if (changes.granted.length > 0)
        await tx.run("hold-positions", holdPositions(tables, { instanceId, positions: changes.granted }));
      return changes;
    }),
  );
}
