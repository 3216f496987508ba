import { BackendError } from "../errors/backend-errors.ts";
import { InstanceConflictError } from "../errors/instance-errors.ts";
import { startingPosition } from "../snapshot/starting-position.ts";
import type { InstanceFork } from "../store/instance-store.ts";
import type { MemoryState } from "./memory-state.ts";
import { recordFrom } from "./stored-values.ts";

/** Makes an instance that begins where another one has been. */
export function forkInstance(state: MemoryState, { instance: start, from, entries, ...other }: InstanceFork): void {
  const source = state.get(from.instanceId);
  if (state.find(start.instanceId) !== null)
    throw new InstanceConflictError(start.instanceId, { remedy: "Choose another id for the fork." });
  const copied = source.history.page(null, Infinity).filter(({ sequence }) => sequence <= from.sequence);
  if (copied.length !== entries) {
    const problem = `The history has ${copied.length} entries up to there, not ${entries}`;
    throw new BackendError("BACKEND_CONFLICT", { queryName: "forkInstance", problem });
  }
  const now = state.now();
  const payloads = new Map(other.replaced.map((one) => [one.sequence, one]));
  const names = new Map(other.renamed?.map((one) => [one.sequence, one]));
  const instance = state.insert({ ...recordFrom(start, now), forkedFrom: { ...from } });
  for (const entry of copied) {
    const { output, failure } = payloads.get(entry.sequence) ?? entry;
    const { taskId, path, outputRef } = names.get(entry.sequence) ?? entry;
    state.append(instance, { ...entry, taskId, outputRef, output, failure }, { ...entry, path });
  }
  state.note(instance, "fork", now);
  state.setDeadline(instance, instance.record.deadlineAt, now);
  for (const [index, position] of start.positions.entries())
    state.place(instance, startingPosition(position, now), now, index + 1);
}
