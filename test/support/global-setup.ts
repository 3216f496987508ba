import type { TestProject } from "vitest/node";
import { type LocalPostgres, startLocalPostgres } from "../../src/local/index.ts";
import { PostgresBackend } from "../../src/postgres/index.ts";
import { createDatabase, dropDatabase, urlOf } from "./databases.ts";
import { startPgbouncer } from "./pgbouncer.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Of the server that all tests share; a database of its own is made for each file that asks for one. */
    serverUrl: string;
    templateDatabase: string;
    /** Of the pooler in front of that server; `null` where backends connect directly. */
    poolerUrl: string | null;
  }
}

/**
 * One PostgreSQL for the whole run: WAYMARK_TEST_URL if it is set, else one that is started here, from the
 * programs in WAYMARK_TEST_BINARIES or from npm's. Without fsync: tests of crashes start their own. With
 * WAYMARK_TEST_POOLER=1, backends reach it through PgBouncer in transaction mode.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env["WAYMARK_TEST_URL"];
  let server: LocalPostgres | null = null;
  if (given === undefined) {
    const binaries = process.env["WAYMARK_TEST_BINARIES"];
    server = await startLocalPostgres({
      persistent: false,
      settings: { fsync: "off", max_connections: "300", max_prepared_transactions: "10", deadlock_timeout: "200ms" },
      ...(binaries === undefined ? {} : { binaries }),
    });
  }
  const serverUrl = given ?? server?.url ?? "";
  const pooler = process.env["WAYMARK_TEST_POOLER"] === "1" ? await startPgbouncer(serverUrl) : undefined;
  if (pooler === null) throw new Error("WAYMARK_TEST_POOLER is set, and pgbouncer is not installed.");
  const templateDatabase = `waymark_template_${process.pid}`;
  await createDatabase(serverUrl, templateDatabase);
  const backend = await PostgresBackend.connect(urlOf(serverUrl, templateDatabase));
  await backend.close();
  project.provide("serverUrl", serverUrl);
  project.provide("templateDatabase", templateDatabase);
  project.provide("poolerUrl", pooler?.urlFor("postgres") ?? null);
  return async () => {
    await pooler?.stop();
    await dropDatabase(serverUrl, templateDatabase);
    await server?.stop({ mode: "immediate" });
  };
}
