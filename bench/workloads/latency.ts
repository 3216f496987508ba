import { secondsSince } from "../lib/batch.ts";
import { quantile } from "../lib/statistics.ts";
import { Yardstick } from "../lib/yardstick.ts";
import type { Workload } from "../workload.ts";

/** Submitting, two steps that are followed by another, and the last: what one instance of three steps has to commit. */
const COMMITS_OF_A_CALL = 4;
const WARM_UP_CALLS = 5;

export const latency: Workload = {
  name: "latency",
  title: "Latency",
  about: `A worker runs and has nothing to do. One instance of three steps is submitted and its result awaited as the engine's API
has it, then the next one. "Last step" is the time until the body of the last step runs, which leaves out how the caller learns of
the result; engines without results have only that. After each call one row is inserted and committed through \`pg\`: the
yardstick for what the disk takes at that moment. The ratio is p50 of the result to four such commits (submission and three
steps).`,
  metrics: [
    { key: "resultP50", label: "result p50, ms", digits: 1 },
    { key: "resultP99", label: "result p99, ms", digits: 1 },
    { key: "lastStepP50", label: "last step p50, ms", digits: 1 },
    { key: "lastStepP99", label: "last step p99, ms", digits: 1 },
    { key: "commitP50", label: "one commit p50, ms", digits: 2 },
    { key: "commitP99", label: "one commit p99, ms", digits: 2 },
    { key: "ratio", label: "result p50 / 4 commits", digits: 2 },
  ],
  async run({ task, sizes, engine, open }) {
    const { session, hooks } = await open({ steps: sizes.latencySteps });
    const yardstick = await Yardstick.connect(task.url, task.serverPid);
    await session.startWorker(["chain"]);
    const results: number[] = [];
    const lastSteps: number[] = [];
    const commits: number[] = [];
    for (let call = -WARM_UP_CALLS; call < sizes.latencyCalls; call++) {
      const id = `call-${call}`;
      const started = performance.now();
      let lastStep = 0;
      // The hook has to be there first, and pg-boss and graphile-worker use the one hook themselves.
      const ended =
        engine.cannot.result === undefined
          ? hooks.whenEnded(id).then(() => {
              lastStep = secondsSince(started) * 1_000;
            })
          : Promise.resolve();
      await session.call("chain", id);
      const result = secondsSince(started) * 1_000;
      await ended;
      const commit = await yardstick.timeOfCommit();
      if (call < 0) continue;
      results.push(result);
      lastSteps.push(engine.cannot.result === undefined ? lastStep : result);
      commits.push(commit);
    }
    await session.stopWorker();
    await yardstick.close();
    const commitP50 = quantile(commits, 0.5);
    const last = { lastStepP50: quantile(lastSteps, 0.5), lastStepP99: quantile(lastSteps, 0.99) };
    const commit = { commitP50, commitP99: quantile(commits, 0.99) };
    if (engine.cannot.result !== undefined) return { ...last, ...commit };
    const resultP50 = quantile(results, 0.5);
    const ratio = resultP50 / (COMMITS_OF_A_CALL * commitP50);
    return { resultP50, resultP99: quantile(results, 0.99), ...last, ...commit, ratio };
  },
};
