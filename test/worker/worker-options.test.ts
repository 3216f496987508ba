import { describe, expect, test } from "vitest";
import { flow } from "../../src/flow/flow.ts";
import { task } from "../../src/flow/task.ts";
import { InMemoryBackend } from "../../src/memory/memory-backend.ts";
import { Worker, type WorkerHandle } from "../../src/worker/worker.ts";

type Row = readonly [what: string, options: unknown, field: string];
const Untyped = Worker as unknown as new (backend: unknown, options?: unknown) => { start(): WorkerHandle };

const good = flow<null>("good")
  .then("work", () => 1)
  .build();
const rows: readonly Row[] = [
  ["nothing", undefined, "options"],
  ["null", null, "options"],
  ["an array", [], "options"],
  ["a promise", Promise.resolve({ flows: [good] }), "options"],
  ["a misspelt option", { flows: [good], leaseTTL: "30s" }, "options"],
  ["no flows", {}, "options.flows"],
  ["an empty list of flows", { flows: [] }, "options.flows"],
  ["one flow without a list", { flows: good }, "options.flows"],
  ["a Set of flows", { flows: new Set([good]) }, "options.flows"],
  ["a builder that was not built", { flows: [good, flow("x").then("a", () => 1)] }, "options.flows[1]"],
  ["a task for a flow", { flows: [task("a", () => 1)] }, "options.flows[0]"],
  ["null for a flow", { flows: [null] }, "options.flows[0]"],
  ["something like a flow", { flows: [{ name: "good", hash: good.hash, root: good.root }] }, "options.flows[0]"],
  ["a flow that is there twice", { flows: [good, good] }, "options.flows[1]"],
  ["no concurrency", { flows: [good], concurrency: 0 }, "options.concurrency"],
  ["too much concurrency", { flows: [good], concurrency: 10_001 }, "options.concurrency"],
  ["half a concurrency", { flows: [good], concurrency: 0.5 }, "options.concurrency"],
  ["a concurrency of NaN", { flows: [good], concurrency: Number.NaN }, "options.concurrency"],
  ["a text for the concurrency", { flows: [good], concurrency: "10" }, "options.concurrency"],
  ["an empty worker id", { flows: [good], workerId: "" }, "options.workerId"],
  ["a number for the worker id", { flows: [good], workerId: 7 }, "options.workerId"],
  ["NUL in the worker id", { flows: [good], workerId: "a\u0000" }, "options.workerId"],
  ["a worker id of 256 characters", { flows: [good], workerId: "x".repeat(256) }, "options.workerId"],
  ["a text for the tags", { flows: [good], tags: "gpu" }, "options.tags"],
  ["a number among the tags", { flows: [good], tags: ["gpu", 1] }, "options.tags[1]"],
  ["an empty tag", { flows: [good], tags: [""] }, "options.tags[0]"],
  ["33 tags", { flows: [good], tags: Array.from({ length: 33 }, (_, n) => `t${n}`) }, "options.tags"],
  ["a lease that is too short", { flows: [good], leaseTtl: 99 }, "options.leaseTtl"],
  ["a lease of NaN", { flows: [good], leaseTtl: Number.NaN }, "options.leaseTtl"],
  ["an endless lease", { flows: [good], leaseTtl: Number.POSITIVE_INFINITY }, "options.leaseTtl"],
  ["a negative lease", { flows: [good], leaseTtl: -1 }, "options.leaseTtl"],
  ["a lease without a unit", { flows: [good], leaseTtl: "30" }, "options.leaseTtl"],
  ["a poll interval that is too short", { flows: [good], pollInterval: 9 }, "options.pollInterval"],
  ["an array for the poll interval", { flows: [good], pollInterval: [10] }, "options.pollInterval"],
  ["null for the poll interval", { flows: [good], pollInterval: null }, "options.pollInterval"],
  ["a negative grace period", { flows: [good], gracePeriod: -1 }, "options.gracePeriod"],
  ["a grace period without a unit", { flows: [good], gracePeriod: "soon" }, "options.gracePeriod"],
  ["one lost lease", { flows: [good], maxLostLeases: 1 }, "options.maxLostLeases"],
  ["too many lost leases", { flows: [good], maxLostLeases: 1_001 }, "options.maxLostLeases"],
  ["a text for the process", { flows: [good], ownsProcess: "no" }, "options.ownsProcess"],
  ["null for the process", { flows: [good], ownsProcess: null }, "options.ownsProcess"],
  ["an object for the observer", { flows: [good], observer: { on: () => 1 } }, "options.observer"],
  ["a text for the logger", { flows: [good], logger: "console" }, "options.logger"],
  ["a logger without a level", { flows: [good], logger: { info: () => 1 } }, "options.logger.debug"],
  ["a number for the ports", { flows: [good], ports: 1 }, "options.ports"],
  ["an unknown port", { flows: [good], ports: { clocks: {} } }, "options.ports"],
];

describe("a worker refuses", () => {
  test.each(rows)("%s, naming the field", (_, options, field) => {
    expect(() => new Untyped(new InMemoryBackend(), options)).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT", field }),
    );
  });

  test.each([
    ["nothing", undefined],
    ["null", null],
    ["a url", "postgresql://localhost/app"],
    ["a promise of a backend", Promise.resolve(new InMemoryBackend())],
    ["something else", {}],
  ])("%s for the backend", (_, backend) => {
    expect(() => new Untyped(backend, { flows: [good] })).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT", field: "backend" }),
    );
  });
});

describe("a worker accepts", () => {
  test.each([
    ["the least of everything", { concurrency: 1, leaseTtl: 100, pollInterval: 10, gracePeriod: 0, maxLostLeases: 2 }],
    ["the most", { concurrency: 10_000, leaseTtl: "1d", pollInterval: "1d", gracePeriod: "1d", maxLostLeases: 1_000 }],
    ["undefined for what it does not say", { concurrency: undefined, workerId: undefined, tags: undefined }],
    ["the same tag twice", { tags: ["gpu", "gpu"] }],
  ])("%s", async (_, options) => {
    const worker = new Untyped(new InMemoryBackend(), { flows: [good], ownsProcess: false, ...options }).start();
    expect(worker.stats()).toMatchObject({ state: "running", active: 0 });
    await worker.stop();
  });

  test("what its caller changes afterwards, and goes by what it was told", async () => {
    const flows = [good];
    const tags = ["gpu"];
    const worker = new Worker(new InMemoryBackend(), { flows, tags, ownsProcess: false });
    flows.length = 0;
    tags.push("eu");
    const handle = worker.start();

    expect(handle.stats().state).toBe("running");
    await handle.drain();
  });

  test("no name, and takes one that no other worker has", async () => {
    const workers = [1, 2].map(() => new Worker(new InMemoryBackend(), { flows: [good], ownsProcess: false }).start());
    const names = workers.map(({ workerId }) => workerId);
    await Promise.all(workers.map(async (worker) => await worker.stop()));

    expect(new Set(names).size).toBe(2);
  });
});
