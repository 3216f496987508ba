/** How much of what others commit meanwhile a transaction sees. */
export type IsolationLevel = "read committed" | "repeatable read" | "serializable";

/**
 * Runs statements inside an open transaction: a client of `pg`, the `tx` of a transactional task, or what
 * `waymark/adapters` makes of another library's transaction.
 */
export interface Queryable {
  /**
   * @param text - one statement, with `$1`, `$2` …
   * @param values - strings, numbers, bigints, booleans, bytes, `null`, and arrays of these
   */
  query(text: string, values: readonly unknown[]): PromiseLike<{ readonly rows: readonly unknown[] }>;
}

/** The transaction of a transactional task that has no adapter. It commits or is rolled back when the task's function has ended. */
export interface Transaction extends Queryable {
  /**
   * Runs one statement. Statements run one after the other, in the order of the calls.
   *
   * @param values - for `$1`, `$2` …, as `pg` takes them; default none
   * @returns `rows`, as `pg` parses them; `rowCount`: how many were read or changed, `null` where that means nothing
   * @throws {TransactionMisuseError} the statement would end the transaction, or outlast it
   * @throws {TransactionEndedError} the task's function has ended
   * @throws what `pg` throws
   */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- what a statement returns is known to its caller alone
  query<Row extends object = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
  ): Promise<{ readonly rows: readonly Row[]; readonly rowCount: number | null }>;
}

/** How a transaction is to be opened. */
export interface TransactionSettings {
  readonly isolation: IsolationLevel;
  /** How long the task's function may take, in ms; `null`: as long as it wants. */
  readonly timeoutMs: number | null;
}

/**
 * Opens transactions with some library, for transactional tasks. `waymark/adapters` has one for each of the usual ones.
 *
 * @typeParam Tx - the library's own handle of a transaction
 */
export interface TransactionSource<Tx> {
  /** Name of the library, for messages. */
  readonly library: string;
  /**
   * Opens a transaction and calls `work` with it, once. Commits when `work` resolves, and resolves when that is done. Rolls
   * back when `work` rejects, and rejects with the same error when that is done; with another one if it could not be done.
   */
  transaction(work: (tx: Tx) => Promise<void>, settings: TransactionSettings): Promise<unknown>;
  /** Statements inside of the transaction. */
  queryable(tx: Tx): Queryable;
  /** The SQLSTATE that an error of the library stands for, where that is not the `code` of it or of its cause; else `null`. */
  sqlstateOf?(error: unknown): string | null;
}
