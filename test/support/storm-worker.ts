import { inspect } from "node:util";
import { between } from "../../examples/order-fulfilment/seeded.ts";
import type { Logger } from "../../src/logger.ts";
import { PostgresBackend } from "../../src/postgres/index.ts";
import { Worker } from "../../src/worker/worker.ts";
import { computed, type StormWork, stormFlows } from "./storm-flows.ts";
import { Journal } from "./storm-journal.ts";

/** What this program is told. */
export interface StormWorkerOptions {
  readonly url: string;
  readonly workerId: string;
  /** Where it writes what its bodies do. */
  readonly journal: string;
}

const [LEAST_MS, MOST_MS] = [5, 40];

async function main({ url, workerId, journal }: StormWorkerOptions): Promise<void> {
  // Whoever has started it holds the other end: should that process die, this one must not be left behind.
  process.stdin.on("end", () => process.exit(3)).resume();
  const lines = new Journal(journal, workerId);
  const work: StormWork = async (input, { instanceId, taskId, attempt, idempotencyKey }, fails) => {
    const at = { instance: instanceId, task: taskId, attempt, key: idempotencyKey };
    lines.write({ what: "begin", ...at });
    await new Promise((resolve) => setTimeout(resolve, between(LEAST_MS, MOST_MS, instanceId, taskId)));
    lines.write({ what: "end", ...at });
    if (fails) throw new Error(`Attempt ${attempt} of ${taskId} is to fail.`);
    return computed(taskId, input);
  };
  const backend = await PostgresBackend.connect(url, { applicationName: workerId });
  new Worker(backend, {
    flows: Object.values(stormFlows(work)),
    workerId,
    concurrency: 20,
    leaseTtl: "1500ms",
    pollInterval: "200ms",
    maxLostLeases: 100,
    gracePeriod: "2s",
    logger: complaints,
    observer: (event) => {
      if (event.kind !== "fenced") return;
      lines.write({ what: "fenced", instance: event.instanceId, task: event.taskId, attempt: event.attempt, key: "" });
    },
  }).start();
  console.log("started");
}

const toErrors = (fields: object, message: string): void =>
  void process.stderr.write(
    `${new Date().toISOString()} ${message} ${inspect(fields, { depth: 1, breakLength: 200 })}\n`,
  );
const complaints: Logger = { debug: () => undefined, info: () => undefined, warn: toErrors, error: toErrors };

await main(JSON.parse(process.argv[2] ?? "") as StormWorkerOptions);
