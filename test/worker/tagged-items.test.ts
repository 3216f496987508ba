import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { task } from "../../src/flow/task.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends, withChanges } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";
import { Probe } from "../support/probe.ts";
import { soon, workerStarter } from "../support/workers.ts";

const start = workerStarter();

describe.each(await bothBackends())("tags of maps and races on $name", ({ backend }) => {
  const client = new Client(backend);
  const onCpu = task("on-cpu", (n: number) => n * 2, { tags: ["cpu"] });
  const onGpu = task("on-gpu", (n: number) => n + 1, { tags: ["gpu"] });

  function startWith(probe: Probe, flows: Parameters<typeof start>[1]["flows"], tags: readonly string[]): string {
    return start(backend, { flows, tags, pollInterval: 10, concurrency: 4, observer: probe.observer }).workerId;
  }

  /** Which worker has run which kind of task. */
  function ranBy(probe: Probe): ReadonlySet<string> {
    return new Set(
      probe.of("task_started").map(({ workerId, taskId }) => `${taskId.replace(/^.*\//, "")} ${workerId}`),
    );
  }

  test.each([1, 3, undefined])(
    "the list, the items and the join go where their tags are (concurrency %s)",
    async (concurrency) => {
      const item = flow<number>("item").then(onCpu).then(onGpu).build();
      const f = flow<number>("tagged")
        .map("items", (n) => Array.from({ length: n }, (_, index) => index), item, {
          tags: ["list"],
          ...(concurrency === undefined ? {} : { concurrency }),
        })
        .build();
      const probe = new Probe();
      const [cpu = "", gpu = "", list = ""] = [["cpu"], ["gpu"], ["list"]].map((tags) => startWith(probe, [f], tags));
      const handle = await client.submit(f, fresh("tagged"), 7);

      expect(await handle.result()).toEqual([1, 3, 5, 7, 9, 11, 13]);
      expect(ranBy(probe)).toEqual(new Set([`items~list ${list}`, `on-cpu ${cpu}`, `on-gpu ${gpu}`, `items ${list}`]));
    },
  );

  test("items that begin in place of others do so in the lane and with the priority of their map", async () => {
    const f = flow<number>("lanes")
      .map("items", () => [1, 2, 3], onGpu, { tags: ["list"], priority: 1, concurrency: 1 })
      .build();
    const begun: (readonly [string, readonly string[], number])[] = [];
    const watched = withChanges(backend, {
      commitCheckpoints: async (checkpoints, holder) => {
        const fates = await backend.commitCheckpoints(checkpoints, holder);
        for (const { claim } of checkpoints) {
          const state = await backend.findInstance(claim.instanceId);
          for (const { taskId, tags, priority } of state?.positions ?? [])
            if (taskId.endsWith("~item")) begun.push([taskId, tags, priority]);
        }
        return fates;
      },
    });
    await new Runner(watched).run(f, fresh("lanes"), 0, { until: "ended" });
    expect(new Set(begun.map(([, ...rest]) => JSON.stringify(rest)))).toEqual(new Set(['[["list"],1]']));
    expect(new Set(begun.map(([taskId]) => taskId))).toEqual(new Set(["items[1]~item", "items[2]~item"]));
  });

  test("items wait for a worker that has their tags, and others go on beside them", async () => {
    const f = flow<number>("waiting")
      .map("items", () => [1, 2], onGpu)
      .build();
    const probe = new Probe();
    startWith(probe, [f], ["cpu"]);
    const handle = await client.submit(f, fresh("waiting"), 0);
    await expect
      .poll(async () => await handle.status(), soon)
      .toMatchObject({
        tasks: [
          { taskId: "items[0]/on-gpu", state: "ready" },
          { taskId: "items[1]/on-gpu", state: "ready" },
        ],
      });
    expect(probe.of("task_started").map(({ taskId }) => taskId)).toEqual(["items~list"]);
    startWith(probe, [f], ["gpu"]);

    expect(await handle.result()).toEqual([2, 3]);
  });

  test("a branch of a race runs where its tags are", async () => {
    const f = flow<number>("race")
      .race("first", [branch("a", onGpu), branch("b", (b) => b.delay("h", "1h"))])
      .build();
    const probe = new Probe();
    const [, gpu = ""] = [["cpu"], ["gpu"]].map((tags) => startWith(probe, [f], tags));
    const handle = await client.submit(f, fresh("race"), 1);

    expect(await handle.result()).toEqual({ branch: "a", output: 2 });
    expect(ranBy(probe)).toContain(`on-gpu ${gpu}`);
  });
});
