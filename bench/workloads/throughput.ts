import { idsOf, secondsSince, warmUp, workOff } from "../lib/batch.ts";
import { between, Observer } from "../lib/observer.ts";
import type { Workload } from "../workload.ts";

export const throughput: Workload = {
  name: "throughput",
  title: "Throughput",
  about: `All instances are submitted first, in the engine's fastest way; that is timed apart. Then one worker starts in the
same process, and the time runs until the last step of each has run *and* the database says that none is unfinished. Each
step returns about 200 bytes of JSON and does nothing else. For some seconds before, the same process works off batches of the same size. WAL is the
difference of \`pg_current_wal_insert_lsn()\`, PostgreSQL's CPU time that of its main process and all children, ended ones too,
from \`/proc\`; Node's is that of the process with submitter and worker in it. Both are of the worker's run alone, unless it says
otherwise.`,
  metrics: [
    { key: "stepsPerSecond", label: "steps/s", digits: 0 },
    { key: "submitsPerSecond", label: "submission before it, instances/s", digits: 0 },
    { key: "walPerStep", label: "WAL, bytes/step", digits: 0 },
    { key: "walPerStepWithSubmission", label: "WAL with submission, bytes/step", digits: 0 },
    { key: "serverCpuPerStep", label: "PostgreSQL CPU, µs/step", digits: 0 },
    { key: "nodeCpuPerStep", label: "Node CPU, µs/step", digits: 0 },
  ],
  async run({ task, sizes, open }) {
    const opened = await open({ steps: sizes.throughputSteps });
    const observer = await Observer.connect(task.url, task.serverPid);
    await warmUp(opened, "chain", sizes.throughputInstances, sizes.warmUpSeconds);

    const instances = sizes.throughputInstances;
    const first = await observer.usage();
    const started = performance.now();
    await opened.session.submit("chain", idsOf("run", instances));
    const submitSeconds = secondsSince(started);
    const before = await observer.usage();
    const seconds = await workOff(opened, "chain", instances);
    const after = await observer.usage();
    await observer.close();

    const steps = instances * sizes.throughputSteps;
    const work = between(before, after);
    return {
      stepsPerSecond: steps / seconds,
      submitsPerSecond: instances / submitSeconds,
      walPerStep: work.walBytes / steps,
      walPerStepWithSubmission: between(first, after).walBytes / steps,
      serverCpuPerStep: (work.serverCpuSeconds * 1e6) / steps,
      nodeCpuPerStep: (work.ownCpuSeconds * 1e6) / steps,
    };
  },
};
