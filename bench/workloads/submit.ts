import { idsOf, secondsSince } from "../lib/batch.ts";
import type { Workload } from "../workload.ts";

const WARM_UP = 100;

export const submit: Workload = {
  name: "submit",
  title: "Submission",
  about: `No worker runs. Instances are submitted with the engine's bulk call, or, where there is none, in the fastest way that was
found (see its settings).`,
  metrics: [{ key: "instancesPerSecond", label: "instances/s", digits: 0 }],
  async run({ sizes, open }) {
    const { session } = await open({ steps: sizes.throughputSteps });
    await session.submit("chain", idsOf("warm", WARM_UP));
    const started = performance.now();
    await session.submit("chain", idsOf("run", sizes.submitInstances));
    return { instancesPerSecond: sizes.submitInstances / secondsSince(started) };
  },
};
