import { afterAll, beforeAll, expect, test } from "vitest";
import { flow } from "../../src/flow/flow.ts";
import { LoopResult } from "../../src/flow/loop-result.ts";
import { PostgresBackend } from "../../src/postgres/index.ts";
import { Runner } from "../../src/runner/runner.ts";
import { heldBytes } from "../support/heap.ts";
import { fresh } from "../support/instance-ids.ts";
import { type OwnServer, startOwnServer } from "../support/own-server.ts";

/** `WAYMARK_LOOP_ITERATIONS=100000` makes it long, and has it print its figures. */
const GIVEN = process.env["WAYMARK_LOOP_ITERATIONS"];
const MOST = Number(GIVEN ?? 8_000);
const PARTS = 10;

let server: OwnServer;
let backend: PostgresBackend;

beforeAll(async () => {
  server = await startOwnServer();
  backend = await PostgresBackend.connect(server.url);
});

afterAll(async () => {
  await backend.close();
  await server.stop();
});

interface Cost {
  readonly rows: number;
  readonly walPerIteration: number;
  /** While the last iteration runs, after a collection. */
  readonly heapBytes: number;
  /** Of each tenth of the run. */
  readonly iterationsPerSecond: readonly number[];
}

async function costOf(iterations: number): Promise<Cost> {
  const times = [performance.now()];
  let heapBytes = Number.NaN;
  const long = flow<number>("long")
    .loop(
      "l",
      (n) => {
        if ((n + 1) % (iterations / PARTS) === 0) times.push(performance.now());
        if (n + 1 < iterations) return LoopResult.again(n + 1);
        heapBytes = heldBytes();
        return LoopResult.done(n);
      },
      { maxIterations: iterations },
    )
    .build();
  const id = fresh("long");
  const before = await server.walBytes();
  expect(await new Runner(backend).run(long, id, 0)).toEqual({ status: "completed", output: iterations - 1 });
  const walPerIteration = ((await server.walBytes()) - before) / iterations;
  const count = "SELECT FROM waymark.checkpoints WHERE instance_id = $1";
  const rows = (await server.pool.query(count, [id])).rowCount ?? 0;
  const iterationsPerSecond = times
    .slice(1)
    .map((time, part) => (iterations / PARTS / (time - (times[part] ?? 0))) * 1_000);
  return { rows, walPerIteration, heapBytes, iterationsPerSecond };
}

test("an iteration of a loop on PostgreSQL costs the same, however many there were", {
  timeout: 1_200_000,
}, async () => {
  // What is compiled and cached once is so by then.
  await costOf(200);
  const [short, long] = [await costOf(MOST / 4), await costOf(MOST)];
  if (GIVEN !== undefined) console.info(JSON.stringify({ short, long }, null, 2));

  expect([short.rows, long.rows]).toEqual([MOST / 4, MOST]);
  expect(long.walPerIteration).toBeLessThan(1.1 * short.walPerIteration);
  // A hundred bytes kept for each iteration would be more. Noise of the test runner included.
  expect(long.heapBytes - short.heapBytes).toBeLessThan(Math.max(1_000_000, 75 * MOST));
});
