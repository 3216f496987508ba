import { parseEventName, parseKnownId, parseTaskId } from "../ids.ts";
import type { NewEntry } from "../snapshot/snapshot.ts";
import { refuse, requireArray, requireName, requireObject } from "./argument-shapes.ts";
import { parseAttempt, parseBytes } from "./arguments.ts";
import type { UpdateRequest } from "./state-store.ts";

const MOST_IDS = 10_000;

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkStateIds(taskIds: readonly string[]): void {
  requireArray(taskIds, "taskIds");
  if (taskIds.length > MOST_IDS) refuse("taskIds", `has ${taskIds.length} ids; the most is ${MOST_IDS}`);
  for (const [index, taskId] of taskIds.entries()) parseTaskId(taskId, `taskIds[${index}]`);
}

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkUpdate(request: UpdateRequest): void {
  requireObject(request, "request");
  parseKnownId(request.instanceId, "request.instanceId");
  checkNoted(request.entry, "update", "request.entry");
  if (request.entry.attempt !== 1) refuse("request.entry.attempt", "must be 1");
  if (request.state !== null) {
    checkNoted(request.state, "state", "request.state");
    if (request.state.output === null) refuse("request.state.output", "must be the state");
  }
  if (request.event !== null) {
    requireObject(request.event, "request.event");
    parseEventName(request.event.name, "request.event.name");
    parseBytes(request.event.payload, "request.event.payload");
  }
  requireName(request.codec, "request.codec");
}

function checkNoted(entry: NewEntry, kind: NewEntry["kind"], field: string): void {
  requireObject(entry, field);
  parseTaskId(entry.taskId, `${field}.taskId`);
  parseAttempt(entry.attempt, `${field}.attempt`);
  if (entry.kind !== kind) refuse(`${field}.kind`, `must be "${kind}"`);
  if (entry.outcome !== "noted") refuse(`${field}.outcome`, 'must be "noted"');
  if (entry.output !== null) parseBytes(entry.output, `${field}.output`);
  if (entry.outputRef !== null) parseTaskId(entry.outputRef, `${field}.outputRef`);
  if (entry.decision !== null) requireName(entry.decision, `${field}.decision`);
}
