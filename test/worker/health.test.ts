import { describe, expect, onTestFinished, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { BackendError } from "../../src/errors/backend-errors.ts";
import { flow } from "../../src/flow/flow.ts";
import { type HealthServer, InMemoryBackend, serveHealth, Worker, type WorkerHandle } from "../../src/index.ts";
import { withChanges } from "../support/both-backends.ts";
import { Gate } from "../support/gate.ts";
import { soon } from "../support/workers.ts";

const greet = flow<string>("health-greet")
  .then("compose", (name) => `Hello ${name}`)
  .build();

async function served(worker: WorkerHandle): Promise<HealthServer> {
  const server = await serveHealth(worker, { port: 0 });
  onTestFinished(async () => {
    await server.close();
    await worker.stop();
  });
  return server;
}

const statusOf = async (server: HealthServer, path: string): Promise<number> => (await fetch(server.url + path)).status;

describe("the health of a worker", () => {
  test("is told over HTTP, with what it has done", async () => {
    const backend = new InMemoryBackend();
    const worker = new Worker(backend, { flows: [greet], ownsProcess: false }).start();
    const server = await served(worker);
    await expect.poll(async () => await statusOf(server, "/readyz"), soon).toBe(200);
    await (await new Client(backend).submit(greet, "a", "Ada")).result();
    const response = await fetch(`${server.url}/metrics`);
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const text = await response.text();
    expect(text).toContain("waymark_worker_ready 1\n");
    expect(text).toContain(
      "# TYPE waymark_worker_tasks_completed_total counter\nwaymark_worker_tasks_completed_total 1\n",
    );
    expect(await (await fetch(`${server.url}/healthz`)).json()).toMatchObject({
      isLive: true,
      isReady: true,
      problem: null,
    });
  });

  test("is bad for readiness alone while the database is away", async () => {
    const stored = new InMemoryBackend();
    let isAway = false;
    const backend = withChanges(stored, {
      keepWorker: async (...args) => {
        if (isAway) throw new BackendError("BACKEND_UNAVAILABLE", { queryName: "keep-worker", problem: "It is away" });
        return await stored.keepWorker(...args);
      },
    });
    const worker = new Worker(backend, { flows: [greet], ownsProcess: false, leaseTtl: 150 }).start();
    const server = await served(worker);
    await expect.poll(async () => await statusOf(server, "/readyz"), soon).toBe(200);
    isAway = true;
    await expect.poll(() => worker.health().problem, soon).toBe("database");
    expect([await statusOf(server, "/readyz"), await statusOf(server, "/healthz")]).toEqual([503, 200]);
    isAway = false;
    await expect.poll(async () => await statusOf(server, "/readyz"), soon).toBe(200);
  });

  test("is not ready while it drains, and not alive once it has stopped", async () => {
    const gate = new Gate();
    const held = flow<number>("health-held")
      .then("hold", async (n) => {
        await gate.passed;
        return n;
      })
      .build();
    const backend = new InMemoryBackend();
    const worker = new Worker(backend, { flows: [held], ownsProcess: false }).start();
    const server = await served(worker);
    await new Client(backend).submit(held, "a", 1);
    await expect.poll(() => worker.stats().active, soon).toBe(1);
    const drained = worker.drain();
    expect(worker.health()).toMatchObject({ isLive: true, isReady: false, problem: "draining" });
    gate.open();
    await drained;
    expect(await statusOf(server, "/healthz")).toBe(503);
  });

  test("is told to nobody who asks for something else", async () => {
    const worker = new Worker(new InMemoryBackend(), { flows: [greet], ownsProcess: false }).start();
    const server = await served(worker);
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(await statusOf(server, "/")).toBe(404);
    expect((await fetch(`${server.url}/healthz`, { method: "POST" })).status).toBe(405);
    const head = await fetch(`${server.url}/healthz`, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    await server.close();
    await server.close();
  });

  test.each([
    [{ port: -1 }, "options.port"],
    [{ port: 1, host: "" }, "options.host"],
    [{ port: 1, path: "/" }, "path"],
    [{}, "options.port"],
  ])("is not served with %j", async (options, field) => {
    const worker = new Worker(new InMemoryBackend(), { flows: [greet], ownsProcess: false }).start();
    onTestFinished(async () => await worker.stop());
    await expect(serveHealth(worker, options as { port: number })).rejects.toThrow(field);
    await expect(serveHealth({} as WorkerHandle, { port: 0 })).rejects.toThrow("worker");
  });
});
