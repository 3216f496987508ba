/**
 * Lints the migrations with squawk: statements that would hold a long lock, or that can't be taken back.
 *
 *   tsx scripts/lint-migrations.ts
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { readMigrations } from "./embed-migrations.ts";

const ROOT = join(import.meta.dirname, "..");
const OLDEST_POSTGRES = "13.0";
const EXCLUDED = [
  // Columns that can't reach two billion are integers on purpose: rows of the hot table are counted in bytes.
  "prefer-bigint-over-int",
  "prefer-bigint-over-smallint",
  // Timeouts are the business of whoever applies the migrations: one policy for all files.
  "require-lock-timeout",
  "require-statement-timeout",
];

const migrations = readMigrations(join(ROOT, "src/postgres/migrations"));
const failed = migrations.filter(({ version, name, sql, transactional }) => {
  const file = `${String(version).padStart(4, "0")}-${name}.sql`;
  const args = ["--stdin-filepath", file, "--pg-version", OLDEST_POSTGRES, "--exclude", EXCLUDED.join(",")];
  const { status, stdout, stderr } = spawnSync(
    join(ROOT, "node_modules/.bin/squawk"),
    transactional ? [...args, "--assume-in-transaction"] : args,
    { input: sql.replaceAll(":schema", '"waymark"'), encoding: "utf8" },
  );
  if (status !== 0) console.error(stdout + stderr);
  return status !== 0;
});
console.log(`${migrations.length} migrations linted, ${failed.length} with findings.`);
if (failed.length > 0) process.exitCode = 1;
