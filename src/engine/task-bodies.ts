import { chain, isPromiseLike, type MaybePromise, unawaited } from "../codec/maybe-promise.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { TaskLostError } from "../errors/task-errors.ts";
import { TransactionMisuseError } from "../errors/transaction-errors.ts";
import type { TaskNode } from "../flow/definition.ts";
import type { LocatedNode } from "../flow/flow-definition.ts";
import type { LimitedBy } from "../flow/limit.ts";
import { itemTaskId } from "../flow/output-ids.ts";
import { MAX_ITEMS } from "../flow/validate.ts";
import { type InstanceId, kindOf, type TaskId, type WorkerId } from "../ids.ts";
import type { Observer } from "../observability/observer.ts";
import type { Telemetry } from "../observability/telemetry.ts";
import { COMMON_KEY } from "../snapshot/allowance.ts";
import type { Checkpoint } from "../snapshot/checkpoint.ts";
import type { Occurrence } from "../snapshot/occurrence.ts";
import type { Bytes } from "../snapshot/snapshot.ts";
import { standingHere } from "../snapshot/standing.ts";
import type { Backend } from "../store/backend.ts";
import { BodyContext } from "./body-context.ts";
import type { Committer } from "./committer.ts";
import { beforeGate, limitKeyFor } from "./gate.ts";
import type { Happening } from "./happening.ts";
import type { HeldPosition } from "./held-position.ts";
import type { Host } from "./host.ts";
import { bodyOf, interpretOutput, isPart } from "./interpret-output.ts";
import type { LazySignal } from "./lazy-signal.ts";
import type { Lease } from "./lease-keeper.ts";
import { isKeyError, isPassing } from "./passing-errors.ts";
import { encodeFailure, encodePayload } from "./payloads.ts";
import type { Ports } from "./ports.ts";
import { policyFor, retryDelayMs } from "./retry.ts";
import { type BodyResult, BodyRun } from "./run-body.ts";
import { readEarlierOutput, readInput, readInstanceInput } from "./task-inputs.ts";
import { TaskProgress } from "./task-progress.ts";
import { isMadeByBody, TaskState } from "./task-state.ts";
import { TaskSteps } from "./task-steps.ts";
import { type Committed, TaskTransactions } from "./task-transactions.ts";
import { validate } from "./validation.ts";

export interface BodyParts {
  readonly store: Backend;
  readonly committer: Committer;
  readonly ports: Ports;
  readonly observer: Observer | null;
  readonly telemetry: Telemetry | null;
  readonly workerId: WorkerId;
  readonly leaseMs: number;
  readonly host: Host;
  readonly lease: Lease;
}

type Listed = Extract<Occurrence, { kind: "listed" }>;

/** Runs the bodies at which a position stands, one after the other, and says what came of each. */
export class TaskBodies {
  readonly #parts: BodyParts;
  /** What the last failed attempt threw: recorded as bytes, told to observers as it was. */
  #error: unknown = null;
  /** What reading an earlier output has failed with for no fault of the body that asked. */
  readonly #passing = new WeakSet<object>();
  /** Resolves when nothing is on its way any more of what bodies have said of how far they are. */
  #progressSent: Promise<void> = Promise.resolve();
  /** Made with the first task that has to do with it. */
  #state: TaskState | null = null;
  /** Made with the first transactional task. */
  #transactions: TaskTransactions | null = null;

  constructor(parts: BodyParts) {
    this.#parts = parts;
  }

  get error(): unknown {
    return this.#error;
  }

  /** May throw, or reject, where it is not the body's fault. */
  run(held: HeldPosition, located: LocatedNode): MaybePromise<Happening> {
    const body = bodyOf(located.node);
    const { host, store } = this.#parts;
    if (held.lost >= host.mostLost) return this.hopeless(held, new TaskLostError(held.stand.taskId, held.lost));
    if (held.lacksPlace && held.flow.limitedBy !== null) return this.#awaitPlace(held, held.flow.limitedBy);
    if (body.limitedBy !== null && !held.isAdmitted) return this.#awaitLimit(held, body.limitedBy);
    return chain(readInput(store, held), (input) =>
      body.transaction === null
        ? this.#runBody(held, located, body, input)
        : this.#runInTransaction(held, located, body, input),
    );
  }

  /** Before its gate, where it needs nobody to wait. */
  #awaitLimit(held: HeldPosition, limitedBy: LimitedBy): MaybePromise<Happening> {
    const limited = (key: string): Happening => {
      const to = beforeGate(standingHere(held.flow, held.stand), limitedBy, "task", key);
      return { kind: "limited", to };
    };
    if (limitedBy.key === null) return limited(COMMON_KEY);
    return chain(readInput(this.#parts.store, held), (input) => limited(limitKeyFor(limitedBy, input)));
  }

  /** Before the gate of its flow, as a new instance: how far it has come makes no difference. */
  #awaitPlace(held: HeldPosition, limitedBy: LimitedBy): MaybePromise<Happening> {
    const limited = (key: string): Happening => {
      const to = beforeGate(standingHere(held.flow, held.stand), limitedBy, "flow", key);
      return { kind: "limited", to };
    };
    if (limitedBy.key === null) return limited(COMMON_KEY);
    return chain(readInstanceInput(this.#parts.store, held), (input) => limited(limitKeyFor(limitedBy, input)));
  }

  /** Whether a transaction is open, of the body that has run last: its checkpoint goes through `commit`. */
  get hasTransaction(): boolean {
    return this.#transactions?.isOpen === true;
  }

  /** The state as the bodies here read and change it. */
  get state(): TaskState {
    this.#state ??= new TaskState({ store: this.#parts.store, onPassing: (error) => this.#notePassing(error) });
    return this.#state;
  }

  /** Commits the open transaction together with the checkpoint. */
  async commit(held: HeldPosition, checkpoint: Checkpoint): Promise<Committed> {
    return await this.#transactionsOf().commit(held, checkpoint);
  }

  /** Rolls back what is open. */
  async rollback(): Promise<void> {
    if (this.hasTransaction) await this.#transactions?.rollback(null);
  }

  async #runInTransaction(
    held: HeldPosition,
    located: LocatedNode,
    body: TaskNode,
    input: unknown,
  ): Promise<Happening> {
    const transactions = this.#transactionsOf();
    const opened = await transactions.open(held, body);
    if (opened.kind !== "opened") return opened;
    let happening: Happening;
    try {
      happening = await this.#runBody(held, located, opened.body, input);
    } catch (error) {
      await transactions.rollback(null);
      throw error;
    }
    return happening.kind === "succeeded" ? happening : await transactions.unwind(held, happening, this.#error);
  }

  #transactionsOf(): TaskTransactions {
    const { store, ports, lease, workerId, leaseMs } = this.#parts;
    const fail = (held: HeldPosition, body: TaskNode, error: unknown, durationMs: number): Promise<Occurrence> =>
      this.#failed(held, body, error, durationMs);
    this.#transactions ??= new TaskTransactions({ store, ports, lease, workerId, leaseMs, fail });
    return this.#transactions;
  }

  #runBody(held: HeldPosition, located: LocatedNode, body: TaskNode, input: unknown): MaybePromise<Happening> {
    const { ports, observer, telemetry, workerId, lease } = this.#parts;
    observer?.({ kind: "task_started", workerId, ...atTask(held) });
    let steps: TaskSteps | null = null;
    let refusal: Promise<never> | null = null;
    const leftovers = (): Promise<void> | null => refusal ?? steps?.leftovers() ?? null;
    const facts = { flow: held.flow.name, workerId, ...atTask(held) };
    const span = telemetry?.attempting(facts, held.traceContext) ?? null;
    const run = new BodyRun(body, held.stand.taskId, lease, ports, { leftovers, span });
    let progress: TaskProgress | null = null;
    const progressOf = (): TaskProgress => (progress ??= this.#progressOf(held, run.signal));
    let state: ReturnType<TaskState["access"]> | null = null;
    this.#state?.begin();
    const context = new BodyContext(held, run.signal, ports.logger, {
      output: (taskId) => this.#readEarlier(held, taskId),
      step: (step, code) => {
        // A function that catches this has shown all the same that it expects something else to happen.
        if (body.transaction !== null) return (refusal = unawaited(refuseStep(held)));
        steps ??= this.#stepsOf(held, run.signal);
        return steps.run(step, code);
      },
      progress: (value) => progressOf().report(value),
      lastProgress: () => progressOf().last(),
      state: () => (state ??= this.state.access(held)),
    });
    return chain(run.start(input, context), (result) => {
      if (progress !== null) this.#progressSent = progress.end();
      state?.end();
      span?.end(result.kind === "threw" ? result.error : null);
      const happening = this.#interpret(held, located, body, result);
      return held.flow.state === null ? happening : this.#withState(held, body, happening);
    });
  }

  /** What has been changed in the state is made ready to be written with what has happened. */
  #withState(held: HeldPosition, body: TaskNode, pending: MaybePromise<Happening>): MaybePromise<Happening> {
    return chain(pending, (happening) => {
      if (!isMadeByBody(happening) || this.state.isIdle(held)) return happening;
      // What a transaction has done is undone where its checkpoint is late: it is better to look than to be.
      return this.state.settle(held, body.transaction !== null).then(
        () => happening,
        async (error: unknown) => {
          if (isKeyError(error) || this.#isPassing(error)) throw error;
          return await this.#failed(held, body, error, happening.durationMs ?? 0);
        },
      );
    });
  }

  #interpret(held: HeldPosition, located: LocatedNode, body: TaskNode, result: BodyResult): MaybePromise<Happening> {
    if (result.kind === "stopped") return { kind: "giveUp", settle: result.settle };
    if (result.kind === "threw") {
      if (this.#isPassing(result.error)) throw result.error;
      return this.#failed(held, body, result.error, result.durationMs);
    }
    const { claim, stand, codec } = held;
    const { durationMs } = result;
    const onError = (error: unknown): MaybePromise<Happening> => {
      if (isKeyError(error)) throw error;
      return this.#failed(held, body, error, durationMs);
    };
    try {
      if (isPart(located.container, "list")) return this.listed(held, result.value, durationMs).catch(onError);
      if (located.node.kind === "continue") return this.continued(held, result.value, durationMs).catch(onError);
      const { output, decision } = interpretOutput(located, stand.taskId, result.value);
      const context = { instanceId: claim.instanceId, taskId: stand.taskId, kind: "output" } as const;
      const bytes = encodePayload(codec, output, context, this.#parts.store.maxPayloadBytes);
      if (!isPromiseLike(bytes)) return { kind: "succeeded", output: bytes, decision, durationMs };
      return bytes.then((encoded) => ({ kind: "succeeded", output: encoded, decision, durationMs }), onError);
    } catch (error) {
      return onError(error);
    }
  }

  /**
   * The input of the next run, validated and encoded as that of a new instance.
   *
   * @param durationMs - `null` if it was recorded by hand
   */
  async continued(held: HeldPosition, value: unknown, durationMs: number | null): Promise<Occurrence> {
    const { codec, claim, flow } = held;
    const valid =
      flow.inputSchema === null ? value : await validate(flow.inputSchema, value, `input of flow "${flow.name}"`);
    const context = { instanceId: claim.instanceId, taskId: "", kind: "input" } as const;
    return {
      kind: "continued",
      input: await encodePayload(codec, valid, context, this.#parts.store.maxPayloadBytes),
      durationMs,
    };
  }

  /**
   * The items of a map, encoded.
   *
   * @param durationMs - `null` if the list was recorded before
   * @throws {InvalidArgumentError} `value` is no list, or too long
   */
  async listed(held: HeldPosition, value: unknown, durationMs: number | null): Promise<Listed> {
    const { codec, claim, stand } = held;
    const mapId = mapIdOf(held);
    const encode = async (taskId: TaskId, item: unknown): Promise<Bytes> =>
      await encodePayload(
        codec,
        item,
        { instanceId: claim.instanceId, taskId, kind: "output" },
        this.#parts.store.maxPayloadBytes,
      );
    const list = checkList(value, mapId);
    const items: Bytes[] = [];
    for (const [index, item] of list.entries()) items.push(await encode(itemTaskId(mapId, index), item));
    const count = durationMs === null ? null : await encode(stand.taskId, list.length);
    const none = await encode(mapId, []);
    return { kind: "listed", items, count, none, isOver: false, durationMs: durationMs ?? 0 };
  }

  /**
   * A list that was recorded before. By hand, it is the list itself; otherwise its length, and it had no items: with any, its position would stand
   * elsewhere. Then the map's own output was recorded with it.
   */
  async listedBefore(held: HeldPosition, recorded: unknown): Promise<Occurrence> {
    if (recorded !== 0) return await this.listed(held, recorded, null);
    const [output] = await this.#parts.store.loadResults(held.claim.instanceId, [mapIdOf(held)]);
    return output === undefined
      ? await this.listed(held, recorded, null)
      : { ...(await this.listed(held, [], null)), isOver: true };
  }

  /** What stands in the way would stand in the way of every attempt: the instance fails. */
  async hopeless(held: HeldPosition, error: unknown): Promise<Occurrence> {
    this.#error = error;
    const failure = await encodeFailureOf(held, error);
    if (held.recorded !== null) return { kind: "unusable", failure };
    return { kind: "failed", failure, retryAfterMs: null, durationMs: 0 };
  }

  async #failed(held: HeldPosition, body: TaskNode, error: unknown, durationMs: number): Promise<Occurrence> {
    const retryAfterMs = await this.#retryAfterMs(held, body, error, durationMs);
    this.#error = error;
    return { kind: "failed", failure: await encodeFailureOf(held, error), retryAfterMs, durationMs };
  }

  async #retryAfterMs(held: HeldPosition, body: TaskNode, error: unknown, durationMs: number): Promise<number | null> {
    const { ports, store } = this.#parts;
    const { attempt, taskId } = held.stand;
    const onBroken = (what: string, cause: unknown): void =>
      ports.logger.error(
        { ...atTask(held), error: cause },
        `${what} threw; the error that it was asked about is handled without it.`,
      );
    const policy = policyFor(body.policy.retry, error, onBroken);
    const delayMs = retryDelayMs(policy, { error, attempt }, ports.random.next(), onBroken);
    if (delayMs === null || policy.maxElapsedMs === null) return delayMs;
    // By the database's clock: the first attempt may have run in another process, on another machine.
    const sinceFirstMs = attempt === 1 ? null : await store.sinceAttempt(held.claim.instanceId, taskId, 1);
    return (sinceFirstMs ?? durationMs) + delayMs <= policy.maxElapsedMs ? delayMs : null;
  }

  #progressOf(held: HeldPosition, signal: LazySignal): TaskProgress {
    const { store, ports, lease } = this.#parts;
    const onPassing = (error: unknown): void => {
      if (isPassing(error)) this.#passing.add(error);
    };
    return new TaskProgress(held, signal, { store, ports, lease, after: this.#progressSent, onPassing });
  }

  #stepsOf(held: HeldPosition, signal: LazySignal): TaskSteps {
    const { store, committer, ports, lease } = this.#parts;
    const onPassing = (error: unknown): void => this.#notePassing(error);
    return new TaskSteps(held, signal, { store, committer, clock: ports.clock, lease, onPassing });
  }

  async #readEarlier(held: HeldPosition, taskId: TaskId): Promise<unknown> {
    try {
      return await readEarlierOutput(this.#parts.store, held, taskId);
    } catch (error) {
      this.#notePassing(error);
      throw error;
    }
  }

  #notePassing(error: unknown): void {
    if (isPassing(error)) this.#passing.add(error);
  }

  #isPassing(error: unknown): boolean {
    return typeof error === "object" && error !== null && this.#passing.has(error);
  }
}

/** The map whose list is made there. */
function mapIdOf({ stand }: HeldPosition): TaskId {
  return stand.taskId.slice(0, stand.taskId.lastIndexOf("~"));
}

function checkList(value: unknown, mapId: TaskId): readonly unknown[] {
  const field = `The list of map "${mapId}"`;
  if (!Array.isArray(value)) throw new InvalidArgumentError(field, `must be an array, not ${kindOf(value)}.`);
  if (value.length > MAX_ITEMS)
    throw new InvalidArgumentError(field, `has ${value.length} items; the limit is ${MAX_ITEMS}.`);
  // A copy: who made it may go on writing to it while the items are encoded.
  return Array.from(value as readonly unknown[]);
}

/** What a step records is committed at once, and would be found by the next run although the transaction was rolled back. */
async function refuseStep({ stand }: HeldPosition): Promise<never> {
  throw new TransactionMisuseError(
    `Task "${stand.taskId}" is transactional: context.step can't be used in it, because what a step records would stay ` +
      "when the transaction is rolled back. Do it in a task before this one.",
  );
}

export function atTask({ claim, stand }: HeldPosition): { instanceId: InstanceId; taskId: TaskId; attempt: number } {
  return { instanceId: claim.instanceId, taskId: stand.taskId, attempt: stand.attempt };
}

export async function encodeFailureOf({ codec, claim, stand }: HeldPosition, error: unknown): Promise<Bytes> {
  return await encodeFailure(codec, error, claim.instanceId, stand.taskId);
}
