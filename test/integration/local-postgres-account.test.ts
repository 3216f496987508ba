import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { getPostgresBinaries, startLocalPostgres } from "../../src/local/index.ts";
import { copyWithoutLinks, isRoot, query, Sandbox } from "../support/local-postgres.ts";

const NOBODY = 65_534;
let sandbox: Sandbox;

beforeEach(() => {
  sandbox = new Sandbox();
  // Where copies and data go that can't be where they should; never the machine's own.
  vi.stubEnv("XDG_CACHE_HOME", sandbox.folder());
  vi.stubEnv("XDG_DATA_HOME", sandbox.folder());
});

afterEach(async () => {
  await sandbox.clear();
  vi.unstubAllEnvs();
});

function dataOf(directory: string): string {
  return (JSON.parse(readFileSync(join(directory, "server.json"), "utf8")) as { data: string }).data;
}

/** A folder inside one that only its owner may enter. */
function closedFolder(name: string): string {
  const folder = join(sandbox.folder(), "closed", name);
  mkdirSync(folder, { recursive: true });
  chmodSync(join(folder, ".."), 0o700);
  return folder;
}

describe.runIf(isRoot)("as root", () => {
  test("the server runs as another user, who owns the data and nothing else", async () => {
    const directory = join(sandbox.folder(), "pg");
    const server = await sandbox.start({ directory });
    const { uid } = statSync(join(directory, "data"));
    expect(uid).not.toBe(0);
    expect(statSync(`/proc/${server.pid}`).uid).toBe(uid);
    expect(["server.json", "log"].map((name) => statSync(join(directory, name)).uid)).toEqual([0, 0]);
    // It has neither root's groups nor root's environment.
    expect(readFileSync(`/proc/${server.pid}/status`, "utf8")).toMatch(/^Groups:\s*$/m);
    expect(readFileSync(`/proc/${server.pid}/environ`, "utf8")).not.toContain("VITEST");
  });

  test("a strict umask does not lock the server's user out", async () => {
    const before = process.umask(0o077);
    try {
      const directory = join(sandbox.folder(), "deep", "pg");
      await sandbox.start({ directory });
      expect(dataOf(directory)).toBe("data");
    } finally {
      process.umask(before);
    }
  });

  test("data that root has copied is given back to the server's user", async () => {
    const directory = join(sandbox.folder(), "pg");
    const server = await sandbox.start({ directory });
    await server.stop();
    const data = join(directory, "data");
    for (const path of [
      data,
      ...readdirSync(data, { recursive: true, encoding: "utf8" }).map((name) => join(data, name)),
    ]) {
      chownSync(path, 0, 0);
    }
    chmodSync(data, 0o755);
    await expect(sandbox.start({ directory })).resolves.toMatchObject({ reused: false });
  });

  test("data goes elsewhere if the server's user can't enter the directory, and is found again", async () => {
    const directory = closedFolder("pg");
    const lines: string[] = [];
    const first = await sandbox.start({ directory, log: (line) => lines.push(line) });
    expect(dataOf(directory)).toContain(join(process.env["XDG_DATA_HOME"] ?? "", "waymark", "postgres-"));
    expect(lines).toContainEqual(expect.stringMatching(/^keeping the data in .*can't enter/));
    await query(first.url, "CREATE TABLE kept AS SELECT 42 AS answer");
    await expect(sandbox.start({ directory })).resolves.toMatchObject({ reused: true, pid: first.pid });
    await first.stop();

    const second = await sandbox.start({ directory });
    await expect(query(second.url, "SELECT answer FROM kept")).resolves.toEqual([{ answer: 42 }]);
  });

  test("programs that the server's user can't reach are copied once", async () => {
    const binaries = closedFolder("native");
    copyWithoutLinks(getPostgresBinaries().directory, binaries);
    const lines: string[] = [];
    const log = (line: string): number => lines.push(line);
    const servers = await Promise.all(
      [1, 2].map(() => sandbox.start({ persistent: false, settings: { fsync: "off" }, binaries, log })),
    );
    const third = await sandbox.start({ persistent: false, settings: { fsync: "off" }, binaries });
    for (const server of [...servers, third]) await query(server.url, "SELECT 1");

    const cache = join(process.env["XDG_CACHE_HOME"] ?? "", "waymark");
    expect(readdirSync(cache)).toEqual([expect.stringMatching(/^postgres-[0-9a-f]{16}$/)]);
    expect(lines).toContainEqual(expect.stringMatching(/^copying PostgreSQL's programs/));
  });

  test("a copy that others could have changed is not used", async () => {
    const binaries = closedFolder("native");
    copyWithoutLinks(getPostgresBinaries().directory, binaries);
    const first = await sandbox.start({ persistent: false, settings: { fsync: "off" }, binaries });
    await first.stop();
    const cache = join(process.env["XDG_CACHE_HOME"] ?? "", "waymark");
    for (const name of readdirSync(cache)) chmodSync(join(cache, name), 0o777);
    const started = startLocalPostgres({ persistent: false, binaries });
    await expect(started).rejects.toThrow("can be changed by other users");
  });
});

describe.runIf(isRoot)("as an ordinary user", () => {
  test("everything belongs to that user", async () => {
    const folder = sandbox.folder();
    chmodSync(folder, 0o777);
    const directory = join(folder, "pg");
    const { report } = await sandbox.child({ directory }, { uid: NOBODY });
    expect(report).toMatchObject({ reused: false, directory });
    for (const name of ["data", "log", "server.json"]) expect(statSync(join(directory, name)).uid).toBe(NOBODY);
    await expect(query(report.url, "SELECT 1 AS one")).resolves.toEqual([{ one: 1 }]);

    // Root finds it too, and leaves it to its owner.
    const server = await sandbox.start({ directory });
    expect(server).toMatchObject({ reused: true, pid: report.pid });
    await server.restart();
    expect(statSync(`/proc/${server.pid}`).uid).toBe(NOBODY);
    expect(statSync(join(directory, "server.json")).uid).toBe(NOBODY);
  });

  test("another user's server is refused with what to do", async () => {
    const directory = join(sandbox.folder(), "pg");
    await sandbox.start({ directory });
    await expect(sandbox.child({ directory }, { uid: NOBODY })).rejects.toThrow("Run as their owner");
    expect(existsSync(join(directory, "lock"))).toBe(false);
  });
});
