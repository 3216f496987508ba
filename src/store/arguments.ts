import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { cleanText } from "../errors/failure.ts";
import {
  idIssue,
  isA,
  kindOf,
  nameIssue,
  parseAwaitedEvent,
  parseKnownId,
  parseTaskId,
  parseWorkerId,
  type TaskId,
  taskIdIssue,
} from "../ids.ts";
import type { ClaimRef } from "../snapshot/checkpoint.ts";
import { isDeadline, type NewDeadline } from "../snapshot/deadline.ts";
import type { Standing } from "../snapshot/position.ts";
import type { Bytes } from "../snapshot/snapshot.ts";
import { type Duration, MAX_DURATION_MS, parseDuration } from "../time/duration.ts";
import { requireBoolean, requireRecord } from "./argument-shapes.ts";
import type { CancelRequest, RetryRequest, SignalKind, SignalRequest } from "./signal-store.ts";

/** Most tags that an instance, a task or a worker can have. */
export const MAX_TAGS = 32;
/** Most labels that an instance can have. */
export const MAX_LABELS = 64;
const MAX_REASON_LENGTH = 1_000;
const MAX_INT = 2_147_483_647;

/** A whole number within bounds. @throws {InvalidArgumentError} naming `field` */
export function parseWhole(value: unknown, field: string, least: number, most: number): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) {
    throw new InvalidArgumentError(field, `must be a whole number from ${least} to ${most}; it is ${shown(value)}.`);
  }
  return value;
}

/** An attempt's number. @throws {InvalidArgumentError} naming `field` */
export function parseAttempt(value: unknown, field: string = "attempt"): number {
  return parseWhole(value, field, 1, MAX_INT);
}

/** A span in milliseconds, at least 1. @throws {InvalidArgumentError} naming `field` */
export function parseSpanMs(value: unknown, field: string): number {
  if (typeof value !== "number" || !(value >= 1) || value > MAX_DURATION_MS) {
    throw new InvalidArgumentError(field, `must be from 1 ms to a hundred years, in ms; it is ${shown(value)}.`);
  }
  return Math.ceil(value);
}

/** @throws {InvalidArgumentError} naming `field` */
export function parseBytes(value: unknown, field: string): Bytes {
  if (!(value instanceof Uint8Array))
    throw new InvalidArgumentError(field, `must be a Uint8Array, not ${kindOf(value)}.`);
  return value;
}

/** @throws {InvalidArgumentError} naming `field` */
export function parseSignalKind(value: unknown, field: string = "kind"): SignalKind {
  if (value !== "cancel" && value !== "pause")
    throw new InvalidArgumentError(field, `must be "cancel" or "pause"; it is ${shown(value)}.`);
  return value;
}

/** @throws {InvalidArgumentError} naming the part of `field` */
export function parseSignalRequest(value: unknown, field: string = "request"): SignalRequest {
  if (typeof value !== "object" || value === null)
    throw new InvalidArgumentError(field, `must be an object, not ${kindOf(value)}.`);
  const { reason, requestedBy } = value as { reason?: unknown; requestedBy?: unknown };
  return {
    ...(reason === undefined ? {} : { reason: parseText(reason, `${field}.reason`, MAX_REASON_LENGTH) }),
    ...(requestedBy === undefined ? {} : { requestedBy: parseText(requestedBy, `${field}.requestedBy`, 255) }),
  };
}

/** @throws {InvalidArgumentError} naming the part of `field` */
export function parseControlRequest(kind: SignalKind, value: unknown, field: string = "request"): CancelRequest {
  const request = parseSignalRequest(value, field);
  const { undo } = value as { undo?: unknown };
  if (undo === undefined) return request;
  if (kind !== "cancel") throw new InvalidArgumentError(`${field}.undo`, "goes with a cancel only; leave it out.");
  requireBoolean(undo, `${field}.undo`);
  return undo === true ? { ...request, undo: true } : request;
}

/** @throws {InvalidArgumentError} naming the part of `field` */
export function parseRetryRequest(value: unknown, field: string = "request"): RetryRequest {
  const request = parseSignalRequest(value, field);
  const { paused, deadline } = value as { paused?: unknown; deadline?: unknown };
  if (paused !== undefined) requireBoolean(paused, `${field}.paused`);
  if (deadline === undefined) return { ...request, paused: paused === true };
  parseDeadline(deadline, `${field}.deadline`);
  return { ...request, paused: paused === true, deadline: deadline as Duration | Date };
}

/** A time, or a span from now on that is not empty. @throws {InvalidArgumentError} naming `field` */
export function parseDeadline(value: unknown, field: string): NewDeadline {
  if (isA(value, Date)) {
    const at = timeOf(value);
    if (Number.isNaN(at)) throw new InvalidArgumentError(field, "is an invalid Date.");
    return { afterMs: null, at };
  }
  const afterMs = parseDuration(value, field);
  if (afterMs < 1) throw new InvalidArgumentError(field, "must be a Date or at least 1 ms.");
  return { afterMs, at: null };
}

/** NaN also for what only looks like a Date. */
function timeOf(date: Date): number {
  try {
    return date.getTime();
  } catch {
    return Number.NaN;
  }
}

/** A task of which somebody outside may record something. @throws {InvalidArgumentError} naming `field` */
export function parseCompletable(value: unknown, field: string = "taskId"): TaskId {
  const taskId = parseTaskId(value, field);
  if (!isDeadline({ path: taskId })) return taskId;
  throw new InvalidArgumentError(field, `"${taskId}" is no task. Use extendDeadline to change or lift the deadline.`);
}

/** Sorted, without duplicates. @throws {InvalidArgumentError} naming the tag at fault */
export function parseTags(value: unknown, field: string = "tags"): readonly string[] {
  if (!Array.isArray(value)) throw new InvalidArgumentError(field, `must be an array, not ${kindOf(value)}.`);
  if (value.length > MAX_TAGS)
    throw new InvalidArgumentError(field, `has ${value.length} tags; the limit is ${MAX_TAGS}.`);
  for (const [index, tag] of value.entries()) {
    const issue = nameIssue(tag);
    if (issue !== null) throw new InvalidArgumentError(`${field}[${index}]`, `${issue}.`);
  }
  return [...new Set(value as string[])].sort();
}

/** @throws {InvalidArgumentError} naming the label at fault */
export function parseLabels(value: unknown, field: string = "labels"): Readonly<Record<string, string>> {
  const entries = Object.entries(requireRecord(value, field));
  if (entries.length > MAX_LABELS)
    throw new InvalidArgumentError(field, `has ${entries.length} labels; the limit is ${MAX_LABELS}.`);
  for (const [name, text] of entries) {
    const issue = nameIssue(name) ?? (typeof text === "string" && text !== "" ? idIssue(text.trim()) : idIssue(text));
    if (issue !== null) throw new InvalidArgumentError(`${field}.${cleanText(name, 40)}`, `${issue}.`);
  }
  return Object.fromEntries(entries) as Record<string, string>;
}

/** @throws {InvalidArgumentError} naming `field` */
export function parsePriority(value: unknown, field: string): number {
  return parseWhole(value, field, 1, 5);
}

/** @throws {InvalidArgumentError} naming the part at fault */
export function parseClaimRef(claim: ClaimRef, field: string = "claim"): void {
  parseKnownId(claim.instanceId, `${field}.instanceId`);
  parsePath(claim.path, `${field}.path`);
  if (typeof claim.token !== "bigint")
    throw new InvalidArgumentError(`${field}.token`, `must be a bigint, not ${kindOf(claim.token)}.`);
}

/** @throws {InvalidArgumentError} naming the part at fault */
export function parseHolder(holder: { readonly workerId: string; readonly leaseMs: number }): void {
  parseWorkerId(holder.workerId, "holder.workerId");
  parseSpanMs(holder.leaseMs, "holder.leaseMs");
}

/** @throws {InvalidArgumentError} naming the part at fault */
export function parseStanding(standing: Omit<Standing, "lane">, field: string): void {
  parseTaskId(standing.taskId, `${field}.taskId`);
  if (!["task", "delay", "wait", "join"].includes(standing.kind)) {
    throw new InvalidArgumentError(`${field}.kind`, `is unknown: ${shown(standing.kind)}.`);
  }
  parseWhole(standing.attempt, `${field}.attempt`, 1, MAX_INT);
  parsePriority(standing.priority, `${field}.priority`);
  parseWhole(standing.pending, `${field}.pending`, 0, MAX_INT);
  if (standing.inputRef !== null) parseTaskId(standing.inputRef, `${field}.inputRef`);
  if ((standing.kind === "wait") !== (standing.event !== null)) {
    throw new InvalidArgumentError(`${field}.event`, 'must be set if and only if kind is "wait".');
  }
  if (standing.event !== null) parseAwaitedEvent(standing.event, `${field}.event`);
}

/** @throws {InvalidArgumentError} naming `field` */
export function parsePath(value: unknown, field: string): void {
  const issue = value === "" ? null : taskIdIssue(value);
  if (issue !== null) throw new InvalidArgumentError(field, `${issue}.`);
}

function parseText(value: unknown, field: string, limit: number): string {
  if (typeof value !== "string") throw new InvalidArgumentError(field, `must be a string, not ${kindOf(value)}.`);
  if (value.length > limit)
    throw new InvalidArgumentError(field, `has ${value.length} characters; the limit is ${limit}.`);
  return cleanText(value, limit);
}

function shown(value: unknown): string {
  return typeof value === "string"
    ? JSON.stringify(value.slice(0, 40))
    : typeof value === "number"
      ? String(value)
      : kindOf(value);
}
