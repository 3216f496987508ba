import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { Client } from "../../src/index.ts";
import { findChromium, NO_CHROMIUM } from "../support/chromium.ts";
import { quick } from "../support/dashboard-flows.ts";
import { browserPages } from "../support/dashboard-page.ts";
import { type ServedDashboard, serveDashboard } from "../support/dashboard-server.ts";
import { createTestDatabase } from "../support/postgres.ts";

const suite = findChromium() === null ? describe.skip : describe;
const COUNT = 100_000;

suite(`100,000 instances (skipped where ${NO_CHROMIUM})`, async () => {
  const database = await createTestDatabase();
  const backend = await database.connect();
  const pages = browserPages();
  let served: ServedDashboard;
  beforeAll(async () => {
    served = await serveDashboard(backend, { flows: [quick] }, inject("dashboardFiles"));
    const client = new Client(backend);
    for (let from = 0; from < COUNT; from += 20_000)
      await client.submitMany(
        quick,
        Array.from({ length: 20_000 }, (_, index) => ({
          instanceId: `quick-${String(from + index).padStart(6, "0")}`,
          input: null,
        })),
      );
    await database.pool.query("ANALYZE");
  });
  afterAll(async () => await served.close());

  test("are listed page by page, and only what is visible is drawn", async () => {
    const page = await pages.open(`${served.url}#/instances?order=id`);
    const rows = page.locator("[data-id]");
    await page.locator('[data-id="quick-000000"]').waitFor();
    await page.getByRole("button", { name: /In progress 100/ }).waitFor();
    const list = page.locator(".rows");
    // As somebody does who drags the bar down: each time to the end of what has been read.
    for (let last = 0; last < 450; ) {
      await list.evaluate((box) => {
        box.scrollTop = box.scrollHeight;
      });
      const next = last;
      await expect
        .poll(async () => Number((await rows.last().getAttribute("data-id"))?.slice(6)))
        .toBeGreaterThan(next);
      last = Number((await rows.last().getAttribute("data-id"))?.slice(6));
    }
    expect(await rows.count()).toBeLessThan(80);
    // What is far down is found at once.
    await page.getByRole("searchbox").fill("quick-09999");
    await page.locator('[data-id="quick-099999"]').waitFor();
    expect(await rows.count()).toBe(10);
  });

  test("are shown on every other page, too", async () => {
    for (const hash of ["#/flows", "#/flows/quick", "#/workers", "#/failures", "#/limits"]) {
      const page = await pages.open(`${served.url}${hash}`);
      await page.locator("main h1").waitFor();
      await page.getByText("Reading …").waitFor({ state: "detached" });
      expect(await page.getByRole("alert").count()).toBe(0);
    }
  });

  test("are paused all at once after asking, and can be counted while that goes on", async () => {
    const page = await pages.open(`${served.url}#/instances?q=quick-0000`);
    await page.locator("[data-id]").first().waitFor();
    await page.getByRole("toolbar").getByRole("button", { name: "Pause" }).click();
    await page.getByText("100 instances are concerned.").waitFor();
    await page.getByRole("button", { name: "Pause 100" }).click();
    await page.getByRole("button", { name: /^Paused 100/ }).waitFor();
  });
});
