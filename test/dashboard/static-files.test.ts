import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Dashboard, dashboardWith } from "../../src/dashboard/dashboard.ts";
import type { DashboardOptions } from "../../src/dashboard/index.ts";
import { InMemoryBackend } from "../../src/memory/memory-backend.ts";

let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "waymark-static-"));
  const site = join(folder, "site");
  await mkdir(join(site, "assets"), { recursive: true });
  await writeFile(join(folder, "secret.txt"), "canary");
  await writeFile(join(site, "index.html"), "<!doctype html><title>Waymark</title>");
  await writeFile(join(site, "assets/index-B7xY_9aK.js"), "export {};");
  await writeFile(join(site, "assets/index-B7xY_9aK.css"), "body {}");
  await writeFile(join(site, "icon.svg"), "<svg/>");
  await writeFile(join(site, "notes.exe"), "not served");
  await symlink(join(folder, "secret.txt"), join(site, "link.txt"));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

function served(options: DashboardOptions = {}): Dashboard {
  return dashboardWith(new InMemoryBackend(), options, pathToFileURL(`${join(folder, "site")}/`));
}

async function get(made: Dashboard, path: string, headers: Record<string, string> = {}): Promise<Response> {
  return await made.fetch(new Request(`http://localhost${path}`, { headers }));
}

describe("pages for the browser", () => {
  test("come with the types that they are of, and are kept for as long as they may be", async () => {
    const made = served();
    for (const [path, type, cache] of [
      ["/", "text/html; charset=utf-8", "no-cache"],
      ["/instances/order-42", "text/html; charset=utf-8", "no-cache"],
      ["/assets/index-B7xY_9aK.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"],
      ["/assets/index-B7xY_9aK.css", "text/css; charset=utf-8", "public, max-age=31536000, immutable"],
      ["/icon.svg", "image/svg+xml", "no-cache"],
    ] as const) {
      const response = await get(made, path);
      const { headers } = response;
      expect([response.status, headers.get("content-type"), headers.get("cache-control")]).toEqual([200, type, cache]);
      expect(headers.get("content-security-policy")).toContain("script-src 'self'");
      const again = await get(made, path, { "if-none-match": headers.get("etag") ?? "" });
      expect([again.status, await again.text()]).toEqual([304, ""]);
    }
  });

  test("are nothing but the files of their folder", async () => {
    const made = served();
    for (const path of [
      ...["/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/assets/../../secret.txt", "/link.txt"],
      ...["//secret.txt", "/\\..\\secret.txt", "/%00.txt", "/notes.exe", "/nothing.js", "/__proto__.js"],
    ]) {
      const response = await get(made, path);
      expect([path, response.status]).toEqual([path, 404]);
      expect(await response.text()).not.toContain("canary");
    }
  });

  test("stand below the base path, and nowhere else", async () => {
    const made = served({ basePath: "/ops/waymark" });
    const redirect = await get(made, "/ops/waymark");
    expect([redirect.status, redirect.headers.get("location")]).toEqual([308, "/ops/waymark/"]);
    expect((await get(made, "/ops/waymark/")).status).toBe(200);
    expect((await get(made, "/ops/waymark/icon.svg")).status).toBe(200);
    for (const path of ["/", "/icon.svg", "/ops/waymarkicon.svg", "/ops"])
      expect((await get(made, path)).status).toBe(404);
  });

  test("can be left out, and need not be there", async () => {
    expect((await get(served({ ui: false }), "/")).status).toBe(404);
    const without = dashboardWith(new InMemoryBackend(), {}, pathToFileURL(`${join(folder, "nothing")}/`));
    const response = await get(without, "/");
    expect([response.status, ((await response.json()) as { detail: string }).detail]).toEqual([
      404,
      "The pages for the browser are not part of this build.",
    ]);
  });
});
