import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import type { Metrics, Task } from "../workload.ts";

const PROGRAM = join(import.meta.dirname, "..", "child.ts");
const TAIL_BYTES = 4_096;

/** How a task came out. */
export type Outcome =
  | { readonly kind: "measured"; readonly metrics: Metrics; readonly settings: readonly string[] }
  /** The engine has nothing of the kind. */
  | { readonly kind: "not-offered"; readonly reason: string; readonly settings: readonly string[] }
  | { readonly kind: "failed"; readonly reason: string };

/** Starts a process for the task. It ends by itself when this one does. */
export function startChild(task: Task): ChildProcess {
  const child = fork(PROGRAM, [], {
    execArgv: [...process.execArgv, "--expose-gc"],
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  // Not read, they would fill up and hold the process.
  child.stdout?.resume();
  child.send(task);
  return child;
}

/** Runs the task in a process of its own and waits until that has ended. */
export async function runChild(task: Task): Promise<Outcome> {
  const child = startChild(task);
  let outcome: Outcome | null = null;
  let errors = "";
  let isLate = false;
  child.on("message", (message: Outcome) => {
    outcome = message;
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-TAIL_BYTES);
  });
  const timer = setTimeout(() => {
    isLate = true;
    child.kill("SIGKILL");
  }, task.sizes.childMinutes * 60_000);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  clearTimeout(timer);
  if (outcome !== null) return outcome;
  const what = isLate ? `gave up after ${task.sizes.childMinutes} minutes` : `ended with ${code ?? "a signal"}`;
  return { kind: "failed", reason: `${what}${errors === "" ? "" : `: ${errors.trim()}`}` };
}
