import { BackendError } from "../errors/backend-errors.ts";
import { TransactionMisuseError } from "../errors/transaction-errors.ts";
import { WaymarkError } from "../errors/waymark-error.ts";
import { checkTransactionRequest } from "../store/check-transaction.ts";
import type {
  TaskTransaction,
  TransactionalStore,
  TransactionRequest,
  TransactionScope,
} from "../store/transactional-store.ts";
import { pause, systemTimers } from "../time/timers.ts";
import type { Queryable, TransactionSource } from "../transaction.ts";
import { checkQueryable } from "./borrowed-session.ts";
import { CheckpointWriter } from "./checkpoint-writer.ts";
import { OpenTransaction } from "./open-transaction.ts";
import { PoolTransactions } from "./pool-transactions.ts";
import { databaseIdentity, lockSchemaVersion } from "./queries/transaction-state.ts";
import { isOutsideTransaction } from "./sqlstate.ts";
import type { StoreContext } from "./store-context.ts";
import { PostgresTaskTransaction } from "./task-transaction.ts";
import { PostgresTransactionScope } from "./transaction-scope.ts";

const MOST_TRIES = 20;
const PAUSE_MS = 10;

/** Takes part in transactions: its own, those of other libraries, and those of its callers. */
export class PostgresTransactionalStore implements TransactionalStore {
  readonly #context: StoreContext;
  readonly #writer: CheckpointWriter;
  readonly #pool: PoolTransactions;
  /** Sources whose transactions are known to be some, in this database. */
  readonly #known = new WeakSet<TransactionSource<unknown>>();
  #identity: string | null = null;

  /** @param most - transactions of tasks that may be open at once on the backend's own connections */
  constructor(context: StoreContext, most: number) {
    this.#context = context;
    this.#writer = new CheckpointWriter(context);
    this.#pool = new PoolTransactions(context.db, most);
  }

  async openTransaction(request: TransactionRequest): Promise<TaskTransaction> {
    checkTransactionRequest(request);
    const { source } = request;
    const open = await (source === null ? this.#openOwn(request) : this.#openWith(source, request));
    return new PostgresTaskTransaction({ context: this.#context, writer: this.#writer, open, source });
  }

  within(tx: Queryable): TransactionScope {
    checkQueryable(tx, "options.tx");
    return new PostgresTransactionScope(this.#context, tx);
  }

  /** After a restart of the server, each connection of the pool is found broken when it is used. */
  async #openOwn(request: TransactionRequest): Promise<OpenTransaction> {
    for (let tries = 1; ; tries++) {
      try {
        return await OpenTransaction.open(this.#context.db, this.#pool, request, this.#pool);
      } catch (error) {
        const isPassing = error instanceof BackendError && error.code === "BACKEND_UNAVAILABLE";
        if (!isPassing || tries === MOST_TRIES) throw error;
        await pause(systemTimers, tries * PAUSE_MS, request.signal);
      }
    }
  }

  async #openWith(source: TransactionSource<unknown>, request: TransactionRequest): Promise<OpenTransaction> {
    const open = await OpenTransaction.open(this.#context.db, source, request, null);
    if (this.#known.has(source)) return open;
    try {
      await this.#check(source.library, open);
    } catch (error) {
      await open.rollBack();
      throw error;
    }
    this.#known.add(source);
    return open;
  }

  /** Once for each source: a transaction in another database would never be committed together with a checkpoint. */
  async #check(library: string, { session }: OpenTransaction): Promise<void> {
    const { db, tables } = this.#context;
    this.#identity ??= (await db.run("database-identity", databaseIdentity(tables)))[0]?.identity ?? null;
    let identity: string | undefined;
    try {
      await session.run("lock-schema-version", lockSchemaVersion(tables));
      [{ identity } = { identity: undefined }] = await session.run("database-identity", databaseIdentity(tables));
    } catch (error) {
      if (WaymarkError.is(error) && error.retryable) throw error;
      const problem = isOutsideTransaction(error)
        ? "does not open a transaction"
        : `can't see the tables of schema "${tables.schemaName}" in its transactions: other database, or no rights on them`;
      throw new TransactionMisuseError(`The adapter for ${library} ${problem}.`, { cause: error });
    }
    if (identity === this.#identity) return;
    throw new TransactionMisuseError(
      `The adapter for ${library} is connected to another database than the backend. Give both the same one.`,
    );
  }
}
