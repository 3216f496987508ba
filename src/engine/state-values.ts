import type { Codec, PayloadContext } from "../codec/codec.ts";
import { applyChanges, initialValues, type SharedState } from "../flow/shared-state.ts";
import type { InstanceId, TaskId } from "../ids.ts";
import { STATE_ID } from "../snapshot/state-ids.ts";
import type { StateVersion } from "../store/state-store.ts";
import { stateContext } from "./payloads.ts";

/** The values, or changes, of a state, by key. */
export type StateRecord = Readonly<Record<string, unknown>>;

/** Whose payloads are read, and with what. */
export interface StateOwner {
  readonly instanceId: InstanceId;
  readonly codec: Codec;
  readonly state: SharedState;
}

/** What is stored as a version; `null` where there is none yet. Decoded anew each time, so that nobody shares it. */
export async function decodeVersion(
  { instanceId, codec }: StateOwner,
  version: Pick<StateVersion, "taskId" | "version" | "output"> | null,
): Promise<StateRecord | null> {
  if (version === null || version.output === null) return null;
  const context = stateContext(instanceId, version.taskId, version.version);
  return (await codec.decode(version.output, context)) as StateRecord;
}

/** The trunk's values: what is stored, or what each key begins with, as the codec gives that back. */
export async function trunkValues(
  owner: StateOwner,
  version: Pick<StateVersion, "taskId" | "version" | "output"> | null,
): Promise<StateRecord> {
  const stored = await decodeVersion(owner, version);
  // Through the codec, so that it is a copy, and the same as it will be when it has been stored.
  const context: PayloadContext = stateContext(owner.instanceId, STATE_ID, 0);
  const initial = (await owner.codec.decode(
    await owner.codec.encode(initialValues(owner.state), context),
    context,
  )) as StateRecord;
  return { ...initial, ...stored };
}

/** The values on a path: the trunk's, changed by what has been changed on the paths around it and on itself. */
export async function valuesOn(
  owner: StateOwner,
  taskIds: readonly TaskId[],
  versions: readonly StateVersion[],
): Promise<StateRecord> {
  const byTask = new Map(versions.map((version) => [version.taskId, version]));
  const [trunk = STATE_ID, ...rest] = taskIds;
  const values = await trunkValues(owner, byTask.get(trunk) ?? null);
  const changes: StateRecord[] = [];
  for (const taskId of rest) {
    const change = await decodeVersion(owner, byTask.get(taskId) ?? null);
    if (change !== null) changes.push(change);
  }
  return applyChanges(owner.state, values, changes);
}
