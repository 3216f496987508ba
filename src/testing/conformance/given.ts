import { expect } from "vitest";
import { type LimitOptions, limit } from "../../flow/limit.ts";
import type { InstanceId, TaskId } from "../../ids.ts";
import { COMMON_KEY } from "../../snapshot/allowance.ts";
import type { Checkpoint, ClaimRef, Move, NewPosition } from "../../snapshot/checkpoint.ts";
import type { GateScope, Lane, Position, Standing } from "../../snapshot/position.ts";
import type { HistoryEntry, InstanceStatus, NewEntry, Snapshot } from "../../snapshot/snapshot.ts";
import type { Backend } from "../../store/backend.ts";
import type { Holder, InstanceState, NewInstance } from "../../store/instance-store.ts";
import type { Admission } from "../../store/limit-store.ts";
import type { CheckpointFate, ClaimedPosition, ClaimRequest } from "../../store/position-store.ts";
import {
  aCheckpoint,
  aLane,
  aNewInstance,
  aNewPosition,
  anEntry,
  aSnapshot,
  aStanding,
  branchOf,
  bytesOf,
} from "../builders.ts";
import type { SubjectClock } from "./suite.ts";

/** What a test may say of an instance that it begins with. */
export interface InstanceFacts extends Partial<NewInstance> {
  /** Where its trunk stands; by default ready at the task "first". */
  readonly at?: Partial<Standing>;
  readonly wakeAfterMs?: number | null;
}

/** Before which gate, and with whose share. */
export interface GateFacts {
  readonly limit?: string;
  readonly scope?: GateScope;
  readonly key?: string;
}

/** A fork: its join, and the claims on its branches, by name. */
export interface Forked {
  readonly instanceId: InstanceId;
  readonly joinPath: string;
  readonly branches: Readonly<Record<string, ClaimRef>>;
}

/** A map: the claims on the items that have begun, by index. */
export interface MapOfItems {
  readonly instanceId: InstanceId;
  readonly items: readonly ClaimRef[];
}

type Accepted = Extract<CheckpointFate, { kind: "accepted" }>;
type Terminal = Extract<InstanceStatus, "completed" | "failed" | "cancelled">;

/** Who holds what a test claims, and for how long. */
export const holder: Holder = { workerId: "worker-a", leaseMs: 60_000 };

/** How often a checkpoint is tried again whose row somebody else had locked. */
const BUSY_TRIES = 200;

/** Brings a backend into the state that a test begins with. */
export class Given {
  readonly #backend: Backend;
  readonly #clock: SubjectClock;

  constructor(backend: Backend, clock: SubjectClock) {
    this.#backend = backend;
    this.#clock = clock;
  }

  /** A lane of the backend's codec. */
  lane(overrides: Partial<Lane> = {}): Lane {
    return aLane({ codec: this.#backend.codec.id, ...overrides });
  }

  standing(overrides: Partial<Standing> = {}): Standing {
    return aStanding({ lane: this.lane(), ...overrides });
  }

  /** Waits for the event "paid", unless said otherwise. */
  wait(overrides: Partial<Standing> = {}): Standing {
    return this.standing({ taskId: "payment", kind: "wait", event: "paid", ...overrides });
  }

  delay(overrides: Partial<Standing> = {}): Standing {
    return this.standing({ taskId: "rest", kind: "delay", ...overrides });
  }

  newInstance(facts: InstanceFacts = {}): NewInstance {
    const { at, wakeAfterMs = 0, ...overrides } = facts;
    const { flow, definitionHash, codec } = { ...this.lane(), ...overrides };
    const standing = this.standing({ lane: this.lane({ flow, definitionHash, codec }), ...at });
    const positions: readonly NewPosition[] = [aNewPosition({ standing, wakeAfterMs })];
    return aNewInstance({ codec, positions, ...overrides });
  }

  snapshot(overrides: Partial<Snapshot> = {}): Snapshot {
    return aSnapshot({ codec: this.#backend.codec.id, ...overrides });
  }

  /** An instance in progress, "order-1" unless said otherwise. */
  async instance(facts: InstanceFacts = {}): Promise<NewInstance> {
    const instance = this.newInstance(facts);
    const [created] = await this.#backend.createInstances([instance], holder);
    expect(created?.created).toBe(true);
    return instance;
  }

  /** An instance whose trunk "worker-a" holds. */
  async held(facts: InstanceFacts = {}): Promise<ClaimedPosition> {
    const instance = await this.instance(facts);
    return await this.claimOf(instance.instanceId);
  }

  /** An instance that waits for an event, out of reach. */
  async parked(
    facts: InstanceFacts & { readonly event?: string; readonly timeoutMs?: number | null } = {},
  ): Promise<ClaimRef> {
    const { event = "paid", timeoutMs = null, ...rest } = facts;
    const claim = await this.held(rest);
    const fate = await this.accepted(claim, { kind: "await", to: this.wait({ event }), timeoutMs });
    expect(fate.kept).toBe(false);
    return claim;
  }

  /** An instance that sleeps in a delay. */
  async asleep(sleepMs: number, facts: InstanceFacts = {}): Promise<NewInstance> {
    return await this.instance({ ...facts, at: this.delay(facts.at), wakeAfterMs: sleepMs });
  }

  /** An instance that has forked; "worker-a" holds all branches. */
  async forked(names: readonly string[], facts: InstanceFacts = {}): Promise<Forked> {
    const claim = await this.held(facts);
    return await this.fork(claim, "both", names);
  }

  /** The position of `claim` becomes the join `joinTaskId`; its branches are held. */
  async fork(claim: ClaimRef, joinTaskId: TaskId, names: readonly string[]): Promise<Forked> {
    const fate = await this.accepted(claim, this.forkMove(joinTaskId, names));
    const granted = names.map((name) => {
      const path = branchOf(joinTaskId, name);
      const token = fate.granted.find((one) => one.path === path)?.token;
      if (token === undefined) throw new TypeError(`The branch "${path}" was not granted.`);
      return [name, { instanceId: claim.instanceId, path, token }] as const;
    });
    return { instanceId: claim.instanceId, joinPath: claim.path, branches: Object.fromEntries(granted) };
  }

  forkMove(
    joinTaskId: TaskId,
    names: readonly string[],
    overrides: Partial<NewPosition> = {},
  ): Extract<Move, { kind: "fork" }> {
    return {
      kind: "fork",
      join: this.standing({ taskId: joinTaskId, kind: "join", pending: names.length }),
      branches: names.map((name) =>
        aNewPosition({
          path: branchOf(joinTaskId, name),
          standing: this.standing({ taskId: name }),
          claimed: true,
          ...overrides,
        }),
      ),
    };
  }

  /** The end of an instance by a task that has failed: the first one, unless said otherwise. */
  failMove(to: Partial<Standing> = {}): Extract<Move, { kind: "fail" }> {
    return { kind: "fail", failure: bytesOf("3"), to: this.standing({ attempt: 2, ...to }) };
  }

  /** The trunk has become the join of the map "resize"; "worker-a" holds the first `begun` of its items. */
  async mapped(total: number, begun: number, facts: InstanceFacts = {}): Promise<MapOfItems> {
    const claim = await this.held(facts);
    return await this.map(claim, { total, begun });
  }

  /** The position of `claim` becomes the join of a map, with the lane and priority of `join`. */
  async map(
    claim: ClaimRef,
    what: { readonly total: number; readonly begun: number; readonly join?: Partial<Standing> },
  ): Promise<MapOfItems> {
    const { total, begun, join } = what;
    const move = this.mapMove(total, begun, join);
    const { taskId } = move.join;
    const values = Array.from({ length: total }, (_, index) =>
      anEntry({ taskId: `${taskId}[${index}]~item`, kind: "item", output: bytesOf(String(index)) }),
    );
    const { granted } = await this.accepted(claim, move, values);
    const items = granted.map(({ path, token }) => ({ instanceId: claim.instanceId, path, token }));
    expect(items.map(({ path }) => path)).toEqual(move.branches.map(({ path }) => path));
    return { instanceId: claim.instanceId, items };
  }

  mapMove(total: number, begun: number, join: Partial<Standing> = {}): Extract<Move, { kind: "fork" }> {
    const standing = this.standing({
      taskId: "resize",
      kind: "join",
      pending: total,
      items: { total, started: begun, failed: 0 },
      ...join,
    });
    return {
      kind: "fork",
      join: standing,
      branches: Array.from({ length: begun }, (_, index) =>
        aNewPosition({
          path: `${standing.taskId}[${index}]`,
          standing: this.standing({ taskId: `${standing.taskId}[${index}]~item` }),
          claimed: true,
        }),
      ),
    };
  }

  async ended(status: Terminal, facts: InstanceFacts = {}): Promise<NewInstance> {
    const instance = await this.instance(facts);
    const { instanceId } = instance;
    if (status === "cancelled") {
      expect(await this.#backend.requestControl(instanceId, "cancel", { reason: "not wanted" })).toBe("applied");
      return instance;
    }
    const claim = await this.claimOf(instanceId);
    if (status === "completed") await this.accepted(claim, { kind: "complete", output: bytesOf("2"), codec: "json" });
    else
      await this.accepted(claim, this.failMove(), [
        anEntry({ outcome: "failed", output: null, failure: bytesOf("3") }),
      ]);
    return instance;
  }

  async paused(facts: InstanceFacts = {}): Promise<NewInstance> {
    const instance = await this.instance(facts);
    expect(await this.#backend.requestControl(instance.instanceId, "pause", { reason: "stock-taking" })).toBe(
      "applied",
    );
    return instance;
  }

  /** Claims whatever is due in the default lane. */
  async claim(request: Partial<ClaimRequest> = {}): Promise<readonly ClaimedPosition[]> {
    return await this.#backend.claimPositions({ ...holder, limit: 100, lanes: [this.lane()], ...request });
  }

  /** Claims the one position of an instance that is due. */
  async claimOf(instanceId: InstanceId, request: Partial<ClaimRequest> = {}): Promise<ClaimedPosition> {
    const claims = await this.claim({ instanceId, lanes: [], ...request });
    expect(claims.map((claim) => claim.instanceId)).toEqual([instanceId]);
    return claims[0] as ClaimedPosition;
  }

  /** Stores what a limit allows: "api", unless said otherwise. */
  async limit(options: LimitOptions, name: string = "api"): Promise<void> {
    await this.#backend.declareLimits([limit(name, options)]);
  }

  /** Where a position stands before a gate: a task's, of the limit "api" and everybody's key, unless said otherwise. */
  before(gate: GateFacts = {}, overrides: Partial<Standing> = {}): Pick<Standing, "lane"> & Partial<Standing> {
    const { limit: name = "api", scope = "task", key = COMMON_KEY } = gate;
    const { lane = this.lane(), ...standing } = overrides;
    return { ...standing, lane: { ...lane, gate: { limit: name, scope } }, limitKey: key };
  }

  /** New instances that wait before a gate, ready in this order. */
  async waiting(ids: readonly string[], gate: GateFacts = {}, at: Partial<Standing> = {}): Promise<void> {
    const standing = this.before(gate, at);
    const { definitionHash } = standing.lane;
    await this.#backend.createInstances(
      ids.map((instanceId) => this.newInstance({ instanceId, definitionHash, at: standing })),
    );
  }

  /** Claims what waits before gates, of the default lane. */
  async claimLimited(request: Partial<ClaimRequest> = {}): Promise<Admission> {
    return await this.#backend.claimLimited({ ...holder, limit: 100, lanes: [this.lane()], ...request });
  }

  /** The same; the ids of the instances, in code-unit order. */
  async admitted(request: Partial<ClaimRequest> = {}): Promise<string[]> {
    const { claimed } = await this.claimLimited(request);
    return claimed.map(({ instanceId }) => instanceId).sort();
  }

  /** The one position that limits allow to begin. */
  async admittedOf(instanceId: InstanceId, request: Partial<ClaimRequest> = {}): Promise<ClaimedPosition> {
    const { claimed } = await this.claimLimited(request);
    expect(claimed.map((claim) => claim.instanceId)).toEqual([instanceId]);
    return claimed[0] as ClaimedPosition;
  }

  /** Writes one checkpoint; tries again where a row is locked. */
  async commit(checkpoint: Checkpoint): Promise<CheckpointFate> {
    for (let tries = 1; ; tries++) {
      const [fate] = await this.#backend.commitCheckpoints([checkpoint], holder);
      if (fate === undefined) throw new TypeError("A checkpoint has no fate.");
      if (fate.kind !== "busy" || tries === BUSY_TRIES) return fate;
    }
  }

  /** Writes a checkpoint that is accepted. Without entries, unless given. */
  async accepted(
    claim: ClaimRef,
    move: Move,
    entries: readonly NewEntry[] = [],
    consumes: bigint | null = null,
  ): Promise<Accepted> {
    const fate = await this.commit(aCheckpoint(claim, { move, entries, consumes }));
    expect(fate.kind).toBe("accepted");
    return fate as Accepted;
  }

  /** The state of an instance that exists. */
  async stateOf(instanceId: InstanceId): Promise<InstanceState> {
    const state = await this.#backend.findInstance(instanceId);
    if (state === null) throw new TypeError(`There is no instance "${instanceId}".`);
    return state;
  }

  async statusOf(instanceId: InstanceId): Promise<InstanceStatus> {
    return (await this.stateOf(instanceId)).instance.status;
  }

  async positionOf(instanceId: InstanceId, path: string = ""): Promise<Position | undefined> {
    return (await this.stateOf(instanceId)).positions.find((position) => position.path === path);
  }

  /** The history, as lines `taskId#attempt outcome`. */
  async historyOf(instanceId: InstanceId): Promise<string[]> {
    const entries = await this.#backend.readHistory(instanceId);
    return entries.map((entry) => `${entry.taskId}#${entry.attempt} ${entry.outcome}`);
  }

  async entryOf(instanceId: InstanceId, taskId: TaskId): Promise<HistoryEntry | undefined> {
    return (await this.#backend.readHistory(instanceId)).findLast((entry) => entry.taskId === taskId);
  }

  /** All that can be seen of an instance: to show that something changed nothing. */
  async seen(instanceId: InstanceId): Promise<unknown> {
    return [await this.#backend.findInstance(instanceId), await this.#backend.readHistory(instanceId)];
  }

  /** So much time passes. */
  after(ms: number): void {
    this.#clock.advance(ms);
  }
}
