import { WaymarkError } from "../../src/errors/waymark-error.ts";
import type { Checkpoint, ClaimRef, Move } from "../../src/snapshot/checkpoint.ts";
import type { Lane, Position, Standing } from "../../src/snapshot/position.ts";
import type { NewEntry, Snapshot } from "../../src/snapshot/snapshot.ts";
import { stepTaskId } from "../../src/snapshot/step-ids.ts";
import type { Backend } from "../../src/store/backend.ts";
import type { InstanceState, NewInstance } from "../../src/store/instance-store.ts";
import {
  aCheckpoint,
  aForgedClaim,
  aLane,
  aNewInstance,
  aNewPosition,
  anEntry,
  aPosition,
  aSnapshot,
  aStanding,
  aTaskResult,
  branchOf,
  bytesOf,
} from "../../src/testing/builders.ts";
import { FIRST_OLD_CLAIM, type Start, type Step, type StepOfClaim, type StoreOperation } from "./store-operation.ts";

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
  #names = 0;
  #saves = 0;

  constructor(backend: Backend) {
    this.backend = backend;
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
      case "storeSignal": return await backend.storeSignal(operation.id, operation.signal, { reason: `because ${operation.reason}` });
      case "clearSignal": return await backend.clearSignal(operation.id, operation.signal);
      case "getSignal": return await backend.getSignal(operation.id, operation.signal);
      case "requestControl": return await backend.requestControl(operation.id, operation.signal, { reason: `because ${operation.reason}` });
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
      const checkpoint = claim === null ? null : await this.#checkpoint(claim, step, records);
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

  /** `null` where the step makes no sense. */
  async #checkpoint(claim: ClaimRef, step: Step, records: boolean): Promise<Checkpoint | null> {
    const state = await this.backend.findInstance(claim.instanceId);
    const position = state?.positions.find((one) => one.path === claim.path);
    // Whoever is fenced has another picture of where it stands.
    if (state === null || position === undefined) return aCheckpoint(claim);
    if (position.kind === "join" && position.pending > 0) return null;
    const entry = anEntry({
      taskId: position.taskId,
      attempt: position.attempt,
      kind: entryKindOf(position),
      output: bytesOf(this.#name("o")),
    });
    const planned = await this.#planned(state, position, step);
    if (planned === null) return null;
    const { move, entries = records ? [entry] : [], consumes = null } = planned;
    return aCheckpoint(claim, { move, entries, consumes });
  }

  async #planned(
    { instance: { instanceId, codec }, positions }: InstanceState,
    at: Position,
    step: Step,
  ): Promise<{ move: Move; entries?: readonly NewEntry[]; consumes?: bigint } | null> {
    const lane = aLane({ codec });
    const standing = (parts: Partial<Standing>): Standing => aStanding({ lane, inputRef: at.inputRef, ...parts });
    const failed = anEntry({
      taskId: at.taskId,
      attempt: at.attempt,
      outcome: "failed",
      output: null,
      failure: bytesOf("3"),
    });
    switch (step.kind) {
      case "advance":
        return { move: { kind: "advance", to: standing(await this.#visit(instanceId, at, step.to)) } };
      case "ready":
        return { move: { kind: "park", to: standing(await this.#visit(instanceId, at, step.to)), wakeAfterMs: 0 } };
      case "sleep":
        return {
          move: { kind: "park", to: standing({ taskId: this.#name("s"), kind: "delay" }), wakeAfterMs: step.ms },
        };
      case "retry": {
        const to = standing({ taskId: at.taskId, attempt: at.attempt + 1 });
        return at.kind === "task" ? { move: { kind: "park", to, wakeAfterMs: step.ms }, entries: [failed] } : null;
      }
      case "await": {
        const to = standing({ taskId: this.#name("w"), kind: "wait", event: step.event });
        return { move: { kind: "await", to, timeoutMs: step.timeoutMs } };
      }
      case "note": {
        const entry = anEntry({
          taskId: stepTaskId(at.taskId, step.step),
          kind: "step",
          output: bytesOf(this.#name("o")),
        });
        return { move: { kind: "note" }, entries: [entry] };
      }
      case "waitOn": {
        const to = standing({ taskId: at.taskId, kind: "wait", event: at.event, attempt: at.attempt });
        return at.kind === "wait" ? { move: { kind: "await", to, timeoutMs: "keep" }, entries: [] } : null;
      }
      case "receive": {
        const event = at.event === null ? null : await this.backend.peekEvent(instanceId, at.event);
        if (event === null) return null;
        const to = standing({ taskId: at.taskId, kind: "wait", event: at.event, attempt: at.attempt });
        const entry = anEntry({ taskId: at.taskId, attempt: at.attempt, kind: "wait", output: event.payload });
        return { move: { kind: "advance", to }, entries: [entry], consumes: event.sequence };
      }
      case "fork":
        return at.path.includes("/") ? null : { move: this.#fork(standing, step.claimed) };
      case "end":
        return { move: endOf(at, positions, lane) };
      case "fail":
        return { move: failureOf(at, lane), entries: [failed] };
    }
  }

  /** A flow never comes to a task again that has an outcome; if one did, it would not be its first attempt. */
  async #visit(instanceId: string, at: Position, taskId: string): Promise<Pick<Standing, "taskId" | "attempt">> {
    const isKnown = taskId === at.taskId || (await this.backend.loadResults(instanceId, [taskId])).length > 0;
    return { taskId, attempt: isKnown ? 2 : 1 };
  }

  #fork(standing: (parts: Partial<Standing>) => Standing, claimed: boolean): Move {
    const join = this.#name("j");
    const branches = ["y", "x"].map((name) =>
      aNewPosition({
        path: branchOf(join, name),
        standing: standing({ taskId: `${join}${name}` }),
        claimed: claimed && name === "x",
      }),
    );
    return { kind: "fork", join: standing({ taskId: join, kind: "join", pending: 2 }), branches };
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

function entryKindOf(position: Position): NewEntry["kind"] {
  return position.kind === "delay" ? "task" : position.kind;
}

/** How a path comes to its end: the trunk completes the instance, a branch counts its join down. */
function endOf(at: Position, positions: readonly Position[], lane: Lane): Move {
  const joinTaskId = at.path.slice(0, Math.max(at.path.lastIndexOf("/"), 0));
  const join = positions.find((one) => one.kind === "join" && one.taskId === joinTaskId);
  if (at.path === "" || join === undefined)
    return at.path === "" ? { kind: "complete", output: bytesOf("9"), codec: "json" } : failureOf(at, lane);
  return { kind: "endBranch", joinPath: join.path };
}

/** Not always at where the row stands: an engine may be a step ahead of it. */
function failureOf(at: Position, lane: Lane): Move {
  const { taskId, kind, inputRef, attempt, priority, event } = at;
  const to = aStanding({ taskId, kind, inputRef, attempt: attempt + 1, priority, event, lane });
  return { kind: "fail", failure: bytesOf("3"), to };
}

/** Whether two checkpoints can be in one batch without its being open which one is written first. */
function goTogether(a: Checkpoint, b: Checkpoint): boolean {
  if (a.claim.instanceId !== b.claim.instanceId) return a.move.kind !== "fork" || b.move.kind !== "fork";
  return a.claim.path !== b.claim.path && a.move.kind === b.move.kind && standsAlone(a) && standsAlone(b);
}

function standsAlone({ move, consumes }: Checkpoint): boolean {
  return ["note", "advance", "park", "endBranch"].includes(move.kind) && consumes === null;
}
