import { type InstanceId, parseAwaitedEvent, parseKnownId, type WorkerId } from "../ids.ts";
import type { Checkpoint, ClaimRef } from "../snapshot/checkpoint.ts";
import type { Position } from "../snapshot/position.ts";
import { parseSpanMs } from "../store/arguments.ts";
import { checkCheckpoints, checkClaimRefs } from "../store/check-checkpoint.ts";
import { checkClaimRequest, checkHolder } from "../store/check-instance.ts";
import type {
  BufferedEvent,
  CheckpointFate,
  ClaimedPosition,
  ClaimRequest,
  PositionStore,
  Promotion,
  Renewal,
} from "../store/position-store.ts";
import { copyOf } from "./bytes.ts";
import { writeCheckpoint } from "./checkpoint-writer.ts";
import type { MemoryState } from "./memory-state.ts";
import { claimPosition } from "./new-position.ts";
import { firstOf } from "./ready-order.ts";
import type { Slot, StoredInstance } from "./stored-instance.ts";
import { takePosition } from "./take-position.ts";

/** Claims and checkpoints, in memory. */
export class MemoryPositionStore implements PositionStore {
  readonly #state: MemoryState;

  constructor(state: MemoryState) {
    this.#state = state;
  }

  async claimPositions(request: ClaimRequest): Promise<readonly ClaimedPosition[]> {
    checkClaimRequest(request);
    const now = this.#state.now();
    const next = this.#source(request, now);
    const claimed: ClaimedPosition[] = [];
    const { suspectFromLost = Number.POSITIVE_INFINITY } = request;
    let suspects = 0;
    for (let slot = next(); slot !== undefined; slot = claimed.length < request.limit ? next() : undefined) {
      if (slot.position.lost >= suspectFromLost && ++suspects > 1) break;
      claimed.push(takePosition(this.#state, slot, request, now));
    }
    return claimed;
  }

  async promoteDue(): Promise<Promotion> {
    const now = this.#state.now();
    const promoted = this.#state.promoteDue(now);
    const { nextDueAt } = this.#state.table;
    const nextDueMs = nextDueAt === null ? null : Math.max(0, nextDueAt - now);
    return { promoted, nextDueMs, owes: !this.#state.endings.isEmpty };
  }

  async commitCheckpoints(
    checkpoints: readonly Checkpoint[],
    holder: { readonly workerId: WorkerId; readonly leaseMs: number },
  ): Promise<readonly CheckpointFate[]> {
    checkCheckpoints(checkpoints);
    checkHolder(holder);
    const now = this.#state.now();
    const facts = { now, workerId: holder.workerId, leaseEnd: now + holder.leaseMs };
    return checkpoints.map((checkpoint) => writeCheckpoint(this.#state, checkpoint, facts));
  }

  async renewClaims(claims: readonly ClaimRef[], leaseMs: number): Promise<readonly Renewal[]> {
    checkClaimRefs(claims);
    parseSpanMs(leaseMs, "leaseMs");
    const now = this.#state.now();
    return claims.map((claim) => {
      const held = this.#held(claim);
      if (held === null) return { held: false, interrupt: null };
      const { instance, position, ownClaim } = held;
      if (ownClaim.expiresAt !== null) {
        const renewed = claimPosition(position, { ...ownClaim, expiresAt: now + leaseMs });
        this.#state.place(instance, renewed, now);
      }
      return { held: true, interrupt: position.interrupt };
    });
  }

  async releaseClaims(claims: readonly ClaimRef[]): Promise<void> {
    checkClaimRefs(claims);
    const now = this.#state.now();
    for (const claim of claims) {
      const held = this.#held(claim);
      if (held !== null) this.#state.giveBack(held.instance, held.position, now);
    }
  }

  async peekEvent(instanceId: InstanceId, name: string): Promise<BufferedEvent | null> {
    parseKnownId(instanceId);
    parseAwaitedEvent(name, "name");
    const event = this.#state.findMailbox(instanceId)?.peek(name) ?? null;
    return event === null ? null : { sequence: event.sequence, payload: copyOf(event.payload), codec: event.codec };
  }

  /** Gives the next position to take, each time anew: what was taken before is not ready any more. */
  #source(request: ClaimRequest, now: number): () => Slot | undefined {
    if (request.instanceId !== undefined) {
      const instance = this.#state.find(request.instanceId);
      if (instance !== null) this.#state.promoteDueOf(instance, now);
      return () => instance?.ready.peek();
    }
    if (request.readyOnly !== true) this.#state.promoteDue(now);
    const { pausedFlows, table } = this.#state;
    const queues = table.queuesOf(request.lanes.filter(({ flow }) => !pausedFlows.has(flow)));
    return () => firstOf(queues)?.ready.peek();
  }

  #held(
    ref: ClaimRef,
  ): { instance: StoredInstance; position: Position; ownClaim: NonNullable<Position["claim"]> } | null {
    const instance = this.#state.find(ref.instanceId);
    const position = instance?.positions.get(ref.path);
    if (instance == null || position?.claim == null || position.claim.token !== ref.token) return null;
    return { instance, position, ownClaim: position.claim };
  }
}
