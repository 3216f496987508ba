import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { Client, flow, limit, Worker } from "../../src/index.ts";
import { findChromium, NO_CHROMIUM } from "../support/chromium.ts";
import { browserPages } from "../support/dashboard-page.ts";
import { type ServedDashboard, serveDashboard } from "../support/dashboard-server.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { reachedStatus } from "../support/reached-status.ts";

const suite = findChromium() === null ? describe.skip : describe;

/** What would open a dialog if any of it became markup, a script or the address of a link. */
const MARKUP = [
  `<img src=x onerror=alert(1)>`,
  `"><script>alert(2)</script>`,
  `'><svg onload=alert(3)>`,
  "javascript:alert(4)",
  `{{constructor.constructor('alert(5)')()}}`,
  `\u202Eevil\u0000`,
];
const [IMAGE = "", SCRIPT = "", SVG = "", LINK = ""] = MARKUP;

const gate = limit("gate", { perKey: { concurrency: 1 } });
const hostile = flow<unknown>("hostile")
  .then("echo", (value) => ({ value, url: new URL("javascript:alert(6)"), [IMAGE]: new Map([[SCRIPT, LINK]]) }), {
    description: `${IMAGE}${SCRIPT}`,
    limit: gate,
    limitKey: () => SVG,
  })
  .waitForEvent("heard", LINK)
  .build();
const failing = flow<string>("failing")
  .then("fail", (): string => {
    const error = new TypeError(`${IMAGE}${SCRIPT}`);
    error.name = SVG;
    throw error;
  })
  .build();

suite(`values that are markup (skipped where ${NO_CHROMIUM})`, async () => {
  const database = await createTestDatabase();
  const backend = await database.connect();
  const pages = browserPages();
  const client = new Client(backend);
  const flows = [hostile, failing];
  // Slashes, question marks, percent signs and fragments are for addresses what tags are for markup.
  const ids = [`${IMAGE}/../?tab=x#/%2e%2e`, SCRIPT, `${LINK}%00`];
  let served: ServedDashboard;
  let worker: ReturnType<Worker["start"]>;
  beforeAll(async () => {
    served = await serveDashboard(backend, { flows }, inject("dashboardFiles"));
    worker = new Worker(backend, { flows, ownsProcess: false, workerId: `w ${IMAGE}` }).start();
    for (const id of ids) await client.submit(hostile, id, MARKUP, { labels: { tenant: IMAGE } });
    await client.submit(failing, `failing ${IMAGE}`, "");
    await reachedStatus(client, `failing ${IMAGE}`, "failed");
    for (const id of ids) await reachedStatus(client, id, "awaiting_event");
    await client.sendEvent(ids[0] ?? "", "noise", { text: IMAGE });
    await client.pause(ids[1] ?? "", { reason: `${IMAGE}${SCRIPT}` });
  });
  afterAll(async () => {
    await served.close();
    await worker.stop();
  });

  // Each of them fails if a dialog opens, or the browser had to refuse a script.
  test.each(["instances", "failures", "flows", "schedules", "workers", "limits"])(
    "are texts on the page %s",
    async (path) => {
      const page = await pages.open(`${served.url}#/${path}`);
      await page.locator("main h1").waitFor();
      await page.waitForLoadState("networkidle").catch(() => undefined);
      if (path === "instances") await page.locator("[data-id]").nth(3).waitFor();
      if (path === "failures") await page.getByText(`${IMAGE}${SCRIPT}`).first().waitFor();
      expect(await page.locator('main img, main script, main a[href^="javascript"]').count()).toBe(0);
    },
  );

  test.each(ids)("are texts on each tab of the instance %s", async (id) => {
    const page = await pages.open(`${served.url}#/instances?order=id`);
    await page.locator(`[data-id=${JSON.stringify(id)}] a`).click();
    await page.getByRole("heading", { name: id, exact: true }).waitFor();
    for (const name of [
      "Timeline",
      "History",
      "Input and output",
      "State",
      "Events",
      "Children",
      "Positions",
      "Graph",
    ]) {
      await page.getByRole("tab", { name }).click();
      await page.locator("#tabpanel > *").first().waitFor();
      const folded = page.locator('#tabpanel .fold[aria-expanded="false"]');
      // One that is opened is not among them any more, and may bring others.
      for (let opened = 0; opened < 20 && (await folded.count()) > 0; opened++) await folded.first().click();
    }
    expect(await page.locator('main img, main script, main a[href^="javascript"]').count()).toBe(0);
  });

  test("are texts in the failure of an instance, and in what asks before an action", async () => {
    const id = `failing ${IMAGE}`;
    const page = await pages.open(`${served.url}#/instances/${encodeURIComponent(id)}`);
    await page.getByText(`${IMAGE}${SCRIPT}`).first().waitFor();
    await page.getByRole("button", { name: "Retry" }).click();
    await page.getByRole("dialog").getByText(id).waitFor();
    await page.getByRole("dialog").getByLabel("Reason").fill(IMAGE);
    await page.getByRole("button", { name: "Retry it" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
  });

  test("are texts in an address that somebody has made up", async () => {
    pages.expectProblems(/400|404/);
    for (const hash of [
      `#/${IMAGE}`,
      `#/instances/${SCRIPT}`,
      `#/flows/${IMAGE}?range=${SVG}`,
      `#/instances?flow=${IMAGE}&q=${SCRIPT}`,
    ]) {
      const page = await pages.open(`${served.url}${hash}`);
      await page.locator("main").waitFor();
    }
  });
});
