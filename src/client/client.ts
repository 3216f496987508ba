import { checkAbortSignal, checkOptions } from "../engine/call-options.ts";
import { codecOf, reportStatus, type StatusReport } from "../engine/instance-status.ts";
import { encodePayload, eventContext } from "../engine/payloads.ts";
import { type Ports, systemPorts } from "../engine/ports.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { errorFrom } from "../errors/failure.ts";
import {
  InstanceCancelledError,
  InstanceFailedError,
  InstanceNotFoundError,
  ResultTimeoutError,
} from "../errors/instance-errors.ts";
import { type InstanceId, kindOf, parseEventName, parseInstanceId } from "../ids.ts";
import { isTerminal } from "../snapshot/snapshot.ts";
import type { Backend } from "../store/backend.ts";
import type { ControlOutcome, InstanceState } from "../store/instance-store.ts";
import type { SendOptions, SendOutcome, SignalKind, SignalRequest } from "../store/signal-store.ts";
import { type Duration, parseDuration } from "../time/duration.ts";
import { pause } from "../time/timers.ts";
import { type HistoryItem, historyItem } from "./history-item.ts";

export interface ClientOptions {
  /** Clock, timers and chance, for simulations. */
  readonly ports?: Partial<Ports>;
}

export interface ResultOptions {
  /** How long to wait; default: as long as it takes. */
  readonly timeout?: Duration;
  /** Gives up waiting when it aborts. */
  readonly signal?: AbortSignal;
}

const FIRST_LOOK_MS = 10;
const LONGEST_LOOK_MS = 500;

/** Looks at instances and controls them, from any process. Holds no connection and no state. */
export class Client {
  readonly #backend: Backend;
  readonly #ports: Ports;

  /** @throws {InvalidArgumentError} `backend` isn't one */
  constructor(backend: Backend, options: ClientOptions = {}) {
    if (typeof backend?.findInstance !== "function")
      throw new InvalidArgumentError("backend", `must be a backend, not ${kindOf(backend)}.`);
    checkOptions(options, ["ports"]);
    this.#backend = backend;
    this.#ports = { ...systemPorts, ...options.ports };
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
    const { clock, timers } = this.#ports;
    const startedAt = clock.monotonicMs();
    for (let waitMs = FIRST_LOOK_MS; ; waitMs = Math.min(waitMs * 1.5, LONGEST_LOOK_MS)) {
      const state = await this.#state(id);
      if (isTerminal(state.instance.status)) return outputOf(id, await reportStatus(this.#backend, state));
      options.signal?.throwIfAborted();
      const leftMs = timeoutMs - (clock.monotonicMs() - startedAt);
      if (leftMs <= 0) throw new ResultTimeoutError(id, timeoutMs);
      await pause(timers, Math.min(waitMs, leftMs), options.signal);
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
   * the running body's `AbortSignal` fires.
   *
   * @throws {InstanceNotFoundError}
   * @throws {InvalidTransitionError} it has completed or failed
   */
  async cancel(instanceId: string, request: SignalRequest = {}): Promise<ControlOutcome> {
    return await this.#request(instanceId, "cancel", request);
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
    options: SendOptions = {},
  ): Promise<SendOutcome> {
    const id = parseInstanceId(instanceId);
    const event = parseEventName(name);
    checkOptions(options, ["dedupKey"]);
    const bytes = await encodePayload(this.#backend.codec, payload, eventContext(id), this.#backend.maxPayloadBytes);
    return await this.#backend.sendEvent(id, event, bytes, options);
  }

  /**
   * Removes the instance and everything that belongs to it. Whoever runs it is fenced.
   *
   * @throws {InstanceNotFoundError}
   */
  async delete(instanceId: string): Promise<void> {
    await this.#backend.deleteSnapshot(parseInstanceId(instanceId));
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

function outputOf(instanceId: InstanceId, report: StatusReport): unknown {
  switch (report.status) {
    case "completed":
      return report.output;
    case "failed":
      throw new InstanceFailedError(instanceId, report.failure, { cause: errorFrom(report.failure) });
    case "cancelled":
      throw new InstanceCancelledError(instanceId, report.reason);
    case "paused":
    case "in_progress":
    case "waiting":
    case "awaiting_event":
      throw new TypeError(`An instance that is ${report.status} has not ended.`);
  }
}
