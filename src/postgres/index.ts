export type { PgClient, PgPool } from "./database.ts";
export { PostgresBackend } from "./postgres-backend.ts";
export type { PostgresBackendOptions } from "./postgres-options.ts";
