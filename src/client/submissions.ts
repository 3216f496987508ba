import { checkFlow, checkOptions } from "../engine/call-options.ts";
import type { Ports } from "../engine/ports.ts";
import { publishFlows } from "../engine/published-definition.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import type { Flow } from "../flow/flow-definition.ts";
import type { ItemOf } from "../flow/start-policy.ts";
import type { InstanceId } from "../ids.ts";
import type { Telemetry } from "../observability/telemetry.ts";
import { requireArray } from "../store/argument-shapes.ts";
import type { Backend } from "../store/backend.ts";
import type { Queryable } from "../transaction.ts";
import { Batches } from "./batches.ts";
import type { InstanceHandle } from "./instance-handle.ts";
import type { InstanceResults } from "./instance-results.ts";
import { InstanceStates } from "./instance-states.ts";
import { policyOf } from "./keyed-starts.ts";
import {
  ENQUEUE_KEYS,
  type ManyOptions,
  type NewSubmission,
  type SubmitOptions,
  type Submitted,
  Submitter,
} from "./submitter.ts";

/** As for `submit`, but for what is about the id. */
export type EnqueueOptions = Omit<SubmitOptions, "onConflict">;

/** Starts instances. What a `Client` has of it. */
export abstract class Submissions extends InstanceStates {
  readonly #backend: Backend;
  readonly #ports: Ports;
  readonly #submitter: Submitter;
  readonly #batches: Batches;
  readonly #results: InstanceResults;

  constructor(backend: Backend, ports: Ports, results: InstanceResults, telemetry: Telemetry | null) {
    super(backend, ports);
    this.#backend = backend;
    this.#ports = ports;
    this.#results = results;
    this.#submitter = new Submitter(backend, ports, telemetry);
    this.#batches = new Batches(backend, ports, (flow) => this.#newId(flow));
  }

  /** As `Client.handle`. */
  abstract handle<Output = unknown>(instanceId: string, flow?: Flow<unknown, Output>): InstanceHandle<Output>;

  /**
   * Starts an instance. It is run by whichever worker knows its flow; a worker of this process that has room gets it at
   * once. When this resolves, the instance is stored and will not be lost (INV-1).
   *
   * @param instanceId - 1 to 255 characters, unique in the backend; from your domain ("order-42"), so that
   *   a repeated request doesn't start the work twice
   * @throws {InstanceConflictError} the id is taken, and `onConflict` is "fail"
   * @throws {DefinitionMismatchError} the id is taken by an instance of another definition, and `onConflict`
   *   is "useExisting"
   * @throws {InvalidArgumentError} an argument is not acceptable; nothing was written
   * @throws {ValidationError} the input doesn't fit the flow's schema; nothing was written
   * @throws {CodecEncodeError} the input can't be stored; nothing was written
   * @throws {PayloadTooLargeError} the input is too large; nothing was written
   * @throws {BackendError} the database failed; after BACKEND_UNAVAILABLE the instance may exist: submit it again with
   *   `onConflict: "useExisting"`
   */
  async submit<Input, Output>(
    flow: Flow<Input, Output>,
    instanceId: string,
    input: Input,
    options: SubmitOptions = {},
  ): Promise<InstanceHandle<Output>> {
    const { instanceId: made, isHandedOver } = await this.#submitter.submit(flow, instanceId, input, options);
    if (isHandedOver) this.#results.remember(made);
    return this.handle<Output>(made);
  }

  /**
   * Starts many instances, a thousand in one statement. Ids that are taken are left as they are, so that it can be called
   * again after a failure in the middle.
   *
   * @returns one result each, in order
   * @throws as `submit`; if it is because of one of them, nothing of any was written
   */
  async submitMany<Input>(
    flow: Flow<Input>,
    submissions: readonly NewSubmission<Input>[],
    options: ManyOptions = {},
  ): Promise<readonly Submitted[]> {
    return await this.#submitter.submitMany(flow, submissions, options);
  }

  /**
   * Starts an instance under an id made for it: for jobs that nobody asks for by name. A repeated request starts the work twice;
   * where that must not be, `submit` it under an id of your domain.
   *
   * @throws as `submit`
   */
  async enqueue<Input, Output>(
    flow: Flow<Input, Output>,
    input: Input,
    options: EnqueueOptions = {},
  ): Promise<InstanceHandle<Output>> {
    checkOptions(options, ENQUEUE_KEYS);
    checkFlow(flow);
    return await this.submit(flow, this.#newId(flow), input, options);
  }

  /**
   * Starts many, a thousand in one statement.
   *
   * @returns their ids, in order
   * @throws as `submit`; if it is because of one of them, nothing of any was written
   */
  async enqueueMany<Input>(
    flow: Flow<Input>,
    inputs: readonly Input[],
    options: EnqueueOptions = {},
  ): Promise<readonly InstanceId[]> {
    checkOptions(options, ENQUEUE_KEYS);
    checkFlow(flow);
    if (policyOf(flow) !== null) {
      const problem = `"${flow.name}" starts one instance for several submissions; use submitMany, which says what became of each, or enqueue.`;
      throw new InvalidArgumentError("flow", problem);
    }
    requireArray(inputs, "inputs");
    const { startAfter, tx, backPressure, ...own } = options;
    const submissions = inputs.map((input) => ({ ...own, instanceId: this.#newId(flow), input }));
    const many = {
      ...(startAfter === undefined ? {} : { startAfter }),
      ...(tx === undefined ? {} : { tx }),
      ...(backPressure === undefined ? {} : { backPressure }),
    };
    return (await this.submitMany(flow, submissions, many)).map(({ instanceId }) => instanceId);
  }

  /**
   * Adds an item to the batch that is being gathered for a flow with the option `batch`. The instance begins when the batch is full, or its time
   * has come, and gets the list. When this resolves, the item is stored (INV-1). Items that are added at the same time go together.
   *
   * @param options - `tx`: as in `SubmitOptions`; until it ends, others who add to the same batch wait
   * @returns a handle of the instance that the item is in
   * @throws {StartKeyError} the flow's `key` says nothing of use
   * @throws as `submit`
   */
  async addToBatch<Input, Output>(
    flow: Flow<Input, Output>,
    item: ItemOf<Input>,
    options: { readonly tx?: Queryable } = {},
  ): Promise<InstanceHandle<Output>> {
    checkOptions(options, ["tx"]);
    return this.handle<Output>(await this.#batches.add(flow, item, options.tx));
  }

  #newId({ name }: { readonly name: string }): InstanceId {
    return `${name}-${this.#ports.random.uuid()}`;
  }

  /**
   * Lets SQL start instances of these flows (`SELECT waymark.submit(…)`), each in this definition from now on. A worker
   * does so for definitions that are new; call it after a step back to an older one. Does nothing where the backend is not
   * reached by SQL, or lacks `JsonCodec`.
   */
  async publish(flows: readonly Flow[]): Promise<void> {
    requireArray(flows, "flows");
    for (const [index, flow] of flows.entries()) checkFlow(flow, `flows[${index}]`);
    await publishFlows(this.#backend, flows, true);
  }
}
