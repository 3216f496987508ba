import { parseTaskId } from "../ids.ts";
import type { Checkpoint, ClaimRef, LeaveBranch, Move } from "../snapshot/checkpoint.ts";
import type { Standing } from "../snapshot/position.ts";
import type { NewEntry } from "../snapshot/snapshot.ts";
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
} from "./argument-shapes.ts";
import { parseAttempt, parseBytes, parseClaimRef, parsePath, parseWhole } from "./arguments.ts";
import { checkNewPositions, checkStanding, checkWait } from "./check-standing.ts";

const MOVES = [
  "note",
  "advance",
  "park",
  "await",
  "fork",
  "endBranch",
  "endItem",
  "leaveBranch",
  "collapse",
  "restart",
  "complete",
  "fail",
  "cancel",
];
const OUTCOMES = ["completed", "failed", "timed_out", "tolerated", "noted"];
export const ENTRY_KINDS: readonly string[] = [
  "task",
  "step",
  "route",
  "loop",
  "join",
  "item",
  "delay",
  "wait",
  "spawn",
  "children",
  "branch",
  "state",
  "update",
  "instance",
];

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkCheckpoints(checkpoints: readonly Checkpoint[]): void {
  requireArray(checkpoints, "checkpoints");
  for (const [index, checkpoint] of checkpoints.entries()) checkCheckpoint(checkpoint, `checkpoints[${index}]`);
}

export function checkClaimRefs(claims: readonly ClaimRef[]): void {
  requireArray(claims, "claims");
  for (const [index, claim] of claims.entries()) checkClaimRef(claim, `claims[${index}]`);
}

function checkClaimRef(claim: ClaimRef, field: string): void {
  requireObject(claim, field);
  parseClaimRef(claim, field);
}

function checkCheckpoint(checkpoint: Checkpoint, field: string): void {
  requireObject(checkpoint, field);
  checkClaimRef(checkpoint.claim, `${field}.claim`);
  checkEntries(checkpoint.entries, `${field}.entries`);
  checkMove(checkpoint.move, `${field}.move`);
  if (checkpoint.move.kind === "restart") checkRestart(checkpoint, field);
  if (checkpoint.consumes === null) return;
  requireBigint(checkpoint.consumes, `${field}.consumes`);
  const { move } = checkpoint;
  if (move.kind !== "advance" || move.to.event === null) {
    refuse(`${field}.consumes`, 'goes with a move "advance" that stays at the wait');
  }
}

function checkEntries(entries: readonly NewEntry[], field: string): void {
  requireArray(entries, field);
  for (const [index, entry] of entries.entries()) checkEntry(entry, `${field}[${index}]`);
  if (entries.length < 2) return;
  requireDistinct(
    entries.map((entry) => entry.taskId),
    field,
    "task",
  );
}

function checkEntry(entry: NewEntry, field: string): void {
  requireObject(entry, field);
  parseTaskId(entry.taskId, `${field}.taskId`);
  parseAttempt(entry.attempt, `${field}.attempt`);
  requireOneOf(entry.kind, `${field}.kind`, ENTRY_KINDS);
  requireOneOf(entry.outcome, `${field}.outcome`, OUTCOMES);
  if (entry.output !== null) parseBytes(entry.output, `${field}.output`);
  requireTaskIdOrNull(entry.outputRef, `${field}.outputRef`);
  if (entry.failure !== null) parseBytes(entry.failure, `${field}.failure`);
  if (entry.decision !== null) requireName(entry.decision, `${field}.decision`);
  if (entry.durationMs === null) return;
  if (typeof entry.durationMs !== "number" || !(entry.durationMs >= 0 && entry.durationMs < Infinity)) {
    refuse(`${field}.durationMs`, "must be a number of milliseconds from 0");
  }
}

function checkMove(move: Move, field: string): void {
  requireObject(move, field);
  requireOneOf(move.kind, `${field}.kind`, MOVES);
  switch (move.kind) {
    case "note":
      return;
    case "advance":
      checkStanding(move.to, `${field}.to`);
      requireOpen(move.to, `${field}.to`);
      return;
    case "collapse":
      requireOpen(move.to, `${field}.to`);
      checkStanding(move.to, `${field}.to`);
      if (move.keeps !== null) checkStanding(move.keeps, `${field}.keeps`);
      requireBoolean(move.cancels, `${field}.cancels`);
      return;
    case "cancel":
      if (move.reason !== null && typeof move.reason !== "string")
        refuse(`${field}.reason`, "must be a string or null");
      return;
    case "park":
      checkStanding(move.to, `${field}.to`);
      checkWait(move.wakeAfterMs, `${field}.wakeAfterMs`);
      if (move.wakeAt !== undefined) requireTime(move.wakeAt, `${field}.wakeAt`);
      return;
    case "await":
      checkStanding(move.to, `${field}.to`);
      if (move.to.event === null) refuse(`${field}.to.kind`, 'must be "wait"');
      if (move.timeoutMs !== "keep") checkWait(move.timeoutMs, `${field}.timeoutMs`);
      return;
    case "fork":
      checkStanding(move.join, `${field}.join`);
      if (move.join.pending === 0) refuse(`${field}.join.pending`, "must be the number of branches");
      checkNewPositions(move.branches, `${field}.branches`);
      return;
    case "endBranch":
    case "endItem":
      parsePath(move.joinPath, `${field}.joinPath`);
      return;
    case "leaveBranch":
      checkLeave(move, field);
      return;
    case "restart":
      parseBytes(move.input, `${field}.input`);
      checkNewPositions(move.positions, `${field}.positions`);
      return;
    case "complete":
      parseBytes(move.output, `${field}.output`);
      if (typeof move.codec !== "string") refuse(`${field}.codec`, "must be the id of a codec");
      return;
    case "fail":
      parseBytes(move.failure, `${field}.failure`);
      checkStanding(move.to, `${field}.to`);
      if (move.asKept !== undefined) requireBoolean(move.asKept, `${field}.asKept`);
      if (move.to.pending > 0) refuse(`${field}.to.pending`, "must be 0: no branch would wake it");
  }
}

function checkRestart({ claim, move }: Checkpoint, field: string): void {
  if (move.kind !== "restart") return;
  if (claim.path !== "") refuse(`${field}.claim.path`, 'must be "": only the trunk begins a run');
  if (move.positions[0]?.path !== "") refuse(`${field}.move.positions[0].path`, 'must be "": the trunk comes first');
}

function checkLeave(move: LeaveBranch, field: string): void {
  parsePath(move.joinPath, `${field}.joinPath`);
  parseTaskId(move.path, `${field}.path`);
  parseTaskId(move.within, `${field}.within`);
  requireBoolean(move.closes, `${field}.closes`);
  if (!move.path.startsWith(move.within)) refuse(`${field}.within`, "must be what path begins with");
  // Otherwise it would take in what is merely named alike.
  if (!/[/[]$/.test(move.within)) refuse(`${field}.within`, 'must end in "/" or "["');
  if (move.mostFailed !== null) parseWhole(move.mostFailed, `${field}.mostFailed`, 0, Number.MAX_SAFE_INTEGER);
}

/** A claim that is kept would pass a gate that nobody has asked. */
function requireOpen({ lane }: Standing, field: string): void {
  if (lane.gate !== undefined) refuse(`${field}.lane.gate`, "can't be passed by who keeps the claim: park it there");
}
