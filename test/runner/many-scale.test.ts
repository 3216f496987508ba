import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { flow } from "../../src/flow/flow.ts";
import { LoopResult } from "../../src/flow/loop-result.ts";
import { task } from "../../src/flow/task.ts";
import { InMemoryBackend } from "../../src/memory/memory-backend.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends } from "../support/both-backends.ts";
import { counting, type Work } from "../support/counted-work.ts";
import { fresh } from "../support/instance-ids.ts";

const double = task("double", (n: number) => n * 2);

function upTo(n: number): number[] {
  return Array.from({ length: n }, (_, index) => index);
}

describe.each(await bothBackends())("on $name", ({ backend }) => {
  const client = new Client(backend);

  test.each([undefined, 50])(
    "a map of 10,000 items is ten times the work of one of 1,000 (concurrency %s)",
    { timeout: 120_000 },
    async (concurrency) => {
      const f = flow<number>("many")
        .map("items", upTo, double, concurrency === undefined ? {} : { concurrency })
        .then("sum", (all) => all.reduce((sum, n) => sum + n, 0))
        .build();
      const work = async (count: number): Promise<Work> => {
        const counted = counting(backend);
        const id = fresh("many");
        const report = await new Runner(counted.backend, { pollInterval: 10 }).run(f, id, count, { until: "ended" });
        expect(report).toEqual({ status: "completed", output: count * (count - 1) });
        await client.delete(id);
        return counted.work;
      };
      const [small, large] = [await work(1_000), await work(10_000)];

      // One for each item, and a few for the list, the join and the end; what was busy is written once more.
      expect(small.entries).toBeGreaterThanOrEqual(2 * 1_000);
      expect(large.entries).toBeLessThanOrEqual(10.5 * small.entries);
      expect(large.checkpoints).toBeLessThanOrEqual(10.5 * small.checkpoints);
      expect(large.results).toBeLessThanOrEqual(10.5 * small.results + 10);
    },
  );
});

test("a loop of 100,000 iterations is as many checkpoints, and reads nothing back", { timeout: 120_000 }, async () => {
  const counted = counting(new InMemoryBackend());
  const f = flow<number>("long")
    .loop("l", (n) => (n === 99_999 ? LoopResult.done(n) : LoopResult.again(n + 1)), { maxIterations: 100_000 })
    .build();
  const report = await new Runner(counted.backend, { pollInterval: 10 }).run(f, fresh("long"), 0, { until: "ended" });

  expect(report).toEqual({ status: "completed", output: 99_999 });
  expect(counted.work).toEqual({ checkpoints: 100_000, entries: 100_000, results: 0, children: 0 });
});

test("a loop over a flow of 10,000 iterations is as many checkpoints as steps, and reads nothing back", async () => {
  const counted = counting(new InMemoryBackend());
  const f = flow<number>("long-flow")
    .loop(
      "l",
      flow<number>("round")
        .then("up", (n) => n + 1)
        .build(),
      { until: (n) => n === 10_000, maxIterations: 10_000 },
    )
    .build();
  const report = await new Runner(counted.backend, { pollInterval: 10 }).run(f, fresh("long"), 0, { until: "ended" });

  expect(report).toEqual({ status: "completed", output: 10_000 });
  expect(counted.work).toEqual({ checkpoints: 20_000, entries: 20_000, results: 0, children: 0 });
});
