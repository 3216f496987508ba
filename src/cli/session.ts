import { readFileSync } from "node:fs";
import type { Command } from "commander";
import type { Client } from "../client/client.ts";
import type { PostgresBackend } from "../postgres/index.ts";
import { CommandError, EXIT } from "./failure.ts";
import { Output } from "./output.ts";

interface GlobalOptions {
  readonly databaseUrl?: string;
  readonly schema: string;
  readonly json?: boolean;
}

/** What a command works with. */
export interface Session {
  readonly client: Client;
  readonly backend: PostgresBackend;
  readonly output: Output;
}

export function outputOf(command: Command): Output {
  return new Output(command.optsWithGlobals<GlobalOptions>().json === true);
}

/** The address of the database. It has a password in it: never shown. */
export function databaseUrlOf(command: Command): string {
  const given = givenDatabaseUrl(command) ?? devDatabaseUrl();
  if (given !== null) return given;
  throw new CommandError(
    "Say which database is meant: --database-url, or DATABASE_URL in the environment; or start `waymark dev` in this folder.",
    EXIT.usage,
  );
}

/** The address that the call or the environment names; `null` for none. @throws {CommandError} it is none */
export function givenDatabaseUrl(command: Command): string | null {
  const { databaseUrl = process.env["DATABASE_URL"] } = command.optsWithGlobals<GlobalOptions>();
  if (databaseUrl === undefined || databaseUrl === "") return null;
  if (/^postgres(?:ql)?:\/\//.test(databaseUrl) && URL.canParse(databaseUrl)) return databaseUrl;
  throw new CommandError(
    "The address of the database must be like postgresql://user:password@host:5432/name (it is not shown, because of the password).",
    EXIT.usage,
  );
}

/** Where `waymark dev` says which database it runs, as long as it does. */
export const DEV_FILE = ".waymark/dev.json";

function devDatabaseUrl(): string | null {
  try {
    const { url, pid } = JSON.parse(readFileSync(DEV_FILE, "utf8")) as { readonly url: string; readonly pid: number };
    process.kill(pid, 0);
    return url;
  } catch {
    // Not there, not readable, or left behind by one that has ended.
    return null;
  }
}

export function schemaOf(command: Command): string {
  return command.optsWithGlobals<GlobalOptions>().schema;
}

/** Runs `work` with a connection that is closed after it. Nothing is migrated. */
export async function withSession(command: Command, work: (session: Session) => Promise<void>): Promise<void> {
  // The driver is only loaded by what needs it.
  const [{ PostgresBackend: Backend }, { Client: ClientOfBackend }] = await Promise.all([
    import("../postgres/index.ts"),
    import("../client/client.ts"),
  ]);
  const backend = await Backend.connect(databaseUrlOf(command), {
    schema: schemaOf(command),
    migrate: false,
    notify: false,
    retryFor: "3s",
    poolSize: 2,
    applicationName: "waymark cli",
  });
  try {
    await work({ client: new ClientOfBackend(backend), backend, output: outputOf(command) });
  } finally {
    await backend.close();
  }
}
