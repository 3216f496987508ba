import { checkFlow, checkOptions } from "../engine/call-options.ts";
import { type HistoryItem, historyItem } from "../engine/history-item.ts";
import { codecOf, getState, reportStatus, type StatusReport } from "../engine/instance-status.ts";
import { encodePayload, eventContext } from "../engine/payloads.ts";
import { type Ports, systemPorts } from "../engine/ports.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import type { Flow } from "../flow/flow-definition.ts";
import { kindOf, parseEventName, parseInstanceId, parseTaskId } from "../ids.ts";
import { checkTelemetry, guardedTelemetry, type Telemetry } from "../observability/telemetry.ts";
import type { Backend } from "../store/backend.ts";
import type { SendOutcome } from "../store/signal-store.ts";
import type { BulkFilter, BulkOptions, BulkResult } from "./bulk.ts";
import { completeTask } from "./complete-task.ts";
import { FlowControl } from "./flow-control.ts";
import { forkFrom, forkIds, type InstanceForkOptions } from "./forks.ts";
import { InstanceHandle, type ResultOptions } from "./instance-handle.ts";
import { InstanceResults } from "./instance-results.ts";
import { type InstancePage, type ListFilter, summaryOf } from "./instance-summary.ts";
import { LimitControl } from "./limit-control.ts";
import { between, lookBack, type PastState, requireSequence } from "./look-back.ts";
import { type MigrationPlanOptions, type MigrationPlanPage, planMigrations } from "./migration-plans.ts";
import { migrateMany } from "./migrations.ts";
import { RetentionControl } from "./retention-control.ts";
import { ScheduleControl } from "./schedule-control.ts";
import { Submissions } from "./submissions.ts";
import { type EventOptions, scopeIn } from "./transaction-scope.ts";

export interface ClientOptions {
  /** Clock, timers and chance, for simulations. */
  readonly ports?: Partial<Ports>;
  /** Traces submissions: `openTelemetry` from `waymark/telemetry`. */
  readonly telemetry?: Telemetry;
}

const DEFAULT_PAGE = 100;

/** Starts instances, looks at them and controls them, from any process. */
export class Client extends Submissions {
  readonly #backend: Backend;
  readonly #results: InstanceResults;
  /** Shows what limits allow, what runs and waits, and changes it. */
  readonly limits: LimitControl;
  /** Holds back whole flows. */
  readonly flows: FlowControl;
  /** Shows schedules, pauses, triggers, backfills and changes them. */
  readonly schedules: ScheduleControl;
  /** Shows how long ended instances are kept, and changes it. */
  readonly retention: RetentionControl;

  /** @throws {InvalidArgumentError} `backend` isn't one */
  constructor(backend: Backend, options: ClientOptions = {}) {
    if (typeof backend?.findInstance !== "function")
      throw new InvalidArgumentError("backend", `must be a backend, not ${kindOf(backend)}.`);
    checkOptions(options, ["ports", "telemetry"]);
    const { telemetry } = options;
    if (telemetry !== undefined) checkTelemetry(telemetry);
    const ports = { ...systemPorts, ...options.ports };
    const results = new InstanceResults(backend, ports);
    super(backend, ports, results, telemetry === undefined ? null : guardedTelemetry(telemetry));
    this.#backend = backend;
    this.#results = results;
    this.limits = new LimitControl(backend);
    this.flows = new FlowControl(backend);
    this.schedules = new ScheduleControl(backend, ports);
    this.retention = new RetentionControl(backend);
  }

  /**
   * An instance by its id, whether it exists or not.
   *
   * @param flow - only tells the type of the output
   */
  handle<Output = unknown>(instanceId: string, flow?: Flow<unknown, Output>): InstanceHandle<Output> {
    if (flow !== undefined) checkFlow(flow, "flow");
    return new InstanceHandle<Output>(this, parseInstanceId(instanceId));
  }

  /** Instances that fit a filter, page by page. */
  async list(filter: ListFilter = {}): Promise<InstancePage> {
    checkOptions(filter, ["flow", "status", "idPrefix", "tags", "labels", "parent", "after", "limit"], "filter");
    const { limit = DEFAULT_PAGE } = filter;
    const records = await this.#backend.listInstances({ ...filter, limit });
    const isFull = records.length === limit;
    return { instances: records.map(summaryOf), next: isFull ? (records.at(-1)?.instanceId ?? null) : null };
  }

  /**
   * Where the instance is.
   *
   * @throws {InstanceNotFoundError}
   */
  async status(instanceId: string): Promise<StatusReport> {
    return await reportStatus(this.#backend, await getState(this.#backend, parseInstanceId(instanceId)));
  }

  /**
   * Waits until the instance has ended, and gives its output. A paused one is waited for.
   *
   * @throws {InstanceNotFoundError}
   * @throws {InstanceFailedError} it failed; `cause` is the recorded failure
   * @throws {InstanceCancelledError} it was cancelled
   * @throws {ResultTimeoutError} it didn't end in time; it goes on
   */
  async result(instanceId: string, options: ResultOptions = {}): Promise<unknown> {
    return await this.#results.wait(parseInstanceId(instanceId), options);
  }

  /**
   * What has been recorded of the instance, in order.
   *
   * @param page - `after`: only entries with a greater sequence; `limit`: 1 to 10,000, default 1,000
   * @throws {InstanceNotFoundError}
   */
  async history(
    instanceId: string,
    page: { readonly after?: bigint; readonly limit?: number } = {},
  ): Promise<readonly HistoryItem[]> {
    const id = parseInstanceId(instanceId);
    checkOptions(page, ["after", "limit"], "page");
    const { instance } = await getState(this.#backend, id);
    const codec = codecOf(this.#backend, instance.codec);
    const entries = await this.#backend.readHistory(id, page);
    return await Promise.all(entries.map((entry) => historyItem(codec, id, entry)));
  }

  /**
   * Where the instance stood after an entry of its history, and what had been recorded by then: derived from the history and
   * the flow. Nothing is run.
   *
   * @param sequence - of an entry, as `history` tells it; 0 for the beginning of its run. In the midst of the entries of one
   *   checkpoint, it is the state after the last of them
   * @throws {InstanceNotFoundError}
   * @throws {DefinitionMismatchError} it was started by another definition than `flow`
   * @throws {StateUnknownError} it was saved from outside before that
   * @throws {CodecDecodeError} an output is damaged
   */
  async stateAt(flow: Flow, instanceId: string, sequence: bigint): Promise<PastState> {
    const id = parseInstanceId(instanceId);
    requireSequence(sequence, "sequence");
    return await lookBack(this.#backend, flow, id, sequence);
  }

  /**
   * What was recorded after one entry of the history, up to and with another: as `history` tells it, all of it.
   *
   * @param from - 0 for the beginning
   * @throws {InstanceNotFoundError}
   */
  async diff(instanceId: string, from: bigint, to: bigint): Promise<readonly HistoryItem[]> {
    requireSequence(from, "from");
    requireSequence(to, "to");
    return await between((after) => this.history(instanceId, { after }), from, to);
  }

  /**
   * Starts a new instance where another one has been, with what that one had recorded by then: to try another way from
   * there, or to go on from before a mistake. The other one is not changed; it may have failed, completed or been cancelled,
   * and may be running. Events that were sent to it are not taken along.
   *
   * @param newId - as in `submit`
   * @param options - `at`: after which entry of the history, or right before which task; `input` and `outputs`: what is
   *   to have been recorded instead. A route's key must lead where the other one went. `to`: another definition by which the
   *   new one goes on, and `map`: what that calls the nodes of `flow`
   * @returns a handle of the new one
   * @throws {InstanceNotFoundError} there is no instance `sourceId`
   * @throws {InstanceConflictError} `newId` is taken
   * @throws {DefinitionMismatchError} it was started by another definition than `flow`
   * @throws {InvalidArgumentError} an argument is not acceptable, or there is nothing to go on from at that point
   * @throws {MigrationRefusedError} its history up to there is none of `options.to`
   * @throws {StateUnknownError} it was saved from outside before that
   * @throws {ValidationError} the input or an output doesn't fit its schema
   * @throws {UnknownCodecError} its codec is not available here
   * @throws {CodecEncodeError | CodecDecodeError} a value can't be stored or read
   * @throws {BackendError} the database failed; after BACKEND_UNAVAILABLE the new one may exist. In all other cases, nothing
   *   was written
   */
  async fork<Input, Output>(
    flow: Flow,
    sourceId: string,
    newId: string,
    options: InstanceForkOptions<Input> & { readonly to: Flow<Input, Output> },
  ): Promise<InstanceHandle<Output>>;
  async fork<Input, Output>(
    flow: Flow<Input, Output>,
    sourceId: string,
    newId: string,
    options: InstanceForkOptions<Input>,
  ): Promise<InstanceHandle<Output>>;
  async fork<Output>(
    flow: Flow,
    sourceId: string,
    newId: string,
    options: InstanceForkOptions,
  ): Promise<InstanceHandle<Output>> {
    const [source, id] = forkIds(sourceId, newId);
    await forkFrom(this.#backend, flow, source, id, options);
    return new InstanceHandle<Output>(this, id);
  }

  /**
   * Moves all live instances of one definition that fit a filter to another one, each in a transaction of its own: workers
   * of the new one run them from then on. An instance can be moved if its history so far is one of the new definition, too:
   * what it has run is there under the same ids, and it would stand where it stands. Nothing is run again, and no position
   * moves. What somebody is just running is refused; call again, or pause first.
   *
   * @param filter - as for `list`; only instances of the definition `from` are touched
   * @param options - `dryRun`: tells in `refused` which can't be moved, and why, and changes nothing
   * @returns as `cancelMany`; `refused` has "MIGRATION_REFUSED" for what can't be moved, "INVALID_TRANSITION" for what
   *   somebody is running
   * @throws {InvalidArgumentError} an argument is not acceptable; nothing was changed
   * @throws {BackendError} as `cancelMany`
   */
  async migrateMany(from: Flow, to: Flow, filter: BulkFilter, options: BulkOptions = {}): Promise<BulkResult> {
    return await migrateMany(this.#backend, from, to, filter, options);
  }

  /**
   * Tells of the live instances of one definition, page by page, whether they can be moved to another one by `migrateMany`,
   * where each stands and would stand, and why not; and whether it can be forked to it instead, under the names that
   * `options.map` gives. Nothing is changed; what goes on meanwhile may be told otherwise by the next call.
   *
   * @param filter - as for `list`; only instances of the definition `from` are told of. So a page may have fewer than `limit`
   * @throws {InvalidArgumentError} an argument is not acceptable
   */
  async planMigration(
    from: Flow,
    to: Flow,
    filter: ListFilter = {},
    options: MigrationPlanOptions = {},
  ): Promise<MigrationPlanPage> {
    return await planMigrations(this.#backend, from, to, filter, options);
  }

  /**
   * Sends an event. It is kept until the instance waits for it, even if the instance doesn't exist yet;
   * events of one name are taken in the order in which they were acknowledged.
   *
   * @param payload - any value that the backend's codec can store
   * @throws {InvalidTransitionError} the instance has ended
   * @throws {CodecEncodeError} `payload` can't be stored; nothing was sent
   * @throws {PayloadTooLargeError} `payload` is too large; nothing was sent
   */
  async sendEvent(
    instanceId: string,
    name: string,
    payload?: unknown,
    options: EventOptions = {},
  ): Promise<SendOutcome> {
    const id = parseInstanceId(instanceId);
    const event = parseEventName(name);
    checkOptions(options, ["dedupKey", "tx"]);
    const { tx, ...sendOptions } = options;
    const store = tx === undefined ? this.#backend : scopeIn(this.#backend, tx);
    const bytes = await encodePayload(this.#backend.codec, payload, eventContext(id), this.#backend.maxPayloadBytes);
    return await store.sendEvent(id, event, bytes, sendOptions);
  }

  /**
   * Records `output` as the outcome of a task, in place of what its body would return; the instance goes on from it at
   * once. For what is stuck: a task that keeps failing, an event that never comes, a delay that is too long. If the body is
   * running just now, its own result is dropped.
   *
   * @param taskId - where the instance stands, as `status` tells it
   * @param output - what the next step gets; for a wait the event's payload, for a route its key, for a loop what it ends
   *   with, for `continueAsNew` the next run's input. A delay is over then, and passes on what it got
   * @throws {InvalidArgumentError} the instance doesn't stand there, or its branches have not ended
   * @throws {InstanceNotFoundError}
   * @throws {InvalidTransitionError} the instance has ended
   * @throws {ResultConflictError} the task's outcome has just been recorded (INV-3)
   * @throws {CodecEncodeError} `output` can't be stored; nothing was recorded
   * @throws {PayloadTooLargeError} `output` is too large; nothing was recorded
   */
  async completeTask(instanceId: string, taskId: string, output: unknown): Promise<void> {
    await completeTask(this.#backend, parseInstanceId(instanceId), parseTaskId(taskId), output);
  }

  /**
   * Removes the instance and everything that belongs to it. Whoever runs it is fenced.
   *
   * @throws {InstanceNotFoundError}
   */
  async delete(instanceId: string): Promise<void> {
    await this.#backend.deleteSnapshot(parseInstanceId(instanceId));
  }
}
