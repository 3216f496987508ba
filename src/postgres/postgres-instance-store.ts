import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { InvalidTransitionError } from "../errors/instance-errors.ts";
import { parseInstanceId } from "../ids.ts";
import { type InstanceRecord, type InstanceStatus, isTerminal } from "../snapshot/snapshot.ts";
import { parseHolder, parseNewInstance, parseSignalKind, parseSignalRequest, parseWhole } from "../store/arguments.ts";
import type {
  ControlOutcome,
  CreatedInstance,
  Holder,
  InstanceFilter,
  InstanceState,
  InstanceStore,
  NewInstance,
} from "../store/instance-store.ts";
import type { SignalKind, SignalRequest } from "../store/signal-store.ts";
import type { Session } from "./database.ts";
import { applyCancel, applyPause, lockAllPositions, lockExisting } from "./instance-control.ts";
import { deleteInstance, deletePositions } from "./queries/change-instance.ts";
import { interruptPositions, resumePositions } from "./queries/change-positions.ts";
import type { BatchFacts } from "./queries/checkpoint-columns.ts";
import { type CreatedRow, createInstances } from "./queries/create-instances.ts";
import { findInstance, findPositions, listInstances, lockInstance } from "./queries/find-instances.ts";
import type { BranchRow } from "./queries/fork.ts";
import { findSignals, type SignalRow, storeSignal } from "./queries/signals.ts";
import { instanceFromRow, positionFromRow } from "./rows.ts";
import type { StoreContext } from "./store-context.ts";

const STATUSES: readonly InstanceStatus[] = ["in_progress", "paused", "completed", "failed", "cancelled"];

/** Makes, finds and controls instances. */
export class PostgresInstanceStore implements InstanceStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async createInstances(instances: readonly NewInstance[], holder?: Holder): Promise<readonly CreatedInstance[]> {
    this.#check(instances, holder);
    if (instances.length === 0) return [];
    await this.#resolveLanes(instances);
    // Of an id that occurs twice, the first one counts; the statement could not tell them apart.
    const distinct = [
      ...new Map(instances.toReversed().map((instance) => [instance.instanceId, instance])).values(),
    ].reverse();
    const query = createInstances(this.#context.tables, distinct, this.#positionRows(distinct), this.#facts(holder));
    const rows = await this.#context.db.run("create-instances", query, "ifWithoutEffect");
    const created = new Map(distinct.map((instance, index) => [instance, createdFromRow(instance, rows[index])]));
    return instances.map(
      (instance) => created.get(instance) ?? { instanceId: instance.instanceId, created: false, granted: [] },
    );
  }

  async replaceInstance(instance: NewInstance, holder?: Holder): Promise<CreatedInstance> {
    this.#check([instance], holder);
    await this.#resolveLanes([instance]);
    const { db, tables } = this.#context;
    const { instanceId } = instance;
    return await db.transaction("replace-instance", async (tx) => {
      await tx.run("lock-instance", lockInstance(tables, instanceId));
      await lockAllPositions(this.#context, tx, instanceId);
      await tx.run("delete-positions", deletePositions(tables, instanceId));
      await tx.run("delete-instance", deleteInstance(tables, instanceId));
      const query = createInstances(tables, [instance], this.#positionRows([instance]), this.#facts(holder));
      const [row] = await tx.run("create-instances", query);
      return createdFromRow(instance, row);
    });
  }

  async findInstance(instanceId: string): Promise<InstanceState | null> {
    const id = parseInstanceId(instanceId);
    const { db, tables } = this.#context;
    return await db.transaction("find-instance", async (tx) => {
      // Positions first: an instance that ends in between is seen as ended, never as one without positions.
      const positions = await tx.run("find-positions", findPositions(tables, id));
      const signals = await tx.run("find-signals", findSignals(tables, id));
      const [row] = await tx.run("find-instance", findInstance(tables, id));
      if (row === undefined) return null;
      return {
        instance: instanceFromRow(row),
        positions: isTerminal(row.status) ? [] : positions.map(positionFromRow),
        signals: signals.map((signal) => ({ kind: signal.kind, request: requestFromRow(signal) })),
        now: this.#context.now()?.getTime() ?? row.now_ms,
      };
    });
  }

  async listInstances(filter: InstanceFilter): Promise<readonly InstanceRecord[]> {
    for (const status of filter.status ?? []) {
      if (!STATUSES.includes(status))
        throw new InvalidArgumentError("filter.status", `has an unknown status ${JSON.stringify(status)}.`);
    }
    const query = listInstances(this.#context.tables, {
      flow: filter.flow ?? null,
      statuses: filter.status ?? null,
      idPrefix: filter.idPrefix ?? null,
      after: filter.after === undefined ? null : parseInstanceId(filter.after, "filter.after"),
      limit: parseWhole(filter.limit ?? 100, "filter.limit", 1, 1_000),
    });
    return (await this.#context.db.run("list-instances", query)).map(instanceFromRow);
  }

  async requestControl(instanceId: string, kind: SignalKind, request: SignalRequest): Promise<ControlOutcome> {
    const id = parseInstanceId(instanceId);
    parseSignalKind(kind);
    const parsed = parseSignalRequest(request);
    return await this.#context.db.transaction("request-control", async (tx) => {
      const instance = await lockExisting(this.#context, tx, id);
      if (isInState(instance.status, kind)) return "unchanged";
      if (isTerminal(instance.status)) throw new InvalidTransitionError(id, instance.status, kind);
      const held = await lockAllPositions(this.#context, tx, id);
      if (kind === "pause") {
        await applyPause(this.#context, tx, id, parsed);
        return "applied";
      }
      if (!held) {
        await applyCancel(this.#context, tx, id, parsed, null);
        return "applied";
      }
      await storePending(this.#context, tx, id, kind, parsed);
      return "requested";
    });
  }

  async settleInterrupt(instanceId: string, interruptedAtTask: string): Promise<InstanceStatus | null> {
    const id = parseInstanceId(instanceId);
    const { db, tables } = this.#context;
    return await db.transaction("settle-interrupt", async (tx) => {
      const [instance] = await tx.run("lock-instance", lockInstance(tables, id));
      if (instance === undefined) return null;
      if (isTerminal(instance.status)) return instance.status;
      const held = await lockAllPositions(this.#context, tx, id);
      const signals = await tx.run("find-signals", findSignals(tables, id));
      const cancel = signals.find((signal) => signal.kind === "cancel");
      if (cancel !== undefined) {
        if (held) return instance.status;
        await applyCancel(this.#context, tx, id, requestFromRow(cancel), interruptedAtTask);
        return "cancelled";
      }
      const pause = signals.find((signal) => signal.kind === "pause");
      if (pause !== undefined && instance.status === "in_progress") {
        await applyPause(this.#context, tx, id, requestFromRow(pause));
        return "paused";
      }
      if (instance.status === "in_progress") {
        await tx.run("resume-positions", resumePositions(tables, { instanceId: id, now: this.#context.now() }));
      }
      return instance.status;
    });
  }

  #check(instances: readonly NewInstance[], holder: Holder | undefined): void {
    for (const [index, instance] of instances.entries()) parseNewInstance(instance, `instances[${index}]`);
    if (holder !== undefined) parseHolder(holder);
    else if (instances.some(({ positions }) => positions.some((position) => position.claimed))) {
      throw new InvalidArgumentError("holder", "is needed where a position is claimed from the start.");
    }
  }

  async #resolveLanes(instances: readonly NewInstance[]): Promise<void> {
    await this.#context.lanes.resolve(
      instances.flatMap(({ positions }) => positions.map(({ standing }) => standing.lane)),
    );
  }

  #positionRows(instances: readonly NewInstance[]): BranchRow[] {
    return instances.flatMap(({ positions }, index) =>
      positions.map((branch) => ({ idx: index + 1, branch, lane: this.#context.lanes.numberOf(branch.standing.lane) })),
    );
  }

  #facts(holder: Holder | undefined): BatchFacts {
    return { workerId: holder?.workerId ?? "", leaseMs: holder?.leaseMs ?? 0, now: this.#context.now() };
  }
}

/** Whether an instance is already what a request wants it to be. */
export function isInState(status: InstanceStatus, kind: SignalKind): boolean {
  return status === (kind === "cancel" ? "cancelled" : "paused");
}

/** Stores a request as pending and marks the positions. The transaction has their locks. */
export async function storePending(
  context: StoreContext,
  tx: Session,
  instanceId: string,
  kind: SignalKind,
  request: SignalRequest,
): Promise<void> {
  const now = context.now();
  const { reason = null, requestedBy = null } = request;
  await tx.run("store-signal", storeSignal(context.tables, { instanceId, kind, reason, requestedBy, now }));
  await tx.run("interrupt-positions", interruptPositions(context.tables, { instanceId, interrupt: kind, now }));
}

export function requestFromRow(row: SignalRow): SignalRequest {
  return {
    ...(row.reason === null ? {} : { reason: row.reason }),
    ...(row.requested_by === null ? {} : { requestedBy: row.requested_by }),
  };
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
