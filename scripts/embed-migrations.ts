/**
 * Writes src/postgres/migrations/embedded.ts from the .sql files beside it, so that the package holds its
 * migrations as code: bundlers keep them, and nothing has to be copied or found at run time.
 *
 *   tsx scripts/embed-migrations.ts            writes the file
 *   tsx scripts/embed-migrations.ts --check    fails if it is not current
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const FOLDER = join(import.meta.dirname, "../src/postgres/migrations");
const TARGET = join(FOLDER, "embedded.ts");
const FILE_NAME = /^(\d{4})-([a-z0-9]+(?:-[a-z0-9]+)*)\.sql$/;
const MARK = /^--!\s*(.*)$/;

export interface Migration {
  readonly version: number;
  /** `verb-object`, as in the file's name. */
  readonly name: string;
  /** Whether it runs in a transaction of its own. False where PostgreSQL forbids that (CREATE INDEX CONCURRENTLY). */
  readonly transactional: boolean;
  /** Why workers of an older release must stop; null if they need not. */
  readonly breaking: string | null;
  /** Of the file, in lower-case hex. */
  readonly sha256: string;
  readonly sql: string;
}

/**
 * Reads one migration.
 *
 * @throws {Error} the file's name or one of its marks (`--! …`) is not understood
 */
export function parseMigration(fileName: string, text: string): Migration {
  const [, digits, name] = FILE_NAME.exec(fileName) ?? [];
  if (digits === undefined || name === undefined) throw new Error(`${fileName} is not named NNNN-verb-object.sql.`);
  if (text.includes("\r")) throw new Error(`${fileName} has carriage returns; migrations are stored with LF.`);
  const lines = text.split("\n");
  const headEnd = lines.findIndex((line) => line.trim() !== "" && !line.startsWith("--"));
  let breaking: string | null = null;
  let transactional = true;
  for (const [index, line] of lines.entries()) {
    const mark = MARK.exec(line)?.[1]?.trim();
    if (mark === undefined) continue;
    const where = `${fileName}:${index + 1}`;
    if (headEnd !== -1 && index > headEnd) throw new Error(`${where}: "--!" belongs above the first statement.`);
    const reason = /^breaking:\s*(.+)$/.exec(mark)?.[1];
    if (reason !== undefined) breaking = reason;
    else if (mark === "no-transaction") transactional = false;
    else throw new Error(`${where}: "${mark}" is neither "breaking: <reason>" nor "no-transaction".`);
  }
  if (headEnd === -1) throw new Error(`${fileName} holds no statement.`);
  const sha256 = createHash("sha256").update(text, "utf8").digest("hex");
  return { version: Number(digits), name, transactional, breaking, sha256, sql: text };
}

/**
 * All migrations of a folder, in order.
 *
 * @throws {Error} a number is missing or given twice
 */
export function readMigrations(folder: string): Migration[] {
  const files = readdirSync(folder).filter((file) => file.endsWith(".sql"));
  const migrations = files.sort().map((file) => parseMigration(file, readFileSync(join(folder, file), "utf8")));
  for (const [index, { version, name }] of migrations.entries()) {
    if (version !== index + 1) throw new Error(`${name} has number ${version}; the next one is ${index + 1}.`);
  }
  return migrations;
}

/** The source text of embedded.ts. */
export function embeddedSource(migrations: readonly Migration[]): string {
  const entries = migrations.map(
    ({ version, name, transactional, breaking, sha256, sql }) => `  {
    version: ${version},
    name: ${JSON.stringify(name)},
    transactional: ${transactional},
    breaking: ${JSON.stringify(breaking)},
    sha256: "${sha256}",
    sql: ${templateLiteral(sql)},
  },
`,
  );
  return `// Generated from the .sql files in this folder by \`npm run generate\`. Do not edit.

/** One step of the schema. The text is SQL with \`:schema\` where the quoted schema name belongs. */
export interface EmbeddedMigration {
  readonly version: number;
  readonly name: string;
  /** Whether it runs in a transaction of its own. */
  readonly transactional: boolean;
  /** Why workers of an older release must stop; \`null\` if they need not. */
  readonly breaking: string | null;
  /** SHA-256 of \`sql\`, in lower-case hex. */
  readonly sha256: string;
  readonly sql: string;
}

export const embeddedMigrations: readonly EmbeddedMigration[] = [
${entries.join("")}];
`;
}

function templateLiteral(text: string): string {
  return `\`${text.replaceAll(/[\\`]|\$\{/g, "\\$&")}\``;
}

function main(): void {
  if (!existsSync(FOLDER)) {
    console.log("There is no src/postgres/migrations.");
    return;
  }
  const source = embeddedSource(readMigrations(FOLDER));
  const current = existsSync(TARGET) ? readFileSync(TARGET, "utf8") : null;
  if (current === source) {
    console.log("src/postgres/migrations/embedded.ts is current.");
  } else if (process.argv.includes("--check")) {
    console.error("src/postgres/migrations/embedded.ts is not current. Run: npm run generate");
    process.exitCode = 1;
  } else {
    writeFileSync(TARGET, source);
    console.log("Wrote src/postgres/migrations/embedded.ts.");
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main();
