import type { MaybePromise } from "../codec/maybe-promise.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import type { SerializedFailure } from "../errors/failure.ts";
import { BranchesFailedError, ItemsFailedError } from "../errors/task-errors.ts";
import { standpoint } from "../flow/continuation.ts";
import type { CollectNode, EventsResult, ForkNode, MapNode, Settled } from "../flow/definition.ts";
import type { Flow } from "../flow/flow-definition.ts";
import { branchOutputs, itemOutput } from "../flow/output-ids.ts";
import { parseTaskId, type TaskId } from "../ids.ts";
import type { TaskResult } from "../snapshot/snapshot.ts";
import type { Backend } from "../store/backend.ts";
import { readFailedInstance } from "./before-the-end.ts";
import type { HeldPosition } from "./held-position.ts";
import { isPart } from "./interpret-output.ts";
import { decodeFailure, decodeOwned, hasOwnOutput, type OwnedPayload } from "./payloads.ts";

/** What reading inputs needs of a store. */
type Results = Pick<Backend, "loadResults" | "lastFailure" | "findLastIteration" | "findInstance">;

/** Most outcomes that are read at once. */
const PAGE = 2_000;

/**
 * The decoded input of a held position: the previous output, or for a join what has come of its branches or items.
 *
 * @throws {ItemsFailedError} more items have failed than the map tolerates
 * @throws {BranchesFailedError} all branches of a fork that needs one have failed
 */
export function readInput(store: Results, held: HeldPosition): MaybePromise<unknown> {
  const { flow, codec, claim, stand } = held;
  const { node, container } = standpoint(flow, stand.taskId).located;
  if (node.kind === "fork") return readJoinedInput(store, held, node);
  if (node.kind === "map") return readMappedInput(store, held, node);
  if (node.kind === "collect") return readCollected(store, held, node);
  if (isPart(container, "handler")) return readFailedInstance(store, held);
  if (isPart(container, "undo") && held.input === null) return readOutputOf(store, held, stand.inputRef ?? "");
  const input = decodeOwned(flow, codec, claim.instanceId, { owner: stand.inputRef, bytes: held.input });
  return isPart(container, "fallback") ? readFailedInput(store, held, input) : input;
}

/** What the instance was started with, or its run. */
export async function readInstanceInput(
  store: Pick<Backend, "findInstance">,
  { flow, codec, claim }: HeldPosition,
): Promise<unknown> {
  const state = await store.findInstance(claim.instanceId);
  const bytes = state?.instance.input ?? null;
  return await decodeOwned(flow, codec, claim.instanceId, { owner: null, bytes });
}

async function readJoinedInput(store: Results, held: HeldPosition, node: ForkNode): Promise<unknown> {
  const { flow, stand } = held;
  const outputs = branchOutputs(flow, stand.taskId);
  const results = await loadByTask(store, held, [...outputs.values()]);
  if (node.mode === "any" || node.mode === "race") return await readWinner(held, outputs, results);
  const joined: Record<string, unknown> = {};
  for (const [branch, taskId] of outputs) {
    const result = results.get(taskId);
    if (result === undefined)
      throw new InvalidArgumentError(`branch "${branch}"`, `of join "${stand.taskId}" has no recorded output.`);
    joined[branch] = await (node.mode === "settled" ? settled(held, result) : valueOf(held, result));
  }
  return joined;
}

async function readWinner(
  held: HeldPosition,
  outputs: ReadonlyMap<string, TaskId>,
  results: ReadonlyMap<TaskId, TaskResult>,
): Promise<unknown> {
  const failures = new Map<string, string>();
  for (const [branch, taskId] of outputs) {
    const result = results.get(taskId);
    if (result?.outcome === "tolerated") failures.set(branch, (await failureOf(held, result)).message);
    else if (result !== undefined) return { branch, output: await valueOf(held, result) };
  }
  throw new BranchesFailedError(held.stand.taskId, failures);
}

async function readMappedInput(store: Results, held: HeldPosition, node: MapNode): Promise<unknown> {
  const { flow, stand } = held;
  const { taskId } = stand;
  const total = await readItemCount(store, held);
  const outputs: unknown[] = [];
  for (let from = 0; from < total; from += PAGE) {
    const ids = Array.from({ length: Math.min(PAGE, total - from) }, (_, offset) => from + offset);
    // What has failed stands under the item itself.
    const wanted = ids.flatMap((index) => [itemOutput(flow, taskId, index), `${taskId}[${index}]`]);
    const results = await loadByTask(
      store,
      held,
      node.tolerated === 0 ? wanted.filter((_, at) => at % 2 === 0) : wanted,
    );
    for (const index of ids) {
      const result = results.get(`${taskId}[${index}]`) ?? results.get(itemOutput(flow, taskId, index));
      if (result !== undefined) outputs.push(await (node.tolerated === 0 ? valueOf : settled)(held, result));
    }
  }
  return checkMapped(outputs, total, node, taskId);
}

/** How many events are waited for. */
export async function readCount(
  store: Results,
  held: HeldPosition,
  node: CollectNode,
  countId: TaskId,
): Promise<number> {
  if (node.count !== null) return node.count;
  const [recorded] = (await loadByTask(store, held, [countId])).values();
  const count = recorded === undefined ? null : await valueOf(held, recorded);
  if (typeof count === "number") return count;
  throw new InvalidArgumentError(`"${countId}"`, "has no recorded number.");
}

/** The events that have come, in their order, and whether the time limit has passed before all have. */
async function readCollected(store: Results, held: HeldPosition, node: CollectNode): Promise<EventsResult<unknown>> {
  const { taskId } = held.stand;
  const count = await readCount(store, held, node, `${taskId}~count`);
  const payloads: unknown[] = [];
  for (let from = 0; from < count; from += PAGE) {
    const ids = Array.from({ length: Math.min(PAGE, count - from) }, (_, offset) => `${taskId}[${from + offset}]`);
    const results = await loadByTask(store, held, ids);
    for (const id of ids) {
      const result = results.get(id);
      if (result?.outcome === "timed_out") return { timedOut: true, payloads };
      if (result === undefined) throw new InvalidArgumentError(`"${id}"`, "has no recorded event.");
      payloads.push(await valueOf(held, result));
    }
  }
  return { timedOut: false, payloads };
}

/** How many items the map has at whose join a position stands. */
export async function readItemCount(store: Pick<Results, "loadResults">, held: HeldPosition): Promise<number> {
  const { taskId } = held.stand;
  const [listed] = (await loadByTask(store, held, [`${taskId}~list`])).values();
  const count = listed === undefined ? null : await valueOf(held, listed);
  const total = Array.isArray(count) ? count.length : count;
  if (typeof total !== "number") throw new InvalidArgumentError(`map "${taskId}"`, "has no recorded list.");
  return total;
}

/** Refuses what a map can't hand on: too many of its items have failed, so that it was closed before the others had ended. */
function checkMapped(outputs: readonly unknown[], total: number, { tolerated }: MapNode, taskId: TaskId): unknown {
  const failed = (outputs as readonly Settled<unknown>[]).filter((output) => tolerated !== 0 && !output.ok);
  const [first] = failed;
  if (tolerated !== null && failed.length > tolerated && first !== undefined && !first.ok)
    throw new ItemsFailedError(taskId, failed.length, tolerated, first.failure.message);
  if (outputs.length === total) return outputs;
  throw new InvalidArgumentError(`map "${taskId}"`, `has outputs of ${outputs.length} of its ${total} items.`);
}

/** What a fallback gets: the task's own input, and what its last attempt failed with. */
async function readFailedInput(store: Results, held: HeldPosition, input: unknown): Promise<unknown> {
  const { claim, codec, stand } = held;
  const failed = stand.taskId.slice(0, stand.taskId.lastIndexOf("~"));
  const bytes = await store.lastFailure(claim.instanceId, failed);
  const failure = await decodeFailure(codec, bytes ?? new Uint8Array(), claim.instanceId);
  return { input: await input, failure };
}

/** What is to be undone was recorded long ago: whoever goes on to undo it doesn't have it at hand. */
async function readOutputOf(store: Results, held: HeldPosition, taskId: TaskId): Promise<unknown> {
  const result = (await loadByTask(store, held, [taskId])).get(taskId);
  if (result === undefined) throw new InvalidArgumentError(`"${taskId}"`, "has no recorded output.");
  return await valueOf(held, result);
}

async function loadByTask(
  store: Pick<Results, "loadResults">,
  held: HeldPosition,
  taskIds: readonly TaskId[],
): Promise<Map<TaskId, TaskResult>> {
  const results = await store.loadResults(held.claim.instanceId, taskIds);
  return new Map(results.map((result) => [result.taskId, result]));
}

function valueOf({ flow, codec, claim }: HeldPosition, result: TaskResult): MaybePromise<unknown> {
  return decodeOwned(flow, codec, claim.instanceId, ownerOf(flow, result));
}

async function settled(held: HeldPosition, result: TaskResult): Promise<Settled<unknown>> {
  if (result.outcome === "tolerated" && result.kind === "branch")
    return { ok: false, failure: await failureOf(held, result) };
  return { ok: true, value: await valueOf(held, result) };
}

async function failureOf({ codec, claim }: HeldPosition, { failure }: TaskResult): Promise<SerializedFailure> {
  return await decodeFailure(codec, failure ?? new Uint8Array(), claim.instanceId);
}

/**
 * The recorded output of an earlier task, for `TaskContext.output`.
 *
 * An id is looked for in the scope of the task that asks, then in the scopes around it: an inlined flow
 * finds its own nodes first, as it does when it runs on its own.
 *
 * @throws {InvalidArgumentError} nothing is recorded under this id (yet)
 */
export async function readEarlierOutput(store: Results, held: HeldPosition, taskId: TaskId): Promise<unknown> {
  const { flow, claim, stand } = held;
  for (const scope of scopesOf(stand.taskId)) {
    const id = scope + parseTaskId(taskId);
    if (flow.find(id.replaceAll(/\[\d+\]/g, "")) === null) continue;
    const recorded = isLoop(flow, id) ? await store.findLastIteration(claim.instanceId, id) : id;
    // Where a task has failed, its fallback speaks for it.
    const candidates = recorded === null ? [] : [recorded, `${recorded}~fallback`];
    const results = await loadByTask(store, held, candidates);
    const result = results.get(recorded ?? "") ?? results.get(`${recorded ?? ""}~fallback`);
    if (result !== undefined) return await valueOf(held, result);
    break;
  }
  throw new InvalidArgumentError(
    "taskId",
    `"${taskId}" has no recorded output in instance "${claim.instanceId}" (yet).`,
  );
}

/** The prefixes of task ids in the scopes around a task, innermost first: `a/b/c` is in `a/b/`, `a/` and ``. */
function scopesOf(taskId: TaskId): string[] {
  const ids = taskId.split("/").slice(0, -1);
  return Array.from({ length: ids.length + 1 }, (_, out) =>
    ids
      .slice(0, ids.length - out)
      .map((id) => `${id}/`)
      .join(""),
  );
}

/** Whose bytes a recorded outcome carries: its own, or those that it passes on. */
function ownerOf(flow: Flow, result: TaskResult): OwnedPayload {
  const passesOn =
    result.kind === "branch" ||
    (result.kind === "delay" && !hasOwnOutput(standpoint(flow, result.taskId).located.node)) ||
    (result.kind === "loop" && result.outputRef !== null);
  return { owner: passesOn ? result.outputRef : result.taskId, bytes: result.output };
}

function isLoop(flow: Flow, taskId: TaskId): boolean {
  return !taskId.endsWith("]") && flow.find(taskId.replaceAll(/\[\d+\]/g, ""))?.node.kind === "loop";
}
