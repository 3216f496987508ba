import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { Client, flow, schedule, Worker } from "../../src/index.ts";
import { findChromium, NO_CHROMIUM } from "../support/chromium.ts";
import { askFlow, broken, order, quick, shipment } from "../support/dashboard-flows.ts";
import { browserPages } from "../support/dashboard-page.ts";
import { type ServedDashboard, serveDashboard } from "../support/dashboard-server.ts";
import { Gate } from "../support/gate.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { reachedStatus } from "../support/reached-status.ts";
import { soon } from "../support/workers.ts";

const suite = findChromium() === null ? describe.skip : describe;

suite(`pages about all instances (skipped where ${NO_CHROMIUM})`, async () => {
  const database = await createTestDatabase();
  const backend = await database.connect();
  const gate = new Gate();
  const ask = askFlow(gate);
  const fragile = flow<unknown>("fragile")
    .then("write", (): string => {
      throw new TypeError("the disk is full");
    })
    .build();
  const flows = [order, shipment, quick, broken, fragile, ask];
  const pages = browserPages();
  const client = new Client(backend);
  let served: ServedDashboard;
  let worker: ReturnType<Worker["start"]>;
  beforeAll(async () => {
    served = await serveDashboard(backend, { flows }, inject("dashboardFiles"));
    worker = new Worker(backend, { flows, ownsProcess: false, workerId: "worker-1" }).start();
    for (let index = 0; index < 8; index++)
      await client.submit(ask, `ask-${index}`, { tenant: index < 6 ? "acme" : "globex" });
    for (let index = 0; index < 7; index++) await client.submit(broken, `broken-${index}`, "no such file");
    await client.submit(fragile, "fragile-1", null);
    await client.submit(quick, "quick-1", 1);
    await reachedStatus(client, "fragile-1", "failed");
    await reachedStatus(client, "broken-6", "failed");
    await reachedStatus(client, "quick-1", "completed");
  });
  afterAll(async () => {
    gate.open();
    await served.close();
    await worker.stop();
  });
  const open = async (hash: string): Promise<Page> => await pages.open(`${served.url}${hash}`);

  test("workers are listed with what they hold and when they were last heard of", async () => {
    const page = await open("#/workers");
    const row = page.locator('[data-worker="worker-1"]');
    await row.getByText("Alive").waitFor();
    await row.getByText("3", { exact: true }).waitFor();
    await row.getByRole("link", { name: "ask" }).waitFor();
  });

  test("flows are listed with their instances, and lead to them", async () => {
    const page = await open("#/flows");
    const row = page.locator('[data-flow="broken"]');
    await row.getByRole("link", { name: "7" }).click();
    await page.locator('[data-id="broken-0"]').waitFor();
    expect(new URL(page.url()).hash).toBe("#/instances?flow=broken&status=failed");
  });

  test("a flow shows its versions, its graph and what happened, and can be started", async () => {
    const page = await open("#/flows/quick");
    await page.getByRole("img", { name: "Instances that ended, by time" }).waitFor();
    await page.locator('[data-node="echo"]').waitFor();
    await page.getByText("given to the handler").waitFor();
    await page.getByRole("button", { name: "24h" }).click();
    expect(page.url()).toContain("range=24h");
    await page.getByRole("button", { name: /Start one/ }).click();
    await page.getByRole("dialog").getByLabel("Id").fill("quick-2");
    await page.getByRole("dialog").getByLabel("Input").fill('{ "$waymark": "bigint", "value": "5" }');
    await page.getByRole("button", { name: "Start it" }).click();
    await page.getByRole("heading", { name: "quick-2" }).waitFor();
    await expect(client.result("quick-2")).resolves.toBe(5n);
    pages.expectProblems(/404/);
    await page.goto(`${served.url}#/flows/nothing`);
    await page.getByText("There is no such flow").waitFor();
  });

  test("limits show what runs and waits, and can be paused, changed and reset", async () => {
    const page = await open("#/limits");
    const limit = page.locator('[data-limit="model-api"]');
    await limit.getByText("3 of 3").waitFor();
    await limit.getByRole("button", { name: "Keys" }).click();
    await limit.locator('[data-key="globex"]').waitFor();
    await limit.getByRole("button", { name: "Pause" }).click();
    await page.getByRole("button", { name: "Pause it" }).click();
    await limit.getByText("Paused").waitFor();
    expect(await client.limits.get("model-api")).toMatchObject({ isPaused: true });
    await limit.getByRole("button", { name: "Resume" }).click();
    await page.getByRole("button", { name: "Resume it" }).click();
    await limit.getByRole("button", { name: "Pause" }).waitFor();
    await limit
      .getByRole("button", { name: /^Change/ })
      .first()
      .click();
    const all = page.getByRole("group", { name: "All together" });
    await all.getByLabel("At once").fill("nonsense");
    await page.getByRole("button", { name: "Change it" }).click();
    await page.getByRole("alert").waitFor();
    await all.getByLabel("At once").fill("4");
    await page.getByRole("button", { name: "Change it" }).click();
    await limit.getByText("4 of 4").waitFor();
    await limit.locator('[data-key="acme"]').getByRole("button").click();
    await page.getByRole("dialog").getByLabel("At each turn").fill("3");
    await page.getByRole("button", { name: "Change it" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    const { keys } = await client.limits.keys("model-api");
    expect(keys.find(({ key }) => key === "acme")).toMatchObject({ weight: 3 });
    await limit.getByRole("button", { name: "Reset" }).click();
    await page.getByRole("button", { name: "Reset it" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    pages.expectProblems(/400/);
  });

  test("schedules show when they start something, can be held back, and started by hand", async () => {
    const hostile = '<img src=x onerror="alert(1)">';
    await client.schedules.put(schedule(hostile, quick, { every: "1d", input: 1 }));
    await client.schedules.put(schedule("nightly", quick, { cron: "0 3 * * *", timezone: "Europe/Berlin", input: 2 }));
    const page = await open("#/schedules");
    await page.getByRole("heading", { name: hostile }).waitFor();
    const card = page.locator('[data-schedule="nightly"]');
    await card.getByText("0 3 * * * (Europe/Berlin)").waitFor();
    await card.getByRole("button", { name: "Pause" }).click();
    await page.getByLabel("Reason").fill("stocktaking");
    await page.getByRole("button", { name: "Pause it" }).click();
    await card.getByText("stocktaking").waitFor();
    expect(await client.schedules.get("nightly")).toMatchObject({ isPaused: true, pauseReason: "stocktaking" });
    await card.getByRole("button", { name: "Resume" }).click();
    await page.getByRole("button", { name: "Resume it" }).click();
    await card.getByRole("button", { name: "Pause" }).waitFor();

    const before = (await client.list({ flow: quick.name })).instances.length;
    await card.getByRole("button", { name: "Start one now" }).click();
    await page.getByRole("button", { name: "Start it" }).click();
    await expect.poll(async () => (await client.list({ flow: quick.name })).instances.length, soon).toBe(before + 1);
    await card.getByRole("button", { name: "Backfill" }).click();
    await page.getByLabel("From", { exact: true }).fill("2026-01-01T00:00");
    await page.getByLabel("To", { exact: true }).fill("2026-01-03T00:00");
    await page.getByText("2 slots:").waitFor();
    await page.getByRole("button", { name: "Start them" }).click();
    await expect.poll(async () => (await client.list({ flow: quick.name })).instances.length, soon).toBe(before + 3);

    await card.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("button", { name: "Delete it" }).click();
    await card.waitFor({ state: "detached" });
  });

  test("a flow can be held back and let go on, and its ended instances be removed", async () => {
    const page = await open("#/flows/quick");
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByLabel("Reason").fill("stocktaking");
    await page.getByRole("button", { name: "Pause it" }).click();
    await page.getByText("Workers take nothing of this flow.").waitFor();
    expect(await client.flows.paused()).toMatchObject([{ flow: "quick", reason: "stocktaking" }]);
    const list = await open("#/flows");
    await list.locator('[data-flow="quick"]').getByText("Paused").waitFor();
    await page.getByRole("button", { name: "Resume" }).click();
    await page.getByRole("button", { name: "Resume it" }).click();
    await page.getByText("Workers take nothing of this flow.").waitFor({ state: "detached" });

    const kept = page.getByRole("region", { name: "Kept" });
    await kept.getByRole("button", { name: "Change" }).click();
    await page.getByRole("dialog").getByLabel("completed").fill("a while");
    await page.getByRole("button", { name: "Change it" }).click();
    await page.getByRole("alert").waitFor();
    await page.getByRole("dialog").getByLabel("completed").fill("7d");
    await page.getByRole("button", { name: "Change it" }).click();
    await kept.getByText("changed by hand").waitFor();
    await kept.getByRole("button", { name: "Remove now" }).click();
    await page.getByLabel("Ended at least so long ago").fill("0s");
    await page.getByRole("button", { name: "Count them" }).click();
    await page.getByText(/[1-9]\d* would be removed/).waitFor();
    await page.getByRole("button", { name: "Remove them" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await expect
      .poll(async () => (await client.list({ flow: "quick", status: ["completed"] })).instances, soon)
      .toEqual([]);
    pages.expectProblems(/400/);
  });

  test("failures are told by kind, and can be tried again together", async () => {
    const page = await open("#/failures");
    const kinds = page.getByRole("region", { name: "By kind" });
    await kinds.getByText("no such file").waitFor();
    await kinds.getByRole("button", { name: "Retry 1" }).click();
    await page.getByText("1 instance is concerned.").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Retry 1" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await expect.poll(async () => (await client.history("fragile-1")).length, soon).toBeGreaterThan(1);
    await page.getByRole("region", { name: "Instances" }).getByText("broken-3").waitFor();
  });
});
