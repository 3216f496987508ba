import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, inject, test } from "vitest";

const folder = join(inject("package").consumer, "node_modules/waymark/dist/dashboard/static");
const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name));

/** What a browser loads in the worst case; ADR 1 allows more before the dashboard becomes a package of its own. */
const LIMIT_BYTES = 120_000;

describe("the dashboard's static files", () => {
  test(`are smaller than ${LIMIT_BYTES / 1_000} kB, compressed`, () => {
    const bytes = files.reduce((sum, file) => sum + gzipSync(readFileSync(file), { level: 9 }).length, 0);
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThan(LIMIT_BYTES);
  });

  test("hold nothing that a strict content security policy forbids, and name each other by relative paths", () => {
    const page = readFileSync(join(folder, "index.html"), "utf8");
    expect(page).not.toMatch(/<style|style=|\son[a-z]+=|javascript:/i);
    expect(page.match(/<script[^>]*>[^<]/g)).toBeNull();
    const links = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link = ""]) => link);
    expect(links.length).toBeGreaterThan(2);
    expect(links.filter((link) => !link.startsWith("./"))).toEqual([]);
  });

  test("load nothing from elsewhere", () => {
    const texts = files.map((file) => readFileSync(file, "utf8"));
    // The name of SVG's elements is an address that nobody opens.
    const addresses = texts.flatMap((text) => text.match(/https?:\/\/[\w.-]+\/[\w./-]*/g) ?? []);
    expect(addresses.filter((address) => !address.startsWith("http://www.w3.org/"))).toEqual([]);
  });
});
