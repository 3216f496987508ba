import { DEADLINE_ID } from "../flow/flow-definition.ts";
import type { InstanceId, WorkerId } from "../ids.ts";
import type { ClaimRef } from "../snapshot/checkpoint.ts";
import { isDeadline } from "../snapshot/deadline.ts";
import type { Backend } from "../store/backend.ts";
import type { InstanceState } from "../store/instance-store.ts";
import type { Timer } from "../time/timers.ts";
import { type HeldPosition, movedTo } from "./held-position.ts";
import type { Host } from "./host.ts";
import type { Ports } from "./ports.ts";

interface WatchParts {
  readonly store: Pick<Backend, "claimTask" | "findInstance">;
  readonly ports: Ports;
  readonly workerId: WorkerId;
  readonly leaseMs: number;
  /** Gives back a claim that is not driven. */
  readonly release: (claim: ClaimRef) => Promise<void>;
}

interface Watched {
  /** How many of its positions are driven here. */
  positions: number;
  readonly host: Host;
  timer: Timer | null;
}

/** Whoever has just been too early, or could not look, looks again after this time at the earliest. */
const LEAST_WAIT_MS = 1_000;
/** A deadline may be moved nearer while its instance is driven here; somebody else acts on it in general. */
const MOST_WAIT_MS = 60_000;

/**
 * Sees to the deadlines of what is driven in this process. Others would find them, too, once they are due; but there may be no
 * others, and no room for a claim here as long as bodies run. Whether one is due is decided by the store's clock.
 */
export class DeadlineWatch {
  readonly #parts: WatchParts;
  readonly #watched = new Map<InstanceId, Watched>();

  constructor(parts: WatchParts) {
    this.#parts = parts;
  }

  /** Looks when the deadline of a driven position's instance has come. @returns ends it; `null` if there is none */
  watch(held: HeldPosition, host: Host): (() => void) | null {
    const { deadline, claim } = held;
    if (deadline === null || isDeadline(claim)) return null;
    const { instanceId } = claim;
    let watched = this.#watched.get(instanceId);
    if (watched === undefined) {
      watched = { positions: 0, host, timer: null };
      this.#watched.set(instanceId, watched);
      this.#lookAfter(deadline.atMs - this.#parts.ports.clock.monotonicMs(), held, watched);
    }
    const counted = watched;
    counted.positions++;
    return () => {
      if (--counted.positions > 0) return;
      counted.timer?.cancel();
      if (this.#watched.get(instanceId) === counted) this.#watched.delete(instanceId);
    };
  }

  #lookAfter(ms: number, held: HeldPosition, watched: Watched): void {
    const { timers } = this.#parts.ports;
    watched.timer = timers.after(Math.min(Math.max(0, ms), MOST_WAIT_MS), () => void this.#look(held, watched));
    watched.timer.unref?.();
  }

  async #look(held: HeldPosition, watched: Watched): Promise<void> {
    const { store, ports, workerId, leaseMs, release } = this.#parts;
    const { instanceId } = held.claim;
    let waitMs: number | null = LEAST_WAIT_MS;
    try {
      const claim = await store.claimTask(instanceId, DEADLINE_ID, workerId, leaseMs);
      const state = await store.findInstance(instanceId);
      const ref = claim === null ? null : { instanceId, path: DEADLINE_ID, token: claim.token };
      const taken = ref === null || state === null ? null : heldDeadline(held, ref, state);
      if (taken === null || watched.positions === 0) {
        if (ref !== null) await release(ref);
      } else {
        watched.host.take(taken);
      }
      waitMs = untilNext(state);
    } catch (error) {
      const message = "The deadline of an instance could not be looked at; trying again.";
      ports.logger.warn({ error, instanceId }, message);
    }
    if (waitMs !== null && watched.positions > 0) this.#lookAfter(Math.max(waitMs, LEAST_WAIT_MS), held, watched);
  }
}

/** The position of the deadline, as it is held now; `null` if it isn't. */
function heldDeadline(beside: HeldPosition, claim: ClaimRef, state: InstanceState): HeldPosition | null {
  const position = state.positions.find(isDeadline);
  const at = state.instance.deadlineAt;
  if (position?.claim?.token !== claim.token || at === null) return null;
  const { taskId, attempt, inputRef, wakeAt, interrupt } = position;
  const moved = movedTo(beside, { taskId, attempt, inputRef }, null);
  return {
    ...moved,
    claim,
    stand: { ...moved.stand, path: claim.path },
    armed: wakeAt !== null,
    due: wakeAt !== null && wakeAt <= state.now,
    interrupt,
    deadline: { at, atMs: 0 },
  };
}

/** After which time to look again; `null` if there is nothing to look for. */
function untilNext(state: InstanceState | null): number | null {
  const wakeAt = state?.positions.find(isDeadline)?.wakeAt ?? null;
  return state === null || wakeAt === null ? null : wakeAt - state.now;
}
