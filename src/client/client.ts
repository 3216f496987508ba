import { checkAbortSignal, checkOptions } from "../engine/call-options.ts";
import { codecOf, reportStatus, type StatusReport } from "../engine/instance-status.ts";
import { encodePayload, eventContext } from "../engine/payloads.ts";
import { type Ports, systemPorts } from "../engine/ports.ts";
import { publishFlows } from "../engine/published-definition.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { InstanceNotFoundError, InvalidTransitionError, ResultTimeoutError } from "../errors/instance-errors.ts";
import { Flow } from "../flow/flow-definition.ts";
import { type InstanceId, kindOf, parseEventName, parseInstanceId, parseTaskId } from "../ids.ts";
import { isPendingJoin } from "../snapshot/position-rules.ts";
import { type Bytes, type InstanceRecord, type InstanceStatus, isTerminal } from "../snapshot/snapshot.ts";
import { requireArray } from "../store/argument-shapes.ts";
import type { Backend } from "../store/backend.ts";
import type { ControlOutcome, InstanceFilter, InstanceState } from "../store/instance-store.ts";
import type { SendOutcome, SignalKind, SignalRequest } from "../store/signal-store.ts";
import type { InstanceEnd, WakeupSubscription } from "../store/wakeup.ts";
import { parseDuration } from "../time/duration.ts";
import { pause } from "../time/timers.ts";
import { EndWatch } from "./end-watch.ts";
import { outputOf } from "./ended-output.ts";
import { type HistoryItem, historyItem } from "./history-item.ts";
import { InstanceHandle, type ResultOptions } from "./instance-handle.ts";
import { type ManyOptions, type NewSubmission, type SubmitOptions, type Submitted, Submitter } from "./submitter.ts";
import { type EventOptions, scopeIn } from "./transaction-scope.ts";

export interface ClientOptions {
  /** Clock, timers and chance, for simulations. */
  readonly ports?: Partial<Ports>;
}

/** Which instances to list. All parts must fit. */
export type ListFilter = InstanceFilter;

/** What a list tells of an instance. */
export interface InstanceSummary {
  readonly instanceId: InstanceId;
  readonly flow: string;
  readonly status: InstanceStatus;
  /** Why it is paused or was cancelled; `null` where nobody has said. */
  readonly reason: string | null;
  readonly priority: number;
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAt: Date;
  readonly endedAt: Date | null;
}

export interface InstancePage {
  /** In code-point order of ids. */
  readonly instances: readonly InstanceSummary[];
  /** Pass it as `after` for the next page; `null` if this was the last one. */
  readonly next: InstanceId | null;
}

const DEFAULT_PAGE = 100;
/** Forgotten beyond that: it only saves a look. */
const MOST_HANDED_OVER = 10_000;
const LONGEST_WAIT_MS = 24 * 60 * 60 * 1_000;

/** Starts instances, looks at them and controls them, from any process. */
export class Client {
  readonly #backend: Backend;
  readonly #ports: Ports;
  readonly #submitter: Submitter;
  readonly #ends: EndWatch;
  /** Instances that a worker of this process was given when they were submitted, and that have not ended since. */
  readonly #handedOver = new Set<InstanceId>();
  #ending: WakeupSubscription | null = null;

  /** @throws {InvalidArgumentError} `backend` isn't one */
  constructor(backend: Backend, options: ClientOptions = {}) {
    if (typeof backend?.findInstance !== "function")
      throw new InvalidArgumentError("backend", `must be a backend, not ${kindOf(backend)}.`);
    checkOptions(options, ["ports"]);
    this.#backend = backend;
    this.#ports = { ...systemPorts, ...options.ports };
    this.#submitter = new Submitter(backend, this.#ports);
    this.#ends = new EndWatch(backend, this.#ports);
  }

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
    const { isHandedOver } = await this.#submitter.submit(flow, instanceId, input, options);
    if (isHandedOver) this.#remember(instanceId);
    return new InstanceHandle<Output>(this, instanceId);
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
   * Lets SQL start instances of these flows (`SELECT waymark.submit(…)`), each in this definition from now on. A worker
   * does so for definitions that are new; call it after a step back to an older one. Does nothing where the backend is not
   * reached by SQL, or lacks `JsonCodec`.
   */
  async publish(flows: readonly Flow[]): Promise<void> {
    requireArray(flows, "flows");
    for (const [index, flow] of flows.entries()) requireFlow(flow, `flows[${index}]`);
    await publishFlows(this.#backend, flows, true);
  }

  /**
   * An instance by its id, whether it exists or not.
   *
   * @param flow - only tells the type of the output
   */
  handle<Output = unknown>(instanceId: string, flow?: Flow<never, Output>): InstanceHandle<Output> {
    if (flow !== undefined) requireFlow(flow, "flow");
    return new InstanceHandle<Output>(this, parseInstanceId(instanceId));
  }

  /** Instances that fit a filter, page by page. */
  async list(filter: ListFilter = {}): Promise<InstancePage> {
    checkOptions(filter, ["flow", "status", "idPrefix", "tags", "labels", "after", "limit"], "filter");
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
    return await reportStatus(this.#backend, await this.#state(parseInstanceId(instanceId)));
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
    const id = parseInstanceId(instanceId);
    checkOptions(options, ["timeout", "signal"]);
    checkAbortSignal(options.signal, "options.signal");
    const timeoutMs =
      options.timeout === undefined ? Number.POSITIVE_INFINITY : parseDuration(options.timeout, "options.timeout");
    const { clock } = this.#ports;
    const startedAt = clock.monotonicMs();
    for (let isFirst = true; ; isFirst = false) {
      // Watched before it is looked at, so that its end can't fall in between.
      const watched = this.#watch(id);
      try {
        // A worker of this process is running it: the watch hears of its end, and looks for itself after a while.
        const isRunningHere = isFirst && this.#handedOver.has(id);
        if (!isRunningHere && (!isFirst || (await this.#backend.findEnded([id])).length > 0)) {
          const state = await this.#state(id);
          if (isTerminal(state.instance.status)) return outputOf(id, await reportStatus(this.#backend, state));
        }
        options.signal?.throwIfAborted();
        const leftMs = timeoutMs - (clock.monotonicMs() - startedAt);
        if (leftMs <= 0) throw new ResultTimeoutError(id, timeoutMs);
        const end = await watched.ends(leftMs, options.signal);
        // It was a worker of this process that has just written it: no need to read it back.
        if (end?.output) return await this.#decodeOutput(id, end.output.bytes, end.output.codec);
      } finally {
        watched.stop();
      }
    }
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
    const { instance } = await this.#state(id);
    const codec = codecOf(this.#backend, instance.codec);
    const entries = await this.#backend.readHistory(id, page);
    return await Promise.all(entries.map((entry) => historyItem(codec, id, entry)));
  }

  /**
   * Cancels the instance: at once if nobody is running it, else at its next checkpoint or heartbeat, when
   * the running body's `AbortSignal` fires. What was only requested comes too late if the last task ends before: the
   * instance completes then (INV-11).
   *
   * @returns "applied" if it is cancelled now, "requested" if whoever runs it has to stop first
   * @throws {InstanceNotFoundError}
   * @throws {InvalidTransitionError} it has completed or failed
   */
  async cancel(instanceId: string, request: SignalRequest = {}): Promise<ControlOutcome> {
    return await this.#request(instanceId, "cancel", request);
  }

  /**
   * Cancels the instance at once, also while somebody runs it: what they still do is not recorded, and their
   * `AbortSignal` fires. For tasks that don't stop; `cancel` lets them.
   *
   * @throws {InstanceNotFoundError}
   * @throws {InvalidTransitionError} it has completed or failed
   */
  async terminate(instanceId: string, request: SignalRequest = {}): Promise<"applied" | "unchanged"> {
    const id = parseInstanceId(instanceId);
    checkOptions(request, ["reason", "requestedBy"], "request");
    return await this.#backend.terminateInstance(id, request);
  }

  /**
   * Pauses the instance. Tasks that are running finish, and are recorded; nothing new starts.
   *
   * @throws {InstanceNotFoundError}
   * @throws {InvalidTransitionError} it has ended
   */
  async pause(instanceId: string, request: SignalRequest = {}): Promise<ControlOutcome> {
    return await this.#request(instanceId, "pause", request);
  }

  /**
   * Lets a paused instance go on.
   *
   * @throws {InstanceNotFoundError}
   * @throws {InvalidTransitionError} it isn't paused
   */
  async unpause(instanceId: string): Promise<void> {
    await this.#backend.unpause(parseInstanceId(instanceId));
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
   *   with. A delay is over then, and passes on what it got
   * @throws {InvalidArgumentError} the instance doesn't stand there, or its branches have not ended
   * @throws {InstanceNotFoundError}
   * @throws {InvalidTransitionError} the instance has ended
   * @throws {ResultConflictError} the task's outcome has just been recorded (INV-3)
   * @throws {CodecEncodeError} `output` can't be stored; nothing was recorded
   * @throws {PayloadTooLargeError} `output` is too large; nothing was recorded
   */
  async completeTask(instanceId: string, taskId: string, output: unknown): Promise<void> {
    const id = parseInstanceId(instanceId);
    const task = parseTaskId(taskId);
    const { instance, positions } = await this.#state(id);
    if (isTerminal(instance.status)) throw new InvalidTransitionError(id, instance.status, "completing a task");
    const standing = positions.find((position) => position.taskId === task);
    if (standing === undefined || isPendingJoin(standing)) {
      const places = positions.filter((position) => !isPendingJoin(position)).map((position) => `"${position.taskId}"`);
      throw new InvalidArgumentError(
        "taskId",
        `"${task}" is not where the instance stands; that is ${places.join(", ")}.`,
      );
    }
    const context =
      standing.kind === "wait" ? eventContext(id) : ({ instanceId: id, taskId: task, kind: "output" } as const);
    const codec = codecOf(this.#backend, instance.codec);
    const bytes = await encodePayload(codec, output, context, this.#backend.maxPayloadBytes);
    await this.#backend.saveTaskResult(id, task, bytes);
  }

  /**
   * Removes the instance and everything that belongs to it. Whoever runs it is fenced.
   *
   * @throws {InstanceNotFoundError}
   */
  async delete(instanceId: string): Promise<void> {
    await this.#backend.deleteSnapshot(parseInstanceId(instanceId));
  }

  #remember(id: InstanceId): void {
    if (this.#handedOver.size === MOST_HANDED_OVER) this.#handedOver.clear();
    this.#handedOver.add(id);
    this.#ending ??= this.#backend.subscribe({ ended: (ends) => this.#forget(ends) });
  }

  #forget(ends: readonly InstanceEnd[] | null): void {
    if (ends === null) this.#handedOver.clear();
    else for (const { instanceId } of ends) this.#handedOver.delete(instanceId);
    if (this.#handedOver.size > 0) return;
    this.#ending?.close();
    this.#ending = null;
  }

  #watch(id: InstanceId): { ends(withinMs: number, signal?: AbortSignal): Promise<InstanceEnd | null>; stop(): void } {
    const ended = new AbortController();
    let known: InstanceEnd | null = null;
    const stop = this.#ends.watch(id, (end) => {
      known = end;
      ended.abort();
    });
    const { timers } = this.#ports;
    const ends = async (withinMs: number, signal?: AbortSignal): Promise<InstanceEnd | null> => {
      const either = signal === undefined ? ended.signal : AbortSignal.any([signal, ended.signal]);
      // Far beyond what a timer can count; looked at again then.
      await pause(timers, Math.min(withinMs, LONGEST_WAIT_MS), either);
      return known;
    };
    return { ends, stop };
  }

  async #decodeOutput(instanceId: InstanceId, bytes: Bytes, codecId: string): Promise<unknown> {
    return await codecOf(this.#backend, codecId).decode(bytes, { instanceId, taskId: "", kind: "output" });
  }

  async #request(instanceId: string, kind: SignalKind, request: SignalRequest): Promise<ControlOutcome> {
    const id = parseInstanceId(instanceId);
    checkOptions(request, ["reason", "requestedBy"], "request");
    return await this.#backend.requestControl(id, kind, request);
  }

  async #state(instanceId: InstanceId): Promise<InstanceState> {
    const state = await this.#backend.findInstance(instanceId);
    if (state === null) throw new InstanceNotFoundError(instanceId);
    return state;
  }
}

function requireFlow(flow: unknown, field: string): void {
  if (!(flow instanceof Flow))
    throw new InvalidArgumentError(field, `must be a built flow, not ${kindOf(flow)}. Did you call .build()?`);
}

function summaryOf(record: InstanceRecord): InstanceSummary {
  const { instanceId, flow, status, reason, priority, tags, labels, createdAt, endedAt } = record;
  const times = { createdAt: new Date(createdAt), endedAt: endedAt === null ? null : new Date(endedAt) };
  return { instanceId, flow, status, reason, priority, tags, labels, ...times };
}
