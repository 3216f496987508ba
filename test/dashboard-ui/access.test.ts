import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { Client } from "../../src/index.ts";
import { InMemoryBackend } from "../../src/memory/memory-backend.ts";
import { findChromium, NO_CHROMIUM } from "../support/chromium.ts";
import { quick } from "../support/dashboard-flows.ts";
import { browserPages } from "../support/dashboard-page.ts";
import { type ServedDashboard, serveDashboard } from "../support/dashboard-server.ts";

const suite = findChromium() === null ? describe.skip : describe;

const TOKENS = {
  viewer: "v".repeat(32),
  operator: "o".repeat(32),
  admin: "a".repeat(32),
} as const;

suite(`access to the dashboard (skipped where ${NO_CHROMIUM})`, () => {
  const pages = browserPages();
  const backend = new InMemoryBackend();
  const client = new Client(backend);
  let closed: ServedDashboard;
  let readOnly: ServedDashboard;
  beforeAll(async () => {
    const tokens = Object.entries(TOKENS).map(([role, token]) => ({
      role: role as keyof typeof TOKENS,
      token,
      actor: role,
    }));
    closed = await serveDashboard(
      backend,
      { flows: [quick], tokens, basePath: "/ops/waymark" },
      inject("dashboardFiles"),
    );
    readOnly = await serveDashboard(backend, { flows: [quick], readOnly: true }, inject("dashboardFiles"));
    await client.submit(quick, "quick-1", 1);
  });
  afterAll(async () => {
    await closed.close();
    await readOnly.close();
    await backend.close();
  });

  test("asks for a token where the server wants one, says when it is not good, and lets go of it", async () => {
    pages.expectProblems(/401/);
    const page = await pages.open(`${closed.url}#/instances/quick-1`);
    await page.getByLabel("Token").fill("x".repeat(32));
    await page.getByRole("button", { name: "Open" }).click();
    await page.getByRole("alert").waitFor();
    await page.getByLabel("Token").fill(TOKENS.admin);
    await page.keyboard.press("Enter");
    // Where the reader wanted to go.
    await page.getByRole("heading", { name: "quick-1" }).waitFor();
    await page.getByText("admin (admin)").waitFor();
    await page.getByText("Live", { exact: true }).waitFor();
    // No script can read the cookie, and nothing else is kept.
    expect(
      await page.evaluate("document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)"),
    ).not.toContain(TOKENS.admin);
    await page.reload();
    await page.getByRole("heading", { name: "quick-1" }).waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("Token").waitFor();
  });

  test.each([
    ["viewer", []],
    ["operator", ["Pause", "Send event", "Cancel"]],
    ["admin", ["Pause", "Send event", "Cancel"]],
  ] as const)("offers a %s what they may do", async (role, offered) => {
    pages.expectProblems(/401/);
    const page = await pages.open(`${closed.url}#/instances`);
    await page.getByLabel("Token").fill(TOKENS[role]);
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "quick-1" }).waitFor();
    expect(await page.getByLabel("Select quick-1").count()).toBe(role === "admin" ? 1 : 0);
    await page.getByRole("link", { name: "quick-1" }).click();
    await page.getByRole("heading", { name: "quick-1" }).waitFor();
    for (const name of ["Pause", "Send event", "Cancel"])
      expect(await page.getByRole("button", { name, exact: true }).count()).toBe(
        (offered as readonly string[]).includes(name) ? 1 : 0,
      );
  });

  test("says that it is read-only, and offers no action", async () => {
    const page = await pages.open(`${readOnly.url}#/instances/quick-1`);
    await page.getByText("This dashboard is read-only").waitFor();
    await page.getByRole("heading", { name: "quick-1" }).waitFor();
    expect(await page.getByRole("toolbar").count()).toBe(0);
  });

  test("is shown in the colours of the system, or in those that the reader chooses", async () => {
    const page = await pages.open(readOnly.url, { colorScheme: "dark" });
    await page.getByRole("heading", { name: "Instances" }).waitFor();
    const ground = async (): Promise<unknown> =>
      await page.evaluate("getComputedStyle(document.documentElement).backgroundColor");
    const dark = await ground();
    await page.getByRole("button", { name: "Colours: auto" }).click();
    const light = await ground();
    expect(light).not.toBe(dark);
    await page.reload();
    await page.getByRole("button", { name: "Colours: light" }).click();
    expect(await ground()).toBe(dark);
  });

  test("says when it is not live, and goes on by itself when the server is back", async () => {
    pages.expectProblems(/ERR_|Failed to load/);
    const first = await serveDashboard(backend, {}, inject("dashboardFiles"));
    const page = await pages.open(`${first.url}#/instances?order=id`);
    await page.getByText("Live", { exact: true }).waitFor();
    await first.close();
    await page.getByText("Not live").waitFor();
    await client.submit(quick, "quick-0", 1);
    const second = await serveDashboard(backend, {}, inject("dashboardFiles"), first.port);
    await page.getByText("Live", { exact: true }).waitFor();
    // What has happened meanwhile is read.
    await page.getByRole("link", { name: "quick-0" }).waitFor();
    await second.close();
  });
});
