import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import * as api from "@opentelemetry/api";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { Client, flow, InMemoryBackend, Runner, type Telemetry, Worker } from "../../src/index.ts";
import { openTelemetry } from "../../src/telemetry/index.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { tracedOrder } from "../support/traced-flows.ts";
import { startTracing, type TracedSpan } from "../support/tracing.ts";
import { soon } from "../support/workers.ts";

const spans = startTracing();
const spansOf = (instanceId: string): readonly TracedSpan[] =>
  spans().filter(({ attributes }) => attributes["messaging.message.conversation_id"] === instanceId);

afterAll(() => {
  api.trace.disable();
  api.context.disable();
  api.propagation.disable();
});

async function startProcess(url: string, workerId: string, tag: string): Promise<() => Promise<readonly TracedSpan[]>> {
  const program = resolve("test/support/traced-worker.ts");
  const child = spawn(process.execPath, ["--import", "tsx", program, url, workerId, tag], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  onTestFinished(() => void child.kill("SIGKILL"));
  await expect.poll(() => output, soon).toContain("started");
  return async () => {
    child.stdin.end();
    await once(child, "close");
    return output
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as TracedSpan);
  };
}

describe("the trace of an order", { timeout: 60_000 }, () => {
  test("goes through two processes, a sleep, an event and a child, from the request on", async () => {
    const database = await createTestDatabase();
    const backend = await database.connect({ migrate: false });
    const client = new Client(backend, { telemetry: openTelemetry(api) });
    const id = fresh("order");
    const request = api.trace.getTracer("own").startSpan("POST /orders");
    await api.context.with(
      api.trace.setSpan(api.context.active(), request),
      async () => await client.submit(tracedOrder, id, "tea"),
    );
    request.end();
    const ends = [await startProcess(database.url, "worker-a", "a"), await startProcess(database.url, "worker-b", "b")];
    await client.sendEvent(id, "news", "hot");
    await expect.poll(async () => (await client.status(id)).status, soon).toBe("completed");
    const all = (await Promise.all(ends.map(async (end) => await end()))).flat();

    const { traceId } = request.spanContext();
    const submission = spansOf(id).find(({ name }) => name === "send traced-order");
    expect(submission).toMatchObject({
      traceId,
      parentSpanId: request.spanContext().spanId,
      kind: api.SpanKind.PRODUCER,
    });
    const attempts = all.filter(({ kind }) => kind === api.SpanKind.CONSUMER);
    expect(attempts.map(({ name }) => name).toSorted()).toEqual([
      "process traced-order charge",
      "process traced-order charge",
      "process traced-order parcel~start",
      "process traced-order ship",
      "process traced-parcel wrap",
    ]);
    for (const attempt of attempts) expect(attempt).toMatchObject({ traceId, parentSpanId: submission?.spanId });
    expect(attempts.map(({ attributes }) => attributes["waymark.worker_id"])).toEqual(
      expect.arrayContaining(["worker-a", "worker-b"]),
    );
    const charges = attempts.filter(({ name }) => name.endsWith("charge"));
    const byAttempt = new Map(charges.map(({ attributes, status }) => [attributes["waymark.attempt"], status]));
    expect(byAttempt.get(1)).toBe(api.SpanStatusCode.ERROR);
    expect(byAttempt.get(2)).toBe(api.SpanStatusCode.UNSET);
    // What a body traces belongs to its attempt.
    const own = all.find(({ name }) => name === "ask the bank");
    expect(own).toMatchObject({
      traceId,
      parentSpanId: charges.find(({ status }) => status === api.SpanStatusCode.UNSET)?.spanId,
    });
    // Neither messages of errors nor values are anybody's business.
    expect(JSON.stringify(all)).not.toContain("canary");
    expect(JSON.stringify(all)).not.toContain("tea");
    const { rows } = await database.pool.query("SELECT trace_context FROM waymark.instances WHERE instance_id = $1", [
      id,
    ]);
    expect(rows).toEqual([{ trace_context: `00-${traceId}-${submission?.spanId ?? ""}-01` }]);
  });
});

describe.each(await bothBackends())("traces on $name", { timeout: 30_000 }, ({ backend }) => {
  const double = flow<number>(`traced-double`)
    .then("twice", (n) => {
      if (n < 0) throw new TypeError("canary");
      return 2 * n;
    })
    .build();

  function workerWith(telemetry: Telemetry): void {
    const worker = new Worker(backend, { flows: [double], ownsProcess: false, pollInterval: 20, telemetry }).start();
    onTestFinished(async () => await worker.stop());
  }

  test("are linked instead, where that is asked for", async () => {
    const telemetry = openTelemetry(api, { attempts: "link" });
    workerWith(telemetry);
    const id = fresh("linked");
    await (await new Client(backend, { telemetry }).submit(double, id, 1)).result();
    await expect.poll(() => spansOf(id).length, soon).toBe(2);
    const [send, attempt] = [
      spansOf(id).find(({ kind }) => kind === api.SpanKind.PRODUCER),
      spansOf(id).find(({ kind }) => kind === api.SpanKind.CONSUMER),
    ];
    expect(attempt?.links).toEqual([send?.spanId]);
    expect(attempt?.traceId).not.toBe(send?.traceId);
  });

  test("record errors only where that is asked for", async () => {
    const telemetry = openTelemetry(api, { recordsErrors: true });
    workerWith(telemetry);
    const id = fresh("failing");
    await (await new Client(backend, { telemetry }).submit(double, id, -1)).result().catch(() => undefined);
    await expect.poll(() => spansOf(id).length, soon).toBe(2);
    expect(spansOf(id).find(({ kind }) => kind === api.SpanKind.CONSUMER)).toMatchObject({
      events: 1,
      attributes: { "error.type": "TypeError" },
    });
  });

  test("of many that are submitted together are one, and all their attempts belong to it", async () => {
    const telemetry = openTelemetry(api);
    workerWith(telemetry);
    const ids = [fresh("many"), fresh("many"), fresh("many")];
    const client = new Client(backend, { telemetry });
    await client.submitMany(
      double,
      ids.map((instanceId) => ({ instanceId, input: 1 })),
    );
    for (const id of ids) await client.result(id);
    const send = spansOf(ids[0] ?? "").find(({ kind }) => kind === api.SpanKind.PRODUCER);
    expect(send?.attributes["messaging.batch.message_count"]).toBe(3);
    for (const id of ids) {
      await expect.poll(() => spansOf(id).some(({ kind }) => kind === api.SpanKind.CONSUMER), soon).toBe(true);
      expect(spansOf(id).find(({ kind }) => kind === api.SpanKind.CONSUMER)?.parentSpanId).toBe(send?.spanId);
    }
  });

  test("of runners are the same", async () => {
    const runner = new Runner(backend, { telemetry: openTelemetry(api) });
    const id = fresh("run");
    await runner.run(double, id, 2);
    const [send, attempt] = [
      spansOf(id).find(({ kind }) => kind === api.SpanKind.PRODUCER),
      spansOf(id).find(({ kind }) => kind === api.SpanKind.CONSUMER),
    ];
    expect(attempt?.parentSpanId).toBe(send?.spanId);
  });

  test("begin anew where nothing, or nonsense, is stored", async () => {
    workerWith(openTelemetry(api));
    const [none, nonsense] = [fresh("none"), fresh("nonsense")];
    const client = new Client(backend);
    await (await client.submit(double, none, 1)).result();
    const lying: Telemetry = {
      submitting: () => ({ traceContext: "00-zz\n\u0000<script>", within: (run) => run(), end: () => undefined }),
      attempting: () => ({ traceContext: null, within: (run) => run(), end: () => undefined }),
    };
    const handle = await new Client(backend, { telemetry: lying }).submit(double, nonsense, 1);
    expect(await handle.result()).toBe(2);
    await expect.poll(() => spansOf(none).length, soon).toBe(1);
    expect(spansOf(none)[0]?.parentSpanId).toBeNull();
  });
});

describe("telemetry", () => {
  const noop = flow<number>("telemetry-noop")
    .then("work", (n) => n + 1)
    .build();

  test("that fails harms nothing", async () => {
    const boom = (): never => {
      throw new Error("the exporter is broken");
    };
    const broken: Telemetry[] = [
      { submitting: boom, attempting: boom },
      {
        submitting: () => ({
          get traceContext() {
            return boom();
          },
          within: boom,
          end: boom,
        }),
        attempting: () => ({ traceContext: null, within: boom, end: boom }),
      },
    ];
    for (const telemetry of broken) {
      const backend = new InMemoryBackend();
      const worker = new Worker(backend, { flows: [noop], ownsProcess: false, telemetry }).start();
      const handle = await new Client(backend, { telemetry }).submit(noop, "a", 1);
      expect(await handle.result()).toBe(2);
      await worker.stop();
    }
  });

  test.each([
    [{}, "options.telemetry"],
    [null, "options.telemetry"],
    ["yes", "options.telemetry"],
  ])("is not %j", (telemetry, field) => {
    const wrong = telemetry as unknown as Telemetry;
    expect(() => new Client(new InMemoryBackend(), { telemetry: wrong })).toThrow(field);
    expect(() => new Worker(new InMemoryBackend(), { flows: [noop], telemetry: wrong })).toThrow(field);
  });

  test("is not made of something else, nor with options that nobody knows", () => {
    expect(() => openTelemetry({} as typeof api)).toThrow("api");
    expect(() => openTelemetry(api, { attempts: "both" as "link" })).toThrow("options.attempts");
    expect(() => openTelemetry(api, { recordsErrors: 1 as unknown as boolean })).toThrow("options.recordsErrors");
    expect(() => openTelemetry(api, { unknown: 1 } as object)).toThrow("options.unknown");
  });
});
