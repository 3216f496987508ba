import { BackendError } from "../errors/backend-errors.ts";
import { isTerminal } from "../snapshot/snapshot.ts";
import { checkKeyedStart, checkStartDecision } from "../store/check-start.ts";
import { hintCreated, hintTerminated } from "../store/hints.ts";
import type { NewInstance } from "../store/instance-store.ts";
import { isUntouched } from "../store/pending-start.ts";
import type { KeyedStart, LastStart, StartDecision, StartKeyStore, StartOutcome } from "../store/start-key-store.ts";
import type { Session } from "./database.ts";
import { type NoteEnd, whileEnding } from "./ending.ts";
import { LockedInstance } from "./instance-control.ts";
import { createIn, resolveLanes } from "./postgres-instance-store.ts";
import { deletePositions } from "./queries/change-instance.ts";
import { findDefinition } from "./queries/find-instances.ts";
import {
  deleteInstanceRow,
  forgetStartKeys,
  hasHistory,
  lockStartKey,
  type StartKeyRow,
  setSingletonKey,
  writeStartKey,
} from "./queries/start-keys.ts";
import type { StoreContext } from "./store-context.ts";

/** What has been done, for hints once it is committed. */
export interface Done {
  readonly outcome: StartOutcome;
  readonly made: NewInstance | null;
  readonly cancelled: string | null;
}

/** Starts one instance for what several submissions have in common. */
export class PostgresStartKeyStore implements StartKeyStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async startKeyed(start: KeyedStart): Promise<StartOutcome> {
    checkKeyedStart(start);
    const { db, hints } = this.#context;
    await resolveLanes(this.#context, [start.candidate]);
    const kept = keepingErrors(start);
    const { outcome, made, cancelled } = await whileEnding(this.#context, (note) =>
      db.transaction("start-keyed", (tx) => startIn(this.#context, tx, kept, note), "ifWithoutEffect"),
    ).catch((error: unknown) => {
      throw kept.thrown === null ? error : kept.thrown.error;
    });
    if (cancelled !== null) hintTerminated(hints, cancelled);
    if (made !== null) hintCreated(hints, [made], [{ instanceId: made.instanceId, created: true, granted: [] }]);
    return outcome;
  }
}

/** What a decision throws is no failure of the database. */
function keepingErrors(start: KeyedStart): KeyedStart & { readonly thrown: { readonly error: unknown } | null } {
  let thrown: { readonly error: unknown } | null = null;
  return {
    ...start,
    get thrown() {
      return thrown;
    },
    decide: async (last) => {
      try {
        return await start.decide(last);
      } catch (error) {
        thrown = { error };
        throw new BackendError("BACKEND_BUG", { queryName: "start-keyed", problem: "Nothing was decided" });
      }
    },
  };
}

/** The same inside of a transaction that `tx` runs in. */
export async function startIn(context: StoreContext, tx: Session, start: KeyedStart, note: NoteEnd): Promise<Done> {
  const { tables } = context;
  const { candidate, key } = start;
  const { instanceId, flow } = candidate;
  const [row] = await tx.run("lock-start-key", lockStartKey(tables, { flow, key, now: context.now() }));
  if (row === undefined) throw new BackendError("BACKEND_BUG", { queryName: "lock-start-key", problem: "No row" });
  if (row.is_new) await tx.run("forget-start-keys", forgetStartKeys(tables));
  if ((await tx.run("find-definition", findDefinition(tables, instanceId))).length > 0)
    return { outcome: { kind: "idTaken", instanceId }, made: null, cancelled: null };
  const found = row.instance_id === null ? null : await LockedInstance.find(context, tx, row.instance_id);
  const last = await lastOf(context, tx, row, found);
  const decision = await start.decide(last);
  checkStartDecision(decision, candidate, last);
  if (decision.kind === "refuse") return { outcome: { kind: "refused", last }, made: null, cancelled: null };
  const made = await write(context, tx, decision, { last, found, note, key });
  const { startsInMs, markInMs } = decision;
  const written = { flow, key, instanceId: made.instanceId, startsInMs, markInMs, now: context.now() };
  await tx.run("write-start-key", writeStartKey(tables, written));
  const kind = decision.kind === "gather" ? "gathered" : "started";
  const isCancelled = decision.kind === "start" && decision.cancels !== null && last?.isLive === true;
  return {
    outcome: { kind, instanceId: made.instanceId },
    made,
    cancelled: isCancelled ? last.instanceId : null,
  };
}

async function lastOf(
  context: StoreContext,
  tx: Session,
  row: StartKeyRow,
  found: LockedInstance | null,
): Promise<LastStart | null> {
  if (row.instance_id === null) return null;
  const isLive = found !== null && !isTerminal(found.status);
  const startsInMs = row.starts_in_ms ?? 0;
  const isPending =
    found !== null &&
    startsInMs > 0 &&
    found.status === "in_progress" &&
    found.positions.every(isUntouched) &&
    !(await tx.run("has-history", hasHistory(context.tables, found.id)))[0]?.has;
  return {
    instanceId: row.instance_id,
    isLive,
    pending: isPending ? { input: found.row.input, codec: found.row.codec, startsInMs } : null,
    markInMs: row.mark_in_ms,
  };
}

async function write(
  context: StoreContext,
  tx: Session,
  decision: Exclude<StartDecision, { kind: "refuse" }>,
  about: {
    readonly last: LastStart | null;
    readonly found: LockedInstance | null;
    readonly note: NoteEnd;
    readonly key: string;
  },
): Promise<NewInstance> {
  const { tables } = context;
  const { last, found, note, key } = about;
  const { instance } = decision;
  if (decision.kind === "gather") {
    await tx.run("delete-positions", deletePositions(tables, instance.instanceId));
    await tx.run("delete-instance-row", deleteInstanceRow(tables, instance.instanceId));
  } else if (decision.cancels !== null && last?.isLive === true && found !== null) {
    await found.cancel({ reason: decision.cancels }, null);
    note(found);
  }
  const [created] = await createIn(context, tx, [instance]);
  if (created?.created !== true) {
    const problem = "The id was taken meanwhile";
    throw new BackendError("BACKEND_CONFLICT", { queryName: "start-keyed", problem });
  }
  if (decision.kind === "start" && decision.isSingle)
    await tx.run("set-singleton-key", setSingletonKey(tables, { instanceId: instance.instanceId, key }));
  return instance;
}
