import { InstanceNotFoundError, InvalidTransitionError } from "../errors/instance-errors.ts";
import { NOTES } from "../snapshot/apply.ts";
import type { Checkpoint } from "../snapshot/checkpoint.ts";
import type { Position } from "../snapshot/position.ts";
import { interruptOf, withInterrupt } from "../snapshot/position-rules.ts";
import { type InstanceStatus, isTerminal, type NewEntry } from "../snapshot/snapshot.ts";
import { stoodPositions } from "../snapshot/stood-position.ts";
import { pendingRequest } from "../store/pending-request.ts";
import type { CheckpointFate } from "../store/position-store.ts";
import type { CancelRequest, SignalKind, SignalRequest } from "../store/signal-store.ts";
import type { Session } from "./database.ts";
import { deletePositions, deleteSignals, KEEP_STOOD, setStatus } from "./queries/change-instance.ts";
import { lockInstance, lockPositions } from "./queries/find-instances.ts";
import { appendEntry, findOutcome, highestAttempt } from "./queries/history.ts";
import { deleteSignal, findSignals, storeSignal } from "./queries/signals.ts";
import { wakePositions, writeSchedules } from "./queries/write-positions.ts";
import { hasRelatives, type InstanceRow, positionFromRow } from "./rows.ts";
import { isUniqueViolation } from "./sqlstate.ts";
import { stoodToJson } from "./stood-json.ts";
import type { StoreContext } from "./store-context.ts";

/**
 * Changes to whole instances. Each runs in a transaction that has the instance's row locked first, and
 * then its positions, those with a worker before the joins that they count down. Checkpoints never wait
 * for an instance's row, so there is no cycle (docs/protocols/claims.md). What becomes of the positions is
 * decided by the snapshot layer's rules, the same as in memory.
 */
export class LockedInstance {
  readonly row: InstanceRow;
  readonly #context: StoreContext;
  readonly #tx: Session;
  readonly #positions: readonly Position[];
  readonly #signals: Map<SignalKind, CancelRequest>;

  private constructor(
    context: StoreContext,
    tx: Session,
    row: InstanceRow,
    positions: readonly Position[],
    signals: Map<SignalKind, CancelRequest>,
  ) {
    this.row = row;
    this.#context = context;
    this.#tx = tx;
    this.#positions = positions;
    this.#signals = signals;
  }

  /** Locks an instance and its positions; `null` if there is none. */
  static async find(context: StoreContext, tx: Session, instanceId: string): Promise<LockedInstance | null> {
    const { tables } = context;
    const [row] = await tx.run("lock-instance", lockInstance(tables, instanceId));
    if (row === undefined) return null;
    const positions = (await tx.run("lock-positions", lockPositions(tables, instanceId))).map(positionFromRow);
    const signals = (await tx.run("find-signals", findSignals(tables, instanceId))).map(
      (signal) => [signal.kind, requestFrom(signal)] as const,
    );
    return new LockedInstance(context, tx, row, positions, new Map(signals));
  }

  /** @throws {InstanceNotFoundError} */
  static async get(context: StoreContext, tx: Session, instanceId: string): Promise<LockedInstance> {
    const found = await LockedInstance.find(context, tx, instanceId);
    if (found === null) throw new InstanceNotFoundError(instanceId);
    return found;
  }

  get id(): string {
    return this.row.instance_id;
  }

  get status(): InstanceStatus {
    return this.row.status;
  }

  /** Whether its end means something to others. */
  get hasRelatives(): boolean {
    return hasRelatives(this.row);
  }

  get positions(): readonly Position[] {
    return this.#positions;
  }

  /** Somebody holds one of its positions: the lease has not expired. */
  get isHeld(): boolean {
    const now = this.now;
    return this.#positions.some(({ claim }) => claim !== null && (claim.expiresAt === null || claim.expiresAt > now));
  }

  get now(): number {
    return this.#context.now()?.getTime() ?? this.row.now_ms;
  }

  pending(kind: SignalKind): CancelRequest | null {
    return this.#signals.get(kind) ?? null;
  }

  /**
   * Whether the instance is what a request wants it to be.
   *
   * @throws {InvalidTransitionError} it can't become that any more
   */
  isAlready(kind: SignalKind): boolean {
    if (this.status === (kind === "cancel" ? "cancelled" : "paused")) return true;
    if (isTerminal(this.status)) throw new InvalidTransitionError(this.id, this.status, kind);
    return false;
  }

  /** Whether it is being undone because it is to be cancelled. */
  async isCancelling(): Promise<boolean> {
    const params = { instanceId: this.id, taskId: NOTES.cancelling };
    const [last] = await this.#tx.run("highest-attempt", highestAttempt(this.#context.tables, params));
    return (last?.attempt ?? 0) > 0;
  }

  /** Stores a request as pending, with what one that is pending has said, and marks the positions. */
  async request(kind: SignalKind, request: CancelRequest): Promise<void> {
    const asked = pendingRequest(this.pending(kind), request);
    const { reason = null, requestedBy = null, undo = false } = asked;
    const params = { instanceId: this.id, kind, reason, requestedBy, undo, now: this.#context.now() };
    await this.#tx.run("store-signal", storeSignal(this.#context.tables, params));
    this.#signals.set(kind, asked);
    await this.#refresh(this.status);
  }

  /** Withdraws a request; what it would have stopped goes on. */
  async withdraw(kind: SignalKind): Promise<void> {
    if (!this.#signals.delete(kind)) return;
    await this.#tx.run("delete-signal", deleteSignal(this.#context.tables, { instanceId: this.id, kind }));
    await this.#refresh(this.status);
  }

  async cancel(request: SignalRequest, interruptedAtTask: string | null): Promise<void> {
    const { tables } = this.#context;
    await this.#tx.run("delete-positions", deletePositions(tables, this.id));
    await this.#tx.run("delete-signals", deleteSignals(tables, this.id));
    await this.#setStatus("cancelled", request.reason ?? null);
    await appendNote(this.#context, this.#tx, this.id, NOTES.cancel, interruptedAtTask);
  }

  async pause(request: SignalRequest): Promise<void> {
    this.#signals.delete("pause");
    await this.#tx.run("delete-signal", deleteSignal(this.#context.tables, { instanceId: this.id, kind: "pause" }));
    await this.#setStatus("paused", request.reason ?? null);
    await appendNote(this.#context, this.#tx, this.id, NOTES.pause, null);
    await this.#refresh("paused");
  }

  async unpause(): Promise<void> {
    await this.#setStatus("in_progress", null);
    await appendNote(this.#context, this.#tx, this.id, NOTES.unpause, null);
    await this.#refresh("in_progress");
  }

  /** Brings all positions in line with what is pending and whether the instance is paused. */
  async refresh(): Promise<void> {
    await this.#refresh(this.status);
  }

  async #refresh(status: InstanceStatus): Promise<void> {
    const now = this.now;
    const interrupt = interruptOf(status, this.#signals);
    const changed = this.#positions
      .map((position) => ({ position, next: withInterrupt(position, interrupt, now) }))
      .filter(({ position, next }) => position !== next)
      .map(({ next }) => next);
    if (changed.length === 0) return;
    const { tables } = this.#context;
    await this.#tx.run("write-schedules", writeSchedules(tables, { instanceId: this.id, positions: changed }));
    await this.#tx.run("wake-positions", wakePositions(tables, { instanceId: this.id, now: this.#context.now() }));
  }

  async #setStatus(status: InstanceStatus, reason: string | null): Promise<void> {
    const nothing = { failure: null, stoodAt: isTerminal(status) ? null : KEEP_STOOD };
    const params = { instanceId: this.id, status, reason, ...nothing, now: this.#context.now() };
    await this.#tx.run("set-status", setStatus(this.#context.tables, params));
  }
}

export function requestFrom(row: {
  readonly reason: string | null;
  readonly requested_by: string | null;
  readonly undo: boolean;
}): CancelRequest {
  return {
    ...(row.undo ? { undo: true } : {}),
    ...(row.reason === null ? {} : { reason: row.reason }),
    ...(row.requested_by === null ? {} : { requestedBy: row.requested_by }),
  };
}

/** Appends a note to the history; the transaction has the instance's row locked, so notes don't collide. */
export async function appendNote(
  context: StoreContext,
  tx: Session,
  instanceId: string,
  taskId: string,
  about: string | null,
): Promise<void> {
  const { tables } = context;
  const [last] = await tx.run("highest-attempt", highestAttempt(tables, { instanceId, taskId }));
  const entry: NewEntry = {
    taskId,
    attempt: (last?.attempt ?? 0) + 1,
    kind: "instance",
    outcome: "noted",
    output: null,
    outputRef: about,
    failure: null,
    durationMs: null,
    decision: null,
  };
  await tx.run(
    "append-entry",
    appendEntry(tables, { instanceId, path: "", entry, workerId: null, now: context.now() }),
  );
}

/** Fails an instance from within a branch: the other branches go too, which takes more than one statement. */
export async function failInstance(
  context: StoreContext,
  checkpoint: Checkpoint,
  workerId: string,
): Promise<CheckpointFate> {
  const { db, tables } = context;
  const { claim, move, entries } = checkpoint;
  if (move.kind !== "fail") throw new TypeError("Only a failure fails an instance.");
  const { instanceId, path } = claim;
  const now = context.now();
  try {
    return await db.transaction<CheckpointFate>("checkpoint-failBranch", async (tx) => {
      const instance = await LockedInstance.find(context, tx, instanceId);
      const own = instance?.positions.find((position) => position.path === path);
      if (own?.claim?.token !== claim.token) return { kind: "fenced" };
      for (const { taskId } of entries) {
        const recorded = await tx.run("find-outcome", findOutcome(tables, { instanceId, taskId }));
        if (recorded.length > 0) return { kind: "recorded" };
      }
      await tx.run("delete-positions", deletePositions(tables, instanceId));
      await tx.run("delete-signals", deleteSignals(tables, instanceId));
      for (const entry of entries) {
        await tx.run("append-entry", appendEntry(tables, { instanceId, path, entry, workerId, now }));
      }
      const stoodAt = stoodToJson(stoodPositions(instance?.positions ?? [], path, move.to));
      const { failure } = move;
      await tx.run(
        "set-status",
        setStatus(tables, { instanceId, status: "failed", failure, reason: null, stoodAt, now }),
      );
      const owes = instance !== null && instance.hasRelatives;
      return { kind: "accepted", kept: false, interrupt: null, granted: [], ...(owes ? { owes } : {}) };
    });
  } catch (error) {
    if (isUniqueViolation(error) && error.constraint === "checkpoints_pkey") return { kind: "recorded" };
    throw error;
  }
}

/**
 * Lets a paused instance go on.
 *
 * @throws {InstanceNotFoundError}
 * @throws {InvalidTransitionError} it is not paused
 */
export async function unpauseIn(context: StoreContext, tx: Session, instanceId: string): Promise<void> {
  const instance = await LockedInstance.get(context, tx, instanceId);
  if (instance.status !== "paused") throw new InvalidTransitionError(instanceId, instance.status, "unpause");
  await instance.unpause();
}
