import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findPostmaster, readPostmasterFile } from "./postmaster-file.ts";

const NO_PID = 2 ** 22 + 1;
let data: string;

beforeEach(() => {
  data = realpathSync(mkdtempSync(join(tmpdir(), "waymark-postmaster-")));
});

afterEach(() => rmSync(data, { recursive: true, force: true }));

function write(pid: number, status: string): void {
  const lines = [pid, data, "1790000000", "5433", "", "127.0.0.1", "  12345   1", status.padEnd(8)];
  writeFileSync(join(data, "postmaster.pid"), `${lines.join("\n")}\n`);
}

describe("readPostmasterFile", () => {
  test("gives the port once the server is ready", async () => {
    write(42, "starting");
    await expect(readPostmasterFile(data)).resolves.toEqual({ pid: 42, port: null });
    write(42, "ready");
    await expect(readPostmasterFile(data)).resolves.toEqual({ pid: 42, port: 5433 });
    write(42, "stopping");
    await expect(readPostmasterFile(data)).resolves.toEqual({ pid: 42, port: null });
  });

  test.each(["", "\n", "x\n", "-5\n"])("finds nothing in %j", async (text) => {
    writeFileSync(join(data, "postmaster.pid"), text);
    await expect(readPostmasterFile(data)).resolves.toBeNull();
  });
});

describe("findPostmaster", () => {
  test("finds nothing without a file", async () => {
    await expect(findPostmaster(data)).resolves.toBeNull();
  });

  test("leaves the file of a dead process to PostgreSQL, which looks for its sessions too", async () => {
    write(NO_PID, "ready");
    await expect(findPostmaster(data)).resolves.toBeNull();
    expect(existsSync(join(data, "postmaster.pid"))).toBe(true);
  });

  test.skipIf(process.platform === "win32")("removes a file whose pid now belongs to another program", async () => {
    write(process.pid, "ready");
    await expect(findPostmaster(data)).resolves.toBeNull();
    expect(existsSync(join(data, "postmaster.pid"))).toBe(false);
  });
});
