import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Client, flow, InMemoryBackend, limit, metricsText, Worker } from "../../src/index.ts";
import { workerMetricsText } from "../../src/worker/worker-metrics.ts";
import { soon } from "../support/workers.ts";

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
}

const dashboard = JSON.parse(readFileSync("docs/grafana/waymark.json", "utf8")) as Dashboard;

describe("the dashboard for Grafana", () => {
  test("asks for nothing that is not told, and leaves out nothing that is", async () => {
    const scarce = limit("grafana-scarce", { concurrency: 1 });
    const task = flow<number>("grafana-task")
      .then("work", (n) => n, { limit: scarce })
      .build();
    const backend = new InMemoryBackend();
    const client = new Client(backend);
    const worker = new Worker(backend, { flows: [task], ownsProcess: false }).start();
    await (await client.submit(task, "a", 1)).result();
    await client.flows.pause("grafana-other");
    await expect.poll(() => worker.health().isReady, soon).toBe(true);
    const text = (await metricsText(client)) + workerMetricsText(worker.stats(), true);
    await worker.drain();

    const told = new Set(Array.from(text.matchAll(/^(waymark_\w+)[ {]/gm), ([, name = ""]) => name));
    const exprs = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
    const asked = new Set(exprs.flatMap((expr) => expr.match(/waymark_\w+/g) ?? []));
    expect([...asked].filter((name) => !told.has(name))).toEqual([]);
    const untold = ["waymark_worker_listening", "waymark_worker_other_workers"];
    expect([...told].filter((name) => !asked.has(name) && !untold.includes(name))).toEqual([]);
    const docs = readFileSync("docs/telemetry.md", "utf8");
    expect([...told].filter((name) => !docs.includes(name))).toEqual([]);
  });
});
