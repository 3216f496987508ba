import type { Codec } from "../codec/codec.ts";
import type { SerializedFailure } from "../errors/failure.ts";
import type { InstanceId, TaskId, WorkerId } from "../ids.ts";
import type { Bytes, EntryKind, EntryOutcome, HistoryEntry } from "../snapshot/snapshot.ts";
import { decodeFailure, entryContext } from "./payloads.ts";

/** One entry of an instance's history, decoded. */
export interface HistoryItem {
  readonly sequence: bigint;
  readonly taskId: TaskId;
  readonly attempt: number;
  readonly kind: EntryKind;
  readonly outcome: EntryOutcome;
  /** The recorded value; `undefined` where there is none. */
  readonly output: unknown;
  /**
   * The task whose output this entry passes on; of a state, the task or update that has changed it; `null` if it has its own
   * or none.
   */
  readonly outputRef: TaskId | null;
  readonly failure: SerializedFailure | null;
  /** Why `output` can't be shown, where the stored bytes can't be read. */
  readonly problem: string | null;
  readonly workerId: WorkerId | null;
  /** How long the body took, in ms; `null` where none ran. */
  readonly durationMs: number | null;
  /**
   * "again" or "done" for a loop's iteration, the key for a route, "last" for a failed attempt that no other follows, the name
   * of an update; `null` otherwise, and for what was recorded by hand.
   */
  readonly decision: string | null;
  readonly at: Date;
}

/** Decodes an entry. One that can't be read is shown with its problem, so that it doesn't hide the others. */
export async function historyItem(codec: Codec, instanceId: InstanceId, entry: HistoryEntry): Promise<HistoryItem> {
  const { output, problem } = await readOutput(codec, instanceId, entry);
  const { sequence, taskId, attempt, kind, outcome, outputRef, workerId, durationMs, decision } = entry;
  const failure = entry.failure === null ? null : await decodeFailure(codec, entry.failure, instanceId);
  return {
    sequence,
    taskId,
    attempt,
    kind,
    outcome,
    output,
    outputRef,
    failure,
    problem,
    workerId,
    durationMs,
    decision,
    at: new Date(entry.at),
  };
}

async function readOutput(
  codec: Codec,
  instanceId: InstanceId,
  entry: HistoryEntry,
): Promise<{ output: unknown; problem: string | null }> {
  if (entry.output === null) return { output: undefined, problem: null };
  try {
    return { output: await decode(codec, instanceId, entry, entry.output), problem: null };
  } catch (error) {
    return { output: undefined, problem: error instanceof Error ? error.message : String(error) };
  }
}

async function decode(codec: Codec, instanceId: InstanceId, entry: HistoryEntry, bytes: Bytes): Promise<unknown> {
  return await codec.decode(bytes, entryContext(instanceId, entry));
}
