import type { HistoryItem } from "../engine/history-item.ts";
import type { StatusReport } from "../engine/instance-status.ts";
import type { Flow } from "../flow/flow-definition.ts";
import type { SharedState } from "../flow/shared-state.ts";
import type { InputArgument, StateQuery, StateUpdate } from "../flow/state-handlers.ts";
import type { InstanceId } from "../ids.ts";
import type { ControlOutcome, TerminateOutcome } from "../store/instance-store.ts";
import type { CancelRequest, RetryRequest, SendOutcome, SignalRequest } from "../store/signal-store.ts";
import type { Duration } from "../time/duration.ts";
import type { Client } from "./client.ts";
import type { UpdateArguments } from "./instance-states.ts";
import type { PastState } from "./look-back.ts";
import type { EventOptions } from "./transaction-scope.ts";

export interface ResultOptions {
  /** How long to wait; default: as long as it takes. */
  readonly timeout?: Duration;
  /** Gives up waiting when it aborts. */
  readonly signal?: AbortSignal;
}

/**
 * One instance, whose calls are the client's, with its id. Holds no state: two handles of one instance are the same.
 *
 * @typeParam Output - what the instance ends with
 */
export class InstanceHandle<Output = unknown> {
  readonly instanceId: InstanceId;
  readonly #client: Client;

  /** Use `client.submit` or `client.handle`. */
  constructor(client: Client, instanceId: InstanceId) {
    this.#client = client;
    this.instanceId = instanceId;
  }

  /** As `client.result`. */
  async result(options?: ResultOptions): Promise<Output> {
    return (await this.#client.result(this.instanceId, options)) as Output;
  }

  /** As `client.status`. */
  async status(): Promise<StatusReport<Output>> {
    return (await this.#client.status(this.instanceId)) as StatusReport<Output>;
  }

  /** As `client.history`. */
  history(page?: { readonly after?: bigint; readonly limit?: number }): Promise<readonly HistoryItem[]> {
    return this.#client.history(this.instanceId, page);
  }

  /** As `client.stateAt`. */
  stateAt(flow: Flow, sequence: bigint): Promise<PastState> {
    return this.#client.stateAt(flow, this.instanceId, sequence);
  }

  /** As `client.diff`. */
  diff(from: bigint, to: bigint): Promise<readonly HistoryItem[]> {
    return this.#client.diff(this.instanceId, from, to);
  }

  /** As `client.cancel`. */
  cancel(request?: CancelRequest): Promise<ControlOutcome> {
    return this.#client.cancel(this.instanceId, request);
  }

  /** As `client.terminate`. */
  terminate(request?: SignalRequest): Promise<TerminateOutcome> {
    return this.#client.terminate(this.instanceId, request);
  }

  /** As `client.pause`. */
  pause(request?: SignalRequest): Promise<ControlOutcome> {
    return this.#client.pause(this.instanceId, request);
  }

  /** As `client.unpause`. */
  unpause(): Promise<void> {
    return this.#client.unpause(this.instanceId);
  }

  /** As `client.retry`. */
  retry(request?: RetryRequest): Promise<void> {
    return this.#client.retry(this.instanceId, request);
  }

  /** As `client.extendDeadline`. */
  extendDeadline(deadline: Duration | Date | null): Promise<void> {
    return this.#client.extendDeadline(this.instanceId, deadline);
  }

  /** As `client.sendEvent`. */
  sendEvent(name: string, payload?: unknown, options?: EventOptions): Promise<SendOutcome> {
    return this.#client.sendEvent(this.instanceId, name, payload, options);
  }

  /** As `client.readState`. */
  readState<Values extends object>(state: SharedState<Values>): Promise<Readonly<Values>> {
    return this.#client.readState(state, this.instanceId);
  }

  /** As `client.query`. */
  query<Input, Result>(query: StateQuery<Input, Result>, ...input: InputArgument<Input>): Promise<Result> {
    return this.#client.query(this.instanceId, query, ...input);
  }

  /** As `client.update`. */
  update<Input, Reply>(update: StateUpdate<Input, Reply>, ...args: UpdateArguments<Input>): Promise<Reply> {
    return this.#client.update(this.instanceId, update, ...args);
  }

  /** As `client.completeTask`. */
  completeTask(taskId: string, output: unknown): Promise<void> {
    return this.#client.completeTask(this.instanceId, taskId, output);
  }

  /** As `client.delete`. */
  delete(): Promise<void> {
    return this.#client.delete(this.instanceId);
  }
}
