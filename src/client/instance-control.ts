import { checkOptions } from "../engine/call-options.ts";
import { type InstanceId, parseInstanceId } from "../ids.ts";
import { parseDeadline } from "../store/arguments.ts";
import type { Backend } from "../store/backend.ts";
import type { ControlOutcome, TerminateOutcome } from "../store/instance-store.ts";
import type { CancelRequest, RetryRequest, SignalRequest } from "../store/signal-store.ts";
import type { Duration } from "../time/duration.ts";
import { type BulkFilter, type BulkOptions, type BulkResult, forMany } from "./bulk.ts";
import { type PruneOptions, type PruneResult, pruneNow } from "./pruning.ts";
import { retryInstance } from "./retry.ts";

const REQUEST_KEYS = ["reason", "requestedBy"];

/** Stops instances and lets them go on: one by its id, or all that fit a filter. What a `Client` has of it. */
export abstract class InstanceControl {
  readonly #store: Backend;

  constructor(backend: Backend) {
    this.#store = backend;
  }

  /**
   * Cancels the instance: at once if nobody is running it, else at its next checkpoint or heartbeat, when
   * the running body's `AbortSignal` fires. What was only requested comes too late if the last task ends before: the
   * instance completes then (INV-11).
   *
   * With `undo: true`, what it has done is undone before it ends, as after a failure; the flow's failure handler doesn't run. Whoever
   * runs it does that, so there has to be a worker for its flow. Until it ends, further calls change nothing (but give the reason if
   * it has none yet), and `terminate` ends it at once. An instance that is being undone because it has failed goes on with that, and fails.
   *
   * @returns "applied" if it is cancelled now, "requested" if whoever runs it has to stop first, or to undo it
   * @throws {InstanceNotFoundError}
   * @throws {InvalidTransitionError} it has completed or failed
   */
  async cancel(instanceId: string, request: CancelRequest = {}): Promise<ControlOutcome> {
    return await this.#store.requestControl(checked(instanceId, request, ["undo"]), "cancel", request);
  }

  /**
   * Cancels the instance at once, also while somebody runs it: what they still do is not recorded, and their
   * `AbortSignal` fires. For tasks that don't stop; `cancel` lets them.
   *
   * @throws {InstanceNotFoundError}
   * @throws {InvalidTransitionError} it has completed or failed
   */
  async terminate(instanceId: string, request: SignalRequest = {}): Promise<TerminateOutcome> {
    return await this.#store.terminateInstance(checked(instanceId, request), request);
  }

  /**
   * Pauses the instance. Tasks that are running finish, and are recorded; nothing new starts.
   *
   * @throws {InstanceNotFoundError}
   * @throws {InvalidTransitionError} it has ended
   */
  async pause(instanceId: string, request: SignalRequest = {}): Promise<ControlOutcome> {
    return await this.#store.requestControl(checked(instanceId, request), "pause", request);
  }

  /**
   * Lets a paused instance go on.
   *
   * @throws {InstanceNotFoundError}
   * @throws {InvalidTransitionError} it isn't paused
   */
  async unpause(instanceId: string): Promise<void> {
    await this.#store.unpauseInstance(parseInstanceId(instanceId));
  }

  /**
   * Takes back an instance that has failed: it goes on where it failed, with one further attempt of the task, under the id
   * that it has. The retry policy counts on; so a task that is out of attempts gets one for each retry. What has been
   * recorded stays recorded, steps inside the task included; other branches go on as they stood; a wait whose time ran out
   * waits anew. Timers have gone on meanwhile.
   *
   * @param request - `paused`: it comes back paused, so that the task can be completed by hand (`completeTask`) before it
   *   goes on (`unpause`); default `false`. `reason` is shown as the instance's until its status changes again. `deadline`:
   *   by when it has to have ended; default never, also if it had one
   * @throws {InstanceNotFoundError}
   * @throws {InvalidTransitionError} it has not failed, or somebody has just retried it, or it was saved as failed without
   *   a position; or it would fail again at once, because what it had done has been undone; or because too many items of a map,
   *   or all branches of a fork, have failed for good, and `paused` is not set. The message says what to do instead
   * @throws {BackendError} the database failed; after BACKEND_UNAVAILABLE it may have been retried
   */
  async retry(instanceId: string, request: RetryRequest = {}): Promise<void> {
    await retryInstance(this.#store, checked(instanceId, request, ["paused", "deadline"]), request);
  }

  /**
   * Gives a live instance another deadline, or none. One that is being undone goes on with that all the same.
   *
   * @param deadline - a time, or so long from now on, by the database's clock; `null`: it may take as long as it takes
   * @throws {InstanceNotFoundError}
   * @throws {InvalidTransitionError} it has ended; `retry` takes back what has failed, with a deadline if you like
   * @throws {InvalidArgumentError} `deadline` is none; nothing was changed
   */
  async extendDeadline(instanceId: string, deadline: Duration | Date | null): Promise<void> {
    const id = parseInstanceId(instanceId);
    await this.#store.setDeadline(id, deadline === null ? null : parseDeadline(deadline, "deadline"));
  }

  /**
   * Cancels all instances that fit a filter, each as `cancel` does. Like all calls for many: batch by batch, in the order of
   * their ids, each instance in a transaction of its own, so that one that can't be changed harms only itself; with
   * `dryRun`, nothing is changed. After a crash the same call goes on.
   *
   * @param filter - as for `list`. Without a status it means those in which the call makes sense: here, what has not ended
   * @throws {InvalidArgumentError} an argument is not acceptable, or `filter` has no conditions and `options.all` is not set;
   *   nothing was changed
   * @throws {BackendError} the database failed; what was done by then stays done, and the same call goes on
   */
  async cancelMany(filter: BulkFilter, options: BulkOptions & CancelRequest = {}): Promise<BulkResult> {
    return await forMany(this.#store, "cancel", filter, options);
  }

  /** Terminates all instances that fit a filter, each as `terminate` does; otherwise as `cancelMany`. */
  async terminateMany(filter: BulkFilter, options: BulkOptions & SignalRequest = {}): Promise<BulkResult> {
    return await forMany(this.#store, "terminate", filter, options);
  }

  /** Pauses all instances in progress that fit a filter, each as `pause` does; otherwise as `cancelMany`. */
  async pauseMany(filter: BulkFilter, options: BulkOptions & SignalRequest = {}): Promise<BulkResult> {
    return await forMany(this.#store, "pause", filter, options);
  }

  /** Lets all paused instances that fit a filter go on, each as `unpause` does; otherwise as `cancelMany`. */
  async unpauseMany(filter: BulkFilter, options: BulkOptions = {}): Promise<BulkResult> {
    return await forMany(this.#store, "unpause", filter, options);
  }

  /** Takes back all failed instances that fit a filter, each as `retry` does; otherwise as `cancelMany`. */
  async retryMany(filter: BulkFilter, options: BulkOptions & RetryRequest = {}): Promise<BulkResult> {
    return await forMany(this.#store, "retry", filter, options);
  }

  /**
   * Removes all instances that fit a filter, each as `delete` does; otherwise as `cancelMany`. Without a status it means
   * those that have ended: to remove live ones, name their statuses.
   */
  async deleteMany(filter: BulkFilter, options: BulkOptions = {}): Promise<BulkResult> {
    return await forMany(this.#store, "delete", filter, options);
  }

  /**
   * Removes instances that have ended long enough ago, as workers do by themselves: in small batches, those that ended first first. What
   * somebody may come back to is left (docs/retention.md).
   *
   * @throws {InvalidArgumentError} an argument is not acceptable, or workers archive a flow and `archive` is not given; nothing was
   *   removed
   * @throws {BackendError} the database failed; what was removed by then is gone, and the same call goes on
   */
  async prune(options: PruneOptions = {}): Promise<PruneResult> {
    return await pruneNow(this.#store, options);
  }
}

/** The id, if both arguments are acceptable. */
function checked(instanceId: string, request: SignalRequest, more: readonly string[] = []): InstanceId {
  checkOptions(request, [...REQUEST_KEYS, ...more], "request");
  return parseInstanceId(instanceId);
}
