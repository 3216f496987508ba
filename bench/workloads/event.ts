import { secondsSince } from "../lib/batch.ts";
import { pause } from "../lib/parallel.ts";
import { quantile } from "../lib/statistics.ts";
import { Yardstick } from "../lib/yardstick.ts";
import type { Workload } from "../workload.ts";

/** Between the step before the wait and the event, so that the instance surely waits. */
const SETTLE_MS = 100;
const WARM_UP_CALLS = 3;

export const event: Workload = {
  name: "event",
  title: "Event to resume",
  about: `A worker runs and has nothing else to do. An instance runs a step and then waits for an event. ${SETTLE_MS} ms after that step
the event is sent; the time runs from before sending until the caller, who has been waiting since the start, has the result of the
one step that follows, and until that step's body runs. Before each instance, after as long a pause, one row is inserted and committed
through \`pg\`: the yardstick. The ratio is p50 of the next step to two such commits (the event, and the claim).`,
  metrics: [
    { key: "resultP50", label: "result p50, ms", digits: 1 },
    { key: "resultP99", label: "result p99, ms", digits: 1 },
    { key: "stepP50", label: "next step p50, ms", digits: 1 },
    { key: "stepP99", label: "next step p99, ms", digits: 1 },
    { key: "commitP50", label: "one commit p50, ms", digits: 2 },
    { key: "ratio", label: "next step p50 / 2 commits", digits: 2 },
  ],
  async run({ task, sizes, open }) {
    const { session, hooks } = await open({});
    const yardstick = await Yardstick.connect(task.url, task.serverPid);
    const commits: number[] = [];
    await session.startWorker(["wait"]);
    const results: number[] = [];
    const steps: number[] = [];
    for (let call = -WARM_UP_CALLS; call < sizes.eventCalls; call++) {
      await pause(SETTLE_MS);
      const commit = await yardstick.timeOfCommit();
      const id = `call-${call}`;
      const ready = hooks.whenReady(id);
      let started = 0;
      let step = 0;
      const ended = hooks.whenEnded(id).then(() => {
        step = secondsSince(started) * 1_000;
      });
      let result = 0;
      const called = session.call("wait", id).then(() => {
        result = secondsSince(started) * 1_000;
      });
      await Promise.race([ready, called]);
      await pause(SETTLE_MS);
      started = performance.now();
      await session.sendEvent(id);
      await Promise.all([ended, called]);
      if (call < 0) continue;
      commits.push(commit);
      results.push(result);
      steps.push(step);
    }
    await session.stopWorker();
    await yardstick.close();
    const commitP50 = quantile(commits, 0.5);
    return {
      commitP50,
      ratio: quantile(steps, 0.5) / (2 * commitP50),
      resultP50: quantile(results, 0.5),
      resultP99: quantile(results, 0.99),
      stepP50: quantile(steps, 0.5),
      stepP99: quantile(steps, 0.99),
    };
  },
};
