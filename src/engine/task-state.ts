import { unawaited } from "../codec/maybe-promise.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { pathsAround } from "../flow/branch-end.ts";
import { standpoint } from "../flow/continuation.ts";
import { applyChanges, checkChange, composeChanges, type SharedState, shownValues } from "../flow/shared-state.ts";
import type { StateAccess } from "../flow/task-context.ts";
import type { TaskId } from "../ids.ts";
import type { Occurrence } from "../snapshot/occurrence.ts";
import type { Plan } from "../snapshot/plan-move.ts";
import { keepsChanges } from "../snapshot/plan-state.ts";
import { isHandler, isUndoing } from "../snapshot/plan-undo.ts";
import type { NewEntry } from "../snapshot/snapshot.ts";
import { entry } from "../snapshot/standing.ts";
import { STATE_ID, stateTaskId } from "../snapshot/state-ids.ts";
import type { Backend } from "../store/backend.ts";
import type { StateVersion } from "../store/state-store.ts";
import type { Happening } from "./happening.ts";
import type { HeldPosition } from "./held-position.ts";
import { joinsChanges, readJoinedChanges } from "./joined-states.ts";
import { encodePayload, stateContext } from "./payloads.ts";
import { decodeVersion, type StateOwner, type StateRecord, trunkValues, valuesOn } from "./state-values.ts";

type StateBackend = Pick<Backend, "loadStates" | "hasStateChange" | "loadResults" | "maxPayloadBytes">;

export interface StateParts {
  readonly store: StateBackend;
  /** Is told of errors that are not the body's fault, wherever it lets them go. */
  onPassing(error: unknown): void;
}

/** A version that is yet to be written, and what it was made of. */
interface NextVersion {
  readonly at: string;
  /** Whether what a body has changed is part of it. */
  readonly isOwn: boolean;
  readonly changes: readonly StateRecord[];
  readonly base: number;
  readonly entry: NewEntry;
}

/**
 * The state of an instance as the tasks of one position read and change it.
 *
 * What a task changes, and at a join what its branches have changed, becomes the next version of the position's own state, which
 * is written with the task's outcome. That there is one version of a number makes it a compare-and-swap.
 */
export class TaskState {
  readonly #parts: StateParts;
  /** The last version of the position's own state, as far as it is known; `undefined`: not asked for yet. */
  #own: StateVersion | null | undefined = undefined;
  #changes: StateRecord[] = [];
  #next: NextVersion | null = null;

  constructor(parts: StateParts) {
    this.#parts = parts;
  }

  /** Before a body runs: what another one has changed is forgotten, unless it was written. */
  begin(): void {
    this.#changes = [];
    this.#next = null;
  }

  /** For the body that runs now. */
  access(held: HeldPosition): StateAccess & { end(): void } {
    const changes: StateRecord[] = [];
    this.#changes = changes;
    let hasEnded = false;
    const { taskId } = held.stand;
    return {
      read: <Values extends object>(state: SharedState<Values>): Promise<Readonly<Values>> => {
        const values = (async () => {
          const owner = ownerOf(held, state);
          return (await this.#told(async () => await this.#read(held, owner, changes))) as Readonly<Values>;
        })();
        return unawaited(values);
      },
      update: (state, change) => {
        const { state: own } = ownerOf(held, state);
        const here = standpoint(held.flow, taskId);
        if (isUndoing(here)) {
          const why = isHandler(here) ? "is told of the failure" : "undoes a task";
          throw new InvalidArgumentError("state", `can't be changed by "${taskId}", which ${why}. It can be read.`);
        }
        if (hasEnded) throw new InvalidArgumentError("state", `can't be changed any more: task "${taskId}" has ended.`);
        changes.push(checkChange(own, change, "change"));
      },
      end: () => {
        hasEnded = true;
      },
    };
  }

  /** Whether the body that has just succeeded has changed nothing, and nothing is joined where it stands. */
  isIdle(held: HeldPosition): boolean {
    return this.#changes.length === 0 && !joinsChanges(standpoint(held.flow, held.stand.taskId).located.node);
  }

  /**
   * Makes the next version, when the body has succeeded.
   *
   * @param isFresh - whether the last version has to be looked up, although it is known: what is then written can't be repaired
   * @throws what a merge function throws, what can't be encoded, what the store fails with
   */
  async settle(held: HeldPosition, isFresh: boolean): Promise<void> {
    const owner = ownerOf(held, held.flow.state);
    await this.#told(async () => {
      const changes = [...(await this.#joined(held, owner)), ...this.#changes];
      if (changes.length > 0) this.#next = await this.#nextVersion(held, owner, { changes, isOwn: true }, isFresh);
    });
  }

  /** Whether something of a state may have to be written with what has happened. */
  isConcerned(held: HeldPosition): boolean {
    return this.#nextAt(held) !== null || joinsChanges(standpoint(held.flow, held.stand.taskId).located.node);
  }

  /**
   * The next version, if one is to be written with this plan.
   *
   * @throws as `settle`, where that has not been called: the join's outcome was recorded by hand, or it failed and is passed by
   */
  async entryFor(held: HeldPosition, happening: Occurrence, plan: Plan): Promise<NewEntry | null> {
    if (!keepsChanges(held.stand.taskId, plan)) return null;
    const isOwn = isMadeByBody(happening);
    const made = this.#nextAt(held);
    if (made?.isOwn === isOwn) return made.entry;
    this.#next = null;
    if (isOwn) return null;
    const owner = ownerOf(held, held.flow.state);
    const changes = await this.#joined(held, owner);
    if (changes.length > 0) this.#next = await this.#nextVersion(held, owner, { changes, isOwn }, true);
    return this.#nextAt(held)?.entry ?? null;
  }

  /** It has been written. */
  written(held: HeldPosition): void {
    const next = this.#nextAt(held);
    if (next !== null) this.#own = versionFrom(next.entry);
    this.begin();
  }

  /**
   * When a checkpoint with the next version has found something recorded: whether that is the version, by somebody else. Then it
   * has been made anew, from that one.
   */
  async rebase(held: HeldPosition): Promise<boolean> {
    const next = this.#nextAt(held);
    if (next === null) return false;
    const { instanceId } = held.claim;
    const { taskId } = next.entry;
    this.#own = await this.#load(held);
    const last = this.#own?.version ?? 0;
    if (last === next.base) return false;
    // The checkpoint has been written before, and its answer was lost.
    if (await this.#parts.store.hasStateChange(instanceId, taskId, next.base, held.stand.taskId)) return false;
    this.#next = await this.#nextVersion(held, ownerOf(held, held.flow.state), next, false);
    return true;
  }

  #nextAt({ stand }: HeldPosition): NextVersion | null {
    return this.#next?.at === placeOf(stand) ? this.#next : null;
  }

  async #read(held: HeldPosition, owner: StateOwner, changes: readonly StateRecord[]): Promise<StateRecord> {
    const taskIds = pathsAround(held.flow, held.stand.path).map(stateTaskId);
    const versions = await this.#parts.store.loadStates(owner.instanceId, taskIds);
    this.#own = versions.find(({ taskId }) => taskId === ownId(held)) ?? null;
    const values = await valuesOn(owner, taskIds, versions);
    const all = [...(await this.#joined(held, owner)), ...changes];
    return shownValues(owner.state, applyChanges(owner.state, values, all));
  }

  async #joined(held: HeldPosition, owner: StateOwner): Promise<StateRecord[]> {
    const { node } = standpoint(held.flow, held.stand.taskId).located;
    return joinsChanges(node) ? await readJoinedChanges(this.#parts.store, held, owner, node) : [];
  }

  async #nextVersion(
    held: HeldPosition,
    owner: StateOwner,
    { changes, isOwn }: Pick<NextVersion, "changes" | "isOwn">,
    isFresh: boolean,
  ): Promise<NextVersion> {
    if (isFresh || this.#own === undefined) this.#own = await this.#load(held);
    const own = this.#own;
    const taskId = ownId(held);
    const base = own?.version ?? 0;
    const value =
      taskId === STATE_ID
        ? applyChanges(owner.state, await trunkValues(owner, own), changes)
        : composeChanges(owner.state, [(await decodeVersion(owner, own)) ?? {}, ...changes]);
    const context = stateContext(owner.instanceId, taskId, base + 1);
    const output = await encodePayload(owner.codec, value, context, this.#parts.store.maxPayloadBytes);
    const facts = { taskId, attempt: base + 1, outcome: "noted", output, outputRef: held.stand.taskId } as const;
    return { at: placeOf(held.stand), isOwn, changes, base, entry: entry(held.stand, "state", facts) };
  }

  async #load(held: HeldPosition): Promise<StateVersion | null> {
    const [own = null] = await this.#parts.store.loadStates(held.claim.instanceId, [ownId(held)]);
    return own;
  }

  async #told<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.#parts.onPassing(error);
      throw error;
    }
  }
}

/** @throws {InvalidArgumentError} it isn't the state of the position's flow */
function ownerOf({ claim, codec, flow }: HeldPosition, state: SharedState | null): StateOwner {
  const { instanceId } = claim;
  if (flow.state !== null && flow.state === state) return { instanceId, codec, state };
  const problem =
    flow.state === null
      ? `is used, but flow "${flow.name}" has none. Give it to the flow: flow("${flow.name}", { state }).`
      : `is not that of flow "${flow.name}". Use the one that was given to the flow.`;
  throw new InvalidArgumentError("state", problem);
}

/** Whether what has happened is what a body gave, with what it has changed in the state. */
export function isMadeByBody(
  happening: Happening,
): happening is Extract<Occurrence, { kind: "succeeded" | "listed" | "continued" }> {
  return happening.kind === "succeeded" || happening.kind === "listed" || happening.kind === "continued";
}

function ownId({ stand }: HeldPosition): TaskId {
  return stateTaskId(stand.path);
}

function placeOf({ taskId, attempt }: HeldPosition["stand"]): string {
  return `${taskId} ${attempt}`;
}

function versionFrom({ taskId, attempt, output }: NewEntry): StateVersion {
  return { taskId, version: attempt, output, decision: null };
}
