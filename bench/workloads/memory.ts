import { idsOf, untilEnded, warmUp } from "../lib/batch.ts";
import { slope } from "../lib/statistics.ts";
import type { Workload } from "../workload.ts";

const BATCH = 2_000;
const MEGABYTE = 1_048_576;

export const memory: Workload = {
  name: "memory",
  title: "Memory",
  about: `One worker runs batches of instances, one after the other, in one process. After each part of the steps the heap is measured
after a forced garbage collection. The slope is that of a straight line through the points, the first of which comes after the first
part, so that caches are warm.`,
  only: ["waymark"],
  once: "everybody",
  metrics: [
    { key: "bytesPerStep", label: "growth, bytes/step", digits: 2 },
    { key: "firstMegabytes", label: "heap at the first look, MB", digits: 1 },
    { key: "lastMegabytes", label: "heap at the end, MB", digits: 1 },
  ],
  async run({ sizes, open }) {
    const collect = globalThis.gc;
    if (collect === undefined) throw new Error("The process needs --expose-gc.");
    const opened = await open({ steps: sizes.throughputSteps });
    await warmUp(opened, "chain", sizes.warmUpInstances, sizes.warmUpSeconds);
    await opened.session.startWorker(["chain"]);
    const points: { x: number; y: number }[] = [];
    const part = sizes.memorySteps / sizes.memoryLooks;
    let steps = 0;
    for (let batch = 0; steps < sizes.memorySteps; batch++) {
      const instances = Math.min(BATCH, Math.ceil((sizes.memorySteps - steps) / sizes.throughputSteps));
      const target = opened.hooks.ended + instances;
      await opened.session.submit("chain", idsOf(`batch-${batch}`, instances));
      await untilEnded(opened, "chain", target);
      steps += instances * sizes.throughputSteps;
      if (steps < part * (points.length + 1)) continue;
      collect();
      points.push({ x: steps, y: process.memoryUsage().heapUsed });
    }
    await opened.session.stopWorker();
    return {
      bytesPerStep: slope(points),
      firstMegabytes: (points[0]?.y ?? Number.NaN) / MEGABYTE,
      lastMegabytes: (points.at(-1)?.y ?? Number.NaN) / MEGABYTE,
    };
  },
};
