import type { IsolationLevel, Queryable, TransactionSource } from "../transaction.ts";

/** The part of a `Knex.Transaction` that is used here. */
export interface KnexTransaction {
  raw(text: string, bindings: never): PromiseLike<unknown>;
}

/** The part of a `Knex` that is used here. */
export interface KnexDatabase<Trx> {
  transaction(work: (trx: Trx) => Promise<void>, config?: { isolationLevel?: IsolationLevel }): Promise<unknown>;
}

/** Statements inside of a transaction of Knex, for `{ tx }`. */
export function fromKnex(trx: KnexTransaction): Queryable {
  return {
    query: async (text, values) => {
      const bindings: unknown[] = [];
      // Knex counts its question marks itself, and takes those for its own that are not escaped.
      const own = text.replaceAll("?", "\\?").replaceAll(/\$(\d+)/g, (_, number: string) => {
        bindings.push(values[Number(number) - 1]);
        return "?";
      });
      return (await trx.raw(own, bindings as never)) as Awaited<ReturnType<Queryable["query"]>>;
    },
  };
}

/** Transactions of Knex, for `task.transactional`: the function gets a `Knex.Transaction`. */
export function knexTransactions<Trx extends KnexTransaction>(db: KnexDatabase<Trx>): TransactionSource<Trx> {
  return {
    library: "Knex",
    transaction: async (work, { isolation }) => await db.transaction(work, { isolationLevel: isolation }),
    queryable: fromKnex,
  };
}
