import type { Codec } from "../codec/codec.ts";
import { UnknownCodecError } from "../errors/codec-errors.ts";
import type { SerializedFailure } from "../errors/failure.ts";
import { InstanceNotFoundError } from "../errors/instance-errors.ts";
import { CHILD_EVENT, CHILDREN_EVENT, type InstanceId, type TaskId } from "../ids.ts";
import { COMMON_KEY } from "../snapshot/allowance.ts";
import { isDeadline } from "../snapshot/deadline.ts";
import type { Position } from "../snapshot/position.ts";
import type { ForkPoint, InstanceOutline, Parent } from "../snapshot/snapshot.ts";
import type { Backend } from "../store/backend.ts";
import type { InstanceState } from "../store/instance-store.ts";
import type { InstanceEnd } from "../store/wakeup.ts";
import { decodeFailure, progressContext } from "./payloads.ts";

/** Where an instance is, told from its stored state. */
export type StatusReport<Output = unknown> = CurrentStatus<Output> & {
  /** Of which instance it is a fork, and after which entry of that one's history. Only of a fork. */
  readonly forkedFrom?: ForkPoint;
  /** By when it has to have ended, or had. Only of one that has a deadline. */
  readonly deadline?: Date;
  /** A request to cancel it that nobody has acted on yet. Only while there is one. */
  readonly cancelRequested?: { readonly reason: string | null; readonly undo: boolean };
  /** Which instance's task has started it. Only of a child. */
  readonly parent?: Parent;
};

type CurrentStatus<Output> =
  /** It has ended with a result. */
  | { readonly status: "completed"; readonly output: Output }
  /** It has ended without one. */
  | { readonly status: "failed"; readonly failure: SerializedFailure }
  | { readonly status: "cancelled"; readonly reason: string | null }
  /** It stands still until it is unpaused. */
  | { readonly status: "paused"; readonly reason: string | null }
  /** Something can run, runs, or will be tried again. */
  | { readonly status: "in_progress"; readonly tasks: readonly RunningTask[] }
  /** All that is left to do is let time pass. */
  | { readonly status: "waiting"; readonly wakeAt: Date }
  /** It goes on when an event comes, or its time limit has passed. */
  | { readonly status: "awaiting_event"; readonly events: readonly AwaitedEvent[] }
  /** It goes on when a child has ended. */
  | { readonly status: "awaiting_child"; readonly children: readonly AwaitedChild[] };

/** A child that is waited for. */
export interface AwaitedChild {
  /** That has started it. */
  readonly taskId: TaskId;
  /** `null` where it has just ended, or is gone. */
  readonly instanceId: InstanceId | null;
}

export interface RunningTask {
  readonly taskId: TaskId;
  readonly attempt: number;
  readonly state: "ready" | "running" | "retrying";
  /** Who runs it; `null` if nobody does. */
  readonly workerId: string | null;
  /** When it is tried again; `null` unless it is retrying. */
  readonly retryAt: Date | null;
  /** What it waits for besides a worker, and whose share of that it is to take. Only while a limit holds it back. */
  readonly limit?: { readonly name: string; readonly key: string };
  /** How far it said it was, and when. Only of one that has said so, as far as that can be read here. */
  readonly progress?: { readonly value: unknown; readonly at: Date };
}

export interface AwaitedEvent {
  readonly taskId: TaskId;
  readonly name: string;
  /** When it stops waiting; `null` if never. */
  readonly timeoutAt: Date | null;
}

/**
 * Reports on an instance.
 *
 * @throws {UnknownCodecError} its codec is not available here
 * @throws {CodecDecodeError} its output is damaged
 */
export async function reportStatus(backend: StatusSource, state: InstanceState): Promise<StatusReport> {
  const { forkedFrom, deadlineAt, parent } = state.instance;
  const report = await currentStatus(backend, state);
  const request = state.signals.find(({ kind }) => kind === "cancel")?.request;
  return {
    ...report,
    ...(forkedFrom === null ? {} : { forkedFrom }),
    ...(parent === null ? {} : { parent }),
    ...(deadlineAt === null ? {} : { deadline: new Date(deadlineAt) }),
    ...(request === undefined
      ? {}
      : { cancelRequested: { reason: request.reason ?? null, undo: request.undo === true } }),
  };
}

type StatusSource = Pick<Backend, "findCodec" | "codec" | "listInstances">;

async function currentStatus(backend: StatusSource, state: InstanceState): Promise<CurrentStatus<unknown>> {
  const { instance } = state;
  switch (instance.status) {
    case "completed": {
      const stored = { bytes: instance.output ?? new Uint8Array(), codec: instance.codec };
      return { status: "completed", output: await decodeOutput(backend, instance.instanceId, stored) };
    }
    case "failed": {
      const bytes = instance.failure ?? new Uint8Array();
      return {
        status: "failed",
        failure: await decodeFailure(codecOf(backend, instance.codec), bytes, instance.instanceId),
      };
    }
    case "cancelled":
      return { status: "cancelled", reason: instance.reason };
    case "paused":
      return { status: "paused", reason: instance.reason };
    case "in_progress":
      return await withProgress(backend, state, await reportLive(backend, state));
  }
}

async function reportLive(backend: StatusSource, state: InstanceState): Promise<CurrentStatus<unknown>> {
  const { now } = state;
  // By when it has to have ended is not where it stands.
  const positions = state.positions.filter((position) => !isDeadline(position));
  const active = positions.filter((position) => !isParked(position));
  if (active.length > 0) return { status: "in_progress", tasks: active.map((position) => describeTask(position, now)) };
  const waits = positions.filter((position) => position.kind === "wait" && !awaitsChildren(position));
  const awaiting = positions.filter(awaitsChildren);
  if (waits.length === 0 && awaiting.length > 0)
    return { status: "awaiting_child", children: await awaitedChildren(backend, state.instance, awaiting) };
  if (waits.length > 0) return { status: "awaiting_event", events: waits.map(describeWait) };
  const wakeTimes = positions.flatMap((position) =>
    position.kind === "delay" && position.wakeAt !== null ? [position.wakeAt] : [],
  );
  if (wakeTimes.length === 0) return { status: "in_progress", tasks: [] };
  return { status: "waiting", wakeAt: new Date(Math.min(...wakeTimes)) };
}

/** Tells with each task how far it says it is. */
async function withProgress(
  backend: Pick<Backend, "findCodec">,
  { instance, progress }: InstanceState,
  report: CurrentStatus<unknown>,
): Promise<CurrentStatus<unknown>> {
  const codec = backend.findCodec(instance.codec);
  if (report.status !== "in_progress" || progress.length === 0 || codec === null) return report;
  const tasks = report.tasks.map(async (task): Promise<RunningTask> => {
    const said = progress.find(({ taskId }) => taskId === task.taskId);
    if (said === undefined) return task;
    try {
      const value: unknown = await codec.decode(said.value, progressContext(instance.instanceId, task.taskId));
      return { ...task, progress: { value, at: new Date(said.at) } };
    } catch {
      // Where the instance is can be told all the same.
      return task;
    }
  });
  return { ...report, tasks: await Promise.all(tasks) };
}

/** Whether a position is left alone until a time, an event, or its branches' ends. */
export function isParked(position: Position): boolean {
  if (position.claim !== null || position.ready) return false;
  return position.kind === "delay" || position.kind === "wait" || (position.kind === "join" && position.pending > 0);
}

function describeTask(position: Position, now: number): RunningTask {
  const { taskId, attempt, claim, wakeAt, gate, limitKey } = position;
  const held = claim !== null && (claim.expiresAt === null || claim.expiresAt > now);
  if (held) return { taskId, attempt, state: "running", workerId: claim.workerId, retryAt: null };
  if (!position.ready && wakeAt !== null && wakeAt > now) {
    return { taskId, attempt, state: "retrying", workerId: null, retryAt: new Date(wakeAt) };
  }
  const waits = gate === undefined ? {} : { limit: { name: gate.limit, key: limitKey ?? COMMON_KEY } };
  return { taskId, attempt, state: "ready", workerId: null, retryAt: null, ...waits };
}

/** Whether a position waits for children's ends. */
export function awaitsChildren({ event }: Pick<Position, "event">): boolean {
  return event === CHILDREN_EVENT || event?.startsWith(CHILD_EVENT) === true;
}

/** Most children that a report names. */
const MOST_CHILDREN = 1_000;

async function awaitedChildren(
  backend: StatusSource,
  { instanceId, run }: InstanceOutline,
  waits: readonly Position[],
): Promise<readonly AwaitedChild[]> {
  const status = ["in_progress", "paused"] as const;
  const live = await backend.listInstances({ parent: instanceId, status, limit: MOST_CHILDREN });
  return waits.flatMap(({ taskId, event }): AwaitedChild[] => {
    const isMeant = ({ parent }: InstanceOutline): boolean =>
      event === CHILDREN_EVENT
        ? parent?.onClose === "wait"
        : parent?.taskId === taskId && parent.run === run && parent.onClose !== "closed";
    const meant = live.filter(isMeant).map((child) => ({
      taskId: child.parent?.taskId ?? taskId,
      instanceId: child.instanceId,
    }));
    return meant.length === 0 ? [{ taskId, instanceId: null }] : meant;
  });
}

function describeWait(position: Position): AwaitedEvent {
  const timeoutAt = position.wakeAt === null ? null : new Date(position.wakeAt);
  return { taskId: position.taskId, name: position.event ?? "", timeoutAt };
}

/**
 * The value that an instance has completed with.
 *
 * @throws {UnknownCodecError} its codec is not available here
 * @throws {CodecDecodeError} it is damaged
 */
export async function decodeOutput(
  backend: Pick<Backend, "findCodec" | "codec">,
  instanceId: InstanceId,
  { bytes, codec }: NonNullable<InstanceEnd["output"]>,
): Promise<unknown> {
  return await codecOf(backend, codec).decode(bytes, { instanceId, taskId: "", kind: "output" });
}

/** @throws {InstanceNotFoundError} */
export async function getState(backend: Pick<Backend, "findInstance">, instanceId: InstanceId): Promise<InstanceState> {
  const state = await backend.findInstance(instanceId);
  if (state === null) throw new InstanceNotFoundError(instanceId);
  return state;
}

/** @throws {UnknownCodecError} */
export function codecOf(backend: Pick<Backend, "findCodec" | "codec">, codecId: string): Codec {
  const codec = backend.findCodec(codecId);
  if (codec === null) throw new UnknownCodecError(codecId, [backend.codec.id]);
  return codec;
}
