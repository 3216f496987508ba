import type { Codec } from "../codec/codec.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { Flow } from "../flow/flow-definition.ts";
import { type InstanceId, kindOf } from "../ids.ts";
import type { NewPosition } from "../snapshot/checkpoint.ts";
import { planStart } from "../snapshot/plan.ts";
import { parseLabels, parsePriority, parseTags } from "../store/arguments.ts";
import type { NewInstance } from "../store/instance-store.ts";
import { encodePayload } from "./payloads.ts";
import { validate } from "./validation.ts";

/** What an instance can be given besides its input. */
export interface StartOptions {
  /** 1 (first) to 5 (last); default 3. */
  readonly priority?: number;
  /** For finding the instance; at most 32. They don't decide who runs it. */
  readonly tags?: readonly string[];
  /** For finding the instance; at most 64. */
  readonly labels?: Readonly<Record<string, string>>;
}

const DEFAULT_PRIORITY = 3;

/**
 * The rows with which an instance begins: its input validated and encoded once and for all.
 *
 * @param claimed - whether whoever makes it holds its first positions
 * @throws {InvalidArgumentError} an option is not acceptable
 * @throws {ValidationError} the input doesn't fit the flow's schema
 * @throws {CodecEncodeError} the input can't be stored
 * @throws {PayloadTooLargeError} the input is too large
 */
export async function newInstance(
  flow: Flow,
  instanceId: InstanceId,
  input: unknown,
  options: StartOptions,
  store: { readonly codec: Codec; readonly maxPayloadBytes: number },
  claimed: boolean,
): Promise<NewInstance> {
  if (!(flow instanceof Flow))
    throw new InvalidArgumentError("flow", `must be a built flow, not ${kindOf(flow)}. Did you call .build()?`);
  if (input instanceof Promise) throw new InvalidArgumentError("input", "is a Promise. Await it first.");
  const priority = parsePriority(options.priority ?? DEFAULT_PRIORITY, "options.priority");
  const tags = parseTags(options.tags ?? [], "options.tags");
  const labels = parseLabels(options.labels ?? {}, "options.labels");
  const { codec } = store;
  const valid =
    flow.inputSchema === null ? input : await validate(flow.inputSchema, input, `input of flow "${flow.name}"`);
  const bytes = await encodePayload(codec, valid, { instanceId, taskId: "", kind: "input" }, store.maxPayloadBytes);
  return {
    instanceId,
    flow: flow.name,
    definitionHash: flow.hash,
    codec: codec.id,
    input: bytes,
    priority,
    tags,
    labels,
    positions: firstPositions(flow, codec.id, priority, claimed),
    awaitsEvents: [...flow.nodes()].some(({ node }) => node.kind === "wait"),
  };
}

function firstPositions(flow: Flow, codecId: string, priority: number, claimed: boolean): readonly NewPosition[] {
  const start = planStart(flow, codecId, priority);
  const path = "";
  switch (start.kind) {
    case "advance":
      return [{ path, standing: start.to, wakeAfterMs: 0, claimed }];
    case "park":
      return [{ path, standing: start.to, wakeAfterMs: start.wakeAfterMs, claimed: false }];
    case "await":
      // Ready: whoever claims it looks for an event that came before the instance, and parks it otherwise.
      return [{ path, standing: start.to, wakeAfterMs: 0, claimed }];
    case "fork":
      return [
        { path, standing: start.join, wakeAfterMs: null, claimed: false },
        ...start.branches.map((branch) => ({ ...branch, claimed: claimed && branch.wakeAfterMs === 0 })),
      ];
    case "endBranch":
    case "complete":
    case "fail":
      throw new InvalidArgumentError("flow", `"${flow.name}" has no nodes.`);
  }
}
