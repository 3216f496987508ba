import { InstanceNotFoundError } from "../errors/instance-errors.ts";
import { NOTES } from "../snapshot/apply.ts";
import { deadlineTime, type NewDeadline } from "../snapshot/deadline.ts";
import { laneIn } from "../snapshot/lane-key.ts";
import type { Lane } from "../snapshot/position.ts";
import { isTerminal } from "../snapshot/snapshot.ts";
import { putBack, requireStood, type StoodPosition } from "../snapshot/stood-position.ts";
import { parseDeadline } from "../store/arguments.ts";
import { otherSingletonLives } from "../store/other-singleton.ts";
import type { RetryRequest } from "../store/signal-store.ts";
import type { Session } from "./database.ts";
import { writeDeadline } from "./deadline-control.ts";
import { appendNote, LockedInstance } from "./instance-control.ts";
import { setStatus } from "./queries/change-instance.ts";
import { findInstance, findStood, type StoodRow } from "./queries/find-instances.ts";
import { findSingletonKey, lockStartKey, takeStartKey } from "./queries/start-keys.ts";
import { upsertPositions, wakePositions } from "./queries/write-positions.ts";
import { stoodFromJson } from "./stood-json.ts";
import type { StoreContext } from "./store-context.ts";

/** Takes back an instance that has failed, with the positions that were kept. As `putBack` in the snapshot layer. */
export async function retryInstance(context: StoreContext, instanceId: string, request: RetryRequest): Promise<void> {
  const { db, lanes, tables } = context;
  const work = (tx: Session): Promise<boolean> => putBackAll(context, tx, instanceId, request);
  for (let isDone = false; !isDone; ) {
    // Numbered outside of the transaction, which may be rolled back.
    const [seen] = await db.run("find-stood", findStood(tables, instanceId));
    if (seen !== undefined) await lanes.resolve(lanesOf(seen));
    // Twice is not as good as once: the instance may have failed again in between.
    isDone = await db.transaction("retry-instance", work, "ifWithoutEffect");
  }
  context.hints.ready(null);
}

/** @returns `false` if it has become another instance than the one whose lanes have been looked up */
async function putBackAll(
  context: StoreContext,
  tx: Session,
  instanceId: string,
  request: RetryRequest,
): Promise<boolean> {
  const { lanes, tables } = context;
  const now = context.now();
  const [single] = await tx.run("find-singleton-key", findSingletonKey(tables, instanceId));
  // Before the instance's lock, as whoever starts something under a key does.
  const other =
    single?.singleton_key == null ? null : await takeOver(context, tx, instanceId, single.flow, single.singleton_key);
  const instance = await LockedInstance.get(context, tx, instanceId);
  const [row] = await tx.run("find-stood", findStood(tables, instanceId));
  if (row === undefined) throw new InstanceNotFoundError(instanceId);
  const kept = requireStood(instanceId, instance.status, stoodIn(row));
  const status = request.paused === true ? "paused" : "in_progress";
  const positions = kept.flatMap((position) => {
    const lane = lanes.known(laneOf(row, position));
    return lane === null ? [] : [{ position: putBack(position, status, instance.now), lane }];
  });
  if (positions.length < kept.length) return false;
  if (other !== null) throw otherSingletonLives(instanceId, instance.status, other);
  const { reason = null } = request;
  await tx.run("set-status", setStatus(tables, { instanceId, status, failure: null, reason, stoodAt: null, now }));
  await appendNote(context, tx, instanceId, NOTES.retry, null);
  await tx.run("upsert-positions", upsertPositions(tables, { instanceId, positions, now }));
  await tx.run("wake-positions", wakePositions(tables, { instanceId, now }));
  await writeDeadline(context, tx, instance, { status, at: deadlineTime(deadlineOf(request), instance.now) });
  return true;
}

/** The instance is the last one under its key. @returns another one that lives under it, if one does; then nothing is changed */
async function takeOver(
  context: StoreContext,
  tx: Session,
  instanceId: string,
  flow: string,
  key: string,
): Promise<string | null> {
  const { tables } = context;
  const [row] = await tx.run("lock-start-key", lockStartKey(tables, { flow, key, now: context.now() }));
  const last = row?.instance_id ?? null;
  if (last !== null && last !== instanceId) {
    const [found] = await tx.run("find-instance", findInstance(tables, last));
    if (found !== undefined && !isTerminal(found.status)) return last;
  }
  await tx.run("take-start-key", takeStartKey(tables, { flow, key, instanceId }));
  return null;
}

function stoodIn(row: StoodRow): readonly StoodPosition[] | null {
  return row.stood_at === null ? null : row.stood_at.map(stoodFromJson);
}

function deadlineOf({ deadline }: RetryRequest): NewDeadline | null {
  return deadline === undefined ? null : parseDeadline(deadline, "request.deadline");
}

/** Those of its positions, and of its deadline. */
function lanesOf(row: StoodRow): Lane[] {
  return [...(stoodIn(row) ?? []), { tags: [] }].map((position) => laneOf(row, position));
}

function laneOf(row: StoodRow, position: Pick<StoodPosition, "tags" | "gate">): Lane {
  const { flow, definition_hash: definitionHash, codec } = row;
  return laneIn({ flow, definitionHash, codec }, position);
}
