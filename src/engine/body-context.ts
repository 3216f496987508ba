import { unawaited } from "../codec/maybe-promise.ts";
import type { StateAccess, TaskContext } from "../flow/task-context.ts";
import type { InstanceId, TaskId } from "../ids.ts";
import { type Logger, withFields } from "../logger.ts";
import { type HeldPosition, idempotencyKeyOf } from "./held-position.ts";
import type { LazySignal } from "./lazy-signal.ts";

/** What a body can ask for of the world outside it. */
export interface BodyReach {
  output(taskId: TaskId): Promise<unknown>;
  /** Its failure ends no process, and is heard of if nobody awaits it. */
  step(step: string, body: unknown): Promise<unknown>;
  progress(value: unknown): Promise<void>;
  lastProgress(): Promise<unknown>;
  state(): StateAccess;
}

/** What a body is given. Made for every body that runs, so whatever takes time is made when it is asked for. */
export class BodyContext implements TaskContext {
  readonly instanceId: InstanceId;
  readonly flow: string;
  readonly taskId: TaskId;
  readonly attempt: number;
  readonly #held: HeldPosition;
  readonly #signal: LazySignal;
  readonly #log: Logger;
  readonly #reach: BodyReach;
  #logger: Logger | null = null;

  constructor(held: HeldPosition, signal: LazySignal, log: Logger, reach: BodyReach) {
    this.instanceId = held.claim.instanceId;
    this.flow = held.flow.name;
    this.taskId = held.stand.taskId;
    this.attempt = held.stand.attempt;
    this.#held = held;
    this.#signal = signal;
    this.#log = log;
    this.#reach = reach;
  }

  get idempotencyKey(): string {
    return idempotencyKeyOf(this.#held, this.taskId);
  }

  get signal(): AbortSignal {
    return this.#signal.signal;
  }

  get logger(): Logger {
    const { instanceId, taskId, attempt } = this;
    this.#logger ??= withFields(this.#log, { instanceId, taskId, attempt });
    return this.#logger;
  }

  // Getters, so that they may be taken out of the context and called on their own. Who doesn't await what they give is not to
  // end the process with it: what must not be lost the engine awaits itself.

  get output(): (taskId: TaskId) => Promise<never> {
    return (taskId) => unawaited(this.#reach.output(taskId)) as Promise<never>;
  }

  get progress(): TaskContext["progress"] {
    return (value) => unawaited(this.#reach.progress(value));
  }

  get lastProgress(): TaskContext["lastProgress"] {
    return () => unawaited(this.#reach.lastProgress());
  }

  get state(): StateAccess {
    return this.#reach.state();
  }

  get step(): TaskContext["step"] {
    return (step, body) => this.#reach.step(step, body) as Promise<never>;
  }
}
