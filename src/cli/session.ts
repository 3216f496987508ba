import type { Command } from "commander";
import { Client } from "../client/client.ts";
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
  const { databaseUrl = process.env["DATABASE_URL"] } = command.optsWithGlobals<GlobalOptions>();
  if (databaseUrl === undefined || databaseUrl === "")
    throw new CommandError(
      "Say which database is meant: --database-url, or DATABASE_URL in the environment.",
      EXIT.usage,
    );
  return databaseUrl;
}

export function schemaOf(command: Command): string {
  return command.optsWithGlobals<GlobalOptions>().schema;
}

/** Runs `work` with a connection that is closed after it. Nothing is migrated. */
export async function withSession(command: Command, work: (session: Session) => Promise<void>): Promise<void> {
  // The driver is only loaded by what needs it.
  const { PostgresBackend: Backend } = await import("../postgres/index.ts");
  const backend = await Backend.connect(databaseUrlOf(command), {
    schema: schemaOf(command),
    migrate: false,
    notify: false,
    retryFor: "3s",
    poolSize: 2,
    applicationName: "waymark cli",
  });
  try {
    await work({ client: new Client(backend), backend, output: outputOf(command) });
  } finally {
    await backend.close();
  }
}
