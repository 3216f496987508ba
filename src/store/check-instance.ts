import { parseDedupKey, parseInstanceId, parseKnownId, parseTaskId, parseWorkerId } from "../ids.ts";
import { isDeadline, type NewDeadline } from "../snapshot/deadline.ts";
import type { Lane } from "../snapshot/position.ts";
import type { ForkPoint } from "../snapshot/snapshot.ts";
import { MAX_DURATION_MS } from "../time/duration.ts";
import {
  refuse,
  requireArray,
  requireBigint,
  requireBoolean,
  requireDistinct,
  requireName,
  requireObject,
  requireOneOf,
  requireTime,
} from "./argument-shapes.ts";
import {
  parseBytes,
  parseClaimRef,
  parseHolder,
  parseLabels,
  parsePath,
  parsePriority,
  parseSpanMs,
  parseTags,
  parseWhole,
} from "./arguments.ts";
import { checkLane, checkNewPositions } from "./check-standing.ts";
import type { NewChild } from "./child-store.ts";
import type { Holder, InstanceFilter, InstanceFork, Migration, NewInstance } from "./instance-store.ts";
import type { ClaimRequest } from "./position-store.ts";
import type { SendOptions } from "./signal-store.ts";

const STATUSES = ["in_progress", "paused", "completed", "failed", "cancelled"];
const MAX_PREFIX_LENGTH = 255;
const MOST_IDS = 10_000;

/** `traceparent` has 55 characters, `tracestate` at most 512 (W3C Trace Context). */
const LONGEST_TRACE_CONTEXT = 600;

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkNewInstances(instances: readonly NewInstance[], holder: Holder | undefined): void {
  requireArray(instances, "instances");
  for (const [index, instance] of instances.entries()) checkNewInstance(instance, holder, `instances[${index}]`);
}

export function checkNewInstance(instance: NewInstance, holder: Holder | undefined, field: string): void {
  requireObject(instance, field);
  parseInstanceId(instance.instanceId, `${field}.instanceId`);
  checkIdentity(instance, field);
  checkNewPositions(instance.positions, `${field}.positions`);
  for (const [index, { standing }] of instance.positions.entries()) {
    if (standing.lane.definitionHash !== instance.definitionHash || standing.lane.codec !== instance.codec) {
      refuse(`${field}.positions[${index}].standing.lane`, "must have the instance's definition and codec");
    }
  }
  requireDistinct(
    instance.positions.map((position) => position.standing.taskId),
    `${field}.positions`,
    "task",
  );
  for (const [index, { path, standing }] of instance.positions.entries()) {
    if (!isDeadline({ path }) && !isDeadline({ path: standing.taskId })) continue;
    refuse(`${field}.positions[${index}].path`, "must not be the deadline's, which is made by itself");
  }
  if (instance.deadline !== null) checkDeadline(instance.deadline, `${field}.deadline`);
  requireBoolean(instance.awaitsEvents, `${field}.awaitsEvents`);
  requireBoolean(instance.spawns, `${field}.spawns`);
  const { traceContext = null } = instance;
  if (traceContext !== null && (typeof traceContext !== "string" || traceContext.length > LONGEST_TRACE_CONTEXT))
    refuse(`${field}.traceContext`, `must be a text of at most ${LONGEST_TRACE_CONTEXT} characters`);
  if (holder !== undefined) checkHolder(holder);
  else if (instance.positions.some((position) => position.claimed))
    refuse("holder", "is needed where a position is claimed");
}

/** @throws {InvalidArgumentError} naming what is wrong below `field` */
export function checkDeadline(deadline: NewDeadline, field: string): void {
  requireObject(deadline, field);
  const { afterMs, at } = deadline;
  if (afterMs !== null) parseWhole(afterMs, `${field}.afterMs`, 1, 2 * MAX_DURATION_MS);
  if (at !== null) requireTime(at, `${field}.at`);
  if (afterMs === null && at === null) refuse(field, "must say after which time, or at which");
}

const CLOSINGS = ["cancel", "abandon", "wait"];

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkNewChildren(children: readonly NewChild[]): void {
  requireArray(children, "children");
  for (const [index, child] of children.entries()) {
    const field = `children[${index}]`;
    requireObject(child, field);
    checkNewInstance(child.instance, undefined, `${field}.instance`);
    parseClaimRef(child.claim, `${field}.claim`);
    parseTaskId(child.taskId, `${field}.taskId`);
    requireBoolean(child.isAwaited, `${field}.isAwaited`);
    requireOneOf(child.onClose, `${field}.onClose`, CLOSINGS);
  }
}

/** What a new instance and a snapshot have in common. */
export function checkIdentity(
  instance: Pick<NewInstance, "flow" | "definitionHash" | "codec" | "input" | "priority" | "tags" | "labels">,
  field: string,
): void {
  requireName(instance.flow, `${field}.flow`);
  requireName(instance.definitionHash, `${field}.definitionHash`);
  requireName(instance.codec, `${field}.codec`);
  parseBytes(instance.input, `${field}.input`);
  parsePriority(instance.priority, `${field}.priority`);
  parseTags(instance.tags, `${field}.tags`);
  parseLabels(instance.labels, `${field}.labels`);
}

/** @throws {InvalidArgumentError} naming what is wrong below `field` */
export function checkFork(fork: InstanceFork): void {
  requireObject(fork, "fork");
  checkNewInstance(fork.instance, undefined, "fork.instance");
  checkForkPoint(fork.from, "fork.from");
  parseWhole(fork.entries, "fork.entries", 0, Number.MAX_SAFE_INTEGER);
  requireArray(fork.replaced, "fork.replaced");
  for (const [index, payloads] of fork.replaced.entries()) {
    const field = `fork.replaced[${index}]`;
    requireObject(payloads, field);
    requireBigint(payloads.sequence, `${field}.sequence`);
    if (payloads.output !== null) parseBytes(payloads.output, `${field}.output`);
    if (payloads.failure !== null) parseBytes(payloads.failure, `${field}.failure`);
  }
  if (fork.renamed === undefined) return;
  requireArray(fork.renamed, "fork.renamed");
  for (const [index, entry] of fork.renamed.entries()) {
    const field = `fork.renamed[${index}]`;
    requireObject(entry, field);
    requireBigint(entry.sequence, `${field}.sequence`);
    parseTaskId(entry.taskId, `${field}.taskId`);
    parsePath(entry.path, `${field}.path`);
    if (entry.outputRef !== null) parseTaskId(entry.outputRef, `${field}.outputRef`);
  }
}

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkMigration(migration: Migration): void {
  requireObject(migration, "migration");
  parseKnownId(migration.instanceId, "migration.instanceId");
  requireName(migration.from, "migration.from");
  requireObject(migration.to, "migration.to");
  requireName(migration.to.flow, "migration.to.flow");
  requireName(migration.to.definitionHash, "migration.to.definitionHash");
  requireBoolean(migration.to.spawns, "migration.to.spawns");
  parseWhole(migration.entries, "migration.entries", 0, Number.MAX_SAFE_INTEGER);
  requireArray(migration.positions, "migration.positions");
  for (const [index, position] of migration.positions.entries()) {
    const field = `migration.positions[${index}]`;
    requireObject(position, field);
    parsePath(position.path, `${field}.path`);
    parseTaskId(position.taskId, `${field}.taskId`);
    parseTags(position.tags, `${field}.tags`);
  }
}

export function checkForkPoint(from: ForkPoint, field: string): void {
  requireObject(from, field);
  parseKnownId(from.instanceId, `${field}.instanceId`);
  requireBigint(from.sequence, `${field}.sequence`);
  if (from.sequence < 0n) refuse(`${field}.sequence`, "must not be negative");
}

export function checkHolder(holder: Holder): void {
  requireObject(holder, "holder");
  parseHolder(holder);
}

export function checkFilter(filter: InstanceFilter): void {
  requireObject(filter, "filter");
  if (filter.flow !== undefined) requireName(filter.flow, "filter.flow");
  if (filter.status !== undefined) {
    requireArray(filter.status, "filter.status");
    for (const [index, status] of filter.status.entries()) requireOneOf(status, `filter.status[${index}]`, STATUSES);
  }
  if (filter.idPrefix !== undefined) checkPrefix(filter.idPrefix, "filter.idPrefix");
  if (filter.tags !== undefined) parseTags(filter.tags, "filter.tags");
  if (filter.labels !== undefined) parseLabels(filter.labels, "filter.labels");
  if (filter.parent !== undefined) parseKnownId(filter.parent, "filter.parent");
  if (filter.after !== undefined) parseKnownId(filter.after, "filter.after");
  if (filter.limit !== undefined) parseWhole(filter.limit, "filter.limit", 1, 1_000);
}

export function checkInstanceIds(instanceIds: readonly string[]): void {
  requireArray(instanceIds, "instanceIds");
  if (instanceIds.length > MOST_IDS) refuse("instanceIds", `has ${instanceIds.length} ids; the most is ${MOST_IDS}`);
  for (const [index, id] of instanceIds.entries()) parseKnownId(id, `instanceIds[${index}]`);
}

export function checkLanes(lanes: readonly Lane[], field: string): void {
  requireArray(lanes, field);
  for (const [index, lane] of lanes.entries()) checkLane(lane, `${field}[${index}]`);
}

export function checkClaimRequest(request: ClaimRequest): void {
  requireObject(request, "request");
  parseWorkerId(request.workerId);
  parseSpanMs(request.leaseMs, "leaseMs");
  parseWhole(request.limit, "limit", 1, 10_000);
  checkLanes(request.lanes, "lanes");
  if (request.instanceId !== undefined) parseKnownId(request.instanceId);
  if (request.readyOnly !== undefined) requireBoolean(request.readyOnly, "readyOnly");
  if (request.suspectFromLost !== undefined) parseWhole(request.suspectFromLost, "suspectFromLost", 1, 32_767);
  if (request.sparesFailed !== undefined) requireBoolean(request.sparesFailed, "sparesFailed");
}

export function checkSendOptions(options: SendOptions): void {
  requireObject(options, "options");
  if (options.dedupKey !== undefined) parseDedupKey(options.dedupKey, "options.dedupKey");
}

/** The beginning of an id: any text that could be one. */
function checkPrefix(prefix: unknown, field: string): void {
  // A white space at its end is one in the middle of the id.
  if (typeof prefix !== "string" || prefix.length > MAX_PREFIX_LENGTH) refuse(field, "must be the beginning of an id");
  if (prefix.trim() !== "") requireName(prefix.trim(), field);
}
