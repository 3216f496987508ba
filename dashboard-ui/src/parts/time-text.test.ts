import { expect, test } from "vitest";
import { bytesText, durationText, relativeTime } from "./time-text.ts";

test.each([
  [0, "0 ms"],
  [1.25, "1.3 ms"],
  [999, "999 ms"],
  [1_200, "1.2 s"],
  [59_000, "59 s"],
  [185_000, "3 min 5 s"],
  [3_600_000, "1 h"],
  [187_200_000, "2 d 4 h"],
])("durationText(%d) is %s", (ms, text) => {
  expect(durationText(ms)).toBe(text);
});

test.each([
  [1, "1 byte"],
  [999, "999 bytes"],
  [1_400, "1.4 kB"],
  [25_000_000, "25 MB"],
])("bytesText(%d) is %s", (bytes, text) => {
  expect(bytesText(bytes)).toBe(text);
});

test("relativeTime takes the largest unit that fits", () => {
  const now = Date.UTC(2026, 0, 2);
  const format = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
  expect(relativeTime(now - 7_300_000, now)).toBe(format.format(-2, "hour"));
  expect(relativeTime(now + 90_000, now)).toBe(format.format(1, "minute"));
});
