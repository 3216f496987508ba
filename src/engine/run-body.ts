import { isPromiseLike } from "../codec/maybe-promise.ts";
import { TaskTimeoutError } from "../errors/task-errors.ts";
import type { TaskNode } from "../flow/definition.ts";
import type { TaskContext } from "../flow/task-context.ts";
import type { TelemetrySpan } from "../observability/telemetry.ts";
import type { Timer } from "../time/timers.ts";
import { runInContext } from "./current-task.ts";
import { LazySignal } from "./lazy-signal.ts";
import type { Lease, LeaseEnd } from "./lease-keeper.ts";
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

/** Runs a user function once, validated on both sides, bounded in time. */
export class BodyRun {
  /** For the body: aborts on timeout, with the end of the lease, and when nobody waits for it any more. */
  readonly signal: LazySignal = new LazySignal();
  readonly #node: TaskNode;
  readonly #taskId: string;
  readonly #lease: Lease;
  readonly #ports: Ports;
  readonly #startedAtMs: number;
  readonly #leftovers: () => Promise<void> | null;
  readonly #span: TelemetrySpan | null;
  #timer: Timer | null = null;
  #graceTimer: Timer | null = null;
  #resolve: ((result: BodyResult) => void) | null = null;

  /**
   * @param around - `leftovers`: what the body has left running when it returns, which is waited for, and may fail, `null` for nothing; `span`:
   *   what its traces belong to, `null` for nothing
   */
  constructor(
    node: TaskNode,
    taskId: string,
    lease: Lease,
    ports: Ports,
    around: { readonly leftovers: () => Promise<void> | null; readonly span: TelemetrySpan | null },
  ) {
    this.#node = node;
    this.#leftovers = around.leftovers;
    this.#span = around.span;
    this.#taskId = taskId;
    this.#lease = lease;
    this.#ports = ports;
    this.#startedAtMs = ports.clock.monotonicMs();
  }

  /** Gives the result at once where the body does. Never throws or rejects. */
  start(input: unknown, context: TaskContext): BodyResult | Promise<BodyResult> {
    // Before it starts: the very first thing that it does may end the lease.
    this.#lease.onEnd((end) => this.#stop(end));
    // It may have ended while the input was read.
    const { ended } = this.#lease;
    if (ended !== null) return this.#finish({ kind: "stopped", settle: ended.settle });
    try {
      const { inputSchema, outputSchema } = this.#node;
      const isPlain = inputSchema === null && outputSchema === null;
      const value = isPlain ? this.#call(input, context) : this.#validated(input, context);
      if (isPromiseLike(value)) return this.#watch(value);
      const leftovers = this.#leftovers();
      if (leftovers !== null) return this.#watch(leftovers.then(() => value));
      return this.#finish({ kind: "returned", value, durationMs: this.#elapsed() });
    } catch (error) {
      return this.#finish(this.#thrown(error));
    }
  }

  #call(input: unknown, context: TaskContext): unknown {
    const run = (): unknown => runInContext(context, () => this.#node.run(input, context));
    return this.#span === null ? run() : this.#span.within(run);
  }

  async #validated(input: unknown, context: TaskContext): Promise<unknown> {
    const { inputSchema, outputSchema } = this.#node;
    const valid = inputSchema === null ? input : await validate(inputSchema, input, `input of task "${this.#taskId}"`);
    const output: unknown = await this.#call(valid, context);
    // Another attempt may well give an output that fits: the policy decides.
    return outputSchema === null
      ? output
      : await validate(outputSchema, output, `output of task "${this.#taskId}"`, true);
  }

  #watch(running: PromiseLike<unknown>): Promise<BodyResult> {
    const { timeoutMs } = this.#node.policy;
    if (timeoutMs !== null && !this.signal.isAborted) {
      this.#timer = this.#ports.timers.after(timeoutMs, () => this.#expire(timeoutMs));
    }
    return new Promise((resolve) => {
      this.#resolve = (result) => resolve(this.#finish(result));
      const onReturn = (value: unknown): void =>
        this.#resolve?.({ kind: "returned", value, durationMs: this.#elapsed() });
      const onThrow = (error: unknown): void => this.#resolve?.(this.#thrown(error));
      running.then((value) => {
        const leftovers = this.#leftovers();
        if (leftovers === null) onReturn(value);
        else leftovers.then(() => onReturn(value), onThrow);
      }, onThrow);
    });
  }

  #expire(timeoutMs: number): void {
    const error = new TaskTimeoutError(this.#taskId, timeoutMs);
    this.signal.abort(error);
    this.#resolve?.({ kind: "threw", error, durationMs: this.#elapsed() });
  }

  #stop({ reason, settle }: LeaseEnd): void {
    // A body that has exceeded its time is not waited for any more.
    if (this.signal.isAborted) return;
    this.signal.abort(reason);
    this.#graceTimer = this.#ports.timers.after(ABORT_GRACE_MS, () => this.#resolve?.({ kind: "stopped", settle }));
  }

  /** What a body throws after it was told to stop is the stopping, not a failure of its own. */
  #thrown(error: unknown): BodyResult {
    const { ended } = this.#lease;
    if (ended !== null) return { kind: "stopped", settle: ended.settle };
    return { kind: "threw", error, durationMs: this.#elapsed() };
  }

  #finish(result: BodyResult): BodyResult {
    this.#lease.onEnd(null);
    this.#timer?.cancel();
    this.#graceTimer?.cancel();
    // A body that is still running hears that nobody waits for it.
    this.signal.abort();
    return result;
  }

  #elapsed(): number {
    return Math.round(this.#ports.clock.monotonicMs() - this.#startedAtMs);
  }
}
