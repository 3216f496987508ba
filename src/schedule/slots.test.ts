import { fc, test as propertyTest } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { cronIssue, type SlotRule, slotsAfter, slotsUpTo, timezoneIssue } from "./slots.ts";

const BERLIN = "Europe/Berlin";
const NEW_YORK = "America/New_York";
const LORD_HOWE = "Australia/Lord_Howe";

function daily(cron: string, timezone: string): SlotRule {
  return { cron, everyMs: null, timezone };
}

function every(everyMs: number): SlotRule {
  return { cron: null, everyMs, timezone: "UTC" };
}

function shown(slots: readonly number[]): string[] {
  return slots.map((slot) => new Date(slot).toISOString().slice(0, 16));
}

function from(rule: SlotRule, after: string, count: number): string[] {
  return shown(slotsAfter(rule, Date.parse(after), count));
}

describe("when clocks go forward", () => {
  test("what would be in the hour that is left out comes at its end", () => {
    // Berlin, 29 March 2026: 02:00 is followed by 03:00 (01:00 UTC).
    expect(from(daily("30 2 * * *", BERLIN), "2026-03-28T00:00Z", 3)).toEqual([
      "2026-03-28T01:30",
      "2026-03-29T01:00",
      "2026-03-30T00:30",
    ]);
    // New York, 8 March 2026: 02:00 is followed by 03:00 (07:00 UTC).
    expect(from(daily("30 2 * * *", NEW_YORK), "2026-03-08T00:00Z", 2)).toEqual([
      "2026-03-08T07:00",
      "2026-03-09T06:30",
    ]);
    // Lord Howe, 4 October 2026: 02:00 is followed by 02:30 (15:30 UTC of the day before).
    expect(from(daily("15 2 * * *", LORD_HOWE), "2026-10-03T00:00Z", 2)).toEqual([
      "2026-10-03T15:30",
      "2026-10-04T15:15",
    ]);
  });

  test("a slot that is there anyway is not there twice", () => {
    expect(from(daily("30 2,3 * * *", BERLIN), "2026-03-28T12:00Z", 3)).toEqual([
      "2026-03-29T01:30",
      "2026-03-30T00:30",
      "2026-03-30T01:30",
    ]);
    expect(from(daily("*/30 * * * *", BERLIN), "2026-03-29T00:10Z", 3)).toEqual([
      "2026-03-29T00:30",
      "2026-03-29T01:00",
      "2026-03-29T01:30",
    ]);
  });
});

describe("when clocks go back", () => {
  test("what names an hour comes at the first of the two", () => {
    // Berlin, 25 October 2026: 02:00 to 03:00 comes at 00:00 and at 01:00 UTC.
    expect(from(daily("30 2 * * *", BERLIN), "2026-10-24T12:00Z", 2)).toEqual(["2026-10-25T00:30", "2026-10-26T01:30"]);
    expect(from(daily("30 1 * * *", NEW_YORK), "2026-11-01T00:00Z", 2)).toEqual([
      "2026-11-01T05:30",
      "2026-11-02T06:30",
    ]);
    // Lord Howe, 5 April 2026: 01:30 to 02:00 comes at 14:30 and at 15:00 UTC of the day before.
    expect(from(daily("45 1 * * *", LORD_HOWE), "2026-04-04T00:00Z", 2)).toEqual([
      "2026-04-04T14:45",
      "2026-04-05T15:15",
    ]);
  });

  test("what comes in each hour comes in both", () => {
    const hourly = ["2026-10-24T23:00", "2026-10-25T00:00", "2026-10-25T01:00", "2026-10-25T02:00"];
    expect(from(daily("0 * * * *", BERLIN), "2026-10-24T22:10Z", 4)).toEqual(hourly);
    expect(from(daily("*/15 * * * *", LORD_HOWE), "2026-04-04T14:25Z", 4)).toEqual([
      "2026-04-04T14:30",
      "2026-04-04T14:45",
      "2026-04-04T15:00",
      "2026-04-04T15:15",
    ]);
  });
});

describe("slots", () => {
  test("of an interval are at its multiples", () => {
    expect(from(every(900_000), "2026-01-01T10:07Z", 2)).toEqual(["2026-01-01T10:15", "2026-01-01T10:30"]);
    expect(from(every(900_000), "2026-01-01T10:15Z", 1)).toEqual(["2026-01-01T10:30"]);
    expect(shown(slotsUpTo(every(900_000), Date.parse("2026-01-01T10:15Z"), 0, 2))).toEqual([
      "2026-01-01T10:00",
      "2026-01-01T10:15",
    ]);
  });

  test("of a leap day are in leap years", () => {
    expect(from(daily("0 0 29 2 *", "UTC"), "2026-01-01T00:00Z", 2)).toEqual(["2028-02-29T00:00", "2032-02-29T00:00"]);
  });

  test("of a day of the month and a weekday are on either", () => {
    const found = from(daily("0 0 13 * 5", "UTC"), "2026-03-05T00:00Z", 4);
    expect(found.map((slot) => slot.slice(5, 10))).toEqual(["03-06", "03-13", "03-20", "03-27"]);
    expect(from(daily("0 0 13 * 1", "UTC"), "2026-03-12T00:00Z", 2).map((slot) => slot.slice(5, 10))).toEqual([
      "03-13",
      "03-16",
    ]);
  });

  test("that were are looked for no further than is asked", () => {
    const to = Date.parse("2030-01-01T00:00:00.500Z");
    const found = slotsUpTo(daily("* * * * * *", BERLIN), to, Date.parse("1970-01-02T00:00Z"), 3);

    expect(found.map((slot) => slot - Date.parse("2030-01-01T00:00:00Z"))).toEqual([-2_000, -1_000, 0]);
    expect(slotsUpTo(daily("* * * * * *", BERLIN), to, to - 1_500, 10)).toHaveLength(1);
    expect(slotsUpTo(daily("* * * * * *", BERLIN), to, to, 10)).toEqual([]);
  });

  const rules = fc.oneof(
    fc
      .constantFrom("30 2 * * *", "*/20 1-3 * * *", "0 * * * *", "15,45 2 * * 0", "0 0 L * *", "59 23 * * *")
      .chain((cron) =>
        fc.constantFrom(BERLIN, NEW_YORK, LORD_HOWE, "UTC", "Asia/Kathmandu").map((timezone) => daily(cron, timezone)),
      ),
    fc.integer({ min: 1_000, max: 10_000_000 }).map(every),
  );
  // Around the changes of clocks in all of these zones.
  const days = fc.constantFrom("2026-03-08", "2026-03-29", "2026-04-04", "2026-10-03", "2026-10-25", "2026-11-01");
  const times = fc
    .tuple(days, fc.integer({ min: -90_000_000, max: 90_000_000 }))
    .map(([day, ms]) => Date.parse(day) + ms);

  propertyTest.prop([rules, times, fc.integer({ min: 1, max: 30 })])(
    "looked for forwards and backwards are the same",
    (rule, after, count) => {
      const forwards = slotsAfter(rule, after, count);
      const last = forwards.at(-1) ?? after;

      expect(forwards).toHaveLength(count);
      expect(slotsUpTo(rule, last, after, count + 5)).toEqual(forwards);
      expect(slotsUpTo(rule, last - 1, after, count + 5)).toEqual(forwards.slice(0, -1));
      for (const [index, slot] of forwards.entries())
        expect(slotsAfter(rule, index === 0 ? after : (forwards[index - 1] ?? 0), 1)).toEqual([slot]);
    },
  );
});

describe("cronIssue", () => {
  test("accepts what croner reads the same at any time", () => {
    for (const cron of [
      "0 2 * * *",
      "*/5 * * * * *",
      "@daily",
      "0 0 L * *",
      "0 9 * * MON-FRI",
      "0 0 * * 5#2",
      " 0 2 * * * ",
    ])
      expect(cronIssue(cron)).toBeNull();
  });

  test("refuses what never comes", () => {
    expect(cronIssue("0 0 30 2 *")).toContain("never comes");
    expect(cronIssue("0 0 31 4,6,9,11 *")).toContain("never comes");
  });

  test("refuses what is none, what is a single time, and what depends on when it is read", () => {
    const wrong = [
      "",
      "x",
      "* * * *",
      "61 * * * *",
      "0 0 * * 8",
      "@reboot",
      "? * * * *",
      "0 0 1 1 * * 2030",
      "2030-01-01T00:00:00",
    ];
    for (const cron of [...wrong, "* ".repeat(200), null, 7, {}, "0 2 * * *; DROP", "*/0 * * * *"])
      expect(cronIssue(cron)).toMatch(/must|can't be read/);
  });
});

describe("timezoneIssue", () => {
  test("accepts IANA names", () => {
    for (const zone of [BERLIN, "UTC", "America/Argentina/Buenos_Aires", "Etc/GMT+5"])
      expect(timezoneIssue(zone)).toBeNull();
  });

  test("refuses all else", () => {
    for (const zone of ["", "Mars/Olympus", "+02:00", "Europe/Berlin ", "local", null, 1, {}, "../etc"])
      expect(timezoneIssue(zone)).toContain("IANA");
  });
});
