import { InvalidTransitionError } from "../errors/instance-errors.ts";
import { parseInstanceId, parseTaskId, parseWorkerId } from "../ids.ts";
import { checkSnapshot as checkConsistency } from "../snapshot/check-snapshot.ts";
import type { Position, PositionClaim } from "../snapshot/position.ts";
import type { InstanceRecord, Snapshot, TaskResult } from "../snapshot/snapshot.ts";
import {
  refuse,
  requireArray,
  requireBigint,
  requireBoolean,
  requireDistinct,
  requireName,
  requireObject,
  requireOneOf,
  requireTaskIdOrNull,
  requireTime,
  requireTimeOrNull,
} from "./argument-shapes.ts";
import { parseBytes, parsePath, parseSignalRequest, parseTags, parseWhole } from "./arguments.ts";
import { ENTRY_KINDS } from "./check-checkpoint.ts";
import { checkForkPoint, checkIdentity } from "./check-instance.ts";
import { checkGate, checkPlace } from "./check-standing.ts";

const MAX_LOST = 2_147_483_647;
const MAX_RUNS = 2_147_483_647;

/** @throws {InvalidArgumentError} naming where the snapshot is malformed, or contradicts itself */
export function checkSnapshot(snapshot: Snapshot): void {
  requireObject(snapshot, "snapshot");
  parseInstanceId(snapshot.instanceId, "snapshot.instanceId");
  checkIdentity(snapshot, "snapshot");
  if (snapshot.output !== null) parseBytes(snapshot.output, "snapshot.output");
  if (snapshot.failure !== null) parseBytes(snapshot.failure, "snapshot.failure");
  if (snapshot.reason !== null) parseSignalRequest({ reason: snapshot.reason });
  requireTime(snapshot.createdAt, "snapshot.createdAt");
  requireTimeOrNull(snapshot.endedAt, "snapshot.endedAt");
  requireTimeOrNull(snapshot.deadlineAt, "snapshot.deadlineAt");
  parseWhole(snapshot.run, "snapshot.run", 1, MAX_RUNS);
  if (snapshot.forkedFrom !== null) checkForkPoint(snapshot.forkedFrom, "snapshot.forkedFrom");
  requireBoolean(snapshot.spawns, "snapshot.spawns");
  requireArray(snapshot.positions, "snapshot.positions");
  for (const [index, position] of snapshot.positions.entries()) checkPosition(position, `snapshot.positions[${index}]`);
  requireDistinct(
    snapshot.positions.map((position) => position.taskId),
    "snapshot.positions",
    "task",
  );
  requireArray(snapshot.results, "snapshot.results");
  for (const [index, result] of snapshot.results.entries()) checkResult(result, `snapshot.results[${index}]`);
  checkConsistency(snapshot);
}

/** @throws {InvalidTransitionError} the stored instance has continued as new since the snapshot was loaded, or never was in that run */
export function requireSameRun(
  { instanceId, status, run }: Pick<InstanceRecord, "instanceId" | "status" | "run">,
  snapshot: Snapshot,
): void {
  if (snapshot.run === run) return;
  const remedy = "Load it again.";
  throw new InvalidTransitionError(instanceId, `${status} in run ${run}`, `saving a snapshot of run ${snapshot.run}`, {
    remedy,
  });
}

function checkPosition(position: Position, field: string): void {
  requireObject(position, field);
  parsePath(position.path, `${field}.path`);
  checkPlace(position, field);
  parseTags(position.tags, `${field}.tags`);
  checkLimited(position, field);
  requireBoolean(position.ready, `${field}.ready`);
  requireTimeOrNull(position.availableAt, `${field}.availableAt`);
  requireTimeOrNull(position.wakeAt, `${field}.wakeAt`);
  parseWhole(position.lost, `${field}.lost`, 0, MAX_LOST);
  if (position.interrupt !== null) {
    requireOneOf(position.interrupt, `${field}.interrupt`, ["pause", "cancel", "undo", "paused"]);
  }
  if (position.claim !== null) checkClaim(position.claim, `${field}.claim`);
}

/** What a position has to do with limits. */
function checkLimited({ path, gate, limitKey, slot }: Position, field: string): void {
  if (gate !== undefined) checkGate(gate, `${field}.gate`);
  if (gate !== undefined || limitKey !== undefined) requireName(limitKey, `${field}.limitKey`);
  if (slot === undefined) return;
  requireObject(slot, `${field}.slot`);
  if (path !== "") refuse(`${field}.slot`, "is the trunk's alone");
  requireName(slot.limit, `${field}.slot.limit`);
  requireName(slot.key, `${field}.slot.key`);
}

function checkClaim(claim: PositionClaim, field: string): void {
  requireObject(claim, field);
  parseWorkerId(claim.workerId, `${field}.workerId`);
  requireBigint(claim.token, `${field}.token`);
  requireTimeOrNull(claim.expiresAt, `${field}.expiresAt`);
}

function checkResult(result: TaskResult, field: string): void {
  requireObject(result, field);
  parseTaskId(result.taskId, `${field}.taskId`);
  requireOneOf(result.kind, `${field}.kind`, ENTRY_KINDS);
  requireOneOf(result.outcome, `${field}.outcome`, ["completed", "timed_out", "tolerated"]);
  if (result.output !== null) parseBytes(result.output, `${field}.output`);
  requireTaskIdOrNull(result.outputRef, `${field}.outputRef`);
  if (result.failure !== null) parseBytes(result.failure, `${field}.failure`);
  if (result.decision !== null) requireName(result.decision, `${field}.decision`);
}
