import { MAX_DURATION_MS } from "../time/duration.ts";
import {
  refuse,
  requireArray,
  requireBoolean,
  requireDistinct,
  requireName,
  requireObject,
  requireOneOf,
  requireTime,
  requireTimeOrNull,
} from "./argument-shapes.ts";
import { parseBytes, parseLabels, parsePriority, parseTags, parseWhole } from "./arguments.ts";
import { checkNewInstances } from "./check-instance.ts";
import type {
  DueRequest,
  Firing,
  NewSchedule,
  RequestedSlot,
  ScheduleChange,
  ScheduleFilter,
  ScheduleTerms,
} from "./schedule-store.ts";

const OVERLAPS = ["allow", "skip", "queue", "cancelPrevious", "terminatePrevious"];
const MOST_SLOTS = 10_000;
const MOST_CAUGHT_UP = 1_000;
const MOST_LIVE = 100;
const LONGEST_TEXT = 1_000;

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkNewSchedules(schedules: readonly NewSchedule[]): void {
  requireArray(schedules, "schedules");
  for (const [index, schedule] of schedules.entries()) checkNewSchedule(schedule, `schedules[${index}]`);
}

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkNewSchedule(schedule: NewSchedule, field: string = "schedule"): void {
  requireObject(schedule, field);
  requireName(schedule.scheduleId, `${field}.scheduleId`);
  requireObject(schedule.terms, `${field}.terms`);
  checkTerms(schedule.terms, `${field}.terms`);
  const { cron, everyMs, timezone, overlap, catchUpMs, catchUpLimit, jitterMs } = schedule.terms;
  for (const [name, value] of Object.entries({ cron, everyMs, timezone, overlap, catchUpMs, catchUpLimit, jitterMs }))
    if (value === undefined) refuse(`${field}.terms.${name}`, "must be given");
  if ((cron === null) === (everyMs === null)) refuse(`${field}.terms`, "must have either cron or everyMs");
  const { start } = schedule;
  requireObject(start, `${field}.start`);
  requireName(start.flow, `${field}.start.flow`);
  requireName(start.definitionHash, `${field}.start.definitionHash`);
  requireName(start.codec, `${field}.start.codec`);
  parseBytes(start.input, `${field}.start.input`);
  parsePriority(start.priority, `${field}.start.priority`);
  parseTags(start.tags, `${field}.start.tags`);
  parseLabels(start.labels, `${field}.start.labels`);
}

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkScheduleChange(scheduleId: string, change: ScheduleChange): void {
  requireName(scheduleId, "scheduleId");
  requireObject(change, "change");
  if (change.terms !== undefined) {
    requireObject(change.terms, "change.terms");
    checkTerms(change.terms, "change.terms");
    const { cron, everyMs, timezone } = change.terms;
    const named = [cron, everyMs, timezone].filter((part) => part !== undefined).length;
    if (named !== 0 && named !== 3) refuse("change.terms", "must name all of cron, everyMs and timezone, or none");
    if (named === 3 && (cron === null) === (everyMs === null))
      refuse("change.terms", "must have either cron or everyMs");
  }
  if (change.isPaused !== undefined) requireBoolean(change.isPaused, "change.isPaused");
  checkText(change.pauseReason ?? null, "change.pauseReason");
}

function checkTerms(terms: Partial<ScheduleTerms>, field: string): void {
  if (terms.cron !== undefined) checkText(terms.cron, `${field}.cron`);
  if (terms.everyMs != null) parseWhole(terms.everyMs, `${field}.everyMs`, 1_000, MAX_DURATION_MS);
  if (terms.timezone !== undefined) requireName(terms.timezone, `${field}.timezone`);
  if (terms.overlap !== undefined) requireOneOf(terms.overlap, `${field}.overlap`, OVERLAPS);
  if (terms.catchUpMs !== undefined) parseWhole(terms.catchUpMs, `${field}.catchUpMs`, 0, MAX_DURATION_MS);
  if (terms.catchUpLimit !== undefined) parseWhole(terms.catchUpLimit, `${field}.catchUpLimit`, 0, MOST_CAUGHT_UP);
  if (terms.jitterMs !== undefined) parseWhole(terms.jitterMs, `${field}.jitterMs`, 0, MAX_DURATION_MS);
}

function checkText(value: unknown, field: string): void {
  if (value === null) return;
  const isText = typeof value === "string" && value.length <= LONGEST_TEXT;
  if (!isText || value.includes("\0") || !value.isWellFormed())
    refuse(field, `must be a text of at most ${LONGEST_TEXT} characters, or null`);
}

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkScheduleFilter(filter: ScheduleFilter): void {
  requireObject(filter, "filter");
  if (filter.flow !== undefined) requireName(filter.flow, "filter.flow");
  if (filter.after !== undefined) requireName(filter.after, "filter.after");
  parseWhole(filter.limit, "filter.limit", 1, 1_000);
}

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkRequestedSlots(scheduleId: string, slots: readonly RequestedSlot[]): void {
  requireName(scheduleId, "scheduleId");
  requireArray(slots, "slots");
  if (slots.length > MOST_SLOTS) refuse("slots", `has ${slots.length} slots; the most is ${MOST_SLOTS}`);
  for (const [index, slot] of slots.entries()) {
    requireObject(slot, `slots[${index}]`);
    requireName(slot.instanceId, `slots[${index}].instanceId`);
    requireTime(slot.slot, `slots[${index}].slot`);
  }
  requireDistinct(
    slots.map(({ instanceId }) => instanceId),
    "slots",
    "instance",
  );
}

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkDueRequest(request: DueRequest): void {
  requireObject(request, "request");
  requireArray(request.flows, "request.flows");
  for (const [index, one] of request.flows.entries()) {
    requireObject(one, `request.flows[${index}]`);
    requireName(one.flow, `request.flows[${index}].flow`);
    requireName(one.definitionHash, `request.flows[${index}].definitionHash`);
  }
  requireArray(request.codecs, "request.codecs");
  for (const [index, codec] of request.codecs.entries()) requireName(codec, `request.codecs[${index}]`);
  parseWhole(request.limit, "request.limit", 1, 1_000);
}

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkFiring(firing: Firing): void {
  requireObject(firing, "firing");
  requireName(firing.scheduleId, "firing.scheduleId");
  parseWhole(firing.version, "firing.version", 1, Number.MAX_SAFE_INTEGER);
  checkNewInstances(firing.instances, undefined);
  requireName(firing.definitionHash, "firing.definitionHash");
  for (const name of ["lastSlot", "nextSlot", "dueAt"] as const) requireTimeOrNull(firing[name], `firing.${name}`);
  for (const name of ["done", "live"] as const) {
    requireArray(firing[name], `firing.${name}`);
    for (const [index, id] of firing[name].entries()) requireName(id, `firing.${name}[${index}]`);
  }
  if (firing.live.length > MOST_LIVE) refuse("firing.live", `has ${firing.live.length} ids; the most is ${MOST_LIVE}`);
  checkText(firing.problem, "firing.problem");
  if (firing.skipped === null) return;
  requireObject(firing.skipped, "firing.skipped");
  requireTime(firing.skipped.slot, "firing.skipped.slot");
  requireOneOf(firing.skipped.reason, "firing.skipped.reason", ["missed", "overlap"]);
}
