import { BackendError } from "../errors/backend-errors.ts";
import { TransactionFailedError } from "../errors/transaction-errors.ts";
import { WaymarkError } from "../errors/waymark-error.ts";
import type { Checkpoint } from "../snapshot/checkpoint.ts";
import { checkCheckpoints } from "../store/check-checkpoint.ts";
import { checkHolder } from "../store/check-instance.ts";
import { hintCommitted } from "../store/hints.ts";
import type { CheckpointFate } from "../store/position-store.ts";
import type { TaskTransaction, TransactionEnd } from "../store/transactional-store.ts";
import { pause, systemTimers } from "../time/timers.ts";
import type { TransactionSource } from "../transaction.ts";
import type { CheckpointWriter } from "./checkpoint-writer.ts";
import type { OpenTransaction } from "./open-transaction.ts";
import { findOutcome } from "./queries/history.ts";
import { driverErrorOf, isAnswer, isConflict, isConnectionLoss } from "./sqlstate.ts";
import type { StoreContext } from "./store-context.ts";

/** About a second and a half: the locks of a user's transaction are held meanwhile. */
const MOST_BUSY_TRIES = 20;
const LONGEST_BUSY_PAUSE_MS = 100;

interface Parts {
  readonly context: StoreContext;
  readonly writer: CheckpointWriter;
  readonly open: OpenTransaction;
  /** `null`: the backend's own. */
  readonly source: TransactionSource<unknown> | null;
}

type Holder = Parameters<CheckpointWriter["writeIn"]>[2];

/** A task's transaction, from before its function runs until it is committed together with the checkpoint, or rolled back. */
export class PostgresTaskTransaction implements TaskTransaction {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  get handle(): unknown {
    return this.#parts.open.tx;
  }

  async commit(checkpoint: Checkpoint, holder: Holder): Promise<TransactionEnd> {
    const { context, open } = this.#parts;
    try {
      checkCheckpoints([checkpoint]);
      checkHolder(holder);
    } catch (error) {
      await open.rollBack();
      return { kind: "failed", error };
    }
    const taskId = checkpoint.entries[0]?.taskId ?? "";
    let fate: CheckpointFate;
    try {
      await open.settle(taskId);
      fate = await this.#insist(checkpoint, holder);
    } catch (error) {
      await open.rollBack();
      return this.#endFor(taskId, error, "repeatable");
    }
    if (fate.kind !== "accepted") {
      await open.rollBack();
      return { kind: "written", fate };
    }
    try {
      await open.commit();
      await this.#verify(checkpoint);
    } catch (error) {
      return this.#endFor(taskId, error, "unknown");
    }
    hintCommitted(context.hints, [checkpoint], [fate]);
    return { kind: "written", fate };
  }

  async rollback(cause: unknown): Promise<{ readonly isRepeatable: boolean }> {
    const { open } = this.#parts;
    const isInOrder = await open.rollBack();
    const isLate = WaymarkError.is(cause) && cause.code === "TASK_TIMEOUT";
    if (cause === null || isLate) return { isRepeatable: false };
    return {
      isRepeatable: !isInOrder || open.hasConflict || this.#isConflict(cause) || isConnectionLoss(this.#told(cause)),
    };
  }

  /** A row that is locked is tried again without running the task's function again; not for long. */
  async #insist(checkpoint: Checkpoint, holder: Holder): Promise<CheckpointFate> {
    const { writer, open } = this.#parts;
    for (let tries = 1; ; tries++) {
      const fate = await writer.writeIn(open.session, checkpoint, holder);
      if (fate.kind !== "busy" || tries === MOST_BUSY_TRIES) return fate;
      await pause(systemTimers, Math.min(2 ** tries, LONGEST_BUSY_PAUSE_MS));
    }
  }

  /**
   * A library may say that it has committed where the server has rolled back, because a statement that nobody waited for had
   * failed. The engine must not go on from a checkpoint that is not there.
   */
  async #verify({ claim, entries }: Checkpoint): Promise<void> {
    const { context, source } = this.#parts;
    const [entry] = entries;
    if (source === null || entry === undefined) return;
    const query = findOutcome(context.tables, { instanceId: claim.instanceId, taskId: entry.taskId });
    if ((await context.db.run("find-outcome", query)).length > 0) return;
    const problem =
      "A statement that was not awaited has failed after the function had returned. Await every statement.";
    throw new TransactionFailedError(entry.taskId, problem);
  }

  /** @param lost - what it means if the connection has broken */
  #endFor(taskId: string, error: unknown, lost: "repeatable" | "unknown"): TransactionEnd {
    if (this.#isConflict(error) || this.#parts.open.hasConflict) return { kind: "repeatable", error };
    if (isAnswer(error)) {
      const said = driverErrorOf(error);
      const reason = said instanceof Error ? said.message : "it gives no reason";
      const problem = `The database has refused it: ${reason}. If the function catches errors of statements, it has to set a SAVEPOINT before them.`;
      return { kind: "failed", error: new TransactionFailedError(taskId, problem, { cause: said }) };
    }
    if (!(error instanceof BackendError))
      return WaymarkError.is(error) ? { kind: "failed", error } : { kind: lost, error };
    // Without a cause, it is the answer that has not come: what was asked may still be under way.
    return { kind: error.cause === undefined ? "unknown" : lost, error };
  }

  #isConflict(error: unknown): boolean {
    if (error instanceof BackendError && error.code === "BACKEND_CONFLICT") return true;
    return isConflict(this.#told(error));
  }

  /** What the driver said, where only the library knows how to find that. */
  #told(error: unknown): unknown {
    const code = this.#parts.source?.sqlstateOf?.(error) ?? null;
    return code === null ? error : { code };
  }
}
