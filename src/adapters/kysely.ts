import type { IsolationLevel, Queryable, TransactionSource } from "../transaction.ts";

/** The part of Kysely's `Transaction` that is used here. */
export interface KyselyTransaction {
  executeQuery(query: never): Promise<{ readonly rows: readonly unknown[] }>;
}

/** The part of a `Kysely` that is used here. */
export interface KyselyDatabase<Trx> {
  transaction(): {
    setIsolationLevel(level: IsolationLevel): {
      execute(work: (trx: Trx) => Promise<void>): Promise<unknown>;
    };
  };
}

/** Statements inside of a transaction of Kysely, for `{ tx }`. */
export function fromKysely(trx: KyselyTransaction): Queryable {
  return {
    query: async (text, values) => {
      // What `CompiledQuery.raw` makes, without loading Kysely for it.
      const query = { kind: "RawNode", sqlFragments: [text], parameters: [] };
      const compiled = { sql: text, parameters: values, query, queryId: { queryId: "waymark" } };
      return await trx.executeQuery(compiled as never);
    },
  };
}

/**
 * Transactions of Kysely, for `task.transactional`: the function gets a `Transaction` of your database.
 *
 * @param db - a `Kysely` with the `PostgresDialect`, or another one for PostgreSQL
 */
export function kyselyTransactions<Trx extends KyselyTransaction>(db: KyselyDatabase<Trx>): TransactionSource<Trx> {
  return {
    library: "Kysely",
    transaction: async (work, { isolation }) => await db.transaction().setIsolationLevel(isolation).execute(work),
    queryable: fromKysely,
  };
}
