import type { SkippedSlot, StoredSchedule } from "../store/schedule-store.ts";
import { slotsAfter, slotsUpTo } from "./slots.ts";

/** What is to be done about a schedule's slots now. */
export interface SlotPlan {
  /** Slots whose instances are to be made, in order. */
  readonly fire: readonly number[];
  /** What is to become of the instances that are live, before anything is made. */
  readonly ends: "cancel" | "terminate" | null;
  readonly lastSlot: number | null;
  readonly nextSlot: number | null;
  /** When it is to be looked at again; `null` for never. */
  readonly dueAt: number | null;
  readonly skipped: SkippedSlot | null;
}

/** What is started no later than this after its time is in time: no catching up is needed for it. */
export const IN_TIME_MS = 60_000;
/** Most instances that are made in one go. */
export const MOST_AT_ONCE = 20;
const SECONDS_IN_TIME = IN_TIME_MS / 1_000;
const FIRST_LOOK_MS = 1_000;
const LAST_LOOK_MS = 5_000;

/** What a schedule knows of its slots. */
export type SlotState = Pick<
  StoredSchedule,
  "scheduleId" | "terms" | "isPaused" | "since" | "lastSlot" | "live" | "skipped" | "now"
>;

/**
 * Decides which slots are to be started now, and which never. Goes by the schedule alone, and the store's clock when it was read, so that whoever looks at the
 * same state decides the same; slots up to the last one that was decided on are behind for good, wherever the clock goes.
 */
export function planSlots(schedule: SlotState): SlotPlan {
  const { terms, isPaused, lastSlot, skipped, now } = schedule;
  const behind = Math.max(schedule.since, lastSlot ?? Number.NEGATIVE_INFINITY);
  if (isPaused) {
    const [nextSlot = null] = slotsAfter(terms, Math.max(behind, now), 1);
    return { fire: [], ends: null, lastSlot, nextSlot, dueAt: null, skipped };
  }
  const { chosen, dropped } = pendingSlots(schedule, behind);
  const missed: SkippedSlot | null = dropped === null ? skipped : { slot: dropped, reason: "missed" };
  const decided = decide(schedule, chosen);
  const isWaiting = decided.waits.length > 0;
  const last = decided.last ?? dropped ?? lastSlot;
  const plan = { fire: decided.fire, ends: decided.ends, lastSlot: last, skipped: decided.skipped ?? missed };
  if (isWaiting) {
    const [first = now] = decided.waits;
    const lookMs = decided.fire.length > 0 ? 0 : Math.min(LAST_LOOK_MS, FIRST_LOOK_MS + (now - first) / 10);
    return { ...plan, nextSlot: first, dueAt: now + Math.ceil(lookMs) };
  }
  const [nextSlot = null] = slotsAfter(terms, Math.max(behind, last ?? Number.NEGATIVE_INFINITY), 1);
  return { ...plan, nextSlot, dueAt: nextSlot === null ? null : nextSlot + jitterOf(schedule, nextSlot) };
}

/** Slots that have come: those that may be started, in order, and the last one before them that may not any more. */
function pendingSlots(
  schedule: SlotState,
  behind: number,
): { readonly chosen: readonly number[]; readonly dropped: number | null } {
  const { terms, now } = schedule;
  // However many there are: no more are looked at than may be started, and one that could be.
  const most = SECONDS_IN_TIME + terms.catchUpLimit + 3;
  const come = slotsUpTo(terms, now, behind, most);
  const lastCome = come.at(-1);
  if (lastCome !== undefined && lastCome + jitterOf(schedule, lastCome) > now) come.pop();
  const firstInTime = come.findIndex((slot) => slot + jitterOf(schedule, slot) >= now - IN_TIME_MS);
  const inTime = firstInTime === -1 ? [] : come.slice(firstInTime);
  const late = firstInTime === -1 ? come : come.slice(0, firstInTime);
  const notTooLate = late.filter((slot) => slot >= now - terms.catchUpMs);
  const chosen = [...notTooLate.slice(Math.max(0, notTooLate.length - terms.catchUpLimit)), ...inTime];
  const before = chosen[0] ?? Number.POSITIVE_INFINITY;
  return { chosen, dropped: come.findLast((slot) => slot < before) ?? null };
}

interface Decision {
  readonly fire: readonly number[];
  /** Those that are not decided on yet. */
  readonly waits: readonly number[];
  readonly ends: SlotPlan["ends"];
  /** The last one that is behind now; `null` if none is. */
  readonly last: number | null;
  readonly skipped: SkippedSlot | null;
}

function decide({ terms, live }: SlotState, slots: readonly number[]): Decision {
  const [first] = slots;
  const newest = slots.at(-1);
  if (first === undefined || newest === undefined)
    return { fire: [], waits: [], ends: null, last: null, skipped: null };
  const isLive = live.length > 0;
  const passed = (slot: number | undefined): SkippedSlot | null =>
    slot === undefined ? null : { slot, reason: "overlap" };
  switch (terms.overlap) {
    case "allow": {
      const fire = slots.slice(0, MOST_AT_ONCE);
      return { fire, waits: slots.slice(MOST_AT_ONCE), ends: null, last: fire.at(-1) ?? null, skipped: null };
    }
    case "skip":
      return {
        fire: isLive ? [] : [first],
        waits: [],
        ends: null,
        last: newest,
        skipped: isLive || newest !== first ? passed(newest) : null,
      };
    case "queue":
      if (isLive) return { fire: [], waits: slots, ends: null, last: null, skipped: null };
      return { fire: [first], waits: slots.slice(1), ends: null, last: first, skipped: null };
    case "cancelPrevious":
      if (isLive)
        return { fire: [], waits: [newest], ends: "cancel", last: slots.at(-2) ?? null, skipped: passed(slots.at(-2)) };
      return { fire: [newest], waits: [], ends: null, last: newest, skipped: passed(slots.at(-2)) };
    case "terminatePrevious":
      return {
        fire: [newest],
        waits: [],
        ends: isLive ? "terminate" : null,
        last: newest,
        skipped: passed(slots.at(-2)),
      };
  }
}

/** By how much a slot's start is put off: always the same, and never so far that the next one comes first. */
export function jitterOf({ scheduleId, terms }: Pick<SlotState, "scheduleId" | "terms">, slot: number): number {
  if (terms.jitterMs === 0) return 0;
  const [next] = slotsAfter(terms, slot, 1);
  const most = Math.min(terms.jitterMs, next === undefined ? terms.jitterMs : next - slot - 1);
  return Math.floor((hashOf(`${scheduleId}@${slot}`) / 2 ** 32) * (most + 1));
}

/** FNV-1a with a last mixing, in 32 bits: spreads what is alike. */
function hashOf(text: string): number {
  let hash = 0x81_1c_9d_c5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01_00_01_93);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x45_d9_f3_b3);
  return (hash ^ (hash >>> 16)) >>> 0;
}
