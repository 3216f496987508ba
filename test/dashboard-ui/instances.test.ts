import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { Client } from "../../src/index.ts";
import { bothBackends } from "../support/both-backends.ts";
import { findChromium, NO_CHROMIUM } from "../support/chromium.ts";
import { approval, order, quick } from "../support/dashboard-flows.ts";
import { browserPages } from "../support/dashboard-page.ts";
import { type ServedDashboard, serveDashboard } from "../support/dashboard-server.ts";

const suite = findChromium() === null ? describe.skip : describe;

suite.each(await bothBackends())(`the list of instances, $name (skipped where ${NO_CHROMIUM})`, ({ backend }) => {
  const pages = browserPages();
  const client = new Client(backend);
  let served: ServedDashboard;
  beforeAll(async () => {
    served = await serveDashboard(backend, { flows: [order, approval, quick] }, inject("dashboardFiles"));
  });
  afterAll(async () => await served.close());
  const open = async (hash = ""): Promise<Page> => await pages.open(`${served.url}${hash}`);
  const ids = async (page: Page): Promise<unknown> =>
    await page.evaluate(`[...document.querySelectorAll("[data-id]")].map((row) => row.dataset.id)`);
  const shows = async (page: Page, expected: readonly string[]): Promise<void> => {
    await expect.poll(async () => await ids(page), { timeout: 15_000, interval: 50 }).toEqual(expected);
  };

  test("says what to do while there is none, and shows the first one when it is there", async () => {
    const page = await open();
    await page.getByText("There are no instances yet").waitFor();
    await client.submit(order, "order-1", { sku: "book", cents: 1 }, { labels: { tenant: "acme" }, tags: ["eu"] });
    await page.getByRole("link", { name: "order-1" }).waitFor();
  });

  test("is searched by the beginning of an id, by label, tag, flow and state, and the address says so", async () => {
    await client.submit(order, "order-2", { sku: "book", cents: 1 }, { labels: { tenant: "globex" } });
    await client.submit(approval, "approval-1", "a car");
    await client.submit(approval, "approval-2", "a bus");
    await client.pause("approval-2");
    const page = await open("#/instances?order=id");
    await shows(page, ["approval-1", "approval-2", "order-1", "order-2"]);
    const field = page.getByRole("searchbox");
    await field.fill("order-");
    await shows(page, ["order-1", "order-2"]);
    await field.fill("tenant=acme");
    await shows(page, ["order-1"]);
    await field.fill("#eu");
    await shows(page, ["order-1"]);
    await field.fill("");
    await page.getByLabel("Flow").selectOption("approval");
    await shows(page, ["approval-1", "approval-2"]);
    await page.getByRole("button", { name: /^Paused/ }).click();
    await shows(page, ["approval-2"]);
    expect(new URL(page.url()).hash).toBe("#/instances?order=id&flow=approval&status=paused");
    await page.reload();
    await shows(page, ["approval-2"]);
    await page.goBack();
    await shows(page, ["approval-1", "approval-2"]);
    await page.getByRole("searchbox").fill("nothing like it");
    await page.getByText("No instance fits").waitFor();
    await page.getByRole("link", { name: "Clear" }).click();
    // Newest first; of what was made within a millisecond, by id.
    const all = async (): Promise<unknown> => ((await ids(page)) as string[]).toSorted();
    await expect
      .poll(all, { timeout: 15_000, interval: 50 })
      .toEqual(["approval-1", "approval-2", "order-1", "order-2"]);
  });

  test("counts by state", async () => {
    const page = await open();
    const count = async (state: string): Promise<string> =>
      await page
        .getByRole("button", { name: new RegExp(`^${state}`) })
        .locator(".count-number")
        .innerText();
    await expect.poll(async () => [await count("In progress"), await count("Paused")]).toEqual(["3", "1"]);
  });

  test("can be used by keyboard alone", async () => {
    const page = await open("#/instances?order=id");
    await shows(page, ["approval-1", "approval-2", "order-1", "order-2"]);
    const current = page.locator(".grid-row.is-current");
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    expect(await current.getAttribute("data-id")).toBe("approval-2");
    await page.keyboard.press("k");
    expect(await current.getAttribute("data-id")).toBe("approval-1");
    await page.keyboard.press("x");
    await page.getByText("1 selected").waitFor();
    await page.keyboard.press("Escape");
    await page.getByText("1 selected").waitFor({ state: "detached" });
    await page.keyboard.press("/");
    await page.keyboard.type("order-1");
    await shows(page, ["order-1"]);
    // A letter typed is a letter, not a command.
    expect(await page.getByRole("searchbox").inputValue()).toBe("order-1");
    await page.keyboard.press("Escape");
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "order-1" }).waitFor();
    await page.keyboard.press("]");
    await expect.poll(() => page.url()).toMatch(/tab=timeline$/);
    await page.keyboard.press("u");
    await page.getByRole("heading", { name: "Instances" }).waitFor();
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keyboard" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.keyboard.press("g");
    await page.keyboard.press("w");
    await page.getByRole("heading", { name: "Workers" }).waitFor();
  });

  test("leads a reader of the keyboard over the navigation to the content", async () => {
    const page = await open();
    await page.getByRole("heading", { name: "Instances" }).waitFor();
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Skip to content");
    await page.keyboard.press("Enter");
    expect(await page.evaluate("document.activeElement.id")).toBe("main");
  });

  test("does something to all that are selected, or that fit, after saying how many they are", async () => {
    const page = await open("#/instances?order=id");
    await page.getByLabel("Select order-1").check();
    await page.getByLabel("Select approval-1").check();
    const bar = page.getByRole("toolbar", { name: "Actions for several instances" });
    await bar.getByRole("button", { name: "Pause" }).click();
    await page.getByText("2 instances are concerned.").waitFor();
    await page.getByRole("dialog").getByLabel("Reason").fill("a test");
    await page.getByRole("button", { name: "Pause 2" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect(await client.status("order-1")).toMatchObject({ status: "paused", reason: "a test" });
    expect((await client.status("order-2")).status).not.toBe("paused");

    await page.getByRole("searchbox").fill("order-");
    await shows(page, ["order-1", "order-2"]);
    await bar.getByText("All that fit").waitFor();
    await bar.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("button", { name: "Cancel 2" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect((await client.status("order-2")).status).toBe("cancelled");
    expect((await client.status("approval-1")).status).toBe("paused");
  });

  test("shows others how they are after somebody else has changed them", async () => {
    const page = await open("#/instances?q=approval-1");
    await page.locator('[data-id="approval-1"]').getByText("Paused").waitFor();
    await client.unpause("approval-1");
    await page.locator('[data-id="approval-1"]').getByText("In progress").waitFor();
  });
});
