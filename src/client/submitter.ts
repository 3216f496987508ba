import { checkFlow, checkOptions } from "../engine/call-options.ts";
import { declareLimits } from "../engine/declare-limits.ts";
import { Gatherer } from "../engine/gatherer.ts";
import { type LocalWorker, localWorkers } from "../engine/local-workers.ts";
import type { Ports } from "../engine/ports.ts";
import { requireDefinition } from "../engine/require-definition.ts";
import type { SinglePolicy } from "../engine/start-decision.ts";
import {
  type ConflictPolicy,
  checkConflictPolicy,
  claimedFromNew,
  newInstance,
  type StartOptions,
} from "../engine/start-instance.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { InstanceConflictError } from "../errors/instance-errors.ts";
import { StartRefusedError } from "../errors/start-errors.ts";
import type { Flow } from "../flow/flow-definition.ts";
import { type InstanceId, parseInstanceId } from "../ids.ts";
import { submitted, type Telemetry } from "../observability/telemetry.ts";
import { requireArray } from "../store/argument-shapes.ts";
import type { Backend } from "../store/backend.ts";
import type { CreatedInstance, NewInstance } from "../store/instance-store.ts";
import { type Duration, parseDuration } from "../time/duration.ts";
import type { Queryable } from "../transaction.ts";
import { BackPressure, type BackPressureOptions } from "./back-pressure.ts";
import { policyOf, submitKeyed } from "./keyed-starts.ts";
import { scopeIn } from "./transaction-scope.ts";

export interface SubmitOptions extends StartOptions {
  /** Default `"fail"`. */
  readonly onConflict?: ConflictPolicy;
  /** Starts the instance after this time, by the database's clock. Default: at once. */
  readonly startAfter?: Duration;
  /** Refuses the submission, or waits, while much of the flow waits for workers. Default: whatever waits. */
  readonly backPressure?: BackPressureOptions;
  /**
   * Makes the instance inside of this open transaction: a client of `pg`, a transactional task's `tx`, or what
   * `waymark/adapters` makes of another library's. It exists when that is committed, and never if it is rolled back.
   * `onConflict` "terminateExisting" doesn't go with it. See docs/transactions.md for what it locks.
   */
  readonly tx?: Queryable;
}

/** One of many instances to be submitted. */
export interface NewSubmission<Input> extends StartOptions {
  readonly instanceId: string;
  readonly input: Input;
}

export interface ManyOptions {
  /** As in `SubmitOptions`, for all of them. */
  readonly startAfter?: Duration;
  /** As in `SubmitOptions`, for all of them. */
  readonly backPressure?: BackPressureOptions;
  /** As in `SubmitOptions`. */
  readonly tx?: Queryable;
}

/** What became of one of many. */
export interface Submitted {
  /** The instance that it is or has gone into; that which was asked for, where it was refused. */
  readonly instanceId: InstanceId;
  /** `false`: there is no new instance; `outcome` says why. */
  readonly created: boolean;
  /**
   * "existing": the id was taken, or an instance of its key lives, and that was left as it is. "gathered": it has gone into an instance that has yet to
   * begin. "refused": the flow's `rateLimit` allows no more.
   */
  readonly outcome: "created" | "existing" | "gathered" | "refused";
}

/** What is not about the id. */
export const ENQUEUE_KEYS: readonly string[] = [
  "startAfter",
  "priority",
  "tags",
  "labels",
  "deadline",
  "backPressure",
  "tx",
];
const SUBMIT_KEYS = ["onConflict", ...ENQUEUE_KEYS];
const SUBMISSION_KEYS = ["instanceId", "input", "priority", "tags", "labels", "deadline"];
const MOST_AT_ONCE = 1_000;
const MOST_BYTES = 8 * 1024 * 1024;

interface SubmittedOne {
  /** That of the instance; another one than was given where the flow starts one for several submissions. */
  readonly instanceId: InstanceId;
  /** Whether a worker of this process has it. */
  readonly isHandedOver: boolean;
}

type TracedOptions = ManyOptions & { readonly traceContext: string | null };

/** Makes instances: those that come in together, in one statement. */
export class Submitter {
  readonly #backend: Backend;
  readonly #ports: Ports;
  readonly #telemetry: Telemetry | null;
  readonly #unclaimed: Gatherer<NewInstance, CreatedInstance>;
  readonly #pressure: BackPressure;
  readonly #claimed = new WeakMap<LocalWorker, Gatherer<NewInstance, CreatedInstance>>();

  constructor(backend: Backend, ports: Ports, telemetry: Telemetry | null) {
    this.#backend = backend;
    this.#ports = ports;
    this.#telemetry = telemetry;
    this.#pressure = new BackPressure(backend, ports);
    this.#unclaimed = this.#gatherer(undefined);
  }

  async submit(flow: Flow, instanceId: string, input: unknown, options: SubmitOptions): Promise<SubmittedOne> {
    checkOptions(options, SUBMIT_KEYS);
    checkConflictPolicy(options.onConflict);
    const id = parseInstanceId(instanceId);
    checkFlow(flow);
    const facts = { flow: flow.name, instanceId: id };
    return await submitted(this.#telemetry, facts, async (traceContext) => {
      return await this.#submit(flow, id, { input, options, traceContext });
    });
  }

  async #submit(
    flow: Flow,
    id: InstanceId,
    {
      input,
      options,
      traceContext,
    }: { readonly input: unknown; readonly options: SubmitOptions; readonly traceContext: string | null },
  ): Promise<SubmittedOne> {
    const afterMs = parseStartAfter(options.startAfter);
    const { onConflict = "fail" } = options;
    await this.#pressure.admit(flow, options.backPressure, 1);
    const policy = policyOf(flow);
    if (policy !== null) {
      await declareLimits(this.#backend, flow);
      const start = { instanceId: id, input, options, afterMs, traceContext };
      const { instanceId: made } = await submitKeyed(this.#backend, policy, flow, start);
      return { instanceId: made, isHandedOver: false };
    }
    const claimed = options.tx === undefined;
    const made = await newInstance(flow, id, input, options, this.#backend, { claimed, afterMs });
    const instance = traceContext === null ? made : { ...made, traceContext };
    await declareLimits(this.#backend, flow);
    if (options.tx !== undefined) {
      await this.#createWithin(options.tx, flow, instance, onConflict);
      return { instanceId: id, isHandedOver: false };
    }
    if (onConflict === "terminateExisting") {
      await this.#backend.replaceInstance(unclaimed(instance));
      return { instanceId: id, isHandedOver: false };
    }
    const { isNew, isHandedOver } = await this.#create(instance);
    if (!isNew && onConflict === "fail") throw new InstanceConflictError(id);
    if (!isNew) await this.#requireSameDefinition(flow, id);
    return { instanceId: id, isHandedOver };
  }

  async submitMany<Input>(
    flow: Flow<Input>,
    submissions: readonly NewSubmission<Input>[],
    options: ManyOptions,
  ): Promise<readonly Submitted[]> {
    checkOptions(options, ["startAfter", "backPressure", "tx"]);
    checkFlow(flow);
    const store = options.tx === undefined ? this.#backend : scopeIn(this.#backend, options.tx);
    requireArray(submissions, "submissions");
    const first: unknown = submissions[0]?.instanceId;
    const facts = {
      flow: flow.name,
      instanceId: typeof first === "string" ? first : "",
      count: submissions.length,
    };
    return await submitted(this.#telemetry, facts, async (traceContext) => {
      return await this.#submitAll(flow, submissions, { ...options, traceContext }, store);
    });
  }

  async #submitAll<Input>(
    flow: Flow<Input>,
    submissions: readonly NewSubmission<Input>[],
    options: TracedOptions,
    store: Pick<Backend, "createInstances">,
  ): Promise<readonly Submitted[]> {
    const { traceContext } = options;
    const afterMs = parseStartAfter(options.startAfter);
    await this.#pressure.admit(flow, options.backPressure, submissions.length);
    const policy = policyOf(flow);
    if (policy !== null) return await this.#submitEach(flow, policy, submissions, options, afterMs);
    // All are encoded before any is written: one that can't be stored keeps none of the others half done.
    const instances: NewInstance[] = [];
    for (const [index, submission] of submissions.entries()) {
      checkOptions(submission, SUBMISSION_KEYS, `submissions[${index}]`);
      const id = parseInstanceId(submission.instanceId, `submissions[${index}].instanceId`);
      const beginning = { claimed: false, afterMs, field: `submissions[${index}]` };
      const made = await newInstance(flow, id, submission.input, submission, this.#backend, beginning);
      instances.push(traceContext === null ? made : { ...made, traceContext });
    }
    await declareLimits(this.#backend, flow);
    const results: Submitted[] = [];
    for (const chunk of chunksOf(instances)) {
      for (const { instanceId, created } of await store.createInstances(chunk)) {
        results.push({ instanceId, created, outcome: created ? "created" : "existing" });
      }
    }
    return results;
  }

  /** One after the other: what becomes of one depends on those before it. */
  async #submitEach<Input>(
    flow: Flow<Input>,
    policy: SinglePolicy,
    submissions: readonly NewSubmission<Input>[],
    { tx, traceContext }: TracedOptions,
    afterMs: number,
  ): Promise<readonly Submitted[]> {
    for (const [index, submission] of submissions.entries()) {
      checkOptions(submission, SUBMISSION_KEYS, `submissions[${index}]`);
      parseInstanceId(submission.instanceId, `submissions[${index}].instanceId`);
    }
    await declareLimits(this.#backend, flow);
    const results: Submitted[] = [];
    for (const [index, { instanceId, input, ...own }] of submissions.entries()) {
      const options = { ...own, onConflict: "useExisting" as const, ...(tx === undefined ? {} : { tx }) };
      const start = { instanceId, input, options, afterMs, field: `submissions[${index}]`, traceContext };
      try {
        const { instanceId: made, kind } = await submitKeyed(this.#backend, policy, flow, start);
        results.push({ instanceId: made, created: kind === "created", outcome: kind });
      } catch (error) {
        if (!(error instanceof StartRefusedError)) throw error;
        results.push({ instanceId, created: false, outcome: "refused" });
      }
    }
    return results;
  }

  /** Nobody can be handed what is not committed yet. */
  async #createWithin(tx: Queryable, flow: Flow, instance: NewInstance, onConflict: ConflictPolicy): Promise<void> {
    if (onConflict === "terminateExisting") {
      const problem =
        'can\'t be "terminateExisting" together with tx: whoever runs the instance would wait for your COMMIT.';
      throw new InvalidArgumentError("options.onConflict", problem);
    }
    const { instanceId } = instance;
    const scope = scopeIn(this.#backend, tx);
    const [made] = await scope.createInstances([instance]);
    if (made?.created === true) return;
    if (onConflict === "fail") throw new InstanceConflictError(instanceId);
    const found = await scope.findDefinition(instanceId);
    if (found !== null) requireDefinition(flow, { instanceId, ...found });
  }

  /** Hands it to a worker of this process at once, if there is one with room. */
  async #create(instance: NewInstance): Promise<{ readonly isNew: boolean; readonly isHandedOver: boolean }> {
    const lanes = instance.positions.filter(({ claimed }) => claimed).map(({ standing }) => standing.lane);
    for (const worker of lanes.length === 0 ? [] : localWorkers(this.#backend)) {
      const hand = worker.reserve(lanes);
      if (hand === null) continue;
      let created: CreatedInstance | null = null;
      try {
        created = await this.#gathererOf(worker).add(instance);
        return { isNew: created.created, isHandedOver: created.created };
      } finally {
        hand(created === null ? [] : claimedFromNew(instance, created.granted, this.#ports.clock.now()));
      }
    }
    return { isNew: (await this.#unclaimed.add(unclaimed(instance))).created, isHandedOver: false };
  }

  #gathererOf(worker: LocalWorker): Gatherer<NewInstance, CreatedInstance> {
    const known = this.#claimed.get(worker);
    if (known !== undefined) return known;
    const made = this.#gatherer(worker);
    this.#claimed.set(worker, made);
    return made;
  }

  #gatherer(holder: LocalWorker | undefined): Gatherer<NewInstance, CreatedInstance> {
    const send = (instances: readonly NewInstance[]): Promise<readonly CreatedInstance[]> =>
      this.#backend.createInstances(
        instances,
        holder === undefined ? undefined : { workerId: holder.workerId, leaseMs: holder.leaseMs },
      );
    const bytesOf = (instance: NewInstance): number => instance.input.byteLength;
    const { timers } = this.#ports;
    return new Gatherer(send, { timers, inFlight: 2, maxItems: MOST_AT_ONCE, maxBytes: MOST_BYTES, bytesOf });
  }

  /** @throws {DefinitionMismatchError} the existing instance is of another definition */
  async #requireSameDefinition(flow: Flow, instanceId: InstanceId): Promise<void> {
    const state = await this.#backend.findInstance(instanceId);
    if (state !== null) requireDefinition(flow, state.instance);
  }
}

function unclaimed(instance: NewInstance): NewInstance {
  return { ...instance, positions: instance.positions.map((position) => ({ ...position, claimed: false })) };
}

function* chunksOf(instances: readonly NewInstance[]): Iterable<readonly NewInstance[]> {
  let chunk: NewInstance[] = [];
  let bytes = 0;
  for (const instance of instances) {
    bytes += instance.input.byteLength;
    if (chunk.length > 0 && (chunk.length === MOST_AT_ONCE || bytes > MOST_BYTES)) {
      yield chunk;
      chunk = [];
      bytes = instance.input.byteLength;
    }
    chunk.push(instance);
  }
  if (chunk.length > 0) yield chunk;
}

function parseStartAfter(startAfter: Duration | undefined): number {
  return startAfter === undefined ? 0 : parseDuration(startAfter, "options.startAfter");
}
