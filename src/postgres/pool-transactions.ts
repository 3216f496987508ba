import { BackendError } from "../errors/backend-errors.ts";
import type { Transaction, TransactionSettings, TransactionSource } from "../transaction.ts";
import type { Connection, Database } from "./database.ts";
import { backendErrorFrom } from "./sqlstate.ts";
import { TransactionHandle } from "./transaction-handle.ts";

const BEGIN = {
  "read committed": "BEGIN ISOLATION LEVEL READ COMMITTED",
  "repeatable read": "BEGIN ISOLATION LEVEL REPEATABLE READ",
  serializable: "BEGIN ISOLATION LEVEL SERIALIZABLE",
} as const;

/** How long a connection may take to roll back before it is destroyed, in which case the server does. */
const ROLLBACK_MS = 2_000;
const LOST = { queryName: "rollback", problem: "The connection did not answer" };
const ROLLED_BACK = { queryName: "commit", problem: "The transaction had failed, and was rolled back" };

/**
 * Transactions of tasks on the backend's own connections. Part of them only: the engine needs some to go on, and functions of tasks
 * may need more than the one that they have.
 */
export class PoolTransactions implements TransactionSource<Transaction> {
  readonly library = "pg";
  readonly #db: Database;
  readonly #most: number;
  readonly #waiting: (() => void)[] = [];
  #open = 0;
  /** Those whose sessions others may have next. */
  readonly #clean = new WeakSet<TransactionHandle>();

  /** @param most - how many may be open at once */
  constructor(db: Database, most: number) {
    this.#db = db;
    this.#most = most;
  }

  /** Waits until one more may be opened. */
  async #enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#open < this.#most) {
      this.#open++;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const enter = (): void => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1);
        // The signal's reason is what the lease ended for.
        reject(signal.reason as Error);
      };
      this.#waiting.push(enter);
      signal.addEventListener("abort", leave, { once: true });
    });
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#open--;
    else next();
  }

  queryable(tx: Transaction): TransactionHandle["own"] {
    return (tx as TransactionHandle).own;
  }

  /** The session is as it was before: it need not be destroyed. */
  markClean(tx: TransactionHandle): void {
    this.#clean.add(tx);
  }

  /** @param settings - `signal` ends the waiting for a free connection */
  async transaction(
    work: (tx: TransactionHandle) => Promise<void>,
    settings: TransactionSettings & { readonly signal?: AbortSignal },
  ): Promise<void> {
    await this.#enter(settings.signal ?? new AbortController().signal);
    try {
      await this.#onClient(work, await this.#db.take("open-transaction"), settings);
    } finally {
      this.#leave();
    }
  }

  async #onClient(
    work: (tx: TransactionHandle) => Promise<void>,
    client: Connection,
    { isolation }: TransactionSettings,
  ): Promise<void> {
    const onError = (): void => {
      // The statement that meets it says so. Without a listener, Node would end the process.
    };
    client.on("error", onError);
    const handle = new TransactionHandle(client);
    let isInOrder = false;
    try {
      try {
        await this.#db.inTime("begin", client.query({ text: BEGIN[isolation] }));
      } catch (error) {
        throw backendErrorFrom(error, "begin");
      }
      try {
        await work(handle);
      } catch (error) {
        isInOrder = await this.#rollBack(handle);
        // Nothing of it is left either way; but only who hears of it knows that it was not the function's fault.
        throw isInOrder ? error : new BackendError("BACKEND_UNAVAILABLE", LOST);
      }
      const { command } = await this.#db.inTime("commit", client.query({ text: "COMMIT" }));
      // So the server says it where the transaction had failed.
      if (command === "ROLLBACK") throw new BackendError("BACKEND_BUG", ROLLED_BACK);
      isInOrder = true;
    } finally {
      // A session that the task has changed is not given to others, and one that has not answered may still be busy.
      const isReusable = isInOrder && this.#clean.has(handle);
      if (isReusable) client.off("error", onError);
      client.release(!isReusable);
    }
  }

  /** @returns whether the server has answered */
  async #rollBack(handle: TransactionHandle): Promise<boolean> {
    try {
      await this.#db.inTime("rollback", handle.own.query("ROLLBACK", []), ROLLBACK_MS);
      return true;
    } catch {
      return false;
    }
  }
}
