import type { Command } from "commander";
import { CommandError, EXIT } from "../failure.ts";
import { databaseUrlOf, outputOf, schemaOf } from "../session.ts";

interface MigrateOptions {
  readonly dryRun?: boolean;
  readonly dumpSql?: boolean;
}

/** `waymark migrate …` */
export function addMigrate(program: Command): void {
  const migrate = program
    .command("migrate")
    .description("bring the schema up to date")
    .option("--dry-run", "say what would be applied, and change nothing")
    .option("--dump-sql", "print the SQL for somebody who may run it; needs no database")
    .action(async (options: MigrateOptions, command: Command) => {
      if (options.dumpSql === true) return await dump(command);
      const { found, pending, latest } = await look(command);
      if (options.dryRun === true || pending.length === 0) return say(command, { found, pending, latest, applied: [] });
      const { PostgresBackend } = await import("../../postgres/index.ts");
      const backend = await PostgresBackend.connect(databaseUrlOf(command), {
        schema: schemaOf(command),
        retryFor: "3s",
      });
      await backend.close();
      say(command, { found: latest, pending: [], latest, applied: pending });
    });
  migrate
    .command("status")
    .description("say which version the schema has; exits with 1 if it is not up to date")
    .action(async (_: object, command: Command) => {
      const { found, pending, latest } = await look(command);
      say(command, { found, pending, latest, applied: [] });
      if (pending.length > 0) throw new CommandError("The schema is not up to date: run waymark migrate.", EXIT.failed);
    });
}

interface Versions {
  readonly found: number;
  readonly pending: readonly number[];
  readonly latest: number;
}

async function dump(command: Command): Promise<void> {
  const { migrationScript } = await import("../../postgres/migration-script.ts");
  process.stdout.write(migrationScript(schemaOf(command)));
}

function say(command: Command, versions: Versions & { readonly applied: readonly number[] }): void {
  const { found, pending, latest, applied } = versions;
  outputOf(command).say(versions, () => [
    ...applied.map((version) => `migration ${version} was applied`),
    ...pending.map((version) => `migration ${version} is to be applied`),
    `schema ${schemaOf(command)}: version ${found} of ${latest}${pending.length === 0 ? ", up to date" : ""}`,
  ]);
}

/** Which migrations are there, looked at without changing anything. */
async function look(command: Command): Promise<Versions> {
  const { readSchemaVersion } = await import("../schema-version.ts");
  return await readSchemaVersion(databaseUrlOf(command), schemaOf(command));
}
