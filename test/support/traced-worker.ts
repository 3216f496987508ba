import * as api from "@opentelemetry/api";
import { Worker } from "../../src/index.ts";
import { PostgresBackend } from "../../src/postgres/index.ts";
import { openTelemetry } from "../../src/telemetry/index.ts";
import { tracedOrder, tracedParcel } from "./traced-flows.ts";
import { startTracing } from "./tracing.ts";

// A worker of its own process, for tests of traces: says "started", and when it is told to end, each of its spans as a line of JSON.

const [, , url = "", workerId = "", tag = ""] = process.argv;
const spans = startTracing();
const backend = await PostgresBackend.connect(url, { migrate: false });
const worker = new Worker(backend, {
  ...{ flows: [tracedOrder, tracedParcel], workerId, tags: [tag], ownsProcess: false, pollInterval: "50ms" },
  telemetry: openTelemetry(api),
}).start();
console.log("started");
process.stdin.on("end", () => {
  void worker.drain().then(async () => {
    await backend.close();
    for (const span of spans()) console.log(JSON.stringify(span));
    process.exit(0);
  });
});
process.stdin.resume();
