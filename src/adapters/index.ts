export type * from "../transaction.ts";
export * from "./drizzle.ts";
export * from "./knex.ts";
export * from "./kysely.ts";
export * from "./pg.ts";
export * from "./postgres-js.ts";
export * from "./prisma.ts";
export * from "./typeorm.ts";
