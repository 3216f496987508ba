import type { Codec, PayloadContext } from "../codec/codec.ts";
import { isPromiseLike, type MaybePromise } from "../codec/maybe-promise.ts";
import { CodecEncodeError, PayloadTooLargeError } from "../errors/codec-errors.ts";
import { failureFrom, type SerializedFailure } from "../errors/failure.ts";
import { standpoint } from "../flow/continuation.ts";
import type { FlowNode, WaitNode } from "../flow/definition.ts";
import type { Flow } from "../flow/flow-definition.ts";
import type { InstanceId, TaskId } from "../ids.ts";
import type { Bytes, NewEntry } from "../snapshot/snapshot.ts";
import { validate } from "./validation.ts";

/**
 * Encodes a value, within the size limit. At once if the codec does; what it throws then is thrown, not rejected with.
 *
 * @throws {CodecEncodeError} it can't be stored
 * @throws {PayloadTooLargeError} it is too large
 */
export function encodePayload(
  codec: Codec,
  value: unknown,
  context: PayloadContext,
  limitBytes: number,
): Bytes | Promise<Bytes> {
  let bytes: Bytes | Promise<Bytes>;
  try {
    bytes = codec.encode(value, context);
  } catch (error) {
    throw named(error, context);
  }
  if (!isPromiseLike(bytes)) return withinLimit(bytes, context, limitBytes);
  return Promise.resolve(bytes).then(
    (encoded) => withinLimit(encoded, context, limitBytes),
    (error: unknown) => {
      throw named(error, context);
    },
  );
}

function withinLimit(bytes: Bytes, context: PayloadContext, limitBytes: number): Bytes {
  if (bytes.byteLength <= limitBytes) return bytes;
  const remedy = context.kind === "progress" ? ["Keep it short; what is large is an output, or that of a step."] : [];
  throw new PayloadTooLargeError(subjectOf(context), bytes.byteLength, limitBytes, ...remedy);
}

function named(error: unknown, context: PayloadContext): unknown {
  return error instanceof CodecEncodeError ? error.of(subjectOf(context)) : error;
}

/** Encodes what is kept of an error, with the task that it ended. It is plain data, and bounded. */
export async function encodeFailure(
  codec: Codec,
  error: unknown,
  instanceId: InstanceId,
  taskId: TaskId,
): Promise<Bytes> {
  return await codec.encode({ ...failureFrom(error), taskId }, failureContext(instanceId));
}

/** Reads a recorded failure back. Bytes that can't be read are described instead. */
export async function decodeFailure(codec: Codec, bytes: Bytes, instanceId: InstanceId): Promise<SerializedFailure> {
  try {
    return (await codec.decode(bytes, failureContext(instanceId))) as SerializedFailure;
  } catch (error) {
    return failureFrom(error);
  }
}

/** Bound to the instance only: the same bytes stand in the history and on the instance. */
function failureContext(instanceId: InstanceId): PayloadContext {
  return { instanceId, taskId: "", kind: "failure" };
}

/** The value that a recorded outcome stands for, wherever it is used. */
export interface OwnedPayload {
  /** The task that recorded it; `null` for the instance's input. */
  readonly owner: TaskId | null;
  /** `null` only for a wait that timed out. */
  readonly bytes: Bytes | null;
}

/**
 * Decodes an input or a recorded outcome. What a wait recorded is its event's payload; what flows on is
 * the wait's output. At once if the codec does; what it throws then is thrown, not rejected with.
 *
 * @throws {CodecDecodeError} the bytes are damaged
 * @throws {ValidationError} an event's payload doesn't fit the wait's schema
 */
export function decodeOwned(
  flow: Flow,
  codec: Codec,
  instanceId: InstanceId,
  payload: OwnedPayload,
): MaybePromise<unknown> {
  const { owner, bytes } = payload;
  if (owner === null)
    return bytes === null ? undefined : codec.decode(bytes, { instanceId, taskId: "", kind: "input" });
  const { node } = standpoint(flow, owner).located;
  if (node.kind === "wait") return decodeEvent(node, codec, instanceId, bytes);
  return bytes === null ? undefined : codec.decode(bytes, { instanceId, taskId: owner, kind: "output" });
}

async function decodeEvent(
  node: WaitNode,
  codec: Codec,
  instanceId: InstanceId,
  bytes: Bytes | null,
): Promise<unknown> {
  if (bytes === null) return node.onTimeout === "continue" ? { timedOut: true } : undefined;
  const raw = await codec.decode(bytes, eventContext(instanceId));
  const value = node.schema === null ? raw : await validate(node.schema, raw, `payload of event "${node.event}"`);
  return node.onTimeout === "continue" ? { timedOut: false, payload: value } : value;
}

/** Bound to the instance only: who sends an event doesn't know which task will take it. */
export function eventContext(instanceId: InstanceId): PayloadContext {
  return { instanceId, taskId: "", kind: "event" };
}

/** Bound to the task: what it says of how far it is. */
export function progressContext(instanceId: InstanceId, taskId: TaskId): PayloadContext {
  return { instanceId, taskId, kind: "progress" };
}

/** Bound to the version, too, so that an older one can't take its place. */
export function stateContext(instanceId: InstanceId, taskId: TaskId, version: number): PayloadContext {
  return { instanceId, taskId: `${taskId}#${version}`, kind: "output" };
}

/** What the payload of an entry of the history is bound to. */
export function entryContext(
  instanceId: InstanceId,
  { taskId, attempt, kind }: Pick<NewEntry, "taskId" | "attempt" | "kind">,
): PayloadContext {
  if (kind === "wait") return eventContext(instanceId);
  return kind === "state" ? stateContext(instanceId, taskId, attempt) : { instanceId, taskId, kind: "output" };
}

/** Whether the outcome that a node records is its own value, or only marks that it is behind. */
export function hasOwnOutput(node: FlowNode): boolean {
  return node.kind !== "delay" && node.kind !== "route";
}

function subjectOf(context: PayloadContext): string {
  switch (context.kind) {
    case "input":
      return `input of instance "${context.instanceId}"`;
    case "event":
      return `payload of an event for instance "${context.instanceId}"`;
    case "progress":
      return `progress of task "${context.taskId}"`;
    case "output":
    case "failure":
      if (context.taskId.startsWith("$state")) return `state of instance "${context.instanceId}"`;
      if (context.taskId.startsWith("$update")) return `reply of an update of instance "${context.instanceId}"`;
      return context.taskId === ""
        ? `output of instance "${context.instanceId}"`
        : `output of task "${context.taskId}"`;
  }
}
