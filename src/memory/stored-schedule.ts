import type { InstanceId } from "../ids.ts";
import type {
  Firing,
  NewSchedule,
  RequestedSlot,
  ScheduleChange,
  ScheduledStart,
  ScheduleTerms,
  StoredSchedule,
} from "../store/schedule-store.ts";
import { copyOf, sameBytes } from "./bytes.ts";
import { compareCodePoints } from "./code-points.ts";

interface Writing {
  readonly byHand: boolean;
  readonly now: number;
}

/** A schedule, and what has been asked for of it. */
export class StoredScheduleRow {
  value: StoredSchedule;
  /** Infinity for never. */
  dueAt: number;
  readonly #requests = new Map<InstanceId, number>();

  constructor(schedule: NewSchedule, { byHand, now }: Writing) {
    const nothing = { pauseReason: null, lastSlot: null, nextSlot: null, dueAt: null, skipped: null, problem: null };
    this.value = {
      ...{ ...nothing, ...copyOfNew(schedule), isChanged: byHand, isPaused: false, since: now },
      ...{ live: [], requested: 0, version: 1, createdAt: now, now },
    };
    this.dueAt = now;
  }

  write(schedule: NewSchedule, { byHand, now }: Writing): void {
    const { terms, start, isChanged, isPaused } = this.value;
    if (!byHand && (isChanged || (sameTerms(terms, schedule.terms) && sameStart(start, schedule.start)))) return;
    const others = otherSlots(terms, schedule.terms);
    this.#set({ ...copyOfNew(schedule), isChanged: byHand, problem: null, ...(others ? this.#fromNow(now) : {}) });
    if (!isPaused) this.dueAt = now;
  }

  change({ terms = {}, isPaused, pauseReason = null }: ScheduleChange, now: number): void {
    const { value } = this;
    const given = Object.entries(terms).filter(([, term]) => term !== undefined);
    const changed = { ...value.terms, ...Object.fromEntries(given) };
    const hasTiming = terms.timezone !== undefined;
    const begins = hasTiming || (value.isPaused && isPaused === false);
    this.#set({
      terms: changed,
      isChanged: value.isChanged || given.length > 0,
      ...(isPaused === undefined ? {} : { isPaused, pauseReason: isPaused ? pauseReason : null }),
      ...(begins ? { since: Math.max(value.since, now) } : {}),
      ...(hasTiming ? { nextSlot: null } : {}),
    });
    this.dueAt = now;
  }

  reset(): void {
    this.#set({ isChanged: false });
  }

  request(slots: readonly RequestedSlot[], now: number): void {
    for (const { instanceId, slot } of slots) if (!this.#requests.has(instanceId)) this.#requests.set(instanceId, slot);
    this.#set({});
    this.dueAt = Math.min(this.dueAt, now);
  }

  oldestRequests(most: number): RequestedSlot[] {
    return Array.from(this.#requests, ([instanceId, slot]) => ({ instanceId, slot }))
      .sort((a, b) => a.slot - b.slot || compareCodePoints(a.instanceId, b.instanceId))
      .slice(0, most);
  }

  advance({ definitionHash, lastSlot, nextSlot, dueAt, live, skipped, problem, done }: Firing): void {
    const start = { ...this.value.start, definitionHash };
    this.#set({
      start,
      lastSlot,
      nextSlot,
      live: live.slice(),
      skipped: skipped === null ? null : { ...skipped },
      problem,
    });
    this.dueAt = dueAt ?? Number.POSITIVE_INFINITY;
    for (const id of done) this.#requests.delete(id);
  }

  /** A copy. @param isLive - whether an instance is there and has not ended */
  shown(isLive: (id: InstanceId) => boolean, now: number): StoredSchedule {
    return {
      ...this.value,
      ...copyOfNew(this.value),
      live: this.value.live.filter(isLive),
      dueAt: this.dueAt === Number.POSITIVE_INFINITY ? null : this.dueAt,
      requested: this.#requests.size,
      now,
    };
  }

  #fromNow(now: number): Pick<StoredSchedule, "since" | "nextSlot"> {
    return { since: Math.max(this.value.since, now), nextSlot: null };
  }

  #set(change: Partial<StoredSchedule>): void {
    this.value = { ...this.value, ...change, version: this.value.version + 1 };
  }
}

function copyOfNew({ scheduleId, terms, start }: NewSchedule): NewSchedule {
  const { cron, everyMs, timezone, overlap, catchUpMs, catchUpLimit, jitterMs } = terms;
  const { flow, definitionHash, codec, input, priority, tags, labels } = start;
  return {
    scheduleId,
    terms: { cron, everyMs, timezone, overlap, catchUpMs, catchUpLimit, jitterMs },
    start: {
      ...{ flow, definitionHash, codec, input: copyOf(input), priority },
      ...{ tags: tags.slice(), labels: { ...labels } },
    },
  };
}

function otherSlots(a: ScheduleTerms, b: ScheduleTerms): boolean {
  return a.cron !== b.cron || a.everyMs !== b.everyMs || a.timezone !== b.timezone;
}

function sameTerms(a: ScheduleTerms, b: ScheduleTerms): boolean {
  const isSame = a.catchUpMs === b.catchUpMs && a.catchUpLimit === b.catchUpLimit && a.jitterMs === b.jitterMs;
  return isSame && !otherSlots(a, b) && a.overlap === b.overlap;
}

function sameStart(a: ScheduledStart, b: ScheduledStart): boolean {
  const isSame = a.flow === b.flow && a.definitionHash === b.definitionHash && a.codec === b.codec;
  const labels = Object.entries(a.labels);
  const hasSameLabels =
    labels.length === Object.keys(b.labels).length && labels.every(([name, text]) => b.labels[name] === text);
  const hasSameTags = JSON.stringify(a.tags) === JSON.stringify(b.tags);
  return isSame && a.priority === b.priority && hasSameLabels && hasSameTags && sameBytes(a.input, b.input);
}
