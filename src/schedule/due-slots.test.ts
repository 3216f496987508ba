import { fc, test as propertyTest } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import type { ScheduleTerms } from "../store/schedule-store.ts";
import { IN_TIME_MS, jitterOf, MOST_AT_ONCE, planSlots, type SlotPlan, type SlotState } from "./due-slots.ts";
import { slotsUpTo } from "./slots.ts";

const START = Date.UTC(2030, 0, 1);
const HOUR = 3_600_000;

function terms(overrides: Partial<ScheduleTerms> = {}): ScheduleTerms {
  return {
    ...{ cron: null, everyMs: HOUR, timezone: "UTC", overlap: "allow" },
    ...{ catchUpMs: 24 * HOUR, catchUpLimit: 1, jitterMs: 0 },
    ...overrides,
  };
}

function aSchedule(overrides: Partial<SlotState> = {}): SlotState {
  return {
    ...{ scheduleId: "hourly", terms: terms(), isPaused: false, since: START + 1, lastSlot: null },
    ...{ live: [], skipped: null, now: START + 1 },
    ...overrides,
  };
}

function advanced(schedule: SlotState, { lastSlot, skipped }: SlotPlan): SlotState {
  return { ...schedule, lastSlot, skipped };
}

/** In hours from the start. */
function hours(plan: SlotPlan): number[] {
  return plan.fire.map((slot) => (slot - START) / HOUR);
}

describe("a schedule that is looked at in time", () => {
  test("has nothing to start before its first slot", () => {
    expect(planSlots(aSchedule())).toEqual({
      ...{ fire: [], ends: null, lastSlot: null, skipped: null },
      ...{ nextSlot: START + HOUR, dueAt: START + HOUR },
    });
  });

  test("starts a slot when it has come, and is due at the next one", () => {
    expect(planSlots(aSchedule({ now: START + HOUR }))).toMatchObject({
      ...{ fire: [START + HOUR], lastSlot: START + HOUR },
      ...{ nextSlot: START + 2 * HOUR, dueAt: START + 2 * HOUR },
    });
  });

  test("starts nothing again, wherever the clock goes", () => {
    const lastSlot = START + 5 * HOUR;
    for (const now of [lastSlot, lastSlot - 1, START + 2 * HOUR, lastSlot + HOUR - 1])
      expect(planSlots(aSchedule({ lastSlot, now }))).toMatchObject({ fire: [], lastSlot, nextSlot: START + 6 * HOUR });
  });

  test("starts all slots of the last minute", () => {
    const everySecond = terms({ everyMs: 1_000, catchUpLimit: 0 });
    const first = planSlots(aSchedule({ terms: everySecond, since: START, now: START + 30_000 }));
    expect(first.fire).toHaveLength(MOST_AT_ONCE);
    expect(first).toMatchObject({
      lastSlot: START + 20_000,
      nextSlot: START + 21_000,
      dueAt: START + 30_000,
      skipped: null,
    });
    const second = planSlots(
      aSchedule({ terms: everySecond, since: START, now: START + 30_000, lastSlot: first.lastSlot }),
    );

    expect(second).toMatchObject({ lastSlot: START + 30_000, nextSlot: START + 31_000, dueAt: START + 31_000 });
    expect(second.fire).toHaveLength(10);
  });
});

describe("slots that were missed", () => {
  const late = { now: START + 10 * HOUR + 2 * IN_TIME_MS };

  test("are caught up on as far as is said", () => {
    const caughtUp = (some: Partial<ScheduleTerms>): number[] =>
      hours(planSlots(aSchedule({ terms: terms(some), ...late })));
    expect(caughtUp({})).toEqual([10]);
    expect(caughtUp({ catchUpLimit: 3 })).toEqual([8, 9, 10]);
    expect(caughtUp({ catchUpLimit: 100, catchUpMs: 4 * HOUR })).toEqual([7, 8, 9, 10]);
    expect(caughtUp({ catchUpLimit: 0 })).toEqual([]);
    expect(caughtUp({ catchUpMs: IN_TIME_MS })).toEqual([]);
  });

  test("are noted where they are not, and behind for good", () => {
    expect(planSlots(aSchedule(late))).toMatchObject({
      ...{ lastSlot: START + 10 * HOUR, nextSlot: START + 11 * HOUR },
      skipped: { slot: START + 9 * HOUR, reason: "missed" },
    });
    expect(planSlots(aSchedule({ terms: terms({ catchUpLimit: 0 }), ...late }))).toMatchObject({
      ...{ lastSlot: START + 10 * HOUR, nextSlot: START + 11 * HOUR },
      skipped: { slot: START + 10 * HOUR, reason: "missed" },
    });
  });

  test("come before one that is in time", () => {
    expect(hours(planSlots(aSchedule({ now: START + 10 * HOUR + 1 })))).toEqual([9, 10]);
  });

  test("cost no more where there are a hundred million", () => {
    const everySecond = terms({ cron: "* * * * * *", everyMs: null, timezone: "Europe/Berlin", catchUpLimit: 2 });
    const now = START + 100_000_000_000;
    const plan = planSlots(aSchedule({ terms: everySecond, now }));

    expect(plan.fire).toHaveLength(MOST_AT_ONCE);
    expect(plan.fire[0]).toBe(now - IN_TIME_MS - 2_000);
    expect(plan.skipped).toEqual({ slot: now - IN_TIME_MS - 3_000, reason: "missed" });
  });

  test("are none while it is paused", () => {
    expect(planSlots(aSchedule({ isPaused: true, ...late }))).toMatchObject({ fire: [], dueAt: null, lastSlot: null });
    expect(planSlots(aSchedule({ ...late, since: late.now }))).toMatchObject({ fire: [], nextSlot: START + 11 * HOUR });
  });
});

describe("slots that come while an instance is live", () => {
  const live = ["hourly@x"];
  const now = START + 3 * HOUR;
  const plan = (overlap: ScheduleTerms["overlap"], overrides: Partial<SlotState> = {}): SlotPlan =>
    planSlots(
      aSchedule({ terms: terms({ overlap, catchUpLimit: 2 }), now, lastSlot: START + HOUR, live, ...overrides }),
    );

  test("are started by allow", () => expect(hours(plan("allow"))).toEqual([2, 3]));

  test("are passed over by skip", () => {
    expect(plan("skip")).toMatchObject({
      fire: [],
      lastSlot: now,
      dueAt: now + HOUR,
      skipped: { slot: now, reason: "overlap" },
    });
    expect(plan("skip", { live: [] })).toMatchObject({
      ...{ fire: [START + 2 * HOUR], lastSlot: now },
      skipped: { slot: now, reason: "overlap" },
    });
  });

  test("wait by queue, and follow one after the other", () => {
    expect(plan("queue")).toMatchObject({
      fire: [],
      lastSlot: START + HOUR,
      nextSlot: START + 2 * HOUR,
      dueAt: now + 5_000,
    });
    expect(plan("queue", { live: [] })).toMatchObject({
      fire: [START + 2 * HOUR],
      lastSlot: START + 2 * HOUR,
      dueAt: now,
    });
  });

  test("end what is live by cancelPrevious, and the last one follows", () => {
    expect(plan("cancelPrevious")).toMatchObject({
      fire: [],
      ends: "cancel",
      lastSlot: START + 2 * HOUR,
      nextSlot: now,
    });
    expect(plan("cancelPrevious", { live: [] })).toMatchObject({ fire: [now], ends: null, lastSlot: now });
  });

  test("end what is live at once by terminatePrevious", () => {
    expect(plan("terminatePrevious")).toMatchObject({ fire: [now], ends: "terminate", lastSlot: now });
    expect(plan("terminatePrevious", { live: [] })).toMatchObject({ fire: [now], ends: null });
  });
});

describe("jitter", () => {
  test("puts a start off by the same for whoever looks, and never behind the next slot", () => {
    const schedule = aSchedule({ terms: terms({ jitterMs: 100 * HOUR }) });
    const puts = Array.from({ length: 200 }, (_, index) => jitterOf(schedule, START + index * HOUR));

    expect(puts).toEqual(puts.map((_, index) => jitterOf(schedule, START + index * HOUR)));
    expect(Math.min(...puts)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...puts)).toBeLessThan(HOUR);
    // Spread: as many in each half as chance would have it.
    expect(puts.filter((ms) => ms < HOUR / 2).length).toBeGreaterThan(70);
    expect(puts.filter((ms) => ms >= HOUR / 2).length).toBeGreaterThan(70);
  });

  test("is waited for", () => {
    const schedule = aSchedule({ terms: terms({ jitterMs: HOUR }), now: START + HOUR });
    const dueAt = START + HOUR + jitterOf(schedule, START + HOUR);
    expect(planSlots(schedule)).toMatchObject({ fire: [], nextSlot: START + HOUR, dueAt });
    expect(planSlots({ ...schedule, now: dueAt - 1 }).fire).toEqual([]);
    expect(planSlots({ ...schedule, now: dueAt }).fire).toEqual([START + HOUR]);
  });
});

describe("over any course of time", () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant("passes" as const), ms: fc.integer({ min: 0, max: 50_000 }) }),
      fc.record({ kind: fc.constant("stops" as const), ms: fc.integer({ min: 0, max: 100_000_000 }) }),
      fc.record({ kind: fc.constant("goesBack" as const), ms: fc.integer({ min: 0, max: 10_000_000 }) }),
      fc.record({ kind: fc.constant("pauses" as const), ms: fc.integer({ min: 0, max: 200_000 }) }),
    ),
    { maxLength: 40 },
  );
  const rules = fc.oneof(
    fc.integer({ min: 1_000, max: 90_000 }).map((everyMs) => terms({ everyMs })),
    fc
      .constantFrom("*/7 * * * * *", "* * * * *")
      .map((cron) => terms({ cron, everyMs: null, timezone: "Europe/Berlin" })),
  );

  propertyTest.prop([rules, fc.integer({ min: 0, max: 20_000 }), fc.integer({ min: 0, max: 100 }), steps], {
    numRuns: 60,
  })(
    "no slot is started twice, none before its time, and none is lost that nobody missed",
    (rule, jitterMs, catchUpLimit, course) => {
      let schedule = aSchedule({ terms: { ...rule, jitterMs, catchUpLimit }, since: START, now: START });
      const started: number[] = [];
      const owed = new Set<number>();
      const look = (): void => {
        for (let isDue = true; isDue; ) {
          const plan = planSlots(schedule);
          for (const slot of plan.fire) {
            expect(slot + jitterOf(schedule, slot)).toBeLessThanOrEqual(schedule.now);
            started.push(slot);
          }
          schedule = advanced(schedule, plan);
          isDue = plan.dueAt !== null && plan.dueAt <= schedule.now;
        }
      };
      const behind = (): number => Math.max(schedule.since, schedule.lastSlot ?? 0);
      for (const { kind, ms } of course) {
        if (kind === "passes") {
          // Looked at at least once in the minute that each of them is in time.
          const now = schedule.now + ms;
          for (const slot of slotsUpTo(schedule.terms, now, Math.max(behind(), schedule.now - 1), 1_000))
            if (slot + jitterOf(schedule, slot) <= now) owed.add(slot);
          schedule = { ...schedule, now };
        } else if (kind === "pauses") {
          look();
          expect(planSlots({ ...schedule, isPaused: true, now: schedule.now + ms }).fire).toEqual([]);
          schedule = { ...schedule, now: schedule.now + ms, since: Math.max(schedule.since, schedule.now + ms) };
        } else schedule = { ...schedule, now: schedule.now + (kind === "stops" ? ms : -ms) };
        look();
      }

      expect(new Set(started).size).toBe(started.length);
      expect(started.toSorted((a, b) => a - b)).toEqual(started);
      const known = new Set(started);
      expect([...owed].filter((slot) => !known.has(slot))).toEqual([]);
    },
  );
});
