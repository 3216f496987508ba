import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { newPassword, readServerFile, type ServerFile, writeServerFile } from "./server-file.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "waymark-server-file-"));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

const CONTENT: ServerFile = { format: 1, password: "secret", port: null, data: "data", settings: { fsync: "off" } };

describe("server.json", () => {
  test("comes back as it was written, and nothing else is left", async () => {
    await writeServerFile(directory, CONTENT);
    await writeServerFile(directory, { ...CONTENT, port: 5433 });
    await expect(readServerFile(directory)).resolves.toEqual({ ...CONTENT, port: 5433 });
    expect(readdirSync(directory)).toEqual(["server.json"]);
  });

  test.skipIf(process.platform === "win32")("is for its owner only", async () => {
    await writeServerFile(directory, CONTENT);
    expect(statSync(join(directory, "server.json")).mode & 0o777).toBe(0o600);
  });

  test("may be missing", async () => {
    await expect(readServerFile(directory)).resolves.toBeNull();
  });

  test.each(["", "{", "null", "[]", '{"format":2}', '{"format":1,"password":1,"port":1,"data":"d","settings":{}}'])(
    "is refused when it is %j",
    async (text) => {
      writeFileSync(join(directory, "server.json"), text);
      await expect(readServerFile(directory)).rejects.toMatchObject({ problem: "directory" });
    },
  );
});

test("passwords fit into a URL as they are", () => {
  expect(newPassword()).toMatch(/^[\w-]{32}$/);
  expect(newPassword()).not.toBe(newPassword());
});
