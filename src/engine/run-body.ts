import { TaskTimeoutError } from "../errors/task-errors.ts";
import type { TaskNode } from "../flow/definition.ts";
import type { TaskContext } from "../flow/task-context.ts";
import type { Timer } from "../time/timers.ts";
import { runInContext } from "./current-task.ts";
import type { Ports } from "./ports.ts";
import { validate } from "./validation.ts";

/** How one try of a body ended. */
export type BodyResult =
  | { readonly kind: "returned"; readonly value: unknown; readonly durationMs: number }
  | { readonly kind: "threw"; readonly error: unknown; readonly durationMs: number }
  /** It was told to stop by `stop`, and what it did is not its own doing any more. */
  | { readonly kind: "stopped"; readonly reason: unknown };

/** How long a body that was told to stop may take to do so. After that it is left to itself. */
export const ABORT_GRACE_MS = 5_000;

/**
 * Runs a user function once, validated on both sides, bounded in time.
 *
 * @param makeContext - makes the context for a signal that aborts on timeout and with `stop`
 * @param stop - aborts when the claim is lost, the instance is cancelled, or the process shuts down
 */
export async function runBody(
  node: TaskNode,
  taskId: string,
  input: unknown,
  makeContext: (signal: AbortSignal) => TaskContext,
  stop: AbortSignal,
  ports: Ports,
): Promise<BodyResult> {
  const { timeoutMs } = node.policy;
  const startedAt = ports.clock.monotonicMs();
  const elapsed = (): number => Math.round(ports.clock.monotonicMs() - startedAt);
  const controller = new AbortController();
  const timers: Timer[] = [];
  const ended = new Promise<BodyResult>((resolve) => {
    const grace = (): void => {
      controller.abort(stop.reason);
      timers.push(ports.timers.after(ABORT_GRACE_MS, () => resolve({ kind: "stopped", reason: stop.reason })));
    };
    if (stop.aborted) grace();
    else stop.addEventListener("abort", grace, { once: true, signal: controller.signal });
    if (timeoutMs !== null) {
      const timer = ports.timers.after(timeoutMs, () => {
        const error = new TaskTimeoutError(taskId, timeoutMs);
        controller.abort(error);
        resolve({ kind: "threw", error, durationMs: elapsed() });
      });
      timers.push(timer);
      controller.signal.addEventListener("abort", () => timer.cancel(), { once: true });
    }
    callBody(node, taskId, input, makeContext(controller.signal)).then(
      (value) => resolve({ kind: "returned", value, durationMs: elapsed() }),
      (error: unknown) => {
        // What a body throws after it was told to stop is the stopping, not a failure of its own.
        if (stop.aborted) resolve({ kind: "stopped", reason: stop.reason });
        else resolve({ kind: "threw", error, durationMs: elapsed() });
      },
    );
  });
  const result = await ended;
  for (const timer of timers) timer.cancel();
  // Ends the listeners above; a body that is still running hears that nobody waits for it.
  if (!controller.signal.aborted) controller.abort();
  return result;
}

async function callBody(node: TaskNode, taskId: string, input: unknown, context: TaskContext): Promise<unknown> {
  const valid =
    node.inputSchema === null ? input : await validate(node.inputSchema, input, `input of task "${taskId}"`);
  const output = await runInContext(context, () => node.run(valid, context));
  // Another attempt may well give an output that fits: the policy decides.
  return node.outputSchema === null
    ? output
    : await validate(node.outputSchema, output, `output of task "${taskId}"`, true);
}
