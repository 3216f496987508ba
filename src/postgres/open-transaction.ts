import { TransactionFailedError, TransactionMisuseError } from "../errors/transaction-errors.ts";
import type { TransactionSettings, TransactionSource } from "../transaction.ts";
import { sessionIn } from "./borrowed-session.ts";
import type { Database, Session } from "./database.ts";
import type { PoolTransactions } from "./pool-transactions.ts";
import {
  beginSessionState,
  beginState,
  cancelStatement,
  currentSessionState,
  currentState,
  type SessionStateRow,
  type TransactionStateRow,
} from "./queries/transaction-state.ts";
import { isInFailedTransaction } from "./sqlstate.ts";
import { TransactionHandle } from "./transaction-handle.ts";

/** What the source is told by: its transaction is to be rolled back. */
class RollBack extends Error {}

interface Decide {
  commit(): void;
  rollBack(error: RollBack): void;
}

/** Beyond the time limit of a task, and what follows it, the server ends a session that hears nothing. */
const IDLE_MARGIN_MS = 30_000;
/** What is still running after this time is stopped. */
const PATIENCE_MS = 100;
/** What does not stop is left to itself after this. */
const STOP_MS = 3_000;

/** An open transaction, whoever has opened it: entered and left by calls instead of a callback's end. */
export class OpenTransaction {
  readonly tx: unknown;
  /** For the engine's own statements. */
  readonly session: Session;
  readonly #db: Database;
  readonly #pool: PoolTransactions | null;
  readonly #decide: Decide;
  readonly #done: Promise<unknown>;
  #began: (TransactionStateRow & Partial<SessionStateRow>) | null = null;

  private constructor(parts: {
    tx: unknown;
    session: Session;
    db: Database;
    pool: PoolTransactions | null;
    decide: Decide;
    done: Promise<unknown>;
  }) {
    this.tx = parts.tx;
    this.session = parts.session;
    this.#db = parts.db;
    this.#pool = parts.pool;
    this.#decide = parts.decide;
    this.#done = parts.done;
  }

  /**
   * @param pool - the source, where that is the backend's own
   * @throws what the source throws
   */
  static async open(
    db: Database,
    source: TransactionSource<unknown>,
    settings: TransactionSettings,
    pool: PoolTransactions | null,
  ): Promise<OpenTransaction> {
    let decide: Decide = { commit: () => undefined, rollBack: () => undefined };
    const decided = new Promise<void>((resolve, reject) => (decide = { commit: resolve, rollBack: reject }));
    // The source hears of it; that nobody else does is no mistake.
    decided.catch(() => undefined);
    let done: Promise<unknown> = Promise.resolve();
    const tx = await new Promise<unknown>((resolve, reject) => {
      const work = async (handle: unknown): Promise<void> => {
        resolve(handle);
        await decided;
      };
      done = (async () => await source.transaction(work, settings))();
      const never = (): void => reject(new TransactionMisuseError(`${source.library} has opened no transaction.`));
      done.then(never, reject);
    });
    const session = sessionIn(source.queryable(tx), (name, answer) => db.inTime(name, answer));
    const open = new OpenTransaction({ tx, session, db, pool, decide, done });
    try {
      await open.#begin(settings);
    } catch (error) {
      await open.rollBack();
      throw error;
    }
    return open;
  }

  async #begin({ timeoutMs }: TransactionSettings): Promise<void> {
    const idleMs = timeoutMs === null ? null : Math.min(timeoutMs + IDLE_MARGIN_MS, 2_147_483_647);
    const query = this.#pool === null ? beginState(idleMs) : beginSessionState(idleMs);
    const [state] = await this.session.run<TransactionStateRow & Partial<SessionStateRow>>("begin-state", query);
    this.#began = state ?? null;
  }

  /** Whether a statement of the task's function has failed because of another transaction, as far as that can be seen. */
  get hasConflict(): boolean {
    return this.tx instanceof TransactionHandle && this.tx.hasConflict;
  }

  /**
   * The task's function can do nothing more in the transaction, which is still the one that it was given.
   *
   * @throws {TransactionMisuseError} it isn't
   * @throws {TransactionFailedError} the transaction has failed
   */
  async settle(taskId: string): Promise<void> {
    const own = this.tx instanceof TransactionHandle ? this.tx : null;
    if (own !== null) {
      await this.#db.inTime("close-transaction", own.close());
      if (own.misuse !== null) throw own.misuse;
    }
    const query = this.#pool === null ? currentState() : currentSessionState();
    let state: (TransactionStateRow & Partial<SessionStateRow>) | undefined;
    try {
      [state] = await this.session.run<TransactionStateRow & Partial<SessionStateRow>>("current-state", query);
    } catch (error) {
      if (!isInFailedTransaction(error)) throw error;
      const problem =
        "A statement in it had failed, and the function went on. Let the error out, or put a SAVEPOINT before what may fail.";
      throw new TransactionFailedError(taskId, problem, { cause: own?.failure ?? error });
    }
    if (state?.xid !== this.#began?.xid) {
      throw new TransactionMisuseError(
        `The function of task "${taskId}" has ended its transaction itself (COMMIT, ROLLBACK), or its connection is not its own. ` +
          "Nothing is recorded of it; what it has committed by itself stays. Leave the end of the transaction to Waymark.",
      );
    }
    if (own !== null && state?.session === this.#began?.session) this.#pool?.markClean(own);
  }

  /** @throws what the source throws: it is not committed, or nobody knows */
  async commit(): Promise<void> {
    this.#decide.commit();
    await this.#db.inTime("commit", this.#done);
  }

  /** @returns whether the source has done so; `false`: the connection is gone, and the server rolls back */
  async rollBack(): Promise<boolean> {
    const error = new RollBack("The transaction is rolled back.");
    // Not awaited: what is running may take its time, or be what is waited for below.
    if (this.tx instanceof TransactionHandle) void this.tx.close();
    this.#decide.rollBack(error);
    const ended = this.#done.then(
      () => false,
      (reason: unknown) => reason === error,
    );
    return (await this.#within(PATIENCE_MS, ended)) ?? (await this.#stop(ended));
  }

  async #stop(ended: Promise<boolean>): Promise<boolean> {
    if (this.#began !== null) {
      // Not allowed where the source connects as somebody else. Then it ends when it ends.
      await this.#db.run("cancel-statement", cancelStatement(this.#began)).catch(() => undefined);
    }
    return (await this.#within(STOP_MS, ended)) ?? true;
  }

  async #within(limitMs: number, ended: Promise<boolean>): Promise<boolean | null> {
    return await this.#db.inTime("rollback", ended, limitMs).catch(() => null);
  }
}
