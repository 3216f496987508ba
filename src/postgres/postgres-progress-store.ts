import { parseKnownId, parseTaskId } from "../ids.ts";
import type { ClaimRef } from "../snapshot/checkpoint.ts";
import type { Bytes } from "../snapshot/snapshot.ts";
import { parseBytes, parsePath } from "../store/arguments.ts";
import { checkClaimRefs } from "../store/check-checkpoint.ts";
import type { ProgressFate, ProgressStore } from "../store/progress-store.ts";
import { loadProgress, saveProgress } from "./queries/progress.ts";
import type { StoreContext } from "./store-context.ts";

/** How far tasks say they are. */
export class PostgresProgressStore implements ProgressStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async saveProgress(claim: ClaimRef, taskId: string, value: Bytes): Promise<ProgressFate> {
    checkClaimRefs([claim]);
    parseTaskId(taskId);
    parseBytes(value, "value");
    const { reserved, tables } = this.#context;
    // Where leases are renewed: the pool's connections may all be in the hands of tasks that wait for this one.
    const query = saveProgress(tables, { claim, taskId, value, now: this.#context.now() });
    const [row] = await reserved.run("save-progress", query);
    if (row?.saved === true) return "saved";
    return row?.held === true ? "busy" : "fenced";
  }

  async loadProgress(instanceId: string, path: string, taskId: string): Promise<Bytes | null> {
    parsePath(path, "path");
    const params = { instanceId: parseKnownId(instanceId), path, taskId: parseTaskId(taskId) };
    const { reserved, tables } = this.#context;
    const [row] = await reserved.run("load-progress", loadProgress(tables, params));
    return row?.progress ?? null;
  }
}
