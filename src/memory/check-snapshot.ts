import { parseInstanceId, parseTaskId, parseWorkerId } from "../ids.ts";
import type { Position } from "../snapshot/position.ts";
import { isTerminal, type Snapshot, type TaskResult } from "../snapshot/snapshot.ts";
import {
  refuse,
  requireArray,
  requireBoolean,
  requireBytesOrNull,
  requireDistinct,
  requireInteger,
  requireObject,
  requireOneOf,
  requirePath,
  requireTags,
  requireTaskIdOrNull,
  requireText,
  requireTime,
  requireTimeOrNull,
  requireToken,
} from "./arguments.ts";
import { ENTRY_KINDS } from "./check-checkpoint.ts";
import { checkIdentity, STATUSES } from "./check-instance.ts";
import { checkPlace, MAX_COUNT } from "./check-standing.ts";

/** Longest reason, in UTF-16 code units; as in a request. */
const MAX_REASON = 1_000;

/** @throws {InvalidArgumentError} naming where the snapshot is malformed, or contradicts itself */
export function checkSnapshot(snapshot: Snapshot): void {
  requireObject(snapshot, "snapshot");
  parseInstanceId(snapshot.instanceId, "snapshot.instanceId");
  checkIdentity(snapshot, "snapshot");
  checkStatus(snapshot);
  requireArray(snapshot.positions, "snapshot.positions");
  for (const [index, position] of snapshot.positions.entries()) checkPosition(position, `snapshot.positions[${index}]`);
  requireDistinct(
    snapshot.positions.map((position) => position.path),
    "snapshot.positions",
    "path",
  );
  requireDistinct(
    snapshot.positions.map((position) => position.taskId),
    "snapshot.positions",
    "task",
  );
  if (isTerminal(snapshot.status) !== (snapshot.positions.length === 0)) {
    refuse("snapshot.positions", "must be empty if and only if the status is terminal");
  }
  requireArray(snapshot.results, "snapshot.results");
  for (const [index, result] of snapshot.results.entries()) checkResult(result, `snapshot.results[${index}]`);
  requireDistinct(
    snapshot.results.map((result) => result.taskId),
    "snapshot.results",
    "task",
  );
}

function checkStatus(snapshot: Snapshot): void {
  const { status } = snapshot;
  requireOneOf(status, "snapshot.status", STATUSES);
  requireBytesOrNull(snapshot.output, "snapshot.output");
  requireBytesOrNull(snapshot.failure, "snapshot.failure");
  requireTime(snapshot.createdAt, "snapshot.createdAt");
  requireTimeOrNull(snapshot.endedAt, "snapshot.endedAt");
  if (snapshot.reason !== null) requireText(snapshot.reason, "snapshot.reason", MAX_REASON);
  if ((status === "completed") !== (snapshot.output !== null)) {
    refuse("snapshot.output", "must be there if and only if the status is completed");
  }
  if ((status === "failed") !== (snapshot.failure !== null)) {
    refuse("snapshot.failure", "must be there if and only if the status is failed");
  }
  if (isTerminal(status) !== (snapshot.endedAt !== null)) {
    refuse("snapshot.endedAt", "must be there if and only if the status is terminal");
  }
}

function checkPosition(position: Position, field: string): void {
  requireObject(position, field);
  requirePath(position.path, `${field}.path`);
  checkPlace(position, field);
  requireTags(position.tags, `${field}.tags`);
  requireBoolean(position.ready, `${field}.ready`);
  requireTimeOrNull(position.availableAt, `${field}.availableAt`);
  requireTimeOrNull(position.wakeAt, `${field}.wakeAt`);
  requireInteger(position.lost, `${field}.lost`, 0, MAX_COUNT);
  if (position.interrupt !== null)
    requireOneOf(position.interrupt, `${field}.interrupt`, ["pause", "cancel", "paused"]);
  if (position.ready && position.availableAt === null)
    refuse(`${field}.availableAt`, "must be there where ready is true");
  if (position.ready && position.claim !== null)
    refuse(`${field}.ready`, "must be false where somebody holds the position");
  if (position.claim === null) return;
  requireObject(position.claim, `${field}.claim`);
  parseWorkerId(position.claim.workerId, `${field}.claim.workerId`);
  requireToken(position.claim.token, `${field}.claim.token`);
  requireTimeOrNull(position.claim.expiresAt, `${field}.claim.expiresAt`);
}

function checkResult(result: TaskResult, field: string): void {
  requireObject(result, field);
  parseTaskId(result.taskId, `${field}.taskId`);
  requireOneOf(result.kind, `${field}.kind`, ENTRY_KINDS);
  requireOneOf(result.outcome, `${field}.outcome`, ["completed", "timed_out"]);
  requireBytesOrNull(result.output, `${field}.output`);
  requireTaskIdOrNull(result.outputRef, `${field}.outputRef`);
}
