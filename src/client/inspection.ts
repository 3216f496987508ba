import type { Codec, PayloadContext } from "../codec/codec.ts";
import { getState, reportStatus, type StatusReport } from "../engine/instance-status.ts";
import { decodeFailure } from "../engine/payloads.ts";
import type { SerializedFailure } from "../errors/failure.ts";
import type { InstanceId } from "../ids.ts";
import type { Position } from "../snapshot/position.ts";
import type { Bytes } from "../snapshot/snapshot.ts";
import type { Backend } from "../store/backend.ts";
import type { InstanceState } from "../store/instance-store.ts";
import { type InstanceSummary, summaryOf } from "./instance-summary.ts";

/** A recorded value, or why it can't be shown. */
export type ShownValue = { readonly value: unknown; readonly problem: null } | { readonly problem: string };

/** Everything about an instance that is there at one look, but its history. */
export interface Inspection {
  readonly summary: InstanceSummary;
  readonly codec: string;
  /** `null` where its output or codec can't be read here: then `positions` have to say it. */
  readonly report: StatusReport | null;
  readonly positions: readonly Position[];
  /** Requests that nobody has acted on yet. */
  readonly pending: InstanceState["signals"];
  readonly input: ShownValue;
  /** `null` unless it has completed. */
  readonly output: ShownValue | null;
  /** `null` unless it has failed. */
  readonly failure: SerializedFailure | null;
  /** The database's clock. */
  readonly now: Date;
}

/** As `Client.inspect`. */
export async function inspect(backend: Backend, id: InstanceId): Promise<Inspection> {
  const state = await getState(backend, id);
  const { instance, positions, signals, now } = state;
  const codec = backend.findCodec(instance.codec);
  const output = instance.output === null ? null : await shown(codec, instance.output, contextOf(id, "output"));
  const isReadable = codec !== null && (output === null || output.problem === null);
  return {
    ...{ summary: summaryOf(instance), codec: instance.codec, positions, pending: signals, now: new Date(now), output },
    report: isReadable ? await reportStatus(backend, state) : null,
    input: await shown(codec, instance.input, contextOf(id, "input")),
    failure:
      instance.failure === null || codec === null
        ? null
        : await decodeFailure(codec, instance.failure, instance.instanceId),
  };
}

function contextOf(instanceId: InstanceId, kind: "input" | "output"): PayloadContext {
  return { instanceId, taskId: "", kind };
}

async function shown(codec: Codec | null, bytes: Bytes, context: PayloadContext): Promise<ShownValue> {
  if (codec === null) return { problem: "Its codec is not available here." };
  try {
    return { value: await codec.decode(bytes, context), problem: null };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}
