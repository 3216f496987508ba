import type { Backend } from "../../src/store/backend.ts";
import { withChanges } from "./both-backends.ts";

/** What a run has asked of the store, in rows. */
export interface Work {
  checkpoints: number;
  entries: number;
  /** Task ids whose outcomes were asked for. */
  results: number;
  /** Children that were asked to be made, and looked for. */
  children: number;
}

/** The same backend, which counts what is asked of it. */
export function counting(backend: Backend): { readonly backend: Backend; readonly work: Work } {
  const work: Work = { checkpoints: 0, entries: 0, results: 0, children: 0 };
  return {
    work,
    backend: withChanges(backend, {
      commitCheckpoints: async (checkpoints, holder) => {
        work.checkpoints += checkpoints.length;
        for (const { entries } of checkpoints) work.entries += entries.length;
        return await backend.commitCheckpoints(checkpoints, holder);
      },
      loadResults: async (instanceId, taskIds) => {
        work.results += taskIds.length;
        return await backend.loadResults(instanceId, taskIds);
      },
      createChildren: async (children) => {
        work.children += children.length;
        return await backend.createChildren(children);
      },
      findChildren: async (ids) => {
        work.children += ids.length;
        return await backend.findChildren(ids);
      },
    }),
  };
}
