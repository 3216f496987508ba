import type { Queryable, TransactionSource } from "../transaction.ts";

/** As TypeORM writes it. */
export type TypeormIsolationLevel = "READ COMMITTED" | "REPEATABLE READ" | "SERIALIZABLE";

/** The part of TypeORM's `EntityManager` that is used here. */
export interface TypeormTransaction {
  query(text: string, values?: never): Promise<unknown>;
}

/** The part of a `DataSource` of TypeORM that is used here. */
export interface TypeormDatabase<Manager> {
  transaction(isolation: TypeormIsolationLevel, work: (manager: Manager) => Promise<void>): Promise<unknown>;
}

/** Statements inside of a transaction of TypeORM, for `{ tx }`: an `EntityManager`, or a `QueryRunner` with an open transaction. */
export function fromTypeorm(manager: TypeormTransaction): Queryable {
  return {
    query: async (text, values) => ({ rows: (await manager.query(text, [...values] as never)) as readonly unknown[] }),
  };
}

/** Transactions of TypeORM, for `task.transactional`: the function gets the transaction's `EntityManager`. */
export function typeormTransactions<Manager extends TypeormTransaction>(
  dataSource: TypeormDatabase<Manager>,
): TransactionSource<Manager> {
  return {
    library: "TypeORM",
    transaction: async (work, { isolation }) =>
      await dataSource.transaction(isolation.toUpperCase() as TypeormIsolationLevel, work),
    queryable: fromTypeorm,
  };
}
