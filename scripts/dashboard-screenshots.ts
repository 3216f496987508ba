/**
 * Makes the pictures in docs/screenshots from a dashboard that runs: npx tsx scripts/dashboard-screenshots.ts
 *
 * Needs Chromium, and `npm run build:dashboard` before. Look at what has changed before you commit it.
 */
import { mkdirSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Client, flow, InMemoryBackend, Worker } from "../src/index.ts";
import { findChromium, NO_CHROMIUM, startChromium } from "../test/support/chromium.ts";
import { album, approval, askFlow, broken, order, shipment } from "../test/support/dashboard-flows.ts";
import { serveDashboard } from "../test/support/dashboard-server.ts";
import { Gate } from "../test/support/gate.ts";

const FOLDER = fileURLToPath(new URL("../docs/screenshots/", import.meta.url));
const SHOTS = [
  { file: "instances", hash: "#/instances", scheme: "light", waitFor: "order-1017" },
  { file: "instance", hash: "#/instances/order-1017?node=charge", scheme: "light", waitFor: "Takes the money." },
  { file: "timeline", hash: "#/instances/order-1017?tab=timeline", scheme: "dark", waitFor: "charge" },
  { file: "flows", hash: "#/flows?range=15m", scheme: "dark", waitFor: "From begin to end" },
] as const;

const program = findChromium();
if (program === null) throw new Error(NO_CHROMIUM);

/** Takes as long as things do. */
// oxlint-disable-next-line unicorn/prefer-top-level-await -- a flow's step, no promise's
const importing = flow<number>("nightly-import")
  .then("download", async (ms) => await later(ms))
  .then("load", async (ms) => {
    if (ms % 7 === 0) throw new Error("the file ends in the middle of a row");
    return await later(ms / 2);
  })
  .build();

async function later(ms: number): Promise<number> {
  return await setTimeout(ms, ms);
}

const backend = new InMemoryBackend();
const client = new Client(backend);
const gate = new Gate();
const ask = askFlow(gate);
const flows = [order, shipment, approval, album, broken, importing, ask];
const workers = ["worker-a4", "worker-b7"].map((workerId) =>
  new Worker(backend, { flows, ownsProcess: false, workerId, concurrency: 6 }).start(),
);
const served = await serveDashboard(backend, { flows }, new URL("../dist/dashboard/static/", import.meta.url).href);
mkdirSync(FOLDER, { recursive: true });

for (let index = 0; index < 40; index++) {
  await client.submit(importing, `import-${2_000 + index}`, 40 + ((index * 37) % 160), { labels: { region: "eu" } });
  await later(60);
}
for (let index = 0; index < 18; index++)
  await client.submit(
    order,
    `order-${1_000 + index}`,
    { sku: `book-${index}`, cents: index === 11 ? -5 : 1_999 + index * 611 + (index === 17 ? 127 : 0) },
    { labels: { tenant: index % 3 === 0 ? "globex" : "acme" }, tags: index % 4 === 0 ? ["express"] : [] },
  );
await client.submit(approval, "approval-77", "a bicycle");
for (let index = 0; index < 6; index++)
  await client.submit(ask, `ask-${index}`, { tenant: index < 4 ? "acme" : "globex" });
await later(400);
await client.pause("order-1003", { reason: "stocktaking" });
await client.cancel("order-1004", { reason: "the buyer has changed their mind" });
await client.sendEvent("order-1017", "picked", { by: "Zoë" });
await client.sendEvent("order-1017", "parcel-photo", { url: "https://example.com/17.png" });
await later(400);

const browser = await startChromium(program);
for (const { file, hash, scheme, waitFor } of SHOTS) {
  const page = await browser.newPage({ viewport: { width: 1_280, height: 800 }, colorScheme: scheme, locale: "en-GB" });
  await page.goto(`${served.url}${hash}`);
  await page.locator("main").getByText(waitFor).first().waitFor();
  await page.getByText("Live", { exact: true }).waitFor();
  await later(500);
  await page.screenshot({ path: `${FOLDER}${file}.png` });
  await page.close();
}
await browser.close();
gate.open();
await served.close();
for (const worker of workers) await worker.stop();
await backend.close();
