import { idsOf, warmUp, workOff } from "../lib/batch.ts";
import type { Workload } from "../workload.ts";

export const fanOut: Workload = {
  name: "fan-out",
  title: "Fan-out",
  about: `Instances that fan out into branches of one step each, which a last step joins. They are submitted first; then the
worker starts, and the time runs until all have ended. Waymark's branches are work of their own that any worker can take; those of
DBOS, OpenWorkflow and Absurd are steps under \`Promise.all\` in the one process that runs the instance, as their documentation shows
it.`,
  metrics: [{ key: "branchesPerSecond", label: "branches/s", digits: 0 }],
  async run({ sizes, open }) {
    const opened = await open({ branches: sizes.fanBranches });
    await warmUp(opened, "fan", sizes.fanInstances, sizes.warmUpSeconds);
    await opened.session.submit("fan", idsOf("run", sizes.fanInstances));
    const seconds = await workOff(opened, "fan", sizes.fanInstances);
    return { branchesPerSecond: (sizes.fanInstances * sizes.fanBranches) / seconds };
  },
};
