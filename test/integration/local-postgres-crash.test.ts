import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { identityOf } from "../../src/local/process-identity.ts";
import { end, goneOf, isAlive, query, Sandbox } from "../support/local-postgres.ts";

const NO_PID = 2 ** 22 + 1;
let sandbox: Sandbox;
let directory: string;

beforeEach(() => {
  sandbox = new Sandbox();
  directory = join(sandbox.folder(), "pg");
});

afterEach(async () => {
  await sandbox.clear();
  vi.unstubAllEnvs();
});

describe("a server of which the starter was killed", () => {
  test("goes on, and is found with its data", async () => {
    const { process: starter, report } = await sandbox.child({ directory });
    await query(report.url, "CREATE TABLE kept AS SELECT 42 AS answer");
    await end(starter, "SIGKILL");

    const found = await sandbox.start({ directory });
    expect(found).toMatchObject({ reused: true, pid: report.pid, url: report.url });
    await expect(query(found.url, "SELECT answer FROM kept")).resolves.toEqual([{ answer: 42 }]);
    await found.stop();
    await goneOf(report.pid);
  });
});

describe("a server that was killed", () => {
  test("recovers what was committed, though sessions were open", async () => {
    const server = await sandbox.start({ directory });
    const session = new Client({ connectionString: server.url });
    session.on("error", () => undefined);
    await session.connect();
    await session.query("CREATE TABLE kept AS SELECT 42 AS answer");
    await session.query("BEGIN");
    await session.query("INSERT INTO kept VALUES (43)");

    await server.kill();
    expect(isAlive(server.pid)).toBe(false);
    await session.end().catch(() => undefined);

    const { pid } = server;
    await server.restart();
    expect(server.pid).not.toBe(pid);
    await expect(query(server.url, "SELECT answer FROM kept")).resolves.toEqual([{ answer: 42 }]);

    await server.kill();
    await server.kill();
    const again = await sandbox.start({ directory });
    expect(again).toMatchObject({ reused: false, url: server.url });
    await expect(query(again.url, "SELECT answer FROM kept")).resolves.toEqual([{ answer: 42 }]);
  });

  test("starts whatever process its postmaster.pid names since", async () => {
    const server = await sandbox.start({ directory });
    const file = join(directory, "data", "postmaster.pid");
    const [, ...rest] = readFileSync(file, "utf8").split("\n");
    for (const pid of [NO_PID, process.pid, 1]) {
      await server.stop();
      writeFileSync(file, [pid, ...rest].join("\n"));
      await expect(sandbox.start({ directory })).resolves.toMatchObject({ reused: false, url: server.url });
    }
    await expect(query(server.url, "SELECT 1 AS one")).resolves.toEqual([{ one: 1 }]);
  });
});

describe.runIf(process.platform === "linux")("a server that was killed and still keeps its pid", () => {
  test("does not stand in the way", async () => {
    const { process: starter, report } = await sandbox.child({ directory });
    const server = await sandbox.start({ directory });
    // A parent that stands still does not ask for the exit code of its child.
    starter.kill("SIGSTOP");
    await server.kill();
    expect(() => process.kill(report.pid, 0)).not.toThrow();
    await expect(sandbox.start({ directory })).resolves.toMatchObject({ reused: false, url: report.url });
  });
});

describe("several processes at once", () => {
  test("share one server, which one of them starts", async () => {
    const children = await Promise.all([1, 2, 3].map(() => sandbox.child({ directory })));
    const reports = children.map(({ report }) => report);
    expect(new Set(reports.map(({ url }) => url)).size).toBe(1);
    expect(new Set(reports.map(({ pid }) => pid)).size).toBe(1);
    expect(reports.filter(({ reused }) => !reused)).toHaveLength(1);
  });

  test("do not wait for one that was killed while it had the lock", async () => {
    mkdirSync(join(directory, "lock"), { recursive: true });
    writeFileSync(join(directory, "lock", `${identityOf(NO_PID)}.x`), "");
    await expect(sandbox.start({ directory })).resolves.toMatchObject({ reused: false });
    expect(existsSync(join(directory, "lock"))).toBe(false);
  });
});

describe("a temporary server", () => {
  const temporary = { persistent: false, settings: { fsync: "off" } };

  test.each([
    ["its process exits", "process.exit(3);", { code: 3, signal: null }],
    ["its process throws", 'throw new Error("as the test wants it");', { code: 1, signal: null }],
    [
      "its process is terminated",
      'process.kill(process.pid, "SIGTERM"); setInterval(() => undefined, 1_000);',
      { code: null, signal: "SIGTERM" },
    ],
  ])("goes when %s", async (_name, action, expected) => {
    const { process: child, report } = await sandbox.child(temporary, {
      afterwards: `setTimeout(() => { ${action} }, 50);`,
    });
    const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
      child.on("exit", (...facts) => resolve(facts));
    });
    expect({ code, signal }).toEqual(expected);
    expect(isAlive(report.pid)).toBe(false);
    expect(existsSync(report.directory)).toBe(false);
  });

  test("of a process that was killed goes at the next start of another", async () => {
    // Of its own, because other tests start temporary servers too.
    vi.stubEnv("TMPDIR", sandbox.folder());
    const { process: child, report } = await sandbox.child(temporary);
    await end(child, "SIGKILL");
    expect(isAlive(report.pid)).toBe(true);
    const next = await sandbox.start(temporary);
    expect(isAlive(report.pid)).toBe(false);
    expect(existsSync(report.directory)).toBe(false);
    expect(isAlive(next.pid)).toBe(true);
  });
});
