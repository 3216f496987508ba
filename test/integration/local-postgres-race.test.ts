import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { Client } from "pg";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { startLocalPostgres } from "../../src/local/index.ts";
import { query, Sandbox } from "../support/local-postgres.ts";

const look = vi.hoisted(() => ({ sees: (_port: number): boolean | null => null }));

vi.mock(import("../../src/local/ports.ts"), async (original) => {
  const ports = await original();
  return { ...ports, isPortFree: async (port) => look.sees(port) ?? ports.isPortFree(port) };
});

let sandbox: Sandbox;
let directory: string;

beforeEach(() => {
  sandbox = new Sandbox();
  directory = join(sandbox.folder(), "pg");
  look.sees = () => null;
});

afterEach(() => sandbox.clear());

describe("a port that is taken between the look and the start", () => {
  test("is given up for another, unless no other will do", async () => {
    const first = await sandbox.start({ directory });
    await first.stop();
    const stranger = createServer().listen(first.port, "127.0.0.1");
    try {
      look.sees = (port) => (port === first.port ? true : null);
      await expect(first.restart()).rejects.toMatchObject({ problem: "port" });
      const second = await sandbox.start({ directory });
      expect(second.port).not.toBe(first.port);
      expect(readFileSync(join(directory, "log"), "utf8")).toContain("could not bind");
    } finally {
      stranger.close();
    }
  });
});

describe("a session that outlives its killed server", () => {
  test("is waited for", async () => {
    const server = await sandbox.start({ directory });
    const session = new Client({ connectionString: server.url });
    session.on("error", () => undefined);
    await session.connect();
    const { rows } = await session.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
    const pid = rows[0]?.pid ?? Number.NaN;

    process.kill(pid, "SIGSTOP");
    await server.kill();
    const restarted = server.restart();
    await vi.waitUntil(
      () => readFileSync(join(directory, "log"), "utf8").includes("pre-existing shared memory"),
      5_000,
    );
    process.kill(pid, "SIGCONT");
    await restarted;
    await expect(query(server.url, "SELECT 1 AS one")).resolves.toEqual([{ one: 1 }]);
    await session.end().catch(() => undefined);
  });
});

describe("a password that was changed behind our back", () => {
  test("is reported, and the server can still be stopped", async () => {
    const server = await sandbox.start({ directory });
    await query(server.url, "ALTER ROLE postgres PASSWORD 'other'");
    await expect(startLocalPostgres({ directory })).rejects.toThrow("does not take the password in server.json");
    await server.stop();
  });
});
