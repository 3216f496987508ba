import { loadEngine } from "./catalogue.ts";
import { type Engine, NotOffered, type Session, type Shape } from "./engine.ts";
import type { Outcome } from "./lib/child-process.ts";
import { Hooks } from "./lib/hooks.ts";
import type { Context, Opened, Task, WorkerCommand, WorkerMessage } from "./workload.ts";
import { WORKLOADS } from "./workloads/all.ts";

const REPORT_MS = 10;
const SMALL: Shape = { steps: 1, branches: 1 };

/** A process of the benchmark: does the one task that it is sent, says how it came out, and ends. */
process.once("message", (task: Task) => {
  process.once("disconnect", () => process.exit(1));
  void (task.role === "work" ? work(task) : measure(task));
});

async function measure(task: Task): Promise<void> {
  const outcome = await outcomeOf(task);
  // Whatever an engine still has open is no reason to stay.
  process.send?.(outcome, () => process.exit(0));
}

async function outcomeOf(task: Task): Promise<Outcome> {
  let settings: readonly string[] = [];
  try {
    const engine = await loadEngine(task.engine);
    settings = engine.settings;
    if (task.role === "prepare") {
      await engine.prepare(task.url);
      return { kind: "measured", metrics: {}, settings };
    }
    const workload = WORKLOADS.find(({ name }) => name === task.workload);
    if (workload === undefined) throw new Error(`There is no workload "${task.workload}".`);
    let session: Session | null = null;
    const open = async (shape: Partial<Shape>): Promise<Opened> => {
      const opened = await openSession(engine, task, { ...SMALL, ...shape });
      session = opened.session;
      return opened;
    };
    const context: Context = { task, sizes: task.sizes, engine, open };
    const metrics = await workload.run(context);
    await (session as Session | null)?.close();
    return { kind: "measured", metrics, settings };
  } catch (error) {
    if (error instanceof NotOffered) return { kind: "not-offered", reason: error.message, settings };
    return { kind: "failed", reason: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

/** For the workload with several processes: works and rests as it is told, until the connection is cut. */
async function work(task: Task): Promise<void> {
  const engine = await loadEngine(task.engine);
  const { session, hooks } = await openSession(engine, task, { ...SMALL, ...task.shape });
  const say = (message: WorkerMessage): void => void process.send?.(message);
  let sent = 0;
  setInterval(() => {
    if (hooks.ended !== sent) say({ ended: hooks.ended });
    sent = hooks.ended;
  }, REPORT_MS);
  process.on("message", async (command: WorkerCommand) => {
    if (command === "work") return await session.startWorker([task.flow ?? "chain"]);
    await session.stopWorker();
    say("resting");
  });
  say("ready");
}

async function openSession(engine: Engine, { url }: Task, shape: Shape): Promise<Opened> {
  const hooks = new Hooks();
  return { session: await engine.open({ url, shape, hooks }), hooks };
}
