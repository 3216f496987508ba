import type { MaybePromise } from "../codec/maybe-promise.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { branchOutputs, standpoint } from "../flow/continuation.ts";
import type { Flow } from "../flow/flow-definition.ts";
import { parseTaskId, type TaskId } from "../ids.ts";
import type { TaskResult } from "../snapshot/snapshot.ts";
import type { HistoryStore } from "../store/history-store.ts";
import type { HeldPosition } from "./held-position.ts";
import { decodeOwned, hasOwnOutput, type OwnedPayload } from "./payloads.ts";

/** The decoded input of a held position: the previous output, or an object of the branches' outputs. */
export function readInput(store: HistoryStore, held: HeldPosition): MaybePromise<unknown> {
  const { flow, codec, claim, stand } = held;
  if (standpoint(flow, stand.taskId).located.node.kind === "fork") return readJoinedInput(store, held);
  return decodeOwned(flow, codec, claim.instanceId, { owner: stand.inputRef, bytes: held.input });
}

async function readJoinedInput(store: HistoryStore, held: HeldPosition): Promise<unknown> {
  const { flow, codec, claim, stand } = held;
  const outputs = branchOutputs(flow, stand.taskId);
  const results = await store.loadResults(claim.instanceId, [...outputs.values()]);
  const byTask = new Map(results.map((result) => [result.taskId, result]));
  const joined: Record<string, unknown> = {};
  for (const [branch, taskId] of outputs) {
    const result = byTask.get(taskId);
    if (result === undefined)
      throw new InvalidArgumentError(`branch "${branch}"`, `of join "${stand.taskId}" has no recorded output.`);
    joined[branch] = await decodeOwned(flow, codec, claim.instanceId, ownerOf(flow, result));
  }
  return joined;
}

/**
 * The recorded output of an earlier task, for `TaskContext.output`.
 *
 * An id is looked for in the scope of the task that asks, then in the scopes around it: an inlined flow
 * finds its own nodes first, as it does when it runs on its own.
 *
 * @throws {InvalidArgumentError} nothing is recorded under this id (yet)
 */
export async function readEarlierOutput(store: HistoryStore, held: HeldPosition, taskId: TaskId): Promise<unknown> {
  const { flow, codec, claim, stand } = held;
  for (const scope of scopesOf(stand.taskId)) {
    const id = scope + parseTaskId(taskId);
    if (flow.find(id.replaceAll(/\[\d+\]/g, "")) === null) continue;
    const recorded = isLoop(flow, id) ? await store.findLastIteration(claim.instanceId, id) : id;
    const [result] = recorded === null ? [] : await store.loadResults(claim.instanceId, [recorded]);
    if (result !== undefined) return await decodeOwned(flow, codec, claim.instanceId, ownerOf(flow, result));
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
    (result.kind === "delay" && !hasOwnOutput(standpoint(flow, result.taskId).located.node));
  return { owner: passesOn ? result.outputRef : result.taskId, bytes: result.output };
}

function isLoop(flow: Flow, taskId: TaskId): boolean {
  return !taskId.endsWith("]") && flow.find(taskId.replaceAll(/\[\d+\]/g, ""))?.node.kind === "loop";
}
