import type { Codec, PayloadContext } from "../codec/codec.ts";
import { encodePayload } from "../engine/payloads.ts";
import { validate } from "../engine/validation.ts";
import type { NewSchedule } from "../store/schedule-store.ts";
import type { Schedule } from "./schedule.ts";

/**
 * A schedule as it is stored. The input is stored as it was given: each instance validates it again, by the definition that it has then.
 *
 * @throws {ValidationError} the input doesn't fit the flow's schema
 * @throws {CodecEncodeError} the input can't be stored
 * @throws {PayloadTooLargeError} the input is too large
 */
export async function declaredSchedule(
  schedule: Schedule,
  store: { readonly codec: Codec; readonly maxPayloadBytes: number },
): Promise<NewSchedule> {
  const { id, flow, input, terms, priority, tags, labels } = schedule;
  if (flow.inputSchema !== null) await validate(flow.inputSchema, input, `input of flow "${flow.name}"`);
  const { codec, maxPayloadBytes } = store;
  const bytes = await encodePayload(codec, input, scheduledInput(id), maxPayloadBytes);
  const start = { flow: flow.name, definitionHash: flow.hash, codec: codec.id, input: bytes, priority, tags, labels };
  return { scheduleId: id, terms, start };
}

/** What the stored input is bound to: the schedule, under a name that no instance of it has. */
export function scheduledInput(scheduleId: string): PayloadContext {
  return { instanceId: `${scheduleId}@`, taskId: "", kind: "input" };
}
