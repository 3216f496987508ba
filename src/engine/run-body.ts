import { TaskTimeoutError } from "../errors/task-errors.ts";
import type { TaskNode } from "../flow/definition.ts";
import type { TaskContext } from "../flow/task-context.ts";
import type { Timer } from "../time/timers.ts";
import { runInContext } from "./current-task.ts";
import { LazySignal } from "./lazy-signal.ts";
import type { Lease } from "./lease-keeper.ts";
import type { Ports } from "./ports.ts";
import { validate } from "./validation.ts";

/** How one try of a body ended. */
export type BodyResult =
  | { readonly kind: "returned"; readonly value: unknown; readonly durationMs: number }
  | { readonly kind: "threw"; readonly error: unknown; readonly durationMs: number }
  /** It was told to stop, and what it did is not its own doing any more. `settle` as of the lease's end. */
  | { readonly kind: "stopped"; readonly settle: boolean };

/** How long a body that was told to stop may take to do so. After that it is left to itself. */
export const ABORT_GRACE_MS = 5_000;

/**
 * Runs a user function once, validated on both sides, bounded in time.
 *
 * @param makeContext - makes the context for a signal that aborts on timeout and with the end of the lease
 */
export async function runBody(
  node: TaskNode,
  taskId: string,
  input: unknown,
  makeContext: (signal: LazySignal) => TaskContext,
  lease: Lease,
  ports: Ports,
): Promise<BodyResult> {
  const startedAt = ports.clock.monotonicMs();
  const signal = new LazySignal();
  const elapsed = (): number => Math.round(ports.clock.monotonicMs() - startedAt);
  const start = (): Promise<BodyResult> =>
    callBody(node, taskId, input, makeContext(signal)).then(
      (value): BodyResult => ({ kind: "returned", value, durationMs: elapsed() }),
      // What a body throws after it was told to stop is the stopping, not a failure of its own.
      (error: unknown): BodyResult =>
        lease.ended === null
          ? { kind: "threw", error, durationMs: elapsed() }
          : { kind: "stopped", settle: lease.ended.settle },
    );
  const guard = new BodyGuard(signal, lease, ports);
  const { timeoutMs } = node.policy;
  if (timeoutMs !== null) {
    guard.limit(timeoutMs, () => {
      const error = new TaskTimeoutError(taskId, timeoutMs);
      signal.abort(error);
      return { kind: "threw", error, durationMs: elapsed() };
    });
  }
  const result = await guard.watch(start);
  // A body that is still running hears that nobody waits for it.
  signal.abort();
  return result;
}

/** Ends the wait for a body that takes too long, or doesn't stop when it is told to. */
class BodyGuard {
  readonly #signal: LazySignal;
  readonly #lease: Lease;
  readonly #ports: Ports;
  readonly #timers: Timer[] = [];
  #resolve: ((result: BodyResult) => void) | null = null;

  constructor(signal: LazySignal, lease: Lease, ports: Ports) {
    this.#signal = signal;
    this.#lease = lease;
    this.#ports = ports;
  }

  limit(timeoutMs: number, expire: () => BodyResult): void {
    this.#after(timeoutMs, () => this.#resolve?.(expire()));
  }

  async watch(start: () => Promise<BodyResult>): Promise<BodyResult> {
    const { ended } = this.#lease;
    if (ended === null) this.#lease.onEnd((end) => this.#stop(end.reason, end.settle));
    else this.#stop(ended.reason, ended.settle);
    try {
      return await new Promise<BodyResult>((resolve, reject) => {
        this.#resolve = resolve;
        start().then(resolve, reject);
      });
    } finally {
      this.#lease.onEnd(null);
      for (const timer of this.#timers) timer.cancel();
    }
  }

  #stop(reason: unknown, settle: boolean): void {
    // A body that has exceeded its time is not waited for any more.
    if (this.#signal.isAborted) return;
    this.#signal.abort(reason);
    this.#after(ABORT_GRACE_MS, () => this.#resolve?.({ kind: "stopped", settle }));
  }

  #after(delayMs: number, callback: () => void): void {
    this.#timers.push(this.#ports.timers.after(delayMs, callback));
  }
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
