export { getPostgresBinaries, type PostgresBinaries } from "./binaries.ts";
export type { LocalPostgresOptions } from "./options.ts";
export type { StopMode } from "./postmaster.ts";
export type { LocalPostgres, StopOptions } from "./server.ts";
export { startLocalPostgres } from "./start.ts";
