import { PrismaPg } from "@prisma/adapter-pg";
import { drizzle as drizzlePg } from "drizzle-orm/node-postgres";
import { integer, pgTable, text } from "drizzle-orm/pg-core";
import { drizzle as drizzlePostgresJs } from "drizzle-orm/postgres-js";
import knexFrom, { type Knex } from "knex";
import { CamelCasePlugin, Kysely, type Transaction as KyselyTransaction, PostgresDialect } from "kysely";
import { Pool, type PoolClient } from "pg";
import postgres, { type TransactionSql } from "postgres";
import { DataSource, type EntityManager } from "typeorm";
import {
  drizzleTransactions,
  fromDrizzle,
  fromKnex,
  fromKysely,
  fromPostgresJs,
  fromPrisma,
  fromTypeorm,
  knexTransactions,
  kyselyTransactions,
  pgTransactions,
  postgresJsTransactions,
  prismaTransactions,
  typeormTransactions,
} from "../../src/adapters/index.ts";
import type { Queryable, TransactionSource } from "../../src/transaction.ts";
import { PrismaClient } from "./prisma/client/client.ts";
import type { TransactionClient } from "./prisma/client/internal/prismaNamespace.ts";

/** One library, as a test uses it. */
export interface Library<Tx> {
  readonly name: string;
  readonly source: TransactionSource<Tx>;
  readonly from: (tx: Tx) => Queryable;
  /** Writes an effect in the library's own way. */
  insert(tx: Tx, id: string): Promise<unknown>;
  /** Runs any statement. */
  raw(tx: Tx, text: string): Promise<unknown>;
  end(): Promise<unknown>;
  /** The code of the error by which the library itself refuses COMMIT and the like; `undefined` if it lets them through. */
  readonly refusesToEnd?: string;
  /** Whether the library throws where nobody can catch it when the server ends a session in a transaction. */
  readonly diesWithConnection?: boolean;
}

/** Behind a pooler in transaction mode, postgres.js must not prepare statements. */
const postgresJsOptions = {
  max: 5,
  prepare: process.env["WAYMARK_TEST_POOLER"] !== "1",
  onnotice: (): void => undefined,
};

interface Effects {
  effects: { id: string; madeBy: number };
}

const effects = pgTable("effects", { id: text("id").notNull(), madeBy: integer("made_by").notNull() });

function pgLibrary(url: string): Library<PoolClient> {
  const pool = poolAt(url);
  return {
    name: "pg",
    source: pgTransactions(pool),
    from: (tx) => tx,
    insert: async (tx, id) => await tx.query("INSERT INTO effects (id, made_by) VALUES ($1, 1)", [id]),
    raw: async (tx, statement) => await tx.query(statement),
    end: async () => await pool.end(),
  };
}

function kyselyLibrary(url: string): Library<KyselyTransaction<Effects>> {
  // The plugin renames the columns of every answer, ours as well.
  const dialect = new PostgresDialect({ pool: poolAt(url) });
  const db = new Kysely<Effects>({ dialect, plugins: [new CamelCasePlugin()] });
  return {
    name: "Kysely",
    source: kyselyTransactions(db),
    from: fromKysely,
    insert: async (trx, id) => await trx.insertInto("effects").values({ id, madeBy: 1 }).execute(),
    raw: async (trx, statement) => await fromKysely(trx).query(statement, []),
    end: async () => await db.destroy(),
  };
}

type DrizzlePg = Parameters<Parameters<ReturnType<typeof drizzlePg>["transaction"]>[0]>[0];

function drizzleLibrary(url: string): Library<DrizzlePg> {
  const pool = poolAt(url);
  const db = drizzlePg(pool);
  return {
    name: "Drizzle with node-postgres",
    source: drizzleTransactions(db),
    from: fromDrizzle,
    insert: async (tx, id) => await tx.insert(effects).values({ id, madeBy: 1 }),
    raw: async (tx, statement) => await tx.execute(statement),
    end: async () => await pool.end(),
  };
}

type DrizzlePostgresJs = Parameters<Parameters<ReturnType<typeof drizzlePostgresJs>["transaction"]>[0]>[0];

function drizzlePostgresJsLibrary(url: string): Library<DrizzlePostgresJs> {
  const sql = postgres(url, postgresJsOptions);
  const db = drizzlePostgresJs(sql);
  return {
    name: "Drizzle with postgres-js",
    source: drizzleTransactions(db),
    from: fromDrizzle,
    insert: async (tx, id) => await tx.insert(effects).values({ id, madeBy: 1 }),
    raw: async (tx, statement) => await tx.execute(statement),
    end: async () => await sql.end(),
    refusesToEnd: "UNSAFE_TRANSACTION",
    diesWithConnection: true,
  };
}

function postgresJsLibrary(url: string): Library<TransactionSql> {
  const sql = postgres(url, { ...postgresJsOptions, transform: postgres.camel });
  return {
    name: "postgres.js",
    source: postgresJsTransactions(sql),
    from: fromPostgresJs,
    insert: async (tx, id) => await tx`INSERT INTO effects ${tx([{ id, madeBy: 1 }])}`,
    raw: async (tx, statement) => await tx.unsafe(statement),
    end: async () => await sql.end(),
    refusesToEnd: "UNSAFE_TRANSACTION",
    diesWithConnection: true,
  };
}

function knexLibrary(url: string): Library<Knex.Transaction> {
  const db = knexFrom({ client: "pg", connection: url, pool: { min: 0, max: 5 } });
  return {
    name: "Knex",
    source: knexTransactions(db),
    from: fromKnex,
    insert: async (trx, id) => await trx("effects").insert({ id, made_by: 1 }),
    raw: async (trx, statement) => await trx.raw(statement),
    end: async () => await db.destroy(),
  };
}

async function typeormLibrary(url: string): Promise<Library<EntityManager>> {
  const dataSource = await new DataSource({ type: "postgres", url, entities: [], extra: { max: 5 } }).initialize();
  return {
    name: "TypeORM",
    source: typeormTransactions(dataSource),
    from: fromTypeorm,
    insert: async (manager, id) =>
      await manager
        .createQueryBuilder()
        .insert()
        .into("effects", ["id", "made_by"])
        .values({ id, made_by: 1 })
        .execute(),
    raw: async (manager, statement) => await manager.query(statement),
    end: async () => await dataSource.destroy(),
  };
}

function prismaLibrary(connectionString: string): Library<TransactionClient> {
  const client = new PrismaClient({ adapter: new PrismaPg({ connectionString, max: 5 }) });
  return {
    name: "Prisma",
    source: prismaTransactions(client),
    from: fromPrisma,
    insert: async (tx, id) => await tx.effect.create({ data: { id, madeBy: 1 } }),
    raw: async (tx, statement) => await tx.$executeRawUnsafe(statement),
    end: async () => await client.$disconnect(),
  };
}

function poolAt(connectionString: string): Pool {
  const pool = new Pool({ connectionString, max: 5 });
  pool.on("error", () => undefined);
  // Nobody else listens to a client that is in use.
  pool.on("connect", (client) => void client.on("error", () => undefined));
  return pool;
}

/** All libraries that there is an adapter for, on one database. */
export async function libraries(url: string): Promise<readonly Library<unknown>[]> {
  return [
    pgLibrary(url),
    kyselyLibrary(url),
    drizzleLibrary(url),
    drizzlePostgresJsLibrary(url),
    postgresJsLibrary(url),
    knexLibrary(url),
    await typeormLibrary(url),
    prismaLibrary(url),
  ] as readonly Library<unknown>[];
}
