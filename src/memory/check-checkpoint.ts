import { parseInstanceId, parseTaskId } from "../ids.ts";
import type { Checkpoint, ClaimRef, Move } from "../snapshot/checkpoint.ts";
import type { NewEntry } from "../snapshot/snapshot.ts";
import {
  refuse,
  requireArray,
  requireBytes,
  requireBytesOrNull,
  requireDistinct,
  requireDuration,
  requireInteger,
  requireObject,
  requireOneOf,
  requirePath,
  requireTaskIdOrNull,
  requireToken,
} from "./arguments.ts";
import { checkNewPosition, checkStanding, MAX_COUNT } from "./check-standing.ts";

const MOVES = ["advance", "park", "await", "fork", "endBranch", "complete", "fail"];
const OUTCOMES = ["completed", "failed", "timed_out", "noted"];
export const ENTRY_KINDS: readonly string[] = ["task", "route", "loop", "join", "delay", "wait", "branch", "instance"];

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkCheckpoints(checkpoints: readonly Checkpoint[]): void {
  requireArray(checkpoints, "checkpoints");
  for (const [index, checkpoint] of checkpoints.entries()) checkCheckpoint(checkpoint, `checkpoints[${index}]`);
  const positions = checkpoints.map(({ claim }) => JSON.stringify([claim.instanceId, claim.path]));
  if (new Set(positions).size < positions.length) refuse("checkpoints", "has two checkpoints of one position");
}

export function checkClaimRefs(claims: readonly ClaimRef[]): void {
  requireArray(claims, "claims");
  for (const [index, claim] of claims.entries()) checkClaimRef(claim, `claims[${index}]`);
}

function checkClaimRef(claim: ClaimRef, field: string): void {
  requireObject(claim, field);
  parseInstanceId(claim.instanceId, `${field}.instanceId`);
  requirePath(claim.path, `${field}.path`);
  requireToken(claim.token, `${field}.token`);
}

function checkCheckpoint(checkpoint: Checkpoint, field: string): void {
  requireObject(checkpoint, field);
  checkClaimRef(checkpoint.claim, `${field}.claim`);
  requireArray(checkpoint.entries, `${field}.entries`);
  for (const [index, entry] of checkpoint.entries.entries()) checkEntry(entry, `${field}.entries[${index}]`);
  if (checkpoint.entries.length > 1) {
    requireDistinct(
      checkpoint.entries.map((entry) => entry.taskId),
      `${field}.entries`,
      "task",
    );
  }
  checkMove(checkpoint.move, `${field}.move`);
  if (checkpoint.consumes === null) return;
  requireToken(checkpoint.consumes, `${field}.consumes`);
  const { move } = checkpoint;
  if (move.kind !== "advance" || move.to.event === null) {
    refuse(`${field}.consumes`, "goes only with an advance that stays at the wait");
  }
}

function checkEntry(entry: NewEntry, field: string): void {
  requireObject(entry, field);
  parseTaskId(entry.taskId, `${field}.taskId`);
  requireInteger(entry.attempt, `${field}.attempt`, 1, MAX_COUNT);
  requireOneOf(entry.kind, `${field}.kind`, ENTRY_KINDS);
  requireOneOf(entry.outcome, `${field}.outcome`, OUTCOMES);
  requireBytesOrNull(entry.output, `${field}.output`);
  requireTaskIdOrNull(entry.outputRef, `${field}.outputRef`);
  requireBytesOrNull(entry.failure, `${field}.failure`);
  if (entry.durationMs === null) return;
  if (typeof entry.durationMs !== "number" || !(entry.durationMs >= 0 && entry.durationMs < Infinity)) {
    refuse(`${field}.durationMs`, "must be a number of milliseconds from 0");
  }
}

function checkMove(move: Move, field: string): void {
  requireObject(move, field);
  requireOneOf(move.kind, `${field}.kind`, MOVES);
  switch (move.kind) {
    case "advance":
      return checkStanding(move.to, `${field}.to`);
    case "park":
      checkStanding(move.to, `${field}.to`);
      if (move.wakeAfterMs !== null) requireDuration(move.wakeAfterMs, `${field}.wakeAfterMs`, 0);
      return;
    case "await":
      checkStanding(move.to, `${field}.to`);
      if (move.to.event === null) refuse(`${field}.to.kind`, 'must be "wait"');
      if (move.timeoutMs !== null && move.timeoutMs !== "keep")
        requireDuration(move.timeoutMs, `${field}.timeoutMs`, 0);
      return;
    case "fork":
      return checkFork(move, field);
    case "endBranch":
      return requirePath(move.joinPath, `${field}.joinPath`);
    case "complete":
      return requireBytes(move.output, `${field}.output`);
    case "fail":
      return requireBytes(move.failure, `${field}.failure`);
  }
}

function checkFork(move: Extract<Move, { kind: "fork" }>, field: string): void {
  checkStanding(move.join, `${field}.join`);
  if (move.join.pending === 0) refuse(`${field}.join.pending`, "must be the number of branches");
  requireArray(move.branches, `${field}.branches`);
  if (move.branches.length === 0) refuse(`${field}.branches`, "must not be empty");
  for (const [index, branch] of move.branches.entries()) checkNewPosition(branch, `${field}.branches[${index}]`);
  requireDistinct(
    move.branches.map((branch) => branch.path),
    `${field}.branches`,
    "path",
  );
}
