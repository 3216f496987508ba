import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { Client, Worker } from "../../src/index.ts";
import { bothBackends } from "../support/both-backends.ts";
import { findChromium, NO_CHROMIUM } from "../support/chromium.ts";
import { album, approval, broken, order, shipment } from "../support/dashboard-flows.ts";
import { browserPages } from "../support/dashboard-page.ts";
import { type ServedDashboard, serveDashboard } from "../support/dashboard-server.ts";
import { soon } from "../support/workers.ts";

const flows = [order, shipment, approval, broken, album];
const suite = findChromium() === null ? describe.skip : describe;

suite.each(await bothBackends())(`an instance's page, $name (skipped where ${NO_CHROMIUM})`, ({ backend }) => {
  const pages = browserPages();
  const client = new Client(backend);
  let served: ServedDashboard;
  let worker: ReturnType<Worker["start"]>;
  beforeAll(async () => {
    served = await serveDashboard(backend, { flows }, inject("dashboardFiles"));
    worker = new Worker(backend, { flows, ownsProcess: false }).start();
  });
  afterAll(async () => {
    await served.close();
    await worker.stop();
  });
  const open = async (id: string, tab = ""): Promise<Page> =>
    await pages.open(`${served.url}#/instances/${encodeURIComponent(id)}${tab === "" ? "" : `?tab=${tab}`}`);
  /** A button that asks before it does something. */
  const action = (page: Page, name: string): Locator =>
    page.getByRole("toolbar", { name: "Actions" }).getByRole("button", { name });
  const standsAt = async (id: string, status: string): Promise<void> => {
    await expect.poll(async () => (await client.status(id)).status, soon).toBe(status);
  };
  const orderAt = async (id: string): Promise<string> => {
    await client.submit(order, id, { sku: "book", cents: 7_013 }, { labels: { tenant: "acme" } });
    await standsAt(id, "awaiting_event");
    return id;
  };

  test("shows in words where it is, and in the graph what has become of each node", async () => {
    const page = await open(await orderAt("graph-1"));
    await page.locator('[data-node="charge"]').waitFor();
    const state = async (node: string): Promise<string | null> =>
      await page.locator(`[data-node="${node}"]`).getAttribute("data-state");
    expect(await state("charge")).toBe("completed");
    expect(await state("picked")).toBe("waiting");
    expect(await state("stamp")).toBeNull();
    expect(await state("weigh")).toBe("completed");
    await page.locator('[data-node="charge"]').click();
    const panel = page.getByRole("region", { name: "Node charge" });
    await panel.getByText("Takes the money.").waitFor();
    await panel.getByText("attempt 2").waitFor();
    expect(await panel.getByText("Failed", { exact: true }).count()).toBe(1);
  });

  test("follows along without being loaded again", async () => {
    const page = await open(await orderAt("live-1"));
    await page.locator('[data-node="picked"][data-state="waiting"]').waitFor();
    await client.sendEvent("live-1", "picked", { by: "Zoë" });
    await page.locator('[data-node="picked"][data-state="completed"]').waitFor();
    await page.locator('[data-node="ship"][data-state="waiting"]').waitFor();
    await page.getByRole("tab", { name: "Children" }).click();
    await page.getByRole("link", { name: "live-1/ship" }).click();
    await page.getByRole("heading", { name: "live-1/ship" }).waitFor();
    await page.getByRole("link", { name: "live-1", exact: true }).waitFor();
  });

  test("shows when what ran, in a row for each task", async () => {
    const page = await open(await orderAt("timeline-1"), "timeline");
    await page.getByRole("button", { name: /^charge .*attempt 1, failed.*attempt 2, completed/ }).waitFor();
    await page.getByRole("button", { name: /^picked .*attempt 1, waiting/ }).waitFor();
    await page.getByRole("button", { name: /^charge / }).click();
    await page.locator('[data-task="charge"]').first().waitFor();
    expect(await page.locator('.entry:not([data-task="charge"])').count()).toBe(0);
  });

  test("unfolds entries of the history, and compares two", async () => {
    const page = await open(await orderAt("history-1"), "history");
    const charged = page.locator('[data-task="charge"]').nth(1);
    await charged.locator(".fold").first().click();
    await charged.getByText("9007199254740993n").waitFor();
    await charged.getByText("Date 2026-03-01T12:00:00.000Z").waitFor();
    await page.locator('[data-task="check"]').first().getByRole("radio", { name: /from/ }).check();
    await charged.getByRole("radio", { name: /to/ }).check();
    const comparison = page.getByRole("region", { name: "Comparison" });
    await comparison.getByText("$.outputs.charge").waitFor();
    await comparison.getByText(/^Recorded: /).waitFor();
    // A link to it can be shared.
    await page.reload();
    await comparison.getByText("$.outputs.charge").waitFor();
  });

  test("shows what it was started with, what its tasks share, and what was sent to it", async () => {
    const id = await orderAt("values-1");
    await client.sendEvent(id, "not-yet", { text: "later" });
    const page = await open(id, "values");
    await page.getByText("7013").waitFor();
    await page.getByRole("tab", { name: "State" }).click();
    await page.getByText('"checked book"').waitFor();
    await page.getByRole("tab", { name: "Events" }).click();
    await page.getByText("not-yet").waitFor();
    await page.getByText('"later"').waitFor();
    await page.getByRole("tab", { name: "Positions" }).click();
    await page.getByText("event picked").waitFor();
  });

  test("pauses, resumes, cancels and deletes after asking", async () => {
    const id = await orderAt("control-1");
    const page = await open(id);
    await action(page, "Pause").click();
    await page.getByRole("dialog").getByLabel("Reason").fill("stocktaking");
    await page.getByRole("button", { name: "Pause it" }).click();
    await page.getByText("Reason: stocktaking").waitFor();
    expect(await client.status(id)).toMatchObject({ status: "paused", reason: "stocktaking" });
    await action(page, "Resume").click();
    await page.getByRole("button", { name: "Resume it" }).click();
    await action(page, "Pause").waitFor();
    // Going back does nothing.
    await action(page, "Cancel").click();
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect((await client.status(id)).status).toBe("awaiting_event");
    await action(page, "Cancel").click();
    await page.getByLabel(/Undo what it has done/).check();
    await page.getByRole("button", { name: "Cancel it" }).click();
    await standsAt(id, "cancelled");
    await page.locator('[data-node="reserve"][data-state="undone"]').waitFor();
    await action(page, "Delete").click();
    await page.getByRole("button", { name: "Delete it" }).click();
    await page.getByRole("heading", { name: "Instances" }).waitFor();
    await expect(client.status(id)).rejects.toThrow("control-1");
  });

  test("sends events, records outcomes by hand, and moves deadlines", async () => {
    await client.submit(approval, "approval-1", "a bicycle");
    await standsAt("approval-1", "awaiting_event");
    const page = await open("approval-1");
    await action(page, "Deadline").click();
    await page.getByRole("dialog").getByLabel("From now on").fill("2h");
    await page.getByRole("button", { name: "Change it" }).click();
    await page.getByText("in 1 hr").first().waitFor();
    await action(page, "Send event").click();
    const dialog = page.getByRole("dialog");
    expect(await dialog.getByLabel("Name").inputValue()).toBe("answered");
    await dialog.getByLabel("Payload").fill('{ "by": "Zoë"');
    // What is no JSON is not sent, and said.
    await page.getByRole("button", { name: "Send it" }).click();
    await dialog.getByRole("alert").waitFor();
    await dialog.getByLabel("Payload").fill('{ "by": "Zoë" }');
    await page.getByRole("button", { name: "Send it" }).click();
    await expect(client.result("approval-1")).resolves.toBe("approved by Zoë");
    await client.submit(approval, "approval-2", "a car");
    await standsAt("approval-2", "awaiting_event");
    const other = await open("approval-2");
    await action(other, "Complete task").click();
    await other.getByRole("dialog").getByLabel("Output").fill('{ "by": "hand" }');
    await other.getByRole("button", { name: "Record it" }).click();
    await expect(client.result("approval-2")).resolves.toBe("approved by hand");
  });

  test("retries what has failed, and forks from an entry with another outcome", async () => {
    await client.submit(broken, "failed-1", "no such file");
    await standsAt("failed-1", "failed");
    const page = await open("failed-1");
    await page.getByText("no such file").first().waitFor();
    await action(page, "Retry").click();
    await page.getByLabel(/Bring it back paused/).check();
    await page.getByRole("button", { name: "Retry it" }).click();
    await page.getByText("Paused", { exact: true }).first().waitFor();

    const id = await orderAt("fork-1");
    const forked = await open(id, "history");
    const confirm = forked.locator('[data-task="confirm"]').first();
    await confirm.locator(".fold").first().click();
    await confirm.getByRole("button", { name: /Fork from here/ }).click();
    const dialog = forked.getByRole("dialog");
    await dialog.getByLabel("Id of the new instance").fill("fork-1-cheap");
    const output = dialog.getByLabel("Output of confirm");
    await output.fill((await output.inputValue()).replace("7013", "100"));
    await forked.getByRole("button", { name: "Fork it" }).click();
    await forked.getByRole("heading", { name: "fork-1-cheap" }).waitFor();
    await forked.locator('[data-node="stamp"][data-state="completed"]').waitFor();
    await forked.getByRole("link", { name: "fork-1", exact: true }).waitFor();
  });

  test("says what to do where there is no such instance", async () => {
    pages.expectProblems(/404/);
    const page = await open("nobody");
    await page.getByText("There is no such instance").waitFor();
  });

  test("folds what is large, and hands it over as a file", async () => {
    await client.submit(
      album,
      "album-1",
      Array.from({ length: 1_500 }, (_, index) => `image-${index}.txt`),
    );
    const page = await open("album-1", "values");
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: "Download" }).first().click(),
    ]);
    expect(download.suggestedFilename()).toMatch(/\.json$/);
  });
});
