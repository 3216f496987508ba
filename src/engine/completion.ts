import { chain, type MaybePromise } from "../codec/maybe-promise.ts";
import type { TaskId } from "../ids.ts";
import type { Move } from "../snapshot/checkpoint.ts";
import type { Occurrence } from "../snapshot/occurrence.ts";
import type { Backend } from "../store/backend.ts";
import type { HeldPosition } from "./held-position.ts";
import { valueUnder } from "./occurrence-values.ts";
import { decodeOwned, encodePayload } from "./payloads.ts";

/**
 * The move that completes an instance: with the value under a reference, encoded as its output.
 *
 * @throws whatever reading that value, or encoding it, throws
 */
export function completion(
  { maxPayloadBytes }: Pick<Backend, "maxPayloadBytes">,
  held: HeldPosition,
  happening: Occurrence,
  outputRef: TaskId | null,
): MaybePromise<Move> {
  const { claim, codec, flow } = held;
  const { instanceId } = claim;
  const bytes = valueUnder(outputRef, held, happening);
  const context = { instanceId, taskId: "", kind: "output" } as const;
  return chain(decodeOwned(flow, codec, instanceId, { owner: outputRef, bytes }), (value) =>
    chain(encodePayload(codec, value, context, maxPayloadBytes), (output): Move => {
      return { kind: "complete", output, codec: codec.id };
    }),
  );
}
