import type { Queryable, TransactionSource } from "../transaction.ts";
import { withArrayLiterals } from "./array-literal.ts";

/** As Prisma writes it. */
export type PrismaIsolationLevel = "ReadCommitted" | "RepeatableRead" | "Serializable";

/** The part of Prisma's `TransactionClient` that is used here. */
export interface PrismaTransaction {
  $queryRawUnsafe(text: string, ...values: never[]): Promise<unknown>;
}

/** The part of a `PrismaClient` that is used here. */
export interface PrismaDatabase<Tx> {
  $transaction(
    work: (tx: Tx) => Promise<void>,
    options?: { isolationLevel?: PrismaIsolationLevel; timeout?: number; maxWait?: number },
  ): Promise<unknown>;
}

const LEVELS = {
  "read committed": "ReadCommitted",
  "repeatable read": "RepeatableRead",
  serializable: "Serializable",
} as const;
/** Prisma ends a transaction after five seconds unless told otherwise. Here it is the task's `timeout` that does. */
const LONGEST_MS = 24 * 60 * 60 * 1_000;
const LONGEST_WAIT_MS = 30_000;

/** Statements inside of an interactive transaction of Prisma, for `{ tx }`. */
export function fromPrisma(tx: PrismaTransaction): Queryable {
  return {
    query: async (text, values) => {
      try {
        const rows = await tx.$queryRawUnsafe(text, ...(withArrayLiterals(values) as never[]));
        return { rows: rows as readonly unknown[] };
      } catch (error) {
        throw asAnswer(error);
      }
    },
  };
}

/** Interactive transactions of Prisma, for `task.transactional`: the function gets the transaction's client. */
export function prismaTransactions<Tx extends PrismaTransaction>(client: PrismaDatabase<Tx>): TransactionSource<Tx> {
  return {
    library: "Prisma",
    transaction: async (work, { isolation }) => {
      try {
        const options = { isolationLevel: LEVELS[isolation], timeout: LONGEST_MS, maxWait: LONGEST_WAIT_MS };
        return await client.$transaction(work, options);
      } catch (error) {
        throw asAnswer(error);
      }
    },
    queryable: fromPrisma,
    sqlstateOf,
  };
}

/** What the server has answered, as other drivers tell it. Prisma keeps it within what its driver adapter says. */
function asAnswer(error: unknown): unknown {
  const sqlstate = sqlstateOf(error);
  if (sqlstate === null) return error;
  const message = error instanceof Error ? error.message : "The database has refused it.";
  return Object.assign(new Error(message, { cause: error }), {
    code: sqlstate,
    severity: /^57P0|^08/.test(sqlstate) ? "FATAL" : "ERROR",
  });
}

/** Of its own codes, two say as much: a write conflict or a deadlock, and a connection that was closed. */
const OWN_CODES: Readonly<Record<string, string>> = { P2034: "40001", P1017: "57P01" };

function sqlstateOf(error: unknown): string | null {
  const paths = [
    ["meta", "driverAdapterError", "cause", "originalCode"],
    ["cause", "originalCode"],
    ["meta", "code"],
  ];
  for (const path of paths) {
    let value: unknown = error;
    for (const key of path) value = typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
    if (typeof value === "string" && /^[0-9A-Z]{5}$/.test(value)) return value;
  }
  const code: unknown = typeof error === "object" && error !== null ? Reflect.get(error, "code") : undefined;
  return typeof code === "string" ? (OWN_CODES[code] ?? null) : null;
}
