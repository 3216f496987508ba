import type { NewPosition } from "../snapshot/checkpoint.ts";
import type { Gate, ItemCounts, Lane, Standing } from "../snapshot/position.ts";
import { MAX_DURATION_MS } from "../time/duration.ts";
import {
  refuse,
  requireArray,
  requireBoolean,
  requireDistinct,
  requireName,
  requireObject,
  requireOneOf,
} from "./argument-shapes.ts";
import { parsePath, parseStanding, parseTags, parseWhole } from "./arguments.ts";

const MAX_COUNT = 2_147_483_647;

/** @throws {InvalidArgumentError} naming what is wrong below `field` */
export function checkStanding(standing: Standing, field: string): void {
  requireObject(standing, field);
  checkPlace(standing, field);
  checkLane(standing.lane, `${field}.lane`);
  if ((standing.lane.gate === undefined) !== (standing.limitKey === undefined))
    refuse(`${field}.limitKey`, "goes with a lane that has a gate, and with no other");
  if (standing.limitKey !== undefined) requireName(standing.limitKey, `${field}.limitKey`);
}

/** What a standing and a stored position have in common. */
export function checkPlace(place: Omit<Standing, "lane">, field: string): void {
  parseStanding(place, field);
  if (place.pending > 0 && place.kind !== "join") refuse(`${field}.pending`, 'must be 0 unless kind is "join"');
  if (place.items !== null) checkItems(place.items, place, `${field}.items`);
}

function checkItems(items: ItemCounts, { kind, pending }: Omit<Standing, "lane">, field: string): void {
  requireObject(items, field);
  if (kind !== "join") refuse(field, 'must be null unless kind is "join"');
  parseWhole(items.total, `${field}.total`, Math.max(1, pending), MAX_COUNT);
  parseWhole(items.started, `${field}.started`, 1, items.total);
  parseWhole(items.failed, `${field}.failed`, 0, items.total);
}

export function checkLane(lane: Lane, field: string): void {
  requireObject(lane, field);
  requireName(lane.flow, `${field}.flow`);
  requireName(lane.definitionHash, `${field}.definitionHash`);
  requireName(lane.codec, `${field}.codec`);
  parseTags(lane.tags, `${field}.tags`);
  if (lane.gate !== undefined) checkGate(lane.gate, `${field}.gate`);
}

export function checkGate(gate: Gate, field: string): void {
  requireObject(gate, field);
  requireName(gate.limit, `${field}.limit`);
  requireOneOf(gate.scope, `${field}.scope`, ["task", "flow"]);
}

export function checkNewPositions(positions: readonly NewPosition[], field: string): void {
  requireArray(positions, field);
  if (positions.length === 0) refuse(field, "must not be empty");
  for (const [index, position] of positions.entries()) checkNewPosition(position, `${field}[${index}]`);
  requireDistinct(
    positions.map((position) => position.path),
    field,
    "path",
  );
}

function checkNewPosition(position: NewPosition, field: string): void {
  requireObject(position, field);
  parsePath(position.path, `${field}.path`);
  checkStanding(position.standing, `${field}.standing`);
  checkWait(position.wakeAfterMs, `${field}.wakeAfterMs`);
  requireBoolean(position.claimed, `${field}.claimed`);
  if (position.claimed && position.wakeAfterMs !== 0) refuse(`${field}.claimed`, "goes with wakeAfterMs 0");
  if (position.claimed && position.standing.lane.gate !== undefined)
    refuse(`${field}.claimed`, "does not go with a lane that has a gate: a limit has to let it through");
  if (position.standing.pending > 0 && position.wakeAfterMs !== null) {
    refuse(`${field}.wakeAfterMs`, "must be null for a join: its branches wake it");
  }
}

/** Milliseconds to wait: `null` for ever. */
export function checkWait(ms: number | null, field: string): void {
  if (ms !== null) parseWhole(ms, field, 0, MAX_DURATION_MS);
}
