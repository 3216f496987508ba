import type { Codec } from "../codec/codec.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { spawnsChildren } from "../flow/child-flows.ts";
import type { Flow } from "../flow/flow-definition.ts";
import type { InstanceId } from "../ids.ts";
import type { NewPosition } from "../snapshot/checkpoint.ts";
import { deadlineTime, type NewDeadline } from "../snapshot/deadline.ts";
import { planStart } from "../snapshot/plan.ts";
import { parseDeadline, parseLabels, parsePriority, parseTags } from "../store/arguments.ts";
import type { NewInstance } from "../store/instance-store.ts";
import type { ClaimedPosition } from "../store/position-store.ts";
import type { Duration } from "../time/duration.ts";
import { checkFlow } from "./call-options.ts";
import { beforeGate, firstGate, limitKeyFor } from "./gate.ts";
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
  /**
   * By when it has to have ended, by the database's clock: a time, or so long after its start. If it has not, it fails with
   * `DeadlineExceededError`, and what runs is told to stop. Default: the flow's, if it has one; `null`: none.
   */
  readonly deadline?: Duration | Date | null;
}

/** What to do if the instance id is taken. */
export type ConflictPolicy = "fail" | "useExisting" | "terminateExisting";

/** How an instance begins, besides its options. */
export interface Beginning {
  /** Whether whoever makes it holds its first positions. Not where it starts later. */
  readonly claimed: boolean;
  /** After which time it starts; 0 for at once. */
  readonly afterMs: number;
  /** How the caller calls the options, for messages. */
  readonly field?: string;
}

const DEFAULT_PRIORITY = 3;
const AT_ONCE: Beginning = { claimed: false, afterMs: 0 };

/** @throws {InvalidArgumentError} it isn't one */
export function checkConflictPolicy(policy: unknown): void {
  if (policy !== undefined && policy !== "fail" && policy !== "useExisting" && policy !== "terminateExisting") {
    throw new InvalidArgumentError("options.onConflict", 'must be "fail", "useExisting" or "terminateExisting".');
  }
}

/**
 * The rows with which an instance begins: its input validated and encoded once and for all.
 *
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
  beginning: Beginning = AT_ONCE,
): Promise<NewInstance> {
  const valid = await validInput(flow, input);
  return await instanceWith(flow, instanceId, valid, options, store, beginning);
}

/** The input as an instance gets it. @throws as `newInstance` */
export async function validInput(flow: Flow, input: unknown): Promise<unknown> {
  checkFlow(flow);
  if (input instanceof Promise) throw new InvalidArgumentError("input", "is a Promise. Await it first.");
  return flow.inputSchema === null ? input : await validate(flow.inputSchema, input, `input of flow "${flow.name}"`);
}

/** As `newInstance`, with an input that is valid. */
export async function instanceWith(
  flow: Flow,
  instanceId: InstanceId,
  valid: unknown,
  options: StartOptions,
  store: { readonly codec: Codec; readonly maxPayloadBytes: number },
  beginning: Beginning,
): Promise<NewInstance> {
  const { field = "options" } = beginning;
  const priority = parsePriority(options.priority ?? DEFAULT_PRIORITY, `${field}.priority`);
  const tags = parseTags(options.tags ?? [], `${field}.tags`);
  const labels = parseLabels(options.labels ?? {}, `${field}.labels`);
  const { codec } = store;
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
    deadline: deadlineFor(flow, options.deadline, beginning),
    positions: firstPositions(flow, codec.id, priority, valid, beginning),
    awaitsEvents: awaitsEvents(flow),
    spawns: spawnsChildren(flow),
  };
}

/** What is left of its time counts from when it starts. */
function deadlineFor(flow: Flow, given: StartOptions["deadline"], beginning: Beginning): NewDeadline | null {
  const { afterMs: startAfterMs, field = "options" } = beginning;
  const own = given === undefined ? flow.deadlineMs : given;
  if (own === null) return null;
  const { afterMs, at } = parseDeadline(own, `${field}.deadline`);
  return { afterMs: afterMs === null ? null : startAfterMs + afterMs, at };
}

/**
 * The positions of a new instance that its maker holds, as a claim would have given them.
 *
 * @param granted - of these positions
 * @param now - about the store's clock
 */
export function claimedFromNew(
  instance: NewInstance,
  granted: readonly { readonly path: string; readonly token: bigint }[],
  now: number,
): readonly ClaimedPosition[] {
  const at = deadlineTime(instance.deadline, now);
  const { instanceId, flow, definitionHash, codec, priority, input, positions, traceContext = null } = instance;
  return granted.flatMap(({ path, token }) => {
    const standing = positions.find((position) => position.path === path)?.standing;
    if (standing === undefined) return [];
    const { taskId, kind, attempt, inputRef, event } = standing;
    return [
      {
        ...{ instanceId, path, token, taskId, kind, attempt, inputRef, event },
        ...{ flow, definitionHash, codec, instancePriority: priority, input },
        ...{ lost: 0, recorded: null, armed: false, due: false, interrupt: null, run: 1 },
        deadline: at === null ? null : { at, inMs: at - now },
        traceContext,
      },
    ];
  });
}

function firstPositions(
  flow: Flow,
  codecId: string,
  priority: number,
  input: unknown,
  beginning: Beginning,
): readonly NewPosition[] {
  const { claimed, afterMs } = beginning;
  const all = startingPositions(flow, codecId, priority, claimed && afterMs === 0).map((position) =>
    flow.hasLimits ? limited(flow, position, input) : position,
  );
  if (afterMs === 0) return all;
  return all.map((position) => {
    const { wakeAfterMs, standing } = position;
    if (wakeAfterMs === null) return position;
    // Until then it is a delay, whatever it stands at: a wait would take an event, and count its time limit.
    const delayed = { ...standing, kind: "delay", event: null } as const;
    return { ...position, standing: delayed, wakeAfterMs: wakeAfterMs + afterMs };
  });
}

/**
 * Before the gate of the flow, or of its first task.
 *
 * @throws {LimitKeyError} it can't be said whose share an instance takes
 */
function limited(flow: Flow, position: NewPosition, input: unknown): NewPosition {
  const { standing } = position;
  const gate = firstGate(flow, standing);
  if (gate === null || position.wakeAfterMs === null) return position;
  const { limitedBy, scope } = gate;
  return {
    ...position,
    standing: beforeGate(standing, limitedBy, scope, limitKeyFor(limitedBy, input)),
    claimed: false,
  };
}

/** Whether it waits for events or children, anywhere. */
export function awaitsEvents(flow: Flow): boolean {
  return [...flow.nodes()].some(({ node }) => node.kind === "wait" || node.kind === "spawn");
}

/** Where an instance that starts at once stands at first. */
export function startingPositions(
  flow: Flow,
  codecId: string,
  priority: number,
  claimed: boolean,
): readonly NewPosition[] {
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
    case "endItem":
    case "leaveBranch":
    case "collapse":
    case "restart":
    case "complete":
    case "fail":
    case "cancel":
      throw new InvalidArgumentError("flow", `"${flow.name}" has no nodes.`);
  }
}
