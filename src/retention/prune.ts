import type { InstanceId } from "../ids.ts";
import type { Backend } from "../store/backend.ts";
import type { EndedStatus, PrunableInstance } from "../store/retention-store.ts";
import { type Archive, readForArchive } from "./archived-instance.ts";

/** What is to be removed. */
export interface Pruning {
  readonly flow: string;
  readonly status: EndedStatus;
  readonly olderThanMs: number;
  /** Most instances. */
  readonly limit: number;
  readonly archive: Archive | null;
  /** Only tells what would be. */
  readonly dryRun: boolean;
}

/** An instance that was kept because it could not be archived. */
export interface KeptInstance {
  readonly instanceId: InstanceId;
  readonly error: unknown;
}

/** What became of a batch. */
export interface PrunedBatch {
  readonly pruned: readonly InstanceId[];
  readonly kept: readonly KeptInstance[];
}

/** Most instances that are removed by one statement. */
const BATCH = 100;

/**
 * Removes what has ended so long ago, batch by batch, what ended first first. One that could not be archived, or that somebody has locked,
 * is passed over; so that each run comes to its end.
 *
 * @throws {BackendError} the database failed; what was removed by then is gone
 */
export async function* prune(backend: Backend, pruning: Pruning): AsyncIterable<PrunedBatch> {
  const { flow, status, olderThanMs, archive, dryRun } = pruning;
  let left = pruning.limit;
  for (let after: PrunableInstance | null = null; left > 0; ) {
    const limit = Math.min(BATCH, left);
    const found: readonly PrunableInstance[] = await backend.findPrunable({ flow, status, olderThanMs, after, limit });
    const kept: KeptInstance[] = [];
    const ids = found.map(({ instanceId }) => instanceId);
    const archived = archive === null || dryRun ? ids : await archiveAll(backend, ids, archive, kept);
    const pruned = dryRun ? ids : await backend.pruneInstances(archived, { status, olderThanMs });
    left -= pruned.length;
    yield { pruned, kept };
    if (found.length < limit) return;
    after = found.at(-1) ?? null;
  }
}

/** @returns those that have been; the others go to `kept` */
async function archiveAll(
  backend: Backend,
  ids: readonly InstanceId[],
  archive: Archive,
  kept: KeptInstance[],
): Promise<readonly InstanceId[]> {
  const archived: InstanceId[] = [];
  for (const instanceId of ids) {
    try {
      const instance = await readForArchive(backend, instanceId);
      if (instance === null) continue;
      await archive(instance);
      archived.push(instanceId);
    } catch (error) {
      kept.push({ instanceId, error });
    }
  }
  return archived;
}
