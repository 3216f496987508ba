import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { metricsText } from "../../src/client/metrics-text.ts";
import { dashboard } from "../../src/dashboard/index.ts";
import { job } from "../../src/flow/job.ts";
import { limit } from "../../src/flow/limit.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";
import { soon, workerStarter } from "../support/workers.ts";

const SAMPLE = /^(waymark_[a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (-?\d+(?:\.\d+)?)$/;

/** The samples of a text in Prometheus' format. Fails on a line that is none, and on a metric that was not announced. */
function parsed(text: string): ReadonlyMap<string, number> {
  const announced = new Set<string>();
  const samples = new Map<string, number>();
  expect(text.endsWith("\n")).toBe(true);
  for (const line of text.trimEnd().split("\n")) {
    const type = /^# TYPE (\w+) gauge$/.exec(line)?.[1];
    if (type !== undefined) announced.add(type);
    if (line.startsWith("#")) continue;
    const [, name = "", labels, value] = SAMPLE.exec(line) ?? [];
    expect(announced).toContain(name);
    expect(samples.has(`${name}{${labels ?? ""}}`)).toBe(false);
    samples.set(`${name}{${labels ?? ""}}`, Number(value));
  }
  return samples;
}

describe.each(await bothBackends())("on $name", ({ backend }) => {
  const start = workerStarter();
  const client = new Client(backend);

  test("metrics say what there is, and every one of them is in the document", async () => {
    const [name, flowName] = [fresh("api"), fresh("work")];
    const gates: (() => void)[] = [];
    const work = job(
      flowName,
      async (n: number) => await new Promise<number>((resolve) => void gates.push(() => resolve(n))),
      {
        limit: limit(name, { concurrency: 1 }),
      },
    );
    const ids = await client.enqueueMany(work, [1, 2, 3]);
    start(backend, { flows: [work], pollInterval: 20 });
    await expect.poll(() => gates.length, soon).toBe(1);
    await client.flows.pause("elsewhere");
    const samples = parsed(await metricsText(client));

    expect(samples.get(`waymark_instances{flow="${flowName}",status="in_progress"}`)).toBe(3);
    expect(samples.get(`waymark_limit_running{limit="${name}"}`)).toBe(1);
    expect(samples.get(`waymark_limit_waiting{limit="${name}"}`)).toBe(2);
    expect(samples.get(`waymark_limit_concurrency{limit="${name}"}`)).toBe(1);
    expect(samples.get(`waymark_limit_oldest_wait_seconds{limit="${name}"}`)).toBeGreaterThanOrEqual(0);
    expect(samples.get(`waymark_limit_paused{limit="${name}"}`)).toBe(0);
    expect(samples.get('waymark_flow_paused{flow="elsewhere"}')).toBe(1);
    expect(samples.get("waymark_workers_alive{}")).toBe(1);
    expect(samples.get("waymark_positions_held{}")).toBe(1);
    const doc = readFileSync(new URL("../../docs/telemetry.md", import.meta.url), "utf8");
    for (const sample of samples.keys()) expect(doc).toContain(`\`${sample.slice(0, sample.indexOf("{"))}\``);
    await client.flows.unpause("elsewhere");
    await client.terminateMany({ flow: flowName });
    expect(ids).toHaveLength(3);
  });

  test("names that would end a label don't", async () => {
    await client.flows.pause('a"} 1 waymark_evil\\');
    const text = await metricsText(client);
    await client.flows.unpause('a"} 1 waymark_evil\\');

    expect(parsed(text).get('waymark_flow_paused{flow="a\\"} 1 waymark_evil\\\\"}')).toBe(1);
  });

  test("the HTTP API serves them", async () => {
    const served = dashboard(backend, { ui: false });
    const response = await served.fetch(new Request("http://localhost/api/v1/metrics"));
    await served.close();

    expect([response.status, response.headers.get("content-type")]).toEqual([
      200,
      "text/plain; version=0.0.4; charset=utf-8",
    ]);
    expect(parsed(await response.text()).size).toBeGreaterThan(0);
  });
});
