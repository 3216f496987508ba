import { Client } from "pg";
import { describe, expect, test } from "vitest";
import { PostgresBackend } from "../../src/postgres/index.ts";
import { embeddedMigrations } from "../../src/postgres/migrations/embedded.ts";
import { newInstance, startAndClaim } from "../support/positions.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { dumpSchema } from "../support/schema-dump.ts";

const database = await createTestDatabase(true);

describe("migrating", () => {
  test("twenty clients that start at once on an empty database make one schema", async () => {
    const connecting = Array.from({ length: 20 }, () => database.connect({ schema: "race", poolSize: 2 }));
    await Promise.all(connecting);

    const { rows } = await database.pool.query("SELECT version FROM race.schema_version ORDER BY version");
    expect(rows).toEqual(embeddedMigrations.map(({ version }) => ({ version })));
  });

  test("a migration whose connection dies leaves nothing, and the next client makes up for it", async () => {
    const blocker = new Client({ connectionString: database.directUrl });
    await blocker.connect();
    await blocker.query("SELECT pg_advisory_lock(pg_catalog.hashtextextended('waymark.migrate.killed', 0))");
    const doomed = PostgresBackend.connect(database.url, { schema: "killed", retryFor: 0 });
    const waiting =
      "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%pg_advisory_xact_lock%' AND datname = current_database()";
    await expect.poll(async () => (await database.pool.query(waiting)).rowCount).toBe(1);
    await Promise.all([
      expect(doomed).rejects.toMatchObject({ code: "BACKEND_UNAVAILABLE" }),
      database.pool.query(`SELECT pg_terminate_backend(pid) FROM (${waiting}) AS w`),
    ]);
    await blocker.end();
    expect((await database.pool.query("SELECT FROM pg_namespace WHERE nspname = 'killed'")).rowCount).toBe(0);
    await database.connect({ schema: "killed" });
    expect((await database.pool.query("SELECT FROM killed.instances")).rowCount).toBe(0);
  });

  test("two schemas in one database have nothing to do with each other", async () => {
    const [one, two] = [
      await database.connect({ schema: "left_side" }),
      await database.connect({ schema: "right_side" }),
    ];
    await one.createInstances([newInstance("only-in-one")]);

    expect(await one.listSnapshots()).toEqual(["only-in-one"]);
    expect(await two.listSnapshots()).toEqual([]);
    expect((await dumpSchema(database.pool, "one")).replaceAll("one", "x")).toBe(
      (await dumpSchema(database.pool, "two")).replaceAll("two", "x"),
    );
  });

  test("with migrate: false a missing schema is an error that says what to do", async () => {
    const connecting = database.connect({ schema: "absent", migrate: false });

    await expect(connecting).rejects.toMatchObject({ code: "SCHEMA_TOO_OLD", found: 0 });
    await expect(connecting).rejects.toThrow(/Run the migrations, or connect with migrate: true/);
  });

  test("a newer schema is fine unless one of its migrations is breaking", async () => {
    await database.connect({ schema: "newer" });
    await database.pool.query("INSERT INTO newer.schema_version (version, name, sha256) VALUES (9998, 'x', 'x')");
    await database.connect({ schema: "newer" });
    await database.pool.query(
      "INSERT INTO newer.schema_version (version, name, sha256, breaking) VALUES (9999, 'y', 'y', true)",
    );

    await expect(database.connect({ schema: "newer" })).rejects.toMatchObject({ code: "SCHEMA_TOO_NEW", found: 9999 });
  });

  test("a role without DDL rights can do everything but migrate", async () => {
    await database.connect({ schema: "granted" });
    await database.pool.query("DROP ROLE IF EXISTS waymark_dml");
    await database.pool.query(`
      CREATE ROLE waymark_dml LOGIN PASSWORD 'x';
      GRANT USAGE ON SCHEMA granted TO waymark_dml;
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA granted TO waymark_dml;
      GRANT USAGE ON ALL SEQUENCES IN SCHEMA granted TO waymark_dml;
      GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA granted TO waymark_dml`);
    const url = new URL(database.directUrl);
    url.username = "waymark_dml";
    url.password = "x";
    const backend = await PostgresBackend.connect(url.href, { schema: "granted" });
    const claim = await startAndClaim(backend, "by-dml");
    await backend.sendEvent("by-dml", "e", new Uint8Array());

    expect(claim.taskId).toBe("a");
    expect(await backend.requestControl("by-dml", "pause", {})).toBe("applied");
    await backend.deleteSnapshot("by-dml");
    await expect(PostgresBackend.connect(url.href, { schema: "not_granted", retryFor: 0 })).rejects.toMatchObject({
      sqlstate: "42501",
    });
    await backend.close();
    await database.pool.query("DROP OWNED BY waymark_dml; DROP ROLE waymark_dml");
  });

  test.each(["", "Upper", "a".repeat(41), "1a", "pg_waymark", 'a"; DROP SCHEMA x; --', "ä", 7, null])(
    "refuses %j as a schema before it connects",
    async (schema) => {
      const connecting = PostgresBackend.connect("postgresql://127.0.0.1:1/none", { schema: schema as string });
      await expect(connecting).rejects.toMatchObject({ code: "INVALID_ARGUMENT", field: "options.schema" });
    },
  );
});
