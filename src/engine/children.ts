import type { InstanceId } from "../ids.ts";
import type { InstanceRecord } from "../snapshot/snapshot.ts";
import type { Backend } from "../store/backend.ts";
import type { ChildFate, NewChild } from "../store/child-store.ts";
import { pause } from "../time/timers.ts";
import { Gatherer } from "./gatherer.ts";
import { isPassing } from "./passing-errors.ts";
import type { Ports } from "./ports.ts";

/** Most children in one statement. */
const MOST_AT_ONCE = 500;
/** Of inputs in one statement. */
const MOST_BYTES = 4 * 1024 * 1024;
const LONGEST_BUSY_WAIT_MS = 100;
/** Together about half a second: then what is left is left to workers that look for it now and then. */
const MOST_SETTLE_TRIES = 10;

/** Starts and finds children for all positions of a process: what is asked for at the same time goes together. */
export class Children {
  readonly store: Backend;
  readonly #ports: Ports;
  readonly #creations: Gatherer<NewChild, ChildFate>;
  readonly #searches: Gatherer<InstanceId, InstanceRecord | null>;
  /** What is being done of what ends have left to be done, and whether more has come since it began. */
  #settling: Promise<void> | null = null;
  #isAskedAgain = false;

  constructor(store: Backend, ports: Ports) {
    this.store = store;
    this.#ports = ports;
    const { timers } = ports;
    this.#creations = new Gatherer((children) => store.createChildren(children), {
      ...{ timers, inFlight: 2, maxItems: MOST_AT_ONCE, maxBytes: MOST_BYTES },
      bytesOf: ({ instance }) => instance.input.byteLength,
    });
    this.#searches = new Gatherer((ids) => store.findChildren(ids), { timers, inFlight: 2, maxItems: MOST_AT_ONCE });
  }

  /**
   * Makes a child. Where a row is locked, it is tried again.
   *
   * @throws {BackendError} it could not be made, or it is unknown whether it was
   */
  async create(child: NewChild): Promise<Exclude<ChildFate, "busy">> {
    for (let waitMs = 1; ; waitMs = Math.min(waitMs * 2, LONGEST_BUSY_WAIT_MS)) {
      const fate = await this.#creations.add(child);
      if (fate !== "busy") return fate;
      await pause(this.#ports.timers, waitMs * (0.5 + this.#ports.random.next()));
    }
  }

  /** `null`: there is none. */
  async find(instanceId: InstanceId): Promise<InstanceRecord | null> {
    return await this.#searches.add(instanceId);
  }

  /** Does what ends have left to be done. Where the store fails, a worker comes to it later. */
  settle(): Promise<void> {
    if (this.#settling === null) {
      this.#settling = this.#settleAll().finally(() => {
        this.#settling = null;
      });
    } else {
      this.#isAskedAgain = true;
    }
    return this.#settling;
  }

  async #settleAll(): Promise<void> {
    let isLeft = true;
    for (let tries = 1; isLeft && tries <= MOST_SETTLE_TRIES; tries++) {
      this.#isAskedAgain = false;
      try {
        // A part may have been left because a mailbox was locked: by who parks there, say.
        isLeft = await this.store.settleEndings();
        if (isLeft) await pause(this.#ports.timers, Math.min(2 ** tries, LONGEST_BUSY_WAIT_MS));
      } catch (error) {
        if (!isPassing(error)) throw error;
        const message = "What ends of instances mean for others could not be done now; it will be done later.";
        this.#ports.logger.warn({ error }, message);
        return;
      }
      if (this.#isAskedAgain) [isLeft, tries] = [true, 0];
    }
  }
}
