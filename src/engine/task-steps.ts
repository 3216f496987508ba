import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { ClaimLostError } from "../errors/claim-errors.ts";
import type { StepContext } from "../flow/task-context.ts";
import { kindOf, nameIssue, type TaskId } from "../ids.ts";
import type { Bytes, NewEntry } from "../snapshot/snapshot.ts";
import { stepTaskId } from "../snapshot/step-ids.ts";
import type { Backend } from "../store/backend.ts";
import type { Clock } from "../time/clock.ts";
import type { Committer } from "./committer.ts";
import { HeardPromise } from "./heard-promise.ts";
import { type HeldPosition, idempotencyKeyOf } from "./held-position.ts";
import type { LazySignal } from "./lazy-signal.ts";
import type { Lease } from "./lease-keeper.ts";
import { encodePayload } from "./payloads.ts";

export interface StepParts {
  readonly store: Pick<Backend, "loadSteps" | "maxPayloadBytes">;
  readonly committer: Committer;
  readonly clock: Clock;
  readonly lease: Lease;
  /** Is told of errors that are not the body's fault, wherever it lets them go. */
  onPassing(error: unknown): void;
}

/** The steps of one run of a task's body: each result is recorded once, and found again by the runs that follow. */
export class TaskSteps {
  readonly #held: HeldPosition;
  readonly #signal: LazySignal;
  readonly #parts: StepParts;
  readonly #used = new Set<TaskId>();
  readonly #running = new Set<Promise<unknown>>();
  readonly #failed: { readonly given: HeardPromise<unknown>; readonly error: unknown }[] = [];
  #recorded: Promise<ReadonlyMap<TaskId, Bytes | null>> | null = null;

  constructor(held: HeldPosition, signal: LazySignal, parts: StepParts) {
    this.#held = held;
    this.#signal = signal;
    this.#parts = parts;
    // Nothing can be recorded of a task to which this process has only just moved the position.
    if (held.isFresh) this.#recorded = Promise.resolve(new Map());
  }

  /** As `TaskContext.step`. */
  run(step: unknown, body: unknown): Promise<unknown> {
    const running = this.#run(step, body);
    const given = HeardPromise.of(running);
    this.#running.add(running);
    running.then(
      () => this.#running.delete(running),
      (error: unknown) => {
        this.#running.delete(running);
        this.#failed.push({ given, error });
      },
    );
    return given;
  }

  /**
   * What the body has left behind when it returns: resolves when no step is running any more. `null` if there is nothing.
   *
   * @throws what the first step has failed with for whose outcome nobody has asked
   */
  leftovers(): Promise<void> | null {
    return this.#running.size === 0 && this.#failed.length === 0 ? null : this.#clear();
  }

  async #clear(): Promise<void> {
    // Steps may begin others.
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
    const unheard = this.#failed.find(({ given }) => !given.isHeard);
    if (unheard !== undefined) throw unheard.error;
  }

  async #run(step: unknown, body: unknown): Promise<unknown> {
    const taskId = this.#parse(step);
    if (typeof body !== "function") throw new InvalidArgumentError("body", `must be a function, not ${kindOf(body)}.`);
    const { signal } = this.#signal;
    signal.throwIfAborted();
    const known = (await this.#load()).get(taskId);
    if (known !== undefined) return await this.#decode(taskId, known);
    signal.throwIfAborted();
    const { clock } = this.#parts;
    const startedAtMs = clock.monotonicMs();
    const idempotencyKey = idempotencyKeyOf(this.#held, taskId);
    const value: unknown = await (body as (context: StepContext) => unknown)({ idempotencyKey, signal });
    const durationMs = Math.round(clock.monotonicMs() - startedAtMs);
    return await this.#decode(taskId, await this.#record(taskId, value, durationMs));
  }

  #parse(step: unknown): TaskId {
    const issue = nameIssue(step);
    if (issue !== null) throw new InvalidArgumentError("step", `${issue}.`);
    const taskId = stepTaskId(this.#held.stand.taskId, step as string);
    if (this.#used.has(taskId)) {
      const remedy = 'Each needs a name of its own, such as "charge-1".';
      throw new InvalidArgumentError("step", `"${String(step)}" is there twice in one run of the task. ${remedy}`);
    }
    this.#used.add(taskId);
    return taskId;
  }

  async #load(): Promise<ReadonlyMap<TaskId, Bytes | null>> {
    this.#recorded ??= this.#read();
    try {
      return await this.#recorded;
    } catch (error) {
      this.#recorded = null;
      this.#parts.onPassing(error);
      throw error;
    }
  }

  async #read(): Promise<ReadonlyMap<TaskId, Bytes | null>> {
    const { claim, stand } = this.#held;
    const results = await this.#parts.store.loadSteps(claim.instanceId, stand.taskId);
    return new Map(results.map(({ taskId, output }) => [taskId, output]));
  }

  /** @returns what is recorded now: this value, or that of an earlier run that nobody waited for any more */
  async #record(taskId: TaskId, value: unknown, durationMs: number): Promise<Bytes | null> {
    const { claim, codec } = this.#held;
    const context = { instanceId: claim.instanceId, taskId, kind: "output" } as const;
    const output = await encodePayload(codec, value, context, this.#parts.store.maxPayloadBytes);
    const outcome = "completed";
    const entry: NewEntry = {
      taskId,
      attempt: 1,
      kind: "step",
      outcome,
      output,
      outputRef: null,
      failure: null,
      durationMs,
      decision: null,
    };
    const fate = await this.#commit(entry);
    switch (fate.kind) {
      case "accepted":
        return output;
      case "recorded":
        this.#recorded = null;
        return (await this.#load()).get(taskId) ?? output;
      case "refused":
        throw fate.error;
      case "fenced":
      case "eventGone": {
        const error = new ClaimLostError(claim.instanceId, taskId);
        this.#parts.lease.end({ reason: error, settle: false });
        throw error;
      }
    }
  }

  async #commit(entry: NewEntry): ReturnType<Committer["insist"]> {
    const { committer } = this.#parts;
    try {
      const { claim } = this.#held;
      return await committer.insist({ claim, entries: [entry], move: { kind: "note" }, consumes: null });
    } catch (error) {
      this.#parts.onPassing(error);
      throw error;
    }
  }

  async #decode(taskId: TaskId, bytes: Bytes | null): Promise<unknown> {
    const { claim, codec } = this.#held;
    if (bytes === null) return undefined;
    return await codec.decode(bytes, { instanceId: claim.instanceId, taskId, kind: "output" });
  }
}
