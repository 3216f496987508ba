import { type InstanceId, type Path, parseKnownId, parseTaskId, type TaskId } from "../ids.ts";
import type { ClaimRef } from "../snapshot/checkpoint.ts";
import type { Bytes } from "../snapshot/snapshot.ts";
import { parseBytes, parsePath } from "../store/arguments.ts";
import { checkClaimRefs } from "../store/check-checkpoint.ts";
import type { ProgressFate, ProgressStore } from "../store/progress-store.ts";
import { copyOf } from "./bytes.ts";
import type { MemoryState } from "./memory-state.ts";

/** How far tasks say they are, in memory. */
export class MemoryProgressStore implements ProgressStore {
  readonly #state: MemoryState;

  constructor(state: MemoryState) {
    this.#state = state;
  }

  async saveProgress(claim: ClaimRef, taskId: TaskId, value: Bytes): Promise<ProgressFate> {
    checkClaimRefs([claim]);
    parseTaskId(taskId);
    parseBytes(value, "value");
    const { path } = claim;
    const instance = this.#state.find(claim.instanceId);
    if (instance?.positions.get(path)?.claim?.token !== claim.token) return "fenced";
    instance.progress.set(path, { path, taskId, value: copyOf(value), at: this.#state.now() });
    return "saved";
  }

  async loadProgress(instanceId: InstanceId, path: Path, taskId: TaskId): Promise<Bytes | null> {
    parseKnownId(instanceId);
    parsePath(path, "path");
    parseTaskId(taskId);
    const saved = this.#state.find(instanceId)?.progress.get(path);
    return saved?.taskId === taskId ? copyOf(saved.value) : null;
  }
}
