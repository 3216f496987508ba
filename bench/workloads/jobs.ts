import type { FlowName } from "../engine.ts";
import { NotOffered } from "../engine.ts";
import { idsOf, secondsSince, warmUp, workOff } from "../lib/batch.ts";
import { pause } from "../lib/parallel.ts";
import { quantile } from "../lib/statistics.ts";
import type { Metrics, Opened, Workload } from "../workload.ts";

const URGENT = 20;
const BETWEEN_MS = 20;

export const jobs: Workload = {
  name: "jobs",
  title: "Jobs",
  about: `As throughput, with one step an instance: what a job queue does. "Global limit" lets at most 50 run at once over all workers. "10,000 keys" lets those of
one key run one after the other, each key having one of ten thousand at a time. Those who don't have such a limit have no number there. Last, many jobs are submitted, a worker
starts on them, and once it runs, urgent ones are submitted one after the other: the time is from the call of the submission to the step. Jobs and workers are in one process.`,
  only: ["waymark", "dbos", "pg-boss", "graphile-worker"],
  metrics: [
    { key: "single", label: "jobs/s", digits: 0 },
    { key: "limited", label: "with a global limit, jobs/s", digits: 0 },
    { key: "keyed", label: "with 10,000 keys, jobs/s", digits: 0 },
    { key: "keyedRatio", label: "10,000 keys / no limit", digits: 2 },
    { key: "urgentP50", label: "urgent behind many, p50, ms", digits: 1 },
    { key: "urgentMost", label: "urgent behind many, longest, ms", digits: 1 },
  ],
  async run({ sizes, open }) {
    const opened = await open({ steps: 1 });
    const metrics: Record<string, number> = {};
    for (const flow of ["single", "limited", "keyed"] as const) {
      const perSecond = await rateOf(opened, flow, sizes.jobs, sizes.warmUpSeconds);
      if (perSecond !== null) metrics[flow] = perSecond;
    }
    const { single, keyed } = metrics;
    if (single !== undefined && keyed !== undefined) metrics["keyedRatio"] = keyed / single;
    return { ...metrics, ...(await urgent(opened, sizes.urgentBehind)) };
  },
};

async function rateOf(opened: Opened, flow: FlowName, count: number, warmUpSeconds: number): Promise<number | null> {
  try {
    await warmUp(opened, flow, Math.ceil(count / 4), warmUpSeconds);
    await opened.session.submit(flow, idsOf(`run-${flow}`, count));
    return count / (await workOff(opened, flow, count));
  } catch (error) {
    if (error instanceof NotOffered) return null;
    throw error;
  }
}

async function urgent({ session, hooks }: Opened, behind: number): Promise<Metrics> {
  await session.submit("single", idsOf("many", behind));
  const before = hooks.ended;
  await session.startWorker(["single"]);
  while (hooks.ended === before) await pause(1);
  const times: number[] = [];
  for (let n = 0; n < URGENT; n++) {
    const started = performance.now();
    await session.urgent(`urgent-${n}`);
    times.push(secondsSince(started) * 1_000);
    // Nothing is said by those that come when all others are done.
    if (hooks.ended - before >= behind) break;
    await pause(BETWEEN_MS);
  }
  await session.stopWorker();
  return { urgentP50: quantile(times, 0.5), urgentMost: Math.max(...times) };
}
