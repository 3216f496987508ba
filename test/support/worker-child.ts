import { appendFileSync, readFileSync } from "node:fs";
import { inspect } from "node:util";
import { flow } from "../../src/flow/flow.ts";
import type { Flow } from "../../src/flow/flow-definition.ts";
import { task } from "../../src/flow/task.ts";
import type { TaskContext } from "../../src/flow/task-context.ts";
import type { Logger } from "../../src/logger.ts";
import { PostgresBackend } from "../../src/postgres/index.ts";
import { Worker } from "../../src/worker/worker.ts";
import type { WorkerOptions } from "../../src/worker/worker-options.ts";
import { aborted } from "./workers.ts";

/** What a body is to do. */
export type Act =
  /** Takes a while. */
  | { readonly do: "work"; readonly ms?: number }
  /** Ends the process, the first times that it runs. */
  | { readonly do: "die"; readonly how: "exit" | "abort" | "kill"; readonly times: number }
  /** Stops when it is told to. */
  | { readonly do: "hang" }
  /** Never stops. */
  | { readonly do: "ignore" }
  /** Runs so many steps. Each run of the task ends its process in the step that `diesIn` has for it, counted from 0. */
  | { readonly do: "steps"; readonly count: number; readonly diesIn: readonly number[] }
  /** Leaves an error behind that nobody catches, and then hangs. */
  | { readonly do: "reject" | "throw" };

/** What an instance is to do, one task after the other. */
export interface Acts {
  readonly first: Act;
  readonly second?: Act;
}

/** What `WorkerChild` is told. */
export interface ChildOptions {
  readonly url: string;
  /** Where it writes what its bodies do. */
  readonly oracle: string;
  readonly worker: Partial<Omit<WorkerOptions, "flows" | "observer" | "logger" | "ports">>;
  /** Whether the worker's log goes to standard error. */
  readonly logs: boolean;
}

/** A body has begun. */
export interface Begun {
  readonly pid: number;
  readonly instanceId: string;
  readonly taskId: string;
  readonly attempt: number;
  /** How many bodies ran in the process at that time, besides this one. */
  readonly beside: number;
}

type Body = (act: Act, context: TaskContext) => unknown;

/** The flow that such a process runs, with other bodies if need be. */
export function flowOfActs(body: Body): Flow<Acts, string> {
  return flow<Acts>("acts")
    .then("first", async (acts, context) => {
      await body(acts.first, context);
      return acts;
    })
    .then("second", async (acts, context) => {
      await body(acts.second ?? { do: "work" }, context);
      return "done";
    })
    .build();
}

/** The flow that such a process runs for each item of a list, twenty at a time. */
export function mapOfActs(body: Body): Flow<{ readonly count: number; readonly act: Act }, readonly number[]> {
  const act = task("act", async (item: { readonly index: number; readonly act: Act }, context) => {
    await body(item.act, context);
    return item.index * 2;
  });
  return flow<{ readonly count: number; readonly act: Act }>("map-of-acts")
    .map("items", (given) => Array.from({ length: given.count }, (_, index) => ({ index, act: given.act })), act, {
      concurrency: 20,
    })
    .build();
}

/** The flow that starts a child for each item of a list. */
export function childrenOfActs(body: Body): Flow<{ readonly count: number; readonly act: Act }, readonly number[]> {
  const child = flow<{ readonly index: number; readonly act: Act }>("child-of-acts")
    .then("act", async (given, context) => {
      await body(given.act, context);
      return given.index * 2;
    })
    .build();
  const item = flow<{ readonly index: number; readonly act: Act }>("item").spawn("start", child).build();
  return flow<{ readonly count: number; readonly act: Act }>("children-of-acts")
    .map("items", (given) => Array.from({ length: given.count }, (_, index) => ({ index, act: given.act })), item)
    .build();
}

function main(options: ChildOptions): Promise<void> {
  let running = 0;
  const body: Body = async (act, context) => {
    const { instanceId, taskId, attempt } = context;
    const line: Begun = { pid: process.pid, instanceId, taskId, attempt, beside: running };
    appendFileSync(options.oracle, `${JSON.stringify(line)}\n`);
    running++;
    try {
      const runs = countOf(options.oracle, line);
      if (act.do === "steps") await runSteps(options.oracle, act, context, runs);
      else await perform(act, context, runs);
    } finally {
      running--;
    }
  };
  return work(options, [flowOfActs(body), mapOfActs(body), childrenOfActs(body)] as readonly Flow[]);
}

async function work(options: ChildOptions, flows: readonly Flow[]): Promise<void> {
  const backend = await PostgresBackend.connect(options.url, { migrate: false, applicationName: "child" });
  const logging = options.logs ? { logger: loggerTo(process.stderr) } : {};
  const worker = new Worker(backend, { pollInterval: 20, ...options.worker, ...logging, flows }).start();
  console.log(`started ${worker.workerId}`);
}

async function perform(act: Exclude<Act, { do: "steps" }>, { signal }: TaskContext, runs: number): Promise<void> {
  switch (act.do) {
    case "work":
      if (act.ms !== undefined) await new Promise((resolve) => setTimeout(resolve, act.ms));
      return;
    case "die":
      if (runs <= act.times) die(act.how);
      return;
    case "reject":
      void Promise.reject(new Error("nobody catches this"));
      break;
    case "throw":
      setImmediate(() => {
        throw new Error("nobody catches this");
      });
      break;
    case "ignore":
      await new Promise(() => undefined);
      return;
    case "hang":
      break;
  }
  throw await aborted(signal);
}

async function runSteps(
  oracle: string,
  { count, diesIn }: Extract<Act, { do: "steps" }>,
  { instanceId, taskId, attempt, step }: TaskContext,
  runs: number,
): Promise<void> {
  for (let index = 0; index < count; index++) {
    await step(`s${index}`, () => {
      const line: Begun = { pid: process.pid, instanceId, taskId: `${taskId}>s${index}`, attempt, beside: 0 };
      appendFileSync(oracle, `${JSON.stringify(line)}\n`);
      if (diesIn[runs - 1] === index) die("kill");
    });
  }
}

function die(how: "exit" | "abort" | "kill"): void {
  if (how === "exit") process.exit(7);
  if (how === "abort") process.abort();
  process.kill(process.pid, "SIGKILL");
}

/** How often this task of the instance has begun, this time included. */
function countOf(oracle: string, { instanceId, taskId }: Begun): number {
  const begun = readFileSync(oracle, "utf8").split("\n").slice(0, -1);
  return begun.filter((line) => {
    const other = JSON.parse(line) as Begun;
    return other.instanceId === instanceId && other.taskId === taskId;
  }).length;
}

function loggerTo(stream: NodeJS.WriteStream): Logger {
  const at = (level: string) => (fields: object, message: string) =>
    void stream.write(`${level}: ${message} ${inspect(fields)}\n`);
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

// Imported by tests for the flow, and run by Node for the worker.
if (process.argv[1] === import.meta.filename) await main(JSON.parse(process.argv[2] ?? "") as ChildOptions);
