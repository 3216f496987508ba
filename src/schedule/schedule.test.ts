import { describe, expect, test } from "vitest";
import { flow } from "../flow/flow.ts";
import { isSchedule, schedule } from "./schedule.ts";
import { resolveTermChanges } from "./schedule-terms.ts";
import { parseScheduleId, slotInstanceId, slotOf, triggeredInstanceId } from "./slot-id.ts";

const report = flow<{ region: string } | undefined>("report")
  .then("write", () => 1)
  .build();

function problemOf(make: () => unknown): string {
  try {
    make();
  } catch (error) {
    return (error as Error).message;
  }
  return "none";
}

describe("schedule", () => {
  test("gives everything that is not named a default", () => {
    const made = schedule("nightly", report, { cron: "0 2 * * *" });

    expect(isSchedule(made)).toBe(true);
    expect(made).toEqual({
      ...{ id: "nightly", flow: report, input: undefined, priority: 3, tags: [], labels: {} },
      terms: {
        ...{ cron: "0 2 * * *", everyMs: null, timezone: "UTC", overlap: "allow" },
        ...{ catchUpMs: 86_400_000, catchUpLimit: 1, jitterMs: 0 },
      },
    });
  });

  test("takes what is said, in plain units", () => {
    const input = { region: "north" };
    const catchUp = { within: "2h", limit: 5 };
    const made = schedule("often", report, {
      every: "15m",
      overlap: "skip",
      catchUp,
      jitter: "10s",
      input,
      priority: 1,
    });

    expect(made).toMatchObject({ input, priority: 1 });
    expect(made.terms).toMatchObject({ cron: null, everyMs: 900_000, overlap: "skip", jitterMs: 10_000 });
    expect(made.terms).toMatchObject({ catchUpMs: 7_200_000, catchUpLimit: 5 });
    expect(schedule("never-late", report, { every: "1h", catchUp: false }).terms.catchUpLimit).toBe(0);
  });

  test("says all that is wrong at once", () => {
    const options = {
      cron: "61 * * * *",
      timezone: "Mars",
      overlap: "maybe",
      jitter: "9d",
      catchUp: { limit: 1_000 },
      evry: 1,
    };
    const problem = problemOf(() => schedule("bad", report, options as never));
    for (const part of ["evry", "cron", "timezone", "overlap", "jitter", "catchUp.limit"])
      expect(problem).toContain(part);
  });

  test("refuses what is no timing, or two", () => {
    const wrong: object[] = [
      {},
      { cron: "0 2 * * *", every: "1h" },
      { every: 0 },
      { every: -1 },
      { every: 999 },
      { every: Number.NaN },
    ];
    wrong.push(
      { every: "1h", timezone: "UTC" },
      { cron: "0 0 30 2 *" },
      { every: "200000d" },
      { every: Number.POSITIVE_INFINITY },
    );
    for (const options of wrong) expect(problemOf(() => schedule("bad", report, options as never))).toMatch(/options/);
  });

  test("refuses other options that make no sense, naming them", () => {
    const wrong: readonly [object, string][] = [
      [{ input: () => 1 }, "options.input"],
      [{ input: Promise.resolve(1) }, "options.input"],
      [{ priority: 9 }, "options.priority"],
      [{ tags: ["a b"] }, "options.tags[0]"],
      [{ labels: { slot: "x" } }, "options.labels.slot"],
      [{ labels: { schedule: "x" } }, "options.labels.schedule"],
      [{ labels: Object.fromEntries(Array.from({ length: 63 }, (_, index) => [`l${index}`, "x"])) }, "options.labels"],
      [{ catchUp: { within: "1s" } }, "catchUp.within"],
      [{ catchUp: true }, "catchUp"],
    ];
    for (const [options, named] of wrong)
      expect(problemOf(() => schedule("bad", report, { every: "1h", ...options }))).toContain(named);
    expect(problemOf(() => schedule("bad", {} as never, { every: "1h" }))).toContain("flow");
    expect(problemOf(() => schedule("bad", report, null as never))).toContain("options");
  });

  test("refuses ids behind which a slot would not fit", () => {
    for (const id of ["", " a", "a\n", "x".repeat(201), 7, null, undefined, "\ud800"])
      expect(problemOf(() => schedule(id as string, report, { every: "1h" }))).toContain("id");
    const longest = "x".repeat(200);
    expect(schedule(longest, report, { every: "1h" }).id).toBe(longest);
    expect(triggeredInstanceId(longest, Date.UTC(9_999, 11, 31), "0123abcd").length).toBeLessThanOrEqual(255);
    expect(() => parseScheduleId("x".repeat(201))).toThrow("200");
  });
});

describe("slotOf", () => {
  test("tells which schedule has started an instance, and for which slot", () => {
    const slot = new Date("2026-03-29T01:00:00.000Z");
    for (const scheduleId of ["nightly", "a@b", "x@2026-03-29T01:00:00.000Z", "new\u2003line"]) {
      expect(slotOf(slotInstanceId(scheduleId, slot.getTime()))).toEqual({ scheduleId, slot, isTriggered: false });
      expect(slotOf(triggeredInstanceId(scheduleId, slot.getTime(), "0123abcd"))).toEqual({
        scheduleId,
        slot,
        isTriggered: true,
      });
    }
  });

  test("is null for all others", () => {
    for (const id of ["order-42", "@2026-03-29T01:00:00.000Z", "a@2026-99-29T01:00:00.000Z", "a@2026-03-29", ""])
      expect(slotOf(id)).toBeNull();
  });
});

describe("resolveTermChanges", () => {
  test("names only what is changed", () => {
    expect(resolveTermChanges({ overlap: "queue" })).toEqual({ overlap: "queue" });
    expect(resolveTermChanges({ jitter: "1s", catchUp: false })).toEqual({
      jitterMs: 1_000,
      catchUpMs: 86_400_000,
      catchUpLimit: 0,
    });
    expect(resolveTermChanges({ every: "1m" })).toEqual({ cron: null, everyMs: 60_000, timezone: "UTC" });
    expect(resolveTermChanges({ cron: "@daily", timezone: "Europe/Berlin" })).toEqual({
      ...{ cron: "@daily", everyMs: null, timezone: "Europe/Berlin" },
    });
  });

  test("refuses what changes nothing, or half of a timing", () => {
    for (const changes of [
      {},
      { timezone: "UTC" },
      { cron: "x" },
      { every: "1h", cron: "@daily" },
      null,
      { overlaps: "skip" },
    ])
      expect(() => resolveTermChanges(changes as never)).toThrow("changes");
  });
});
