import { readFileSync } from "node:fs";
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { Client, Worker } from "../../src/index.ts";
import { InMemoryBackend } from "../../src/memory/memory-backend.ts";
import { findChromium, NO_CHROMIUM } from "../support/chromium.ts";
import { askFlow, broken, order, quick, shipment } from "../support/dashboard-flows.ts";
import { browserPages } from "../support/dashboard-page.ts";
import { type ServedDashboard, serveDashboard } from "../support/dashboard-server.ts";
import { Gate } from "../support/gate.ts";
import { reachedStatus } from "../support/reached-status.ts";

const suite = findChromium() === null ? describe.skip : describe;
const AXE = readFileSync(new URL(import.meta.resolve("axe-core/axe.min.js")), "utf8");

/** What is wrong on the page for readers who see colours badly, or not at all, one line each. */
async function obstacles(page: Page): Promise<readonly string[]> {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate<AxeResults>(
    // The rule that is off joins the lines of a drawing without blanks, and misses them so in the name of a node.
    'axe.run(document, { resultTypes: ["violations"], rules: { "label-content-name-mismatch": { enabled: false } } })',
  );
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`));
}

suite(`readers with other senses (skipped where ${NO_CHROMIUM})`, () => {
  const gate = new Gate();
  const ask = askFlow(gate);
  const flows = [order, shipment, quick, broken, ask];
  const backend = new InMemoryBackend();
  const client = new Client(backend);
  const pages = browserPages();
  let served: ServedDashboard;
  let worker: ReturnType<Worker["start"]>;
  beforeAll(async () => {
    served = await serveDashboard(backend, { flows }, inject("dashboardFiles"));
    worker = new Worker(backend, { flows, ownsProcess: false }).start();
    await client.submit(order, "order-1", { sku: "book", cents: 7_013 }, { labels: { tenant: "acme" }, tags: ["eu"] });
    await client.submit(broken, "broken-1", "no such file");
    await client.submit(quick, "quick-1", { list: [1, "two", null, true] });
    for (let index = 0; index < 5; index++) await client.submit(ask, `ask-${index}`, { tenant: "acme" });
    await reachedStatus(client, "order-1", "awaiting_event");
    await reachedStatus(client, "broken-1", "failed");
    await client.sendEvent("order-1", "later", { by: "Zoë" });
    await client.pause("ask-4", { reason: "a test" });
  });
  afterAll(async () => {
    gate.open();
    await served.close();
    await worker.stop();
    await backend.close();
  });

  test.each([
    ["#/instances", "order-1"],
    ["#/instances/order-1?node=charge", "Takes the money."],
    ["#/instances/order-1?tab=timeline", "runs now"],
    ["#/instances/order-1?tab=history", "charge"],
    ["#/instances/order-1?tab=values", "7013"],
    ["#/instances/order-1?tab=state", "checked"],
    ["#/instances/order-1?tab=events", "Zoë"],
    ["#/instances/order-1?tab=positions", "picked"],
    ["#/instances/broken-1", "no such file"],
    ["#/flows", "From begin to end"],
    ["#/flows/order", "picked"],
    ["#/workers", "Alive"],
    ["#/limits?limit=model-api", "acme"],
    ["#/failures", "no such file"],
  ])("find nothing in their way on %s, in light and dark", async (hash, text) => {
    const page = await pages.open(`${served.url}${hash}`, { reducedMotion: "reduce" });
    await page.locator("main").getByText(text).filter({ visible: true }).first().waitFor();
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await obstacles(page)).toEqual([]);
    }
  });

  test("find nothing in their way in dialogs", async () => {
    const page = await pages.open(`${served.url}#/instances/order-1`);
    for (const name of ["Pause", "Send event", "Complete task", "Fork", "Deadline", "Cancel", "Terminate"]) {
      await page.getByRole("toolbar").getByRole("button", { name }).click();
      await page.getByRole("dialog").waitFor();
      expect(await obstacles(page)).toEqual([]);
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
      // The focus is back where it was.
      expect(await page.evaluate("document.activeElement.textContent")).toContain(name);
    }
  });

  test("can use it at a width of 800 pixels without scrolling sideways", async () => {
    for (const hash of [
      "#/instances",
      "#/instances/order-1?node=charge",
      "#/flows",
      "#/limits",
      "#/schedules",
      "#/failures",
    ]) {
      const page = await pages.open(`${served.url}${hash}`, { viewport: { width: 800, height: 900 } });
      await page.locator("main h1").waitFor();
      expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
    }
  });
});
