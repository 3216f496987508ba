import { BackendError } from "../errors/backend-errors.ts";
import { InstanceNotFoundError } from "../errors/instance-errors.ts";
import { NOTES } from "../snapshot/apply.ts";
import { laneIn } from "../snapshot/lane-key.ts";
import { migratedPositions } from "../snapshot/migrated-position.ts";
import type { Lane, Position } from "../snapshot/position.ts";
import type { Migration } from "../store/instance-store.ts";
import type { Session } from "./database.ts";
import { appendNote, LockedInstance } from "./instance-control.ts";
import { setDefinition, touchMailbox } from "./queries/change-instance.ts";
import { findInstance, findPositions } from "./queries/find-instances.ts";
import { countHistory } from "./queries/fork-instance.ts";
import { upsertPositions, wakePositions } from "./queries/write-positions.ts";
import { instanceFromRow, positionFromRow } from "./rows.ts";
import type { StoreContext } from "./store-context.ts";

/** The greatest sequence number: the whole history. */
const LAST = 9_223_372_036_854_775_807n;

/** Gives an instance, and its positions where they are, another definition. */
export async function migrateInstance(context: StoreContext, migration: Migration): Promise<void> {
  const { db, lanes, tables } = context;
  const { instanceId, to, positions } = migration;
  const [row] = await db.run("find-instance", findInstance(tables, instanceId));
  if (row === undefined) throw new InstanceNotFoundError(instanceId);
  const { flow, definitionHash } = to;
  const laneOf = ({ tags, gate }: Pick<Position, "tags" | "gate">): Lane =>
    laneIn(
      { flow, definitionHash, codec: row.codec },
      { tags: [...tags].sort(), ...(gate === undefined ? {} : { gate }) },
    );
  // Numbered outside of the transaction, which may be rolled back.
  // One that waits before a gate goes on waiting there.
  const standing = (await db.run("find-positions", findPositions(tables, instanceId))).map(positionFromRow);
  await lanes.resolve(
    positions.flatMap(({ tags }) =>
      [{ tags }, ...standing.flatMap(({ gate }) => (gate === undefined ? [] : [{ tags, gate }]))].map(laneOf),
    ),
  );
  const work = (tx: Session): Promise<boolean> => migrateIn(context, tx, migration, laneOf);
  if (!(await db.transaction("migrate-instance", work, "ifWithoutEffect"))) {
    const problem = "The instance has gone on meanwhile";
    throw new BackendError("BACKEND_CONFLICT", { queryName: "migrate-instance", problem });
  }
  context.hints.ready(null);
}

/** @returns `false`, with nothing written, if the instance is not as it was seen */
async function migrateIn(
  context: StoreContext,
  tx: Session,
  { instanceId, from, to, entries, positions }: Migration,
  laneOf: (position: Pick<Position, "tags" | "gate">) => Lane,
): Promise<boolean> {
  const { lanes, tables } = context;
  const now = context.now();
  const instance = await LockedInstance.get(context, tx, instanceId);
  const record = instanceFromRow(instance.row);
  const migrated = migratedPositions(record, from, instance.positions, positions, instance.now);
  const [counted] = await tx.run("count-history", countHistory(tables, { instanceId, sequence: LAST }));
  if (migrated === null || counted?.entries !== entries) return false;
  await tx.run("set-definition", setDefinition(tables, { instanceId, ...to }));
  await appendNote(context, tx, instanceId, NOTES.migrate, null);
  const rows = migrated.map((position) => ({ position, lane: lanes.numberOf(laneOf(position)) }));
  await tx.run("upsert-positions", upsertPositions(tables, { instanceId, positions: rows, now }));
  // Whoever sends an event passes by what is locked here, and has it in the buffer by the time that this has the mailbox.
  await tx.run("touch-mailbox", touchMailbox(tables, instanceId));
  await tx.run("wake-positions", wakePositions(tables, { instanceId, now }));
  return true;
}
