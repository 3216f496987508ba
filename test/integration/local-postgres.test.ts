import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { LocalPostgresError } from "../../src/errors/local-errors.ts";
import { getPostgresBinaries, type LocalPostgres, startLocalPostgres } from "../../src/local/index.ts";
import { copyWithoutLinks, isAlive, query, Sandbox } from "../support/local-postgres.ts";

const DEBIAN_15 = "/usr/lib/postgresql/15";
let sandbox: Sandbox;
let directory: string;

beforeEach(() => {
  sandbox = new Sandbox();
  directory = join(sandbox.folder(), "pg");
});

afterEach(() => sandbox.clear());

/** Takes a port; any if it is 0. */
async function occupy(port: number): Promise<{ readonly port: number; free(): Promise<void> }> {
  const server = createServer((socket) => socket.destroy());
  await once(server.listen(port, "127.0.0.1"), "listening");
  return {
    port: (server.address() as AddressInfo).port,
    free: async () => {
      await once(server.close(), "close");
    },
  };
}

async function failureOf(started: Promise<LocalPostgres>): Promise<LocalPostgresError> {
  const error: unknown = await started.catch((thrown: unknown) => thrown);
  if (error instanceof LocalPostgresError) return error;
  throw new Error("It should have failed.", { cause: error });
}

describe("startLocalPostgres", () => {
  test("gives a server that answers, keeps its data and keeps its URL", async () => {
    const first = await sandbox.start({ directory });
    expect(first).toMatchObject({ directory, reused: false });
    expect(first.version).toMatch(/^\d+\.\d+$/);
    expect(first.url).toBe(`postgresql://postgres:${new URL(first.url).password}@127.0.0.1:${first.port}/waymark`);
    await query(first.url, "CREATE TABLE kept AS SELECT 42 AS answer");
    await expect(query(first.url, "SHOW fsync")).resolves.toEqual([{ fsync: "on" }]);

    await first.stop();
    expect(isAlive(first.pid)).toBe(false);
    await first.stop();

    const second = await sandbox.start({ directory });
    expect(second).toMatchObject({ reused: false, url: first.url });
    await expect(query(second.url, "SELECT answer FROM kept")).resolves.toEqual([{ answer: 42 }]);
  });

  test("lets nobody in without the password, and keeps that to its owner", async () => {
    const { url } = await sandbox.start({ directory });
    const guess = new URL(url);
    guess.password = "guess";
    await expect(query(guess.href, "SELECT 1")).rejects.toMatchObject({ code: "28P01" });
    expect(statSync(join(directory, "server.json")).mode & 0o077).toBe(0);
    expect(statSync(join(directory, "data")).mode & 0o077).toBe(0);
    expect(statSync(join(directory, "log")).mode & 0o077).toBe(0);
    await expect(query(url, "SHOW listen_addresses")).resolves.toEqual([{ listen_addresses: "127.0.0.1" }]);
    await expect(query(url, "SHOW unix_socket_directories")).resolves.toEqual([{ unix_socket_directories: "" }]);
    expect(readFileSync(join(directory, ".gitignore"), "utf8")).toBe("*\n");
  });

  test("finds a server that runs, and makes another database in it", async () => {
    const first = await sandbox.start({ directory });
    const second = await sandbox.start({ directory, database: 'odd "näme" & 1%26' });
    expect(second).toMatchObject({ reused: true, pid: first.pid, port: first.port, version: first.version });
    await expect(query(second.url, "SELECT current_database() AS name")).resolves.toEqual([
      { name: 'odd "näme" & 1%26' },
    ]);

    await expect(startLocalPostgres({ directory, reuse: false })).rejects.toMatchObject({ problem: "busy" });
    const otherPort = startLocalPostgres({ directory, port: first.port === 5_433 ? 5_434 : 5_433 });
    await expect(otherPort).rejects.toMatchObject({ problem: "port" });

    await second.stop();
    expect(isAlive(first.pid)).toBe(false);
  });

  test("moves to another port when somebody else has taken its own", async () => {
    const first = await sandbox.start({ directory });
    await first.stop();
    const taken = await occupy(first.port);
    try {
      await expect(first.restart()).rejects.toMatchObject({ problem: "port" });
      const second = await sandbox.start({ directory });
      expect(second.port).not.toBe(first.port);
      await second.stop();
    } finally {
      await taken.free();
    }
  });

  test("refuses a chosen port that is taken", async () => {
    const taken = await occupy(0);
    try {
      const started = startLocalPostgres({ directory, port: taken.port });
      await expect(started).rejects.toThrow(`Port ${taken.port} of 127.0.0.1 is taken`);
    } finally {
      await taken.free();
    }
  });

  test("applies settings at a start and at a restart", async () => {
    const lines: string[] = [];
    const first = await sandbox.start({ directory, settings: { fsync: "off", "waymark.note": "a b=c" } });
    await expect(query(first.url, "SHOW fsync")).resolves.toEqual([{ fsync: "off" }]);
    await expect(query(first.url, 'SHOW "waymark.note"')).resolves.toEqual([{ "waymark.note": "a b=c" }]);

    const second = await sandbox.start({ directory, settings: { work_mem: "5MB" }, log: (line) => lines.push(line) });
    expect(lines).toContain("it was started with other settings; restart() applies the new ones");
    await second.restart({ mode: "immediate" });
    expect(second.url).toBe(first.url);
    await expect(query(second.url, "SHOW fsync")).resolves.toEqual([{ fsync: "on" }]);
    await expect(query(second.url, "SHOW work_mem")).resolves.toEqual([{ work_mem: "5MB" }]);
  });

  test("shows what the server says when it does not start, and has stopped trying", async () => {
    const error = await failureOf(startLocalPostgres({ directory, settings: { work_mem: "much" } }));
    expect(error.problem).toBe("start");
    expect(error.output.join("\n")).toContain('invalid value for parameter "work_mem": "much"');
    expect(error.message).toContain(error.output.join("\n  "));
    const server = await sandbox.start({ directory });
    await expect(server.stop({ mode: "slow" } as never)).rejects.toMatchObject({ field: "options.mode" });
  });

  test("refuses bad options before it does anything", async () => {
    const started = startLocalPostgres({ directory, port: -1 });
    await expect(started).rejects.toMatchObject({ code: "INVALID_ARGUMENT", field: "options.port" });
    expect(existsSync(directory)).toBe(false);
  });

  test("refuses data whose password is lost, and what is no data", async () => {
    const server = await sandbox.start({ directory });
    await server.stop();
    renameSync(join(directory, "server.json"), join(directory, "elsewhere.json"));
    await expect(startLocalPostgres({ directory })).rejects.toThrow("has data but no server.json");
    renameSync(join(directory, "elsewhere.json"), join(directory, "server.json"));
    rmSync(join(directory, "data", "PG_VERSION"));
    await expect(startLocalPostgres({ directory })).rejects.toThrow("is not a data directory");
  });

  test("starts afresh when the directory was removed under a running server", async () => {
    const first = await sandbox.start({ directory, settings: { fsync: "off" } });
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    try {
      const second = await sandbox.start({ directory });
      expect(second).toMatchObject({ reused: false });
      expect(second.port).not.toBe(first.port);
    } finally {
      // Left alone it would notice within a minute.
      process.kill(first.pid, "SIGQUIT");
    }
  });

  test("a temporary server leaves nothing behind", async () => {
    const server = await sandbox.start({ persistent: false, settings: { fsync: "off" } });
    await query(server.url, "CREATE TABLE gone ()");
    await server.stop();
    expect(isAlive(server.pid)).toBe(false);
    expect(existsSync(server.directory)).toBe(false);
    await server.stop();
  });
});

describe("binaries", () => {
  test("those of this package are found from wherever the process is", () => {
    const cwd = vi.spyOn(process, "cwd").mockReturnValue(sandbox.folder());
    try {
      expect(existsSync(join(getPostgresBinaries().directory, "bin"))).toBe(true);
    } finally {
      cwd.mockRestore();
    }
  });

  test("links that no install script has made are made", async () => {
    const binaries = join(sandbox.folder(), "native");
    copyWithoutLinks(getPostgresBinaries().directory, binaries);
    const server = await sandbox.start({ directory, binaries });
    await expect(query(server.url, "SELECT 1 AS one")).resolves.toEqual([{ one: 1 }]);
  });

  const scripts: [name: string, script: string | null, message: RegExp][] = [
    ["a folder without programs", null, /bin\/postgres" does not exist/],
    ["programs for another C library", "#!/no/such/loader\n", /needs the GNU C library/],
    ["programs that fail", "#!/bin/sh\necho missing library >&2; exit 127\n", /exit code 127:\n {2}missing library/],
  ];
  test.each(scripts)("%s are refused", async (_name, script, message) => {
    const binaries = sandbox.folder();
    if (script !== null) {
      mkdirSync(join(binaries, "bin"));
      writeFileSync(join(binaries, "bin", "postgres"), script);
      chmodSync(join(binaries, "bin", "postgres"), 0o755);
    }
    const error = await failureOf(startLocalPostgres({ directory, binaries }));
    expect(error.problem).toBe("binaries");
    expect(error.message).toMatch(message);
  });

  test("an initdb that can't be started is an error of the call", async () => {
    const binaries = sandbox.folder();
    mkdirSync(join(binaries, "bin"));
    writeFileSync(join(binaries, "bin", "postgres"), "#!/bin/sh\n");
    chmodSync(join(binaries, "bin", "postgres"), 0o755);
    const error = await failureOf(startLocalPostgres({ directory, binaries }));
    expect(error.problem).toBe("start");
    expect(error.output).toEqual(["initdb could not be started: ENOENT"]);
  });

  test.runIf(existsSync(join(DEBIAN_15, "bin", "initdb")))("those of a Linux distribution work", async () => {
    const server = await sandbox.start({ directory, binaries: DEBIAN_15 });
    expect(server.version).toMatch(/^15\.\d+$/);
    await server.restart();
    await server.stop();
    // The data of one major version is not for another.
    const error = await failureOf(startLocalPostgres({ directory }));
    expect(error.problem).toBe("start");
    expect(error.message).toContain("initialized by PostgreSQL version 15");
  });
});
