import { afterAll, describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { flow } from "../../src/flow/flow.ts";
import { limit } from "../../src/flow/limit.ts";
import { startWaymark, waymark } from "../support/command-line.ts";
import { createTestDatabase } from "../support/postgres.ts";

interface Finding {
  readonly name: string;
  readonly verdict: string;
  readonly says: string;
  readonly remedy: string | null;
}

const database = await createTestDatabase();
const empty = await createTestDatabase(true);
const backend = await database.connect({ migrate: false });
const client = new Client(backend);
const idle = flow<number>("idle")
  .then("work", (n) => n)
  .build();

async function findings(url: string): Promise<{ readonly code: number | null; readonly found: readonly Finding[] }> {
  const { code, out } = await waymark(url, "--json", "doctor");
  return { code, found: JSON.parse(out) as Finding[] };
}

describe("doctor", { timeout: 60_000 }, () => {
  test("finds nothing wrong with what is in order, but what the tests have switched off", async () => {
    const { code, found } = await findings(database.directUrl);
    // The tests' server does without fsync.
    expect(found.filter(({ verdict }) => verdict === "problem").map(({ name }) => name)).toEqual(["durability"]);
    expect(code).toBe(1);
    expect(found.find(({ name }) => name === "schema")).toMatchObject({ verdict: "ok" });
  });

  test("says that a database can't be reached, or lets nobody in", async () => {
    const { code, found } = await findings("postgresql://ada:geheim@127.0.0.1:1/x");
    expect(code).toBe(1);
    expect(found).toMatchObject([
      { name: "connection", verdict: "problem", remedy: expect.stringContaining("pg_hba.conf") as unknown },
    ]);
    expect(JSON.stringify(found)).not.toContain("geheim");
    const stranger = new URL(database.directUrl);
    stranger.username = "nobody_here";
    expect((await findings(stranger.href)).found).toMatchObject([
      { verdict: "problem", says: expect.stringContaining("nobody_here") as unknown },
    ]);
  });

  test("says that there is no schema, and that one is older or newer; migrate mends it", async () => {
    const schema = async () => (await findings(empty.directUrl)).found.find(({ name }) => name === "schema");
    expect(await schema()).toMatchObject({
      verdict: "problem",
      remedy: expect.stringContaining("waymark migrate") as unknown,
    });
    expect(await waymark(empty.directUrl, "migrate", "status")).toMatchObject({ code: 1 });
    expect((await waymark(empty.directUrl, "migrate", "--dry-run")).out).toContain("migration 1 is to be applied");
    const { out } = await waymark(null, "migrate", "--dump-sql");
    await empty.pool.query(out);
    expect(await schema()).toMatchObject({ verdict: "ok" });
    expect(await waymark(empty.directUrl, "migrate")).toMatchObject({
      code: 0,
      out: expect.stringContaining("up to date") as unknown,
    });
    await empty.pool.query("UPDATE waymark.schema_version SET version = version + 1000");
    expect(await schema()).toMatchObject({ verdict: "warning", says: expect.stringContaining("newer") as unknown });
    await empty.pool.query("DELETE FROM waymark.schema_version");

    expect(await schema()).toMatchObject({ verdict: "problem", says: expect.stringContaining("older") as unknown });
  });

  test("finds what is wrong with workers, leases, tasks, limits and transactions", async () => {
    await client.submitMany(
      idle,
      ["ready", "lapsed", "lost"].map((instanceId) => ({ instanceId, input: 1 })),
    );
    await backend.declareLimits([limit("held", { concurrency: 1 })]);
    await client.limits.pause("held");
    await client.flows.pause("elsewhere");
    await database.pool.query(`
      UPDATE waymark.positions SET worker_id = 'gone', order_key = NULL, available_at = now() - interval '10 minutes' WHERE instance_id = 'lapsed';
      UPDATE waymark.positions SET lost = 2 WHERE instance_id = 'lost'`);
    const { code, found } = await findings(database.directUrl);
    const by = (name: string) => found.find((finding) => finding.name === name);

    expect(code).toBe(1);
    expect(by("workers")).toMatchObject({ verdict: "problem", says: expect.stringContaining("2 of idle") as unknown });
    expect(by("leases")).toMatchObject({
      verdict: "problem",
      says: expect.stringContaining("lapsed (gone, 10 min ago)") as unknown,
    });
    expect(by("lost leases")).toMatchObject({
      verdict: "warning",
      says: expect.stringContaining("work of lost (2 times)") as unknown,
    });
    expect(by("paused")).toMatchObject({ verdict: "warning", says: "flow elsewhere, limit held" });
    for (const { verdict, remedy } of found) expect(remedy === null).toBe(verdict === "ok");
  });

  test("finds that its role lacks rights", async () => {
    const role = `poor_${process.pid}`;
    await database.pool.query(
      `CREATE ROLE ${role} LOGIN PASSWORD 'poor'; GRANT USAGE ON SCHEMA waymark TO ${role}; GRANT SELECT ON ALL TABLES IN SCHEMA waymark TO ${role}`,
    );
    afterAll(async () => void (await database.pool.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)));
    const url = new URL(database.directUrl);
    url.username = role;
    url.password = "poor";
    const { found } = await findings(url.href);

    expect(found.find(({ name }) => name === "rights")).toMatchObject({
      verdict: "problem",
      says: expect.stringContaining("(INSERT)") as unknown,
    });
  });

  test("ends quietly where nobody reads on", async () => {
    const running = startWaymark(database.directUrl, "doctor");
    running.closeOutput();

    expect((await running.ended).err).not.toContain("EPIPE");
  });
});
