import type { Queryable, TransactionSource } from "../transaction.ts";

/** The part of a client of `pg` that is used here. */
export interface PgTransaction extends Queryable {
  release(error?: boolean): unknown;
  on?(event: "error", listener: () => void): unknown;
  off?(event: "error", listener: () => void): unknown;
}

/** The part of a pool of `pg` that is used here: any pool of clients that look like `pg`'s. */
export interface PgTransactionPool {
  connect(): Promise<PgTransaction>;
}

/** What a pool's `connect` promises, also where it can be called with a callback, too. */
export type PgClientOf<Pool> = Pool extends { connect: { (): Promise<infer Client>; (...rest: never[]): unknown } }
  ? Client
  : Pool extends { connect(): Promise<infer Client> }
    ? Client
    : never;

/**
 * Transactions on the clients of a pool of `pg`, for `task.transactional`. The function gets the pool's client as it is: leave BEGIN,
 * COMMIT, ROLLBACK and `release` alone, and what outlasts the transaction, too.
 *
 * @example
 * ```ts no-check needs a server
 * task.transactional("pay", async (client, order) => await client.query("INSERT …"), { with: pgTransactions(pool) });
 * ```
 */
export function pgTransactions<Pool extends PgTransactionPool>(pool: Pool): TransactionSource<PgClientOf<Pool>> {
  return {
    library: "pg",
    transaction: async (work, { isolation }) => {
      const client = await pool.connect();
      const onError = (): void => {
        // The statement that meets it says so. Without a listener, Node would end the process.
      };
      client.on?.("error", onError);
      let isInOrder = false;
      try {
        await client.query(`BEGIN ISOLATION LEVEL ${isolation}`, []);
        try {
          await work(client as PgClientOf<Pool>);
        } catch (error) {
          await client.query("ROLLBACK", []);
          isInOrder = true;
          throw error;
        }
        await client.query("COMMIT", []);
        isInOrder = true;
      } finally {
        if (isInOrder) client.off?.("error", onError);
        client.release(!isInOrder);
      }
    },
    queryable: (client) => client,
  };
}
