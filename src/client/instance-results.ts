import { checkAbortSignal, checkOptions } from "../engine/call-options.ts";
import { decodeOutput, getState, reportStatus, type StatusReport } from "../engine/instance-status.ts";
import type { Ports } from "../engine/ports.ts";
import { errorFrom } from "../errors/failure.ts";
import { InstanceCancelledError, InstanceFailedError, ResultTimeoutError } from "../errors/instance-errors.ts";
import type { InstanceId } from "../ids.ts";
import { isTerminal } from "../snapshot/snapshot.ts";
import type { Backend } from "../store/backend.ts";
import type { InstanceEnd, WakeupSubscription } from "../store/wakeup.ts";
import { parseDuration } from "../time/duration.ts";
import { pause } from "../time/timers.ts";
import { EndWatch } from "./end-watch.ts";
import type { ResultOptions } from "./instance-handle.ts";

/** Forgotten beyond that: it only saves a look. */
const MOST_HANDED_OVER = 10_000;
const LONGEST_WAIT_MS = 24 * 60 * 60 * 1_000;

/** Waits for the ends of instances. */
export class InstanceResults {
  readonly #backend: Backend;
  readonly #ports: Ports;
  readonly #ends: EndWatch;
  /** Instances that a worker of this process was given when they were submitted, and that have not ended since. */
  readonly #handedOver = new Set<InstanceId>();
  #ending: WakeupSubscription | null = null;

  constructor(backend: Backend, ports: Ports) {
    this.#backend = backend;
    this.#ports = ports;
    this.#ends = new EndWatch(backend, ports);
  }

  /** A worker of this process has just been given the instance. */
  remember(id: InstanceId): void {
    if (this.#handedOver.size === MOST_HANDED_OVER) this.#handedOver.clear();
    this.#handedOver.add(id);
    this.#ending ??= this.#backend.subscribe({ ended: (ends) => this.#forget(ends) });
  }

  /** As `Client.result`. */
  async wait(id: InstanceId, options: ResultOptions): Promise<unknown> {
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
          const state = await getState(this.#backend, id);
          if (isTerminal(state.instance.status)) return outputOf(id, await reportStatus(this.#backend, state));
        }
        options.signal?.throwIfAborted();
        const leftMs = timeoutMs - (clock.monotonicMs() - startedAt);
        if (leftMs <= 0) throw new ResultTimeoutError(id, timeoutMs);
        const end = await watched.ends(leftMs, options.signal);
        // It was a worker of this process that has just written it: no need to read it back.
        if (end?.output) return await decodeOutput(this.#backend, id, end.output);
      } finally {
        watched.stop();
      }
    }
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
    case "awaiting_child":
      throw new TypeError(`An instance that is ${report.status} has not ended.`);
  }
}
