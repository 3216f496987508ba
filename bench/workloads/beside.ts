import { idsOf, runBatch, warmUp, workOff } from "../lib/batch.ts";
import { Observer } from "../lib/observer.ts";
import { chunksOf } from "../lib/parallel.ts";
import type { Context, Opened, Workload } from "../workload.ts";

const FINISH_AT_ONCE = 5_000;

export const beside: Workload = {
  name: "beside",
  title: "Throughput beside finished and parked instances",
  about: `The throughput run twice in one database: first after no more than a warm-up, then beside instances that have finished (one step each) and
parked ones, which are due in a day. All of them are made through the engine itself. Parked are instances with a start a day away
where the engine has such (DBOS, OpenWorkflow, pg-boss, graphile-worker), else instances that sleep for a day. Before each of the two
runs comes \`VACUUM (ANALYZE)\`. graphile-worker deletes finished jobs, so nothing lies beside it but parked ones.`,
  once: "peers",
  metrics: [
    { key: "alone", label: "alone, steps/s", digits: 0 },
    { key: "beside", label: "beside them, steps/s", digits: 0 },
    { key: "ratio", label: "ratio", digits: 2 },
  ],
  async run(context) {
    const { task, sizes, open } = context;
    const opened = await open({ steps: sizes.throughputSteps });
    const observer = await Observer.connect(task.url, task.serverPid);
    // In batches as large as what is measured: else the second of the two runs would profit from the first.
    await warmUp(opened, "chain", sizes.throughputInstances, sizes.warmUpSeconds);
    const alone = await measure(context, opened, observer, "alone");
    for (const [index, ids] of chunksOf(idsOf("finished", sizes.besideFinished), FINISH_AT_ONCE).entries()) {
      if (index === 0) await runBatch(opened, "single", "warm", 1);
      await opened.session.submit("single", ids);
      await workOff(opened, "single", ids.length);
    }
    await opened.session.park(idsOf("parked", sizes.besideParked));
    const loaded = await measure(context, opened, observer, "beside");
    await observer.close();
    return { alone, beside: loaded, ratio: loaded / alone };
  },
};

async function measure({ sizes }: Context, opened: Opened, observer: Observer, label: string): Promise<number> {
  await opened.session.submit("chain", idsOf(label, sizes.throughputInstances));
  await observer.client.query("VACUUM (ANALYZE)");
  const seconds = await workOff(opened, "chain", sizes.throughputInstances);
  return (sizes.throughputInstances * sizes.throughputSteps) / seconds;
}
