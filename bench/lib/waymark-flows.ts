import pg from "pg";
import { Client, type Flow, Worker } from "waymark";
import { PostgresBackend } from "waymark/postgres";
import { secondsSince } from "./batch.ts";
import { between, Observer } from "./observer.ts";
import { chunksOf, pause } from "./parallel.ts";

const CONCURRENCY = 1_000;
const CHUNK = 1_000;
const LOOK_MS = 10;

/** Submits instances of a flow of Waymark's own, and then has one worker run them: for workloads that the others don't have. */
export async function workOffFlow<Input>(what: {
  readonly url: string;
  readonly serverPid: number;
  readonly flow: Flow<Input>;
  readonly input: Input;
  readonly ids: readonly string[];
}): Promise<{ readonly seconds: number; readonly walBytes: number }> {
  const backend = await PostgresBackend.connect(what.url);
  const observer = await Observer.connect(what.url, what.serverPid);
  const looker = new pg.Pool({ connectionString: what.url, max: 1 });
  const client = new Client(backend);
  for (const ids of chunksOf(what.ids, CHUNK)) {
    const submissions = ids.map((instanceId) => ({ instanceId, input: what.input }));
    await client.submitMany(what.flow, submissions);
  }
  const before = await observer.usage();
  const started = performance.now();
  const worker = new Worker(backend, { flows: [what.flow], concurrency: CONCURRENCY, ownsProcess: false }).start();
  const unfinished = "SELECT FROM waymark.instances WHERE flow = $1 AND ended_at IS NULL LIMIT 1";
  while ((await looker.query(unfinished, [what.flow.name])).rowCount !== 0) await pause(LOOK_MS);
  const seconds = secondsSince(started);
  const { walBytes } = between(before, await observer.usage());
  await worker.stop();
  await looker.end();
  await observer.close();
  await backend.close();
  return { seconds, walBytes };
}
