import type { Ports } from "../engine/ports.ts";
import { WaymarkError } from "../errors/waymark-error.ts";
import type { InstanceId } from "../ids.ts";
import type { Backend } from "../store/backend.ts";
import type { InstanceEnd, WakeupSubscription } from "../store/wakeup.ts";
import { pause } from "../time/timers.ts";

const FIRST_LOOK_MS = 10;
/** Hints get lost: without one, look all the same. */
const LIVE_LOOK_MS = 2_000;
const DEAF_LOOK_MS = 500;
const MOST_AT_ONCE = 1_000;

/** `end` is `null` where all that is known is that it is worth a look. */
export type EndListener = (end: InstanceEnd | null) => void;

/**
 * Tells who waits for instances that they have ended. All of them together, so that ten thousand callers cost one
 * statement now and then; it is idle, and holds no connection, while nobody waits.
 */
export class EndWatch {
  readonly #backend: Backend;
  readonly #ports: Ports;
  readonly #waiting = new Map<InstanceId, Set<EndListener>>();
  #subscription: WakeupSubscription | null = null;
  #looker: AbortController | null = null;
  #isHinted = false;

  constructor(backend: Backend, ports: Ports) {
    this.#backend = backend;
    this.#ports = ports;
  }

  /**
   * Calls `listener` once when the instance seems to have ended, or to be gone.
   *
   * @returns ends it; idempotent
   */
  watch(instanceId: InstanceId, listener: EndListener): () => void {
    const listeners = this.#waiting.get(instanceId) ?? new Set();
    this.#waiting.set(instanceId, listeners);
    listeners.add(listener);
    this.#subscription ??= this.#backend.subscribe({ ended: (ends) => this.#hint(ends) });
    if (this.#looker === null) void this.#look();
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#waiting.get(instanceId) === listeners) this.#waiting.delete(instanceId);
      if (this.#waiting.size === 0) this.#rest();
    };
  }

  #hint(ends: readonly InstanceEnd[] | null): void {
    if (ends === null) {
      this.#isHinted = true;
      this.#looker?.abort();
      return;
    }
    for (const end of ends) this.#tell(end.instanceId, end);
  }

  #tell(id: InstanceId, end: InstanceEnd | null): void {
    const listeners = this.#waiting.get(id);
    if (listeners === undefined) return;
    this.#waiting.delete(id);
    for (const listener of listeners) listener(end);
    if (this.#waiting.size === 0) this.#rest();
  }

  /** Until nobody waits any more. */
  async #look(): Promise<void> {
    for (let waitMs = FIRST_LOOK_MS; this.#waiting.size > 0; waitMs *= 1.5) {
      const looker = new AbortController();
      this.#looker = looker;
      const mostMs = this.#subscription?.isLive === true ? LIVE_LOOK_MS : DEAF_LOOK_MS;
      if (!this.#isHinted) await pause(this.#ports.timers, Math.min(waitMs, mostMs), looker.signal);
      if (this.#looker !== looker) return;
      this.#isHinted = false;
      try {
        const ids = [...this.#waiting.keys()];
        for (let from = 0; from < ids.length; from += MOST_AT_ONCE) {
          const ended = await this.#backend.findEnded(ids.slice(from, from + MOST_AT_ONCE));
          for (const id of ended) this.#tell(id, null);
        }
      } catch (error) {
        // Whoever waits has a time limit of their own; until then the database may come back.
        this.#ports.logger.debug({ error }, "Looking for ended instances failed; trying again.");
        // It won't: whoever waits shall hear it.
        if (WaymarkError.is(error) && error.code === "BACKEND_CLOSED")
          for (const id of [...this.#waiting.keys()]) this.#tell(id, null);
      }
    }
  }

  #rest(): void {
    this.#subscription?.close();
    this.#subscription = null;
    const looker = this.#looker;
    this.#looker = null;
    looker?.abort();
  }
}
