import { WaymarkError } from "../../src/errors/waymark-error.ts";
import type { Checkpoint, ClaimRef } from "../../src/snapshot/checkpoint.ts";
import type { Lane, Position } from "../../src/snapshot/position.ts";
import type { Snapshot } from "../../src/snapshot/snapshot.ts";
import type { Backend } from "../../src/store/backend.ts";
import type { NewInstance } from "../../src/store/instance-store.ts";
import type { CancelRequest, SignalKind } from "../../src/store/signal-store.ts";
import {
  aForgedClaim,
  aLane,
  aNewInstance,
  aNewPosition,
  aPosition,
  aSnapshot,
  aStanding,
  aTaskResult,
  bytesOf,
} from "../../src/testing/builders.ts";
import { StepCheckpoints } from "./step-checkpoints.ts";
import { FIRST_OLD_CLAIM, type Start, type StepOfClaim, type StoreOperation } from "./store-operation.ts";

const LEASE_MS = 5_000;

/** What an operation gave: the call's result, or the error that it was refused with. */
export type Result = { readonly value: unknown } | { readonly error: WaymarkError };

/** A checkpoint that was written, or refused, with what it wanted. */
export interface Written {
  readonly checkpoint: Checkpoint;
  readonly fate: string;
}

/**
 * Performs operations on a backend. Keeps what they refer to: claims seen, names already used.
 *
 * Whatever it decides follows from the operations and from what the backend answers, so two backends
 * that answer alike are asked alike.
 */
export class StoreRun {
  readonly backend: Backend;
  /** Claims that may hold, latest last, and those that were given up or lost. */
  #claims: ClaimRef[] = [];
  readonly #oldClaims: ClaimRef[] = [];
  /** What the latest operation wrote. */
  written: readonly Written[] = [];
  /** What the latest operation sent. */
  sent: Uint8Array | null = null;
  readonly #steps: StepCheckpoints;
  #names = 0;
  #saves = 0;

  constructor(backend: Backend) {
    this.backend = backend;
    this.#steps = new StepCheckpoints(backend, (prefix) => this.#name(prefix));
  }

  async perform(operation: StoreOperation): Promise<Result> {
    this.written = [];
    this.sent = null;
    try {
      return { value: await this.#call(operation) };
    } catch (error) {
      if (error instanceof WaymarkError) return { error };
      throw error;
    }
  }

  // biome-ignore format: one line a call
  async #call(operation: StoreOperation): Promise<unknown> {
    const { backend } = this;
    switch (operation.kind) {
      case "pass": return null;
      case "create": return await this.#create(operation);
      case "replace": return await this.#replace(operation);
      case "save": return await backend.saveSnapshot(await this.#changed(operation));
      case "saveTaskResult": return await backend.saveTaskResult(operation.id, operation.task, bytesOf(String(operation.payload)));
      case "load": return await backend.loadSnapshot(operation.id);
      case "delete": return await backend.deleteSnapshot(operation.id);
      case "unpause": return await backend.unpause(operation.id);
      case "retry": return await backend.retryInstance(operation.id, operation.request);
      case "checkAndCancel": return await backend.checkAndCancel(operation.id, "t0");
      case "checkAndPause": return await backend.checkAndPause(operation.id);
      case "settle": return await backend.settleInterrupt(operation.id, "t1");
      case "find": return await backend.findInstance(operation.id);
      case "storeSignal": return await backend.storeSignal(operation.id, operation.signal, requestOf(operation));
      case "clearSignal": return await backend.clearSignal(operation.id, operation.signal);
      case "getSignal": return await backend.getSignal(operation.id, operation.signal);
      case "requestControl": return await backend.requestControl(operation.id, operation.signal, requestOf(operation));
      case "send": return await this.#send(operation);
      case "consume": return await backend.consumeEvent(operation.id, operation.event);
      case "peek": return await backend.peekEvent(operation.id, operation.event);
      case "claimTask": return await this.#claimTask(operation);
      case "releaseTask": return await backend.releaseTaskClaim(...(await this.#taskOf(operation.claim)), operation.worker);
      case "extendTask": return await backend.extendTaskClaim(...(await this.#taskOf(operation.claim)), operation.worker, operation.ms);
      case "findAvailable": return await backend.findAvailableTasks(operation.worker, operation.limit);
      case "register": return await backend.registerWorker(operation.worker, operation.tags);
      case "unregister": return await backend.unregisterWorker(operation.worker);
      case "claim": return await this.#claim(operation);
      case "commit": return await this.#commit(operation.steps, operation.worker);
      case "renew": return await backend.renewClaims(this.#allSeen(operation.claims), operation.leaseMs);
      case "release": return await this.#release(this.#allSeen(operation.claims));
      case "list": return await this.#list(operation);
      case "history": return await backend.readHistory(operation.id, { limit: operation.limit });
      case "results": return await backend.loadResults(operation.id, operation.tasks);
    }
  }

  async #create(operation: Extract<StoreOperation, { kind: "create" }>): Promise<unknown> {
    const instances = operation.instances.map(({ id, start }) => this.#newInstance(id, start));
    const created = await this.backend.createInstances(instances, { workerId: operation.worker, leaseMs: LEASE_MS });
    for (const { instanceId, granted } of created) this.#see(granted.map((claim) => ({ instanceId, ...claim })));
    return created;
  }

  async #replace(operation: Extract<StoreOperation, { kind: "replace" }>): Promise<unknown> {
    const { id: instanceId, start, worker: workerId } = operation;
    const created = await this.backend.replaceInstance(this.#newInstance(instanceId, start), {
      workerId,
      leaseMs: LEASE_MS,
    });
    this.#see(created.granted.map((claim) => ({ instanceId, ...claim })));
    return created;
  }

  async #changed(operation: Extract<StoreOperation, { kind: "save" }>): Promise<Snapshot> {
    const { codec } = this.backend;
    const state = await this.backend.findInstance(operation.id);
    const stored = state === null ? null : await this.backend.loadSnapshot(operation.id);
    // Each at a time of its own, so that it is clear which one is to be taken first.
    const aPlace = (facts: Partial<Position> = {}): Position => aPosition({ availableAt: this.#saves++, ...facts });
    const base = stored ?? aSnapshot({ instanceId: operation.id, codec: codec.id, positions: [aPlace()] });
    // What has ended is refused as it is; the rest is changed into something that makes sense.
    switch (operation.change) {
      case "nothing":
        return base;
      case "label":
        return { ...base, labels: { ...base.labels, note: this.#name("n") } };
      case "moves":
        return { ...base, status: "in_progress", reason: null, positions: [aPlace({ taskId: "t2", attempt: 7 })] };
      case "records":
        return { ...base, results: [...base.results, aTaskResult({ taskId: this.#name("r"), kind: "loop" })] };
      case "completes":
        return {
          ...base,
          status: "completed",
          reason: null,
          output: bytesOf("9"),
          endedAt: state?.now ?? 5,
          positions: [],
        };
      case "pauses":
        return {
          ...base,
          status: "paused",
          positions: [aPosition({ taskId: "t1", ready: false, availableAt: null, interrupt: "paused" })],
        };
    }
  }

  async #send(operation: Extract<StoreOperation, { kind: "send" }>): Promise<unknown> {
    const { id, event, dedupKey } = operation;
    // No two events are the same, so that each can be told from all others.
    this.sent = bytesOf(this.#name("e"));
    return await this.backend.sendEvent(id, event, this.sent, dedupKey === null ? {} : { dedupKey: `key-${dedupKey}` });
  }

  async #claimTask(operation: Extract<StoreOperation, { kind: "claimTask" }>): Promise<unknown> {
    const { id, task, worker, ttlMs } = operation;
    const claim = await this.backend.claimTask(id, task, worker, ttlMs ?? undefined);
    if (claim === null) return null;
    const position = (await this.backend.findInstance(id))?.positions.find((one) => one.claim?.token === claim.token);
    this.#see([{ instanceId: id, path: position?.path ?? "", token: claim.token }]);
    return claim;
  }

  async #claim(operation: Extract<StoreOperation, { kind: "claim" }>): Promise<unknown> {
    const { worker: workerId, leaseMs, limit, id } = operation;
    const lanes = [this.#lane(), this.#lane(["gpu"])];
    const claims = await this.backend.claimPositions({
      workerId,
      leaseMs,
      limit,
      lanes,
      ...(id === null ? {} : { instanceId: id }),
    });
    this.#see(claims);
    return claims;
  }

  async #release(claims: readonly ClaimRef[]): Promise<unknown> {
    await this.backend.releaseClaims(claims);
    for (const claim of claims) this.#giveUp(claim);
    return null;
  }

  async #list(operation: Extract<StoreOperation, { kind: "list" }>): Promise<unknown> {
    const page = { limit: operation.limit, ...(operation.after === null ? {} : { after: operation.after }) };
    return [await this.backend.listSnapshots(page), await this.backend.listInstances(page)];
  }

  async #commit(steps: readonly StepOfClaim[], workerId: string): Promise<unknown> {
    const checkpoints: Checkpoint[] = [];
    for (const { claim: number, step, records } of steps) {
      const claim = this.#seen(number);
      const checkpoint = claim === null ? null : await this.#steps.checkpoint(claim, step, records);
      if (checkpoint !== null && checkpoints.every((other) => goTogether(other, checkpoint))) {
        checkpoints.push(checkpoint);
      }
    }
    const fates = await this.backend.commitCheckpoints(checkpoints, { workerId, leaseMs: LEASE_MS });
    this.written = checkpoints.map((checkpoint, index) => ({ checkpoint, fate: fates[index]?.kind ?? "none" }));
    for (const [index, fate] of fates.entries()) {
      const instanceId = checkpoints[index]?.claim.instanceId ?? "";
      const claim = checkpoints[index]?.claim;
      const isOver = fate.kind === "fenced" || (fate.kind === "accepted" && !fate.kept);
      if (claim !== undefined && isOver) this.#giveUp(claim);
      if (fate.kind === "accepted") this.#see(fate.granted.map((granted) => ({ instanceId, ...granted })));
    }
    return fates;
  }

  #newInstance(instanceId: string, start: Start): NewInstance {
    const lane = this.#lane(start === "tagged" ? ["gpu"] : []);
    const standing = aStanding({ taskId: "t0", lane, priority: start === "urgent" ? 1 : 3 });
    const sleeping = { standing: { ...standing, taskId: this.#name("s"), kind: "delay" }, wakeAfterMs: 500 } as const;
    const position = aNewPosition(start === "asleep" ? sleeping : { standing, claimed: start === "claimed" });
    return aNewInstance({ instanceId, codec: lane.codec, positions: [position], input: bytesOf(instanceId) });
  }

  #lane(tags: readonly string[] = []): Lane {
    return aLane({ codec: this.backend.codec.id, tags });
  }

  async #taskOf(claim: number): Promise<[string, string]> {
    const { instanceId, path } = this.#seen(claim) ?? aForgedClaim("a");
    const position = (await this.backend.findInstance(instanceId))?.positions.find((one) => one.path === path);
    return [instanceId, position?.taskId ?? "t0"];
  }

  #see(claims: readonly ClaimRef[]): void {
    for (const { instanceId, path, token } of claims) this.#claims.push({ instanceId, path, token });
  }

  #giveUp(claim: ClaimRef): void {
    if (!this.#claims.some((one) => one.token === claim.token)) return;
    this.#claims = this.#claims.filter((one) => one.token !== claim.token);
    this.#oldClaims.push(claim);
  }

  /** Of those that may hold, the latest for 0, the one before for 1 …; of the old ones alike. */
  #seen(number: number): ClaimRef | null {
    const claims = number < FIRST_OLD_CLAIM ? this.#claims : this.#oldClaims;
    return claims.at(-1 - ((number % FIRST_OLD_CLAIM) % Math.max(claims.length, 1))) ?? null;
  }

  #allSeen(numbers: readonly number[]): ClaimRef[] {
    return numbers.flatMap((number) => this.#seen(number) ?? []);
  }

  #name(prefix: string): string {
    this.#names += 1;
    return `${prefix}${this.#names}`;
  }
}

/** Whether two checkpoints can be in one batch without its being open which one is written first. */
function goTogether(a: Checkpoint, b: Checkpoint): boolean {
  if (a.claim.instanceId !== b.claim.instanceId) return a.move.kind !== "fork" || b.move.kind !== "fork";
  return a.claim.path !== b.claim.path && a.move.kind === b.move.kind && standsAlone(a) && standsAlone(b);
}

function standsAlone({ move, consumes }: Checkpoint): boolean {
  return ["note", "advance", "park", "endBranch", "endItem"].includes(move.kind) && consumes === null;
}

function requestOf({
  signal,
  reason,
  undo,
}: {
  readonly signal: SignalKind;
  readonly reason: number;
  readonly undo: boolean;
}): CancelRequest {
  return { reason: `because ${reason}`, ...(signal === "cancel" && undo ? { undo } : {}) };
}
