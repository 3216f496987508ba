import type { Codec } from "../codec/codec.ts";
import { checkFlow } from "../engine/call-options.ts";
import type { HistoryItem } from "../engine/history-item.ts";
import { codecOf, getState } from "../engine/instance-status.ts";
import { decisionOfRecorded } from "../engine/interpret-output.ts";
import { decodeOwned } from "../engine/payloads.ts";
import { requireDefinition } from "../engine/require-definition.ts";
import { type StateOwner, type StateRecord, trunkValues } from "../engine/state-values.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { StateUnknownError } from "../errors/instance-errors.ts";
import { standpoint } from "../flow/continuation.ts";
import type { Flow } from "../flow/flow-definition.ts";
import { shownValues } from "../flow/shared-state.ts";
import type { InstanceId, Path, TaskId } from "../ids.ts";
import { type DerivedState, UnreadableTrace } from "../snapshot/history-fold.ts";
import type { Decision } from "../snapshot/occurrence.ts";
import type { PositionKind } from "../snapshot/position.ts";
import type { InstanceRecord, TaskResult } from "../snapshot/snapshot.ts";
import { type Course, stateAt } from "../snapshot/state-at.ts";
import { STATE_ID } from "../snapshot/state-ids.ts";
import { needsOutput, type TraceEntry } from "../snapshot/trace-entry.ts";
import { requireBigint } from "../store/argument-shapes.ts";
import type { Backend } from "../store/backend.ts";

/** Where an instance stood after an entry of its history, and what had been recorded by then. */
export interface PastState {
  /** The last entry that it covers: the one asked for, or the last of the same checkpoint; 0 if there is none. */
  readonly sequence: bigint;
  /** When that was recorded; before any, when the instance was made. */
  readonly at: Date;
  /** `null` if it had not ended by then. */
  readonly ended: "completed" | "failed" | "cancelled" | null;
  /** Where it stood, by path; of what had failed or been cancelled, where it had stood. */
  readonly positions: readonly PastPosition[];
  /** What tasks, steps, events and items had given by then, by task id, in the order in which it was recorded. */
  readonly outputs: ReadonlyMap<TaskId, unknown>;
  /** The values of the flow's state by then, as its trunk had it; `null` if it has none. */
  readonly state: Readonly<Record<string, unknown>> | null;
}

/** A point at which an instance stood. */
export interface PastPosition {
  readonly taskId: TaskId;
  /** `""` for the trunk, else that of a branch or item. */
  readonly path: Path;
  /** Which try came next, counted from 1. */
  readonly attempt: number;
  readonly kind: PositionKind;
}

/** An instance with its course, and what reads its payloads. */
export interface FoundCourse {
  readonly instance: InstanceRecord;
  readonly codec: Codec;
  readonly course: Course;
  /** The store's clock, in milliseconds since the epoch. */
  readonly now: number;
}

/** Most outcomes that are read at once. */
const PAGE = 1_000;

/**
 * An instance's course, and what reads it.
 *
 * @throws {InstanceNotFoundError}
 * @throws {DefinitionMismatchError} it was started by another definition than `flow`
 * @throws {UnknownCodecError} its codec is not available here
 */
export async function findCourse(backend: Backend, flow: Flow, instanceId: InstanceId): Promise<FoundCourse> {
  checkFlow(flow);
  const { instance, now } = await getState(backend, instanceId);
  requireDefinition(flow, instance);
  const codec = codecOf(backend, instance.codec);
  return { instance, codec, now, course: await readCourse(backend, flow, codec, instance) };
}

/** @throws {InvalidArgumentError} it isn't a number that an entry can have, or 0 */
export function requireSequence(value: unknown, field: string): void {
  requireBigint(value, field);
  if ((value as bigint) < 0n) throw new InvalidArgumentError(field, `must not be negative; it is ${String(value)}.`);
}

/** Reads all that positions are derived from. */
export async function readCourse(
  backend: Pick<Backend, "readTrace" | "loadResults">,
  flow: Flow,
  codec: Codec,
  instance: InstanceRecord,
): Promise<Course> {
  const { instanceId } = instance;
  const trace = await backend.readTrace(instanceId);
  const decisions = new Map<TaskId, Decision>();
  for await (const result of resultsOf(
    backend,
    instanceId,
    trace.filter((entry) => needsOutput(flow, entry)),
  )) {
    const decision = await decisionIn(flow, codec, instanceId, result);
    if (decision !== null) decisions.set(result.taskId, decision);
  }
  return { origin: instance, trace, decisions };
}

/**
 * Does what derives a state from the history.
 *
 * @throws {StateUnknownError} it can't be derived
 */
export function derived<T>(instanceId: InstanceId, derive: () => T): T {
  try {
    return derive();
  } catch (error) {
    if (error instanceof UnreadableTrace) throw new StateUnknownError(instanceId, error.sequence, error.message);
    throw error;
  }
}

/** The state as it is shown. */
async function pastState(
  backend: Pick<Backend, "loadResults">,
  flow: Flow,
  codec: Codec,
  instanceId: InstanceId,
  state: DerivedState,
): Promise<Omit<PastState, "state">> {
  const { sequence, at, ended, positions } = state;
  const outputs = new Map<TaskId, unknown>();
  for await (const result of resultsOf(
    backend,
    instanceId,
    state.results.filter((entry) => hasOutput(flow, entry)),
  ))
    outputs.set(result.taskId, await valueOf(flow, codec, instanceId, result));
  return {
    sequence,
    at: new Date(at),
    ended,
    positions: positions.map(({ taskId, path, attempt, kind }) => ({ taskId, path, attempt, kind })),
    outputs,
  };
}

/** What the tasks shared by then. */
async function pastValues(
  backend: Pick<Backend, "readHistory">,
  { instanceId, codec, state }: Omit<StateOwner, "state"> & { readonly state: StateOwner["state"] | null },
  { trace }: Course,
  { sequence }: DerivedState,
): Promise<StateRecord | null> {
  if (state === null) return null;
  const last = trace.findLast((entry) => entry.taskId === STATE_ID && entry.sequence <= sequence);
  const [found] =
    last === undefined ? [] : await backend.readHistory(instanceId, { after: last.sequence - 1n, limit: 1 });
  const version = found === undefined ? null : { ...found, version: found.attempt };
  return shownValues(state, await trunkValues({ instanceId, codec, state }, version));
}

/** All entries after one, up to and with another, page by page. */
export async function between(
  read: (after: bigint) => Promise<readonly HistoryItem[]>,
  from: bigint,
  to: bigint,
): Promise<readonly HistoryItem[]> {
  const items: HistoryItem[] = [];
  for (let after = from; ; ) {
    const page = await read(after);
    items.push(...page.filter(({ sequence }) => sequence <= to));
    const last = page.at(-1)?.sequence ?? to;
    if (last >= to) return items;
    after = last;
  }
}

/** Whether an outcome has a value of its own. */
function hasOutput(flow: Flow, { taskId, kind, outcome }: TraceEntry): boolean {
  if (outcome === "tolerated" || kind === "branch" || kind === "delay") return false;
  if (kind !== "loop") return true;
  const { node } = standpoint(flow, taskId).located;
  return node.kind === "loop" && node.sequence === null;
}

/** The recorded outcomes of these entries, in their order. */
async function* resultsOf(
  backend: Pick<Backend, "loadResults">,
  instanceId: InstanceId,
  entries: readonly TraceEntry[],
): AsyncGenerator<TaskResult> {
  for (let from = 0; from < entries.length; from += PAGE) {
    const ids = entries.slice(from, from + PAGE).map(({ taskId }) => taskId);
    const results = new Map(
      (await backend.loadResults(instanceId, ids)).map((result) => [result.taskId, result] as const),
    );
    for (const id of ids) {
      const result = results.get(id);
      if (result !== undefined) yield result;
    }
  }
}

async function valueOf(
  flow: Flow,
  codec: Codec,
  instanceId: InstanceId,
  { taskId, kind, output }: TaskResult,
): Promise<unknown> {
  if (kind !== "step") return await decodeOwned(flow, codec, instanceId, { owner: taskId, bytes: output });
  return output === null ? undefined : await codec.decode(output, { instanceId, taskId, kind: "output" });
}

/** `null` where what is recorded leads nowhere: then nobody could go on from it either. */
async function decisionIn(
  flow: Flow,
  codec: Codec,
  instanceId: InstanceId,
  result: TaskResult,
): Promise<Decision | null> {
  const { taskId, outcome } = result;
  try {
    const output = await valueOf(flow, codec, instanceId, result);
    return decisionOfRecorded(standpoint(flow, taskId).located, taskId, { outcome, output });
  } catch {
    return null;
  }
}

/** As `Client.stateAt`. */
export async function lookBack(backend: Backend, flow: Flow, id: InstanceId, sequence: bigint): Promise<PastState> {
  const { codec, course } = await findCourse(backend, flow, id);
  const state = derived(id, () => stateAt(flow, course, sequence));
  const past = await pastState(backend, flow, codec, id, state);
  return { ...past, state: await pastValues(backend, { instanceId: id, codec, state: flow.state }, course, state) };
}
