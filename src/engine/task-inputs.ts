import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { branchOutputs, standpoint } from "../flow/continuation.ts";
import type { Flow } from "../flow/flow-definition.ts";
import type { TaskId } from "../ids.ts";
import type { TaskResult } from "../snapshot/snapshot.ts";
import type { HistoryStore } from "../store/history-store.ts";
import type { HeldPosition } from "./held-position.ts";
import { decodeOwned, hasOwnOutput, type OwnedPayload } from "./payloads.ts";

/** The decoded input of a held position: the previous output, or an object of the branches' outputs. */
export async function readInput(store: HistoryStore, held: HeldPosition): Promise<unknown> {
  const { flow, codec, claim, stand } = held;
  if (standpoint(flow, stand.taskId).located.node.kind !== "fork") {
    return await decodeOwned(flow, codec, claim.instanceId, { owner: stand.inputRef, bytes: held.input });
  }
  const outputs = branchOutputs(flow, stand.taskId);
  const results = await store.loadResults(claim.instanceId, [...outputs.values()]);
  const byTask = new Map(results.map((result) => [result.taskId, result]));
  const joined: Record<string, unknown> = {};
  for (const [branch, taskId] of outputs) {
    const result = byTask.get(taskId);
    if (result === undefined) throw new InvalidArgumentError(`branch "${branch}"`, `of join "${stand.taskId}" has no recorded output.`);
    joined[branch] = await decodeOwned(flow, codec, claim.instanceId, ownerOf(flow, result));
  }
  return joined;
}

/**
 * The recorded output of an earlier task, for `TaskContext.output`.
 *
 * @throws {InvalidArgumentError} nothing is recorded under this id (yet)
 */
export async function readEarlierOutput(store: HistoryStore, held: HeldPosition, taskId: TaskId): Promise<unknown> {
  const { flow, codec, claim } = held;
  const id = isLoop(flow, taskId) ? await store.findLastIteration(claim.instanceId, taskId) : taskId;
  const [result] = id === null ? [] : await store.loadResults(claim.instanceId, [id]);
  if (result === undefined) {
    throw new InvalidArgumentError("taskId", `"${taskId}" has no recorded output in instance "${claim.instanceId}" (yet).`);
  }
  return await decodeOwned(flow, codec, claim.instanceId, ownerOf(flow, result));
}

/** Whose bytes a recorded outcome carries: its own, or those that it passes on. */
function ownerOf(flow: Flow, result: TaskResult): OwnedPayload {
  const passesOn = result.kind === "branch" || (result.kind === "delay" && !hasOwnOutput(standpoint(flow, result.taskId).located.node));
  return { owner: passesOn ? result.outputRef : result.taskId, bytes: result.output };
}

function isLoop(flow: Flow, taskId: TaskId): boolean {
  return !taskId.endsWith("]") && flow.find(taskId.replace(/\[\d+\]/g, ""))?.node.kind === "loop";
}
