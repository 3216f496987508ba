import { type HistoryItem, historyItem } from "../engine/history-item.ts";
import { codecOf } from "../engine/instance-status.ts";
import { decodeFailure } from "../engine/payloads.ts";
import type { SerializedFailure } from "../errors/failure.ts";
import type { DefinitionHash, InstanceId } from "../ids.ts";
import type { ForkPoint, Parent } from "../snapshot/snapshot.ts";
import type { Backend } from "../store/backend.ts";
import type { EndedStatus } from "../store/retention-store.ts";

/** All that is known of an instance that is about to be removed. */
export interface ArchivedInstance {
  readonly instanceId: InstanceId;
  readonly flow: string;
  readonly definitionHash: DefinitionHash;
  readonly status: EndedStatus;
  readonly input: unknown;
  /** `undefined` unless it has completed. */
  readonly output: unknown;
  /** `null` unless it has failed. */
  readonly failure: SerializedFailure | null;
  /** Why it was cancelled, as far as somebody has said. */
  readonly reason: string | null;
  readonly priority: number;
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly parent: Parent | null;
  readonly forkedFrom: ForkPoint | null;
  readonly run: number;
  readonly createdAt: Date;
  readonly endedAt: Date;
  /** Of its last run, in order. */
  readonly history: readonly HistoryItem[];
}

/**
 * Is given each instance before it is removed; what it throws, or rejects with, keeps the instance. May be given one again, where a
 * process died before the removal was committed: what it writes should be found by the instance's id and `endedAt`.
 */
export type Archive = (instance: ArchivedInstance) => unknown;

const PAGE = 1_000;

/**
 * @returns `null` if it has not ended, or is gone
 * @throws {UnknownCodecError} its codec is not available here
 * @throws {CodecDecodeError} its input or output is damaged
 */
export async function readForArchive(backend: Backend, instanceId: InstanceId): Promise<ArchivedInstance | null> {
  const instance = (await backend.findInstance(instanceId))?.instance ?? null;
  if (instance === null || instance.endedAt === null) return null;
  const { flow, definitionHash, status, reason, priority, tags, labels, parent, forkedFrom, run } = instance;
  const codec = codecOf(backend, instance.codec);
  const output = { instanceId, taskId: "", kind: "output" } as const;
  return {
    ...{ instanceId, flow, definitionHash, status: status as EndedStatus, reason, priority, tags, labels },
    ...{ parent, forkedFrom, run },
    input: await codec.decode(instance.input, { instanceId, taskId: "", kind: "input" }),
    output: instance.output === null ? undefined : await codec.decode(instance.output, output),
    failure: instance.failure === null ? null : await decodeFailure(codec, instance.failure, instanceId),
    createdAt: new Date(instance.createdAt),
    endedAt: new Date(instance.endedAt),
    history: await readAll(backend, codec, instanceId),
  };
}

async function readAll(
  backend: Backend,
  codec: ReturnType<typeof codecOf>,
  instanceId: InstanceId,
): Promise<readonly HistoryItem[]> {
  const items: HistoryItem[] = [];
  for (let after = 0n, isFull = true; isFull; ) {
    const page = await backend.readHistory(instanceId, { after, limit: PAGE });
    for (const entry of page) items.push(await historyItem(codec, instanceId, entry));
    after = page.at(-1)?.sequence ?? after;
    isFull = page.length === PAGE;
  }
  return items;
}
