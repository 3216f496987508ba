import { BackendError } from "../errors/backend-errors.ts";
import { migratedPositions } from "../snapshot/migrated-position.ts";
import type { Migration } from "../store/instance-store.ts";
import type { MemoryState } from "./memory-state.ts";

/** Gives an instance, and its positions where they are, another definition. */
export function migrateInstance(state: MemoryState, { instanceId, from, to, entries, positions }: Migration): void {
  const instance = state.get(instanceId);
  const now = state.now();
  const migrated = migratedPositions(instance.record, from, [...instance.positions.values()], positions, now);
  if (migrated === null || instance.history.page(null, Infinity).length !== entries) {
    const problem = "The instance has gone on meanwhile";
    throw new BackendError("BACKEND_CONFLICT", { queryName: "migrateInstance", problem });
  }
  // Out of the indexes of the old definition, before the record has the new one.
  state.table.removeAll(instance);
  instance.record = { ...instance.record, flow: to.flow, definitionHash: to.definitionHash, spawns: to.spawns };
  state.note(instance, "migrate", now);
  for (const position of migrated) state.place(instance, position, now);
}
