import pg from "pg";
import { idsOf, secondsSince, untilEnded, warmUp, workOff } from "../lib/batch.ts";
import type { Context, Opened, Workload } from "../workload.ts";

export const pinned: Workload = {
  name: "pinned",
  title: "Throughput under a transaction that stays open",
  about: `The throughput run, measured before and at the end of a time in which another session holds a transaction open
(\`BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT txid_current()\`), so that no dead row can be removed, while batches of the same size
are submitted and worked off without a pause. The second measurement is made while the transaction is still open. A faster engine has
left more dead rows behind by then; how many steps ran in that time is given.`,
  once: "everybody",
  metrics: [
    { key: "before", label: "before, steps/s", digits: 0 },
    { key: "pinned", label: "at the end, steps/s", digits: 0 },
    { key: "ratio", label: "ratio", digits: 2 },
    { key: "loadSteps", label: "steps run in between", digits: 0 },
  ],
  async run(context) {
    const { task, sizes, open } = context;
    const opened = await open({ steps: sizes.throughputSteps });
    // In batches as large as what is measured: else the second of the two runs would profit from the first.
    await warmUp(opened, "chain", sizes.throughputInstances, sizes.warmUpSeconds);
    const before = await measure(context, opened, "before");

    const holder = new pg.Client({ connectionString: task.url, application_name: "bench holder" });
    await holder.connect();
    await holder.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
    await holder.query("SELECT txid_current()");
    const loadSteps = await load(context, opened);
    const under = await measure(context, opened, "pinned");
    await holder.query("COMMIT");
    await holder.end();
    return { before, pinned: under, ratio: under / before, loadSteps };
  },
};

async function measure({ sizes }: Context, opened: Opened, label: string): Promise<number> {
  await opened.session.submit("chain", idsOf(label, sizes.throughputInstances));
  const seconds = await workOff(opened, "chain", sizes.throughputInstances);
  return (sizes.throughputInstances * sizes.throughputSteps) / seconds;
}

/** @returns how many steps have run */
async function load({ sizes }: Context, opened: Opened): Promise<number> {
  const { session, hooks } = opened;
  const started = performance.now();
  await session.startWorker(["chain"]);
  let batches = 0;
  while (secondsSince(started) < sizes.pinnedSeconds) {
    const target = hooks.ended + sizes.throughputInstances;
    await session.submit("chain", idsOf(`load-${batches}`, sizes.throughputInstances));
    await untilEnded(opened, "chain", target);
    batches += 1;
  }
  await session.stopWorker();
  return batches * sizes.throughputInstances * sizes.throughputSteps;
}
