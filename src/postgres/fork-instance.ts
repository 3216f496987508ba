import { BackendError } from "../errors/backend-errors.ts";
import { InstanceConflictError, InstanceNotFoundError } from "../errors/instance-errors.ts";
import { NOTES } from "../snapshot/apply.ts";
import { deadlineLane, deadlineTime } from "../snapshot/deadline.ts";
import { startingPosition } from "../snapshot/starting-position.ts";
import type { InstanceFork } from "../store/instance-store.ts";
import type { Session } from "./database.ts";
import { writeDeadline } from "./deadline-control.ts";
import { appendNote, LockedInstance } from "./instance-control.ts";
import { lockInstanceId } from "./queries/change-instance.ts";
import { createInstances } from "./queries/create-instances.ts";
import { keepInstance } from "./queries/find-instances.ts";
import { copyHistory, countHistory, setForkPoint } from "./queries/fork-instance.ts";
import { upsertPositions, wakePositions } from "./queries/write-positions.ts";
import type { StoreContext } from "./store-context.ts";

/** How many entries one statement copies. */
const BATCH = 5_000;

/** Makes an instance that begins where another one has been, in one transaction. */
export async function forkInstance(context: StoreContext, fork: InstanceFork): Promise<void> {
  const { db, lanes } = context;
  const { positions } = fork.instance;
  await lanes.resolve([...positions.map(({ standing }) => standing.lane), deadlineLane(fork.instance)]);
  const found = await db.transaction("fork-instance", (tx) => forkIn(context, tx, fork), "ifWithoutEffect");
  if (found !== fork.entries) throw otherHistory(found, fork.entries);
  context.hints.ready(null);
}

/** @returns how many entries there are to be copied. If they are not as many as expected, nothing has been written */
async function forkIn(context: StoreContext, tx: Session, { instance, from, ...copy }: InstanceFork): Promise<number> {
  const { lanes, tables } = context;
  const { instanceId } = instance;
  const now = context.now();
  await tx.run("lock-instance-id", lockInstanceId(tables, instanceId));
  const [source] = await tx.run("keep-instance", keepInstance(tables, from.instanceId));
  if (source === undefined) throw new InstanceNotFoundError(from.instanceId);
  const [counted] = await tx.run("count-history", countHistory(tables, from));
  if (counted?.entries !== copy.entries) return counted?.entries ?? 0;
  const facts = { workerId: "", leaseMs: 0, now };
  const [made] = await tx.run("create-instances", createInstances(tables, [instance], [], facts));
  if (made?.created !== true)
    throw new InstanceConflictError(instanceId, { remedy: "Choose another id for the fork." });
  await tx.run("set-fork-point", setForkPoint(tables, { instanceId, from }));
  await copyAll(context, tx, { instance, from, ...copy });
  await appendNote(context, tx, instanceId, NOTES.fork, null);
  const locked = await LockedInstance.get(context, tx, instanceId);
  const { now: nowMs } = locked;
  const positions = instance.positions.map((position) => ({
    position: startingPosition(position, nowMs),
    lane: lanes.numberOf(position.standing.lane),
  }));
  await tx.run("upsert-positions", upsertPositions(tables, { instanceId, positions, now }));
  await tx.run("wake-positions", wakePositions(tables, { instanceId, now }));
  // After the history, which may know of deadlines of the other one.
  const at = deadlineTime(instance.deadline, nowMs);
  if (at !== null) await writeDeadline(context, tx, locked, { status: locked.status, at });
  return copy.entries;
}

async function copyAll(
  { tables }: StoreContext,
  tx: Session,
  { instance: { instanceId }, from, entries, replaced, renamed = [] }: InstanceFork,
): Promise<void> {
  let total = 0;
  const payloads = new InOrder(replaced);
  const names = new InOrder(renamed);
  for (let after = 0n; ; ) {
    const changes = { replaced: payloads.after(after), renamed: names.after(after) };
    const batch = { instanceId, from, after, limit: BATCH, ...changes };
    const [row] = await tx.run("copy-history", copyHistory(tables, batch));
    total += row?.copied ?? 0;
    if (row?.last == null || row.copied < BATCH) break;
    after = row.last;
  }
  // Another one has come meanwhile: all of it is tried again, and it is counted then.
  if (total !== entries) throw otherHistory(total, entries);
}

/** What is to be changed, as far as the next batch can meet it. */
class InOrder<T extends { readonly sequence: bigint }> {
  readonly #all: readonly T[];
  #next = 0;

  constructor(all: readonly T[]) {
    this.#all = all.toSorted((a, b) => (a.sequence < b.sequence ? -1 : 1));
  }

  after(sequence: bigint): readonly T[] {
    while ((this.#all[this.#next]?.sequence ?? sequence + 1n) <= sequence) this.#next++;
    return this.#all.slice(this.#next, this.#next + BATCH);
  }
}

function otherHistory(found: number, expected: number): BackendError {
  const problem = `The history has ${found} entries up to there, not ${expected}`;
  return new BackendError("BACKEND_CONFLICT", { queryName: "fork-instance", problem });
}
