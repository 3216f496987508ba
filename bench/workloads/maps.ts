import { type Flow, flow, task } from "waymark";
import { idsOf } from "../lib/batch.ts";
import { workOffFlow } from "../lib/waymark-flows.ts";
import type { Workload } from "../workload.ts";

const CONCURRENCY = 10;

export const maps: Workload = {
  name: "maps",
  title: "Maps",
  about: `Instances with a map over a list that is made at run time, of as many items as the fan-out has branches, each of one
step: once with all items under way at the same time, once with \`concurrency: ${CONCURRENCY}\`. Otherwise as fan-out. Waymark alone: the
fan-out of the others is over a list that is made at run time anyway.`,
  only: ["waymark"],
  metrics: [
    { key: "itemsPerSecond", label: "items/s", digits: 0 },
    { key: "limitedPerSecond", label: `items/s with concurrency ${CONCURRENCY}`, digits: 0 },
  ],
  async run({ task: { url, serverPid }, sizes }) {
    const metrics: Record<string, number> = {};
    for (const [key, concurrency] of [
      ["items", undefined],
      ["limited", CONCURRENCY],
    ] as const) {
      const of = { url, serverPid, flow: mapFlow(key, concurrency), input: sizes.fanBranches };
      await workOffFlow({ ...of, ids: idsOf(`warm-${key}`, sizes.fanInstances) });
      const { seconds } = await workOffFlow({ ...of, ids: idsOf(key, sizes.fanInstances) });
      metrics[`${key}PerSecond`] = (sizes.fanInstances * sizes.fanBranches) / seconds;
    }
    return metrics;
  },
};

function mapFlow(name: string, concurrency: number | undefined): Flow<number> {
  const double = task("double", (n: number) => n * 2);
  return flow<number>(name)
    .map(
      "all",
      (count) => Array.from({ length: count }, (_, n) => n),
      double,
      concurrency === undefined ? {} : { concurrency },
    )
    .then("sum", (list) => list.reduce((sum, n) => sum + n, 0))
    .build();
}
