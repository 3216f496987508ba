import { InvalidTransitionError } from "../errors/instance-errors.ts";
import { NOTES } from "../snapshot/apply.ts";
import { DEADLINE_PATH, deadlineLane, deadlinePosition, deadlineTime, type NewDeadline } from "../snapshot/deadline.ts";
import { interruptOf, withInterrupt } from "../snapshot/position-rules.ts";
import { type InstanceStatus, isTerminal } from "../snapshot/snapshot.ts";
import type { Session } from "./database.ts";
import { appendNote, LockedInstance } from "./instance-control.ts";
import { setDeadline } from "./queries/change-instance.ts";
import { findInstance } from "./queries/find-instances.ts";
import { highestAttempt } from "./queries/history.ts";
import { deletePaths } from "./queries/leave-branch.ts";
import { upsertPositions } from "./queries/write-positions.ts";
import type { StoreContext } from "./store-context.ts";

/** Gives a live instance another deadline, or none. */
export async function changeDeadline(
  context: StoreContext,
  instanceId: string,
  deadline: NewDeadline | null,
): Promise<void> {
  const { db, lanes, tables } = context;
  const [row] = await db.run("find-instance", findInstance(tables, instanceId));
  // Numbered outside of the transaction, which may be rolled back.
  if (row !== undefined) await lanes.resolve([laneOf(row)]);
  await db.transaction("set-deadline", async (tx) => {
    const instance = await LockedInstance.get(context, tx, instanceId);
    const { status } = instance;
    if (isTerminal(status)) throw new InvalidTransitionError(instanceId, status, "setting a deadline");
    await appendNote(context, tx, instanceId, NOTES.extend, null);
    await writeDeadline(context, tx, instance, { status, at: deadlineTime(deadline, instance.now) });
  });
}

/**
 * Writes the deadline of an instance whose lock the transaction has: its record, and its position, which nobody holds then.
 * The number of `deadlineLane` is known.
 */
export async function writeDeadline(
  context: StoreContext,
  tx: Session,
  instance: LockedInstance,
  { status, at }: { readonly status: InstanceStatus; readonly at: number | null },
): Promise<void> {
  const { lanes, tables } = context;
  const { id: instanceId, row } = instance;
  const deadlineAt = at === null ? null : new Date(at);
  await tx.run("set-deadline", setDeadline(tables, { instanceId, deadlineAt }));
  if (at === null) {
    await tx.run("delete-paths", deletePaths(tables, { instanceId, paths: [DEADLINE_PATH] }));
    return;
  }
  const [last] = await tx.run("highest-attempt", highestAttempt(tables, { instanceId, taskId: DEADLINE_PATH }));
  const interrupt = interruptOf(status, { get: (kind) => instance.pending(kind) ?? undefined });
  const position = withInterrupt(deadlinePosition(at, (last?.attempt ?? 0) + 1), interrupt, instance.now);
  const positions = [{ position, lane: lanes.numberOf(laneOf(row)) }];
  await tx.run("upsert-positions", upsertPositions(tables, { instanceId, positions, now: context.now() }));
}

function laneOf(row: LockedInstance["row"]): ReturnType<typeof deadlineLane> {
  return deadlineLane({ flow: row.flow, definitionHash: row.definition_hash, codec: row.codec });
}
