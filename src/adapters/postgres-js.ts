import type { Queryable, TransactionSource } from "../transaction.ts";
import { withArrayLiterals } from "./array-literal.ts";

/** The part of a `TransactionSql` of postgres.js that is used here. */
export interface PostgresJsTransaction {
  unsafe(text: string, values?: never): PromiseLike<unknown>;
}

/** The part of a `Sql` of postgres.js that is used here. */
export interface PostgresJsDatabase<Tx> {
  begin(options: string, work: (tx: Tx) => Promise<void>): Promise<unknown>;
}

/** Statements inside of a transaction of postgres.js, for `{ tx }`. */
export function fromPostgresJs(tx: PostgresJsTransaction): Queryable {
  return {
    query: async (text, values) => {
      const rows: unknown = await tx.unsafe(text, withArrayLiterals(values) as never);
      // An array with further properties.
      return { rows: [...(rows as readonly unknown[])] };
    },
  };
}

/** Transactions of postgres.js, for `task.transactional`: the function gets the `sql` of the transaction. */
export function postgresJsTransactions<Tx extends PostgresJsTransaction>(
  sql: PostgresJsDatabase<Tx>,
): TransactionSource<Tx> {
  return {
    library: "postgres.js",
    transaction: async (work, { isolation }) => await sql.begin(`isolation level ${isolation}`, work),
    queryable: fromPostgresJs,
  };
}
