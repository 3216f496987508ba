import { checkKeyedStart, checkStartDecision } from "../store/check-start.ts";
import { hintCreated, hintTerminated } from "../store/hints.ts";
import { isUntouched } from "../store/pending-start.ts";
import type { KeyedStart, LastStart, StartDecision, StartKeyStore, StartOutcome } from "../store/start-key-store.ts";
import type { WakeupHub } from "../store/wakeup-hub.ts";
import * as control from "./instance-control.ts";
import type { MemoryInstanceStore } from "./memory-instance-store.ts";
import type { MemoryState } from "./memory-state.ts";

/** Starts one instance for what several submissions have in common, in memory. */
export class MemoryStartKeyStore implements StartKeyStore {
  readonly #state: MemoryState;
  readonly #instances: MemoryInstanceStore;
  readonly #hub: WakeupHub;
  /** Who is just deciding something under a key, in the order in which they came. */
  readonly #deciding = new Map<string, Promise<unknown>>();

  constructor(state: MemoryState, instances: MemoryInstanceStore, hub: WakeupHub) {
    this.#state = state;
    this.#instances = instances;
    this.#hub = hub;
  }

  async startKeyed(start: KeyedStart): Promise<StartOutcome> {
    checkKeyedStart(start);
    const name = JSON.stringify([start.candidate.flow, start.key]);
    const before = this.#deciding.get(name);
    const own = (async () => {
      await before?.catch(() => undefined);
      return await this.#start(start);
    })();
    this.#deciding.set(name, own);
    try {
      return await own;
    } finally {
      if (this.#deciding.get(name) === own) this.#deciding.delete(name);
    }
  }

  async #start(start: KeyedStart): Promise<StartOutcome> {
    const { candidate, key } = start;
    for (;;) {
      if (this.#state.find(candidate.instanceId) !== null) return { kind: "idTaken", instanceId: candidate.instanceId };
      const last = this.#lastOf(candidate.flow, key);
      const decision = await start.decide(last);
      checkStartDecision(decision, candidate, last);
      if (decision.kind === "refuse") return { kind: "refused", last };
      // Claims and timers don't wait for a decision.
      const now = this.#lastOf(candidate.flow, key);
      const isTaken = this.#state.find(candidate.instanceId) !== null;
      if (isTaken || now?.isLive !== last?.isLive || (now?.pending === null) !== (last?.pending === null)) continue;
      return await this.#write(decision, key, last);
    }
  }

  async #write(
    decision: Exclude<StartDecision, { kind: "refuse" }>,
    key: string,
    last: LastStart | null,
  ): Promise<StartOutcome> {
    const { instance } = decision;
    const { instanceId, flow } = instance;
    const now = this.#state.now();
    if (decision.kind === "gather") this.#state.makeRoom(this.#state.get(instanceId));
    else if (decision.cancels !== null && last?.isLive === true) {
      control.cancel(this.#state, this.#state.get(last.instanceId), { reason: decision.cancels }, null, now);
      hintTerminated(this.#hub, last.instanceId);
    }
    const created = await this.#instances.createInstances([instance]);
    if (decision.kind === "start" && decision.isSingle) this.#state.get(instanceId).singletonKey = key;
    const markAt = decision.markInMs === null ? null : now + decision.markInMs;
    this.#state.startKeys.set(flow, key, { instanceId, startsAt: now + decision.startsInMs, markAt });
    hintCreated(this.#hub, [instance], created);
    return { kind: decision.kind === "gather" ? "gathered" : "started", instanceId };
  }

  #lastOf(flow: string, key: string): LastStart | null {
    const started = this.#state.startKeys.find(flow, key);
    if (started === null) return null;
    const { instanceId, startsAt, markAt } = started;
    const now = this.#state.now();
    const instance = this.#state.find(instanceId);
    const isPending =
      instance !== null &&
      startsAt > now &&
      instance.record.status === "in_progress" &&
      [...instance.positions.values()].every(isUntouched) &&
      instance.history.isEmpty;
    const { input, codec } = instance?.record ?? { input: new Uint8Array(), codec: "" };
    return {
      instanceId,
      isLive: this.#state.isLive(instanceId),
      pending: isPending ? { input, codec, startsInMs: startsAt - now } : null,
      markInMs: markAt === null ? null : markAt - now,
    };
  }
}
