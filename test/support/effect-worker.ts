import { Pool } from "pg";
import { PostgresBackend } from "../../src/postgres/index.ts";
import { Worker } from "../../src/worker/worker.ts";
import { effectFlow } from "./effect-flow.ts";
import type { StormWorkerOptions } from "./storm-worker.ts";

/** A worker process whose tasks write rows into tables of the user's. */
async function main({ url, workerId }: StormWorkerOptions): Promise<void> {
  // Whoever has started it holds the other end: should that process die, this one must not be left behind.
  process.stdin.on("end", () => process.exit(3)).resume();
  const pool = new Pool({ connectionString: url, max: 10 });
  pool.on("error", () => undefined);
  const insert = async (id: string): Promise<unknown> =>
    await pool.query("INSERT INTO plain_effects VALUES ($1)", [id]);
  const backend = await PostgresBackend.connect(url, { applicationName: workerId, poolSize: 12, migrate: false });
  new Worker(backend, {
    flows: [effectFlow(insert)],
    workerId,
    concurrency: 20,
    leaseTtl: "1500ms",
    pollInterval: "200ms",
    maxLostLeases: 100,
    gracePeriod: "2s",
  }).start();
  console.log("started");
}

await main(JSON.parse(process.argv[2] ?? "") as StormWorkerOptions);
