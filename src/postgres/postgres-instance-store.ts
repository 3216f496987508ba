import { BackendError } from "../errors/backend-errors.ts";
import { parseKnownId, parseTaskId } from "../ids.ts";
import { deadlineLane, type NewDeadline } from "../snapshot/deadline.ts";
import { type InstanceOutline, type InstanceStatus, isTerminal } from "../snapshot/snapshot.ts";
import { parseControlRequest, parseRetryRequest, parseSignalKind, parseSignalRequest } from "../store/arguments.ts";
import {
  checkDeadline,
  checkFilter,
  checkFork,
  checkInstanceIds,
  checkMigration,
  checkNewInstance,
  checkNewInstances,
} from "../store/check-instance.ts";
import { hintControlled, hintCreated, hintDeadline, hintTerminated } from "../store/hints.ts";
import type {
  ControlOutcome,
  CreatedInstance,
  Holder,
  InstanceFilter,
  InstanceFork,
  InstanceState,
  InstanceStore,
  Migration,
  NewInstance,
  TerminateOutcome,
} from "../store/instance-store.ts";
import { pendingRequest } from "../store/pending-request.ts";
import type { CancelRequest, RetryRequest, SignalKind, SignalRequest } from "../store/signal-store.ts";
import type { Session } from "./database.ts";
import { changeDeadline } from "./deadline-control.ts";
import { type NoteEnd, whileEnding } from "./ending.ts";
import { forkInstance } from "./fork-instance.ts";
import { LockedInstance, requestFrom, unpauseIn } from "./instance-control.ts";
import { listParams } from "./list-params.ts";
import { migrateInstance } from "./migrate-instance.ts";
import { deleteInstance, deletePositions, lockInstanceId } from "./queries/change-instance.ts";
import type { BatchFacts, BranchRow } from "./queries/checkpoint-columns.ts";
import { type CreatedRow, createInstances } from "./queries/create-instances.ts";
import { findEnded, findInstance, findPositions, listInstanceIds, listInstances } from "./queries/find-instances.ts";
import { findSignals } from "./queries/signals.ts";
import { retryInstance } from "./retry-instance.ts";
import { instanceFromRow, outlineFromRow, positionFromRow, progressFromRow } from "./rows.ts";
import type { StoreContext } from "./store-context.ts";

/** Makes, finds and controls instances. */
export class PostgresInstanceStore implements InstanceStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async createInstances(instances: readonly NewInstance[], holder?: Holder): Promise<readonly CreatedInstance[]> {
    const { db, hints } = this.#context;
    const results = await createIn(
      this.#context,
      { run: (...call) => db.run(...call, "ifWithoutEffect") },
      instances,
      holder,
    );
    hintCreated(hints, instances, results);
    return results;
  }

  async replaceInstance(instance: NewInstance, holder?: Holder): Promise<CreatedInstance> {
    checkNewInstance(instance, holder, "instance");
    await resolveLanes(this.#context, [instance]);
    const { db, tables } = this.#context;
    const { instanceId } = instance;
    const replace = async (tx: Session, note: NoteEnd): Promise<CreatedInstance> => {
      await tx.run("lock-instance-id", lockInstanceId(tables, instanceId));
      const existing = await LockedInstance.find(this.#context, tx, instanceId);
      note(existing);
      if (existing !== null) {
        await tx.run("delete-positions", deletePositions(tables, instanceId));
        await tx.run("delete-instance", deleteInstance(tables, instanceId));
      }
      const query = createInstances(
        tables,
        [instance],
        positionRows(this.#context, [instance]),
        factsOf(this.#context, holder),
        deadlineLanes(this.#context, [instance]),
      );
      const [row] = await tx.run("create-instances", query);
      // Somebody has just made one: it is the one to be replaced.
      if (row?.created !== true) {
        throw new BackendError("BACKEND_CONFLICT", {
          queryName: "replace-instance",
          problem: "The id was taken meanwhile",
        });
      }
      return createdFromRow(instance, row);
    };
    const created = await whileEnding(this.#context, (note) =>
      db.transaction("replace-instance", (tx) => replace(tx, note)),
    );
    hintCreated(this.#context.hints, [instance], [created]);
    return created;
  }

  async findInstance(instanceId: string): Promise<InstanceState | null> {
    const id = parseKnownId(instanceId);
    const { db, tables } = this.#context;
    // What has ended stands nowhere, and no request is pending (INV-7): one look is enough.
    const [ended] = await db.run("find-instance", findInstance(tables, id));
    if (ended === undefined) return null;
    if (isTerminal(ended.status)) {
      const now = this.#context.now()?.getTime() ?? ended.now_ms;
      return { instance: instanceFromRow(ended), positions: [], signals: [], progress: [], now };
    }
    return await db.snapshot("find-instance", async (tx) => {
      const positions = await tx.run("find-positions", findPositions(tables, id));
      const signals = await tx.run("find-signals", findSignals(tables, id));
      const [row] = await tx.run("find-instance", findInstance(tables, id));
      if (row === undefined) return null;
      return {
        instance: instanceFromRow(row),
        positions: isTerminal(row.status) ? [] : positions.map(positionFromRow),
        signals: signals.map((signal) => ({ kind: signal.kind, request: requestFrom(signal) })),
        progress: isTerminal(row.status) ? [] : positions.flatMap(progressFromRow),
        now: this.#context.now()?.getTime() ?? row.now_ms,
      };
    });
  }

  async findEnded(instanceIds: readonly string[]): Promise<readonly string[]> {
    checkInstanceIds(instanceIds);
    if (instanceIds.length === 0) return [];
    const rows = await this.#context.db.run("find-ended", findEnded(this.#context.tables, instanceIds));
    return rows.map((row) => row.instance_id);
  }

  async listInstances(filter: InstanceFilter): Promise<readonly InstanceOutline[]> {
    checkFilter(filter);
    const { db, tables } = this.#context;
    return (await db.run("list-instances", listInstances(tables, listParams(filter)))).map(outlineFromRow);
  }

  async listInstanceIds(filter: InstanceFilter): Promise<readonly string[]> {
    checkFilter(filter);
    const { db, tables } = this.#context;
    const rows = await db.run("list-instance-ids", listInstanceIds(tables, listParams(filter)));
    return rows.map((row) => row.instance_id);
  }

  async requestControl(instanceId: string, kind: SignalKind, request: CancelRequest): Promise<ControlOutcome> {
    const id = parseKnownId(instanceId);
    const parsed = parseControlRequest(parseSignalKind(kind), request);
    const control = async (tx: Session, note: NoteEnd): Promise<ControlOutcome> => {
      const instance = await LockedInstance.get(this.#context, tx, id);
      if (instance.isAlready(kind)) return "unchanged";
      if (kind === "pause") {
        await instance.pause(parsed);
        return "applied";
      }
      if (await instance.isCancelling()) return "requested";
      const asked = pendingRequest(instance.pending("cancel"), parsed);
      if (asked.undo !== true && !instance.isHeld) {
        await instance.cancel(asked, null);
        note(instance);
        return "applied";
      }
      await instance.request(kind, parsed);
      return "requested";
    };
    const outcome = await whileEnding(this.#context, (note) =>
      this.#context.db.transaction("request-control", (tx) => control(tx, note)),
    );
    hintControlled(this.#context.hints, id, kind, outcome);
    return outcome;
  }

  async terminateInstance(instanceId: string, request: SignalRequest): Promise<TerminateOutcome> {
    const id = parseKnownId(instanceId);
    const parsed = parseSignalRequest(request);
    const isDone = await whileEnding(this.#context, (note) =>
      this.#context.db.transaction("terminate-instance", async (tx) => {
        const instance = await LockedInstance.get(this.#context, tx, id);
        if (instance.isAlready("cancel")) return false;
        await instance.cancel(parsed, null);
        note(instance);
        return true;
      }),
    );
    if (!isDone) return "unchanged";
    hintTerminated(this.#context.hints, id);
    return "applied";
  }

  async unpauseInstance(instanceId: string): Promise<void> {
    const id = parseKnownId(instanceId);
    await this.#context.db.transaction("unpause", (tx) => unpauseIn(this.#context, tx, id));
    this.#context.hints.ready(null);
  }

  async retryInstance(instanceId: string, request: RetryRequest): Promise<void> {
    await retryInstance(this.#context, parseKnownId(instanceId), parseRetryRequest(request));
  }

  async forkInstance(fork: InstanceFork): Promise<void> {
    checkFork(fork);
    await forkInstance(this.#context, fork);
  }

  async migrateInstance(migration: Migration): Promise<void> {
    checkMigration(migration);
    await migrateInstance(this.#context, migration);
  }

  async setDeadline(instanceId: string, deadline: NewDeadline | null): Promise<void> {
    const id = parseKnownId(instanceId);
    if (deadline !== null) checkDeadline(deadline, "deadline");
    await changeDeadline(this.#context, id, deadline);
    hintDeadline(this.#context.hints, deadline);
  }

  async settleInterrupt(instanceId: string, interruptedAtTask: string): Promise<InstanceStatus | null> {
    const id = parseKnownId(instanceId);
    const task = parseTaskId(interruptedAtTask, "interruptedAtTask");
    const settle = async (tx: Session, note: NoteEnd): Promise<InstanceStatus | null> => {
      const instance = await LockedInstance.find(this.#context, tx, id);
      if (instance === null || isTerminal(instance.status)) return instance?.status ?? null;
      const cancel = instance.pending("cancel");
      if (cancel !== null) {
        // Whoever takes it next begins to undo it.
        if (cancel.undo === true) await instance.refresh();
        if (cancel.undo === true || instance.isHeld) return instance.status;
        await instance.cancel(cancel, task);
        note(instance);
        return "cancelled";
      }
      const pause = instance.pending("pause");
      if (pause !== null && instance.status === "in_progress") {
        await instance.pause(pause);
        return "paused";
      }
      await instance.refresh();
      return instance.status;
    };
    const status = await whileEnding(this.#context, (note) =>
      this.#context.db.transaction("settle-interrupt", (tx) => settle(tx, note)),
    );
    if (status === "cancelled") this.#context.hints.ended([{ instanceId: id, output: null }]);
    return status;
  }
}

/** Makes instances by one statement, which `session` runs. */
export async function createIn(
  context: StoreContext,
  session: Session,
  instances: readonly NewInstance[],
  holder?: Holder,
): Promise<readonly CreatedInstance[]> {
  checkNewInstances(instances, holder);
  if (instances.length === 0) return [];
  await resolveLanes(context, instances);
  // Of an id that occurs twice, the first one counts; the statement could not tell them apart.
  const seen = new Set<string>();
  const distinct = instances.filter(({ instanceId }) => !seen.has(instanceId) && seen.add(instanceId));
  const query = createInstances(
    context.tables,
    distinct,
    positionRows(context, distinct),
    factsOf(context, holder),
    deadlineLanes(context, distinct),
  );
  const rows = await session.run("create-instances", query);
  const created = new Map(distinct.map((instance, index) => [instance, createdFromRow(instance, rows[index])]));
  return instances.map(
    (instance) => created.get(instance) ?? { instanceId: instance.instanceId, created: false, granted: [] },
  );
}

/** In a transaction of their own: a number is remembered, whatever becomes of the instances. */
export async function resolveLanes({ lanes }: StoreContext, instances: readonly NewInstance[]): Promise<void> {
  await lanes.resolve(
    instances.flatMap((instance) => [
      ...instance.positions.map(({ standing }) => standing.lane),
      ...(instance.deadline === null ? [] : [deadlineLane(instance)]),
    ]),
  );
}

/** Of those that have a deadline. */
export function deadlineLanes({ lanes }: StoreContext, instances: readonly NewInstance[]): (number | null)[] {
  return instances.map((instance) => (instance.deadline === null ? null : lanes.numberOf(deadlineLane(instance))));
}

export function positionRows({ lanes }: StoreContext, instances: readonly NewInstance[]): BranchRow[] {
  return instances.flatMap(({ positions }, index) =>
    positions.map((branch) => ({ idx: index + 1, branch, lane: lanes.numberOf(branch.standing.lane) })),
  );
}

export function factsOf(context: StoreContext, holder: Holder | undefined): BatchFacts {
  return { workerId: holder?.workerId ?? "", leaseMs: holder?.leaseMs ?? 0, now: context.now() };
}

function createdFromRow(instance: NewInstance, row: CreatedRow | undefined): CreatedInstance {
  const tokens = new Map((row?.granted ?? []).map(({ path, token }) => [path, BigInt(token)]));
  return {
    instanceId: instance.instanceId,
    created: row?.created ?? false,
    granted: instance.positions.flatMap(({ path }) => {
      const token = tokens.get(path);
      return token === undefined ? [] : [{ path, token }];
    }),
  };
}
