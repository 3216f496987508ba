import type { ChildProcess } from "node:child_process";
import { idsOf, secondsSince } from "../lib/batch.ts";
import { startChild } from "../lib/child-process.ts";
import { pause } from "../lib/parallel.ts";
import type { Context, Opened, Task, WorkerCommand, WorkerMessage, Workload } from "../workload.ts";

const LOOK_MS = 2;

export const scaling: Workload = {
  name: "scaling",
  title: "Several worker processes",
  about: `The throughput run with workers in processes of their own: first one, then twice as many, and so on, in the same database. The
processes have started, connected and done a warm-up, and the instances have been submitted, when all are told to work at the same
moment. The
machine's cores are shared by PostgreSQL and all workers.`,
  once: "everybody",
  metrics: [1, 2, 4].map((workers) => ({
    key: `with${workers}`,
    label: `${workers} process${workers > 1 ? "es" : ""}, steps/s`,
    digits: 0,
  })),
  async run(context) {
    const opened = await context.open({ steps: context.sizes.throughputSteps });
    const metrics: Record<string, number> = {};
    for (let workers = 1; workers <= context.sizes.scalingMost; workers *= 2) {
      const instances = context.sizes.throughputInstances;
      const seconds = await measure(context, opened, workers, instances);
      metrics[`with${workers}`] = (instances * context.sizes.throughputSteps) / seconds;
    }
    return metrics;
  },
};

async function measure(context: Context, opened: Opened, count: number, instances: number): Promise<number> {
  const { task, sizes } = context;
  const shape = { steps: sizes.throughputSteps, branches: 1 };
  const workers = await Promise.all(
    Array.from({ length: count }, () => WorkerProcess.start({ ...task, role: "work", flow: "chain", shape })),
  );
  const started = performance.now();
  for (let batch = 0; batch === 0 || secondsSince(started) < sizes.warmUpSeconds; batch++) {
    await workOffWith(workers, opened, `warm-${count}-${batch}`, sizes.warmUpInstances * count);
  }
  const seconds = await workOffWith(workers, opened, `run-${count}`, instances);
  await Promise.all(workers.map((worker) => worker.end()));
  return seconds;
}

/** Submits, lets all work at the same moment, and gives the seconds until everything has ended. */
async function workOffWith(
  workers: readonly WorkerProcess[],
  { session }: Opened,
  label: string,
  instances: number,
): Promise<number> {
  const ended = (): number => workers.reduce((sum, worker) => sum + worker.ended, 0);
  const target = ended() + instances;
  await session.submit("chain", idsOf(label, instances));
  const started = performance.now();
  for (const worker of workers) worker.work();
  while (ended() < target) await pause(LOOK_MS);
  while ((await session.unfinished("chain")) > 0) await pause(LOOK_MS);
  const seconds = secondsSince(started);
  await Promise.all(workers.map((worker) => worker.rest()));
  return seconds;
}

/** A process that works when it is told to, and says how many instances it has ended. */
class WorkerProcess {
  #ended = 0;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on("message", (message: WorkerMessage) => {
      if (typeof message !== "string") this.#ended = message.ended;
    });
  }

  /** Resolves when it is connected. */
  static async start(task: Task): Promise<WorkerProcess> {
    const child = startChild(task);
    await said(child, "ready");
    return new WorkerProcess(child);
  }

  get ended(): number {
    return this.#ended;
  }

  work(): void {
    this.#child.send("work" satisfies WorkerCommand);
  }

  /** Resolves when its worker has stopped. */
  async rest(): Promise<void> {
    const rests = said(this.#child, "resting");
    this.#child.send("rest" satisfies WorkerCommand);
    await rests;
  }

  async end(): Promise<void> {
    const exited = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.disconnect();
    await exited;
  }
}

function said(child: ChildProcess, word: WorkerMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    child.on("message", (message: WorkerMessage) => {
      if (message === word) resolve();
    });
    child.once("exit", (code) => reject(new Error(`A worker process ended with ${code ?? "a signal"}.`)));
  });
}
