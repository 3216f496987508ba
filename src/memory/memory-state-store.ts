import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { InvalidTransitionError } from "../errors/instance-errors.ts";
import { type InstanceId, parseKnownId, parseTaskId, type TaskId } from "../ids.ts";
import { isTerminal } from "../snapshot/snapshot.ts";
import { parseWhole } from "../store/arguments.ts";
import { checkStateIds, checkUpdate } from "../store/check-update.ts";
import type { StateStore, StateVersion, UpdateOutcome, UpdateRequest } from "../store/state-store.ts";
import { copyOrNull } from "./bytes.ts";
import type { MemorySignalStore } from "./memory-signal-store.ts";
import type { MemoryState } from "./memory-state.ts";

/** Versions of states, in memory. */
export class MemoryStateStore implements StateStore {
  readonly #state: MemoryState;
  readonly #signals: MemorySignalStore;

  constructor(state: MemoryState, signals: MemorySignalStore) {
    this.#state = state;
    this.#signals = signals;
  }

  async loadStates(instanceId: InstanceId, taskIds: readonly TaskId[]): Promise<readonly StateVersion[]> {
    parseKnownId(instanceId);
    checkStateIds(taskIds);
    const history = this.#state.find(instanceId)?.history;
    return [...new Set(taskIds)].flatMap((taskId) => {
      const last = history?.lastOf(taskId) ?? null;
      if (last === null) return [];
      const { attempt: version, output, decision } = last;
      return [{ taskId, version, output: copyOrNull(output), decision }];
    });
  }

  async hasStateChange(instanceId: InstanceId, taskId: TaskId, after: number, by: TaskId): Promise<boolean> {
    parseKnownId(instanceId);
    parseTaskId(taskId);
    parseWhole(after, "after", 0, Number.MAX_SAFE_INTEGER);
    parseTaskId(by, "by");
    const history = this.#state.find(instanceId)?.history;
    for (let version = history?.lastOf(taskId)?.attempt ?? 0; version > after; version--)
      if (history?.attemptOf(taskId, version)?.outputRef === by) return true;
    return false;
  }

  async applyUpdate(request: UpdateRequest): Promise<UpdateOutcome> {
    checkUpdate(request);
    const { instanceId, entry, state, event, codec } = request;
    const instance = this.#state.get(instanceId);
    const { record, history } = instance;
    if (history.lastOf(entry.taskId) !== null) return { kind: "duplicate" };
    if (isTerminal(record.status)) throw new InvalidTransitionError(instanceId, record.status, "an update");
    if (record.codec !== codec) throw otherCodec(instanceId, codec, record.codec);
    if (state !== null && history.highestAttemptOf(state.taskId) >= state.attempt) return { kind: "conflict" };
    const origin = { path: "", workerId: null, at: this.#state.now() };
    this.#state.append(instance, entry, origin);
    const sent = event === null ? null : this.#signals.accept(instanceId, { ...event, codec }, {});
    if (state !== null) this.#state.append(instance, state, origin);
    return { kind: "applied", sent };
  }
}

function otherCodec(instanceId: InstanceId, given: string, own: string): InvalidArgumentError {
  return new InvalidArgumentError("request.codec", `is "${given}", but instance "${instanceId}" uses codec "${own}".`);
}
