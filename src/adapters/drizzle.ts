import { InvalidArgumentError } from "../errors/argument-errors.ts";
import type { IsolationLevel, Queryable, TransactionSource } from "../transaction.ts";
import { fromPostgresJs, type PostgresJsTransaction } from "./postgres-js.ts";

/** The part of Drizzle's `PgTransaction` that its types show. */
export interface DrizzleTransaction {
  execute(query: never): PromiseLike<unknown>;
}

/** The part of a database of Drizzle that is used here. */
export interface DrizzleDatabase<Tx> {
  transaction(work: (tx: Tx) => Promise<void>, config?: { isolationLevel?: IsolationLevel }): Promise<unknown>;
}

/**
 * Statements inside of a transaction of Drizzle, for `{ tx }`; with its drivers `node-postgres`, `postgres-js` and those that are like
 * the first.
 *
 * @throws {InvalidArgumentError} it is no transaction, or of another driver
 */
export function fromDrizzle(tx: DrizzleTransaction): Queryable {
  const client = clientOf(tx);
  if (hasMethod(client, "query")) return client as Queryable;
  if (hasMethod(client, "unsafe")) return fromPostgresJs(client as PostgresJsTransaction);
  throw new InvalidArgumentError(
    "tx",
    "must be a transaction of Drizzle with the driver node-postgres or postgres-js. Pass the driver's own client otherwise.",
  );
}

/**
 * Transactions of Drizzle, for `task.transactional`: the function gets the transaction that `db.transaction` gives.
 *
 * @param db - as `drizzle()` makes it, with the driver `node-postgres` or `postgres-js`
 */
export function drizzleTransactions<Tx extends DrizzleTransaction>(db: DrizzleDatabase<Tx>): TransactionSource<Tx> {
  return {
    library: "Drizzle",
    transaction: async (work, { isolation }) => await db.transaction(work, { isolationLevel: isolation }),
    queryable: fromDrizzle,
  };
}

/** Its `execute` takes no values, only what Drizzle's own `sql` makes. */
function clientOf(tx: DrizzleTransaction): unknown {
  const session: unknown = Reflect.get(tx, "session");
  return typeof session === "object" && session !== null ? Reflect.get(session, "client") : undefined;
}

function hasMethod(value: unknown, name: string): boolean {
  const isObject = (typeof value === "object" && value !== null) || typeof value === "function";
  return isObject && typeof Reflect.get(value, name) === "function";
}
