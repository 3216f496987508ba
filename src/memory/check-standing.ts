import { parseTaskId } from "../ids.ts";
import type { NewPosition } from "../snapshot/checkpoint.ts";
import type { Lane, Standing } from "../snapshot/position.ts";
import {
  refuse,
  requireBoolean,
  requireDuration,
  requireInteger,
  requireName,
  requireObject,
  requireOneOf,
  requirePath,
  requireTags,
  requireTaskIdOrNull,
} from "./arguments.ts";

const KINDS = ["task", "delay", "wait", "join"];
/** The largest number that a PostgreSQL integer holds. */
export const MAX_COUNT = 2_147_483_647;

/** @throws {InvalidArgumentError} naming what is wrong below `field` */
export function checkStanding(standing: Standing, field: string): void {
  requireObject(standing, field);
  checkPlace(standing, field);
  checkLane(standing.lane, `${field}.lane`);
}

/** What a standing and a stored position have in common. */
export function checkPlace(place: Omit<Standing, "lane">, field: string): void {
  parseTaskId(place.taskId, `${field}.taskId`);
  requireOneOf(place.kind, `${field}.kind`, KINDS);
  requireTaskIdOrNull(place.inputRef, `${field}.inputRef`);
  requireInteger(place.attempt, `${field}.attempt`, 1, MAX_COUNT);
  requireInteger(place.priority, `${field}.priority`, 1, 5);
  requireInteger(place.pending, `${field}.pending`, 0, MAX_COUNT);
  if (place.kind === "wait") requireName(place.event, `${field}.event`);
  else if (place.event !== null) refuse(`${field}.event`, 'must be null unless kind is "wait"');
  if (place.pending > 0 && place.kind !== "join") refuse(`${field}.pending`, 'must be 0 unless kind is "join"');
}

export function checkLane(lane: Lane, field: string): void {
  requireObject(lane, field);
  requireName(lane.flow, `${field}.flow`);
  requireName(lane.definitionHash, `${field}.definitionHash`);
  requireName(lane.codec, `${field}.codec`);
  requireTags(lane.tags, `${field}.tags`);
}

export function checkNewPosition(position: NewPosition, field: string): void {
  requireObject(position, field);
  requirePath(position.path, `${field}.path`);
  checkStanding(position.standing, `${field}.standing`);
  if (position.wakeAfterMs !== null) requireDuration(position.wakeAfterMs, `${field}.wakeAfterMs`, 0);
  requireBoolean(position.claimed, `${field}.claimed`);
  if (position.claimed && position.wakeAfterMs !== 0)
    refuse(`${field}.claimed`, "is possible only where wakeAfterMs is 0");
  if (position.standing.pending > 0 && position.wakeAfterMs !== null) {
    refuse(`${field}.wakeAfterMs`, "must be null for a join: its branches wake it");
  }
}
