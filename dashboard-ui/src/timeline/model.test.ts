import { expect, test } from "vitest";
import { type TimedEntry, timelineOf } from "./model.ts";

const began = Date.UTC(2026, 0, 1);
const at = (ms: number): string => new Date(began + ms).toISOString();

function entry(taskId: string, more: Partial<TimedEntry>): TimedEntry {
  return {
    sequence: "1",
    taskId,
    attempt: 1,
    kind: "task",
    outcome: "completed",
    at: at(0),
    durationMs: 0,
    workerId: null,
    ...more,
  };
}

test("timelineOf shows attempts of a task in one row, and what goes on up to now", () => {
  const entries = [
    entry("charge", { outcome: "failed", at: at(100), durationMs: 60, workerId: "w1" }),
    entry("charge", { attempt: 2, at: at(400), durationMs: 50 }),
  ];
  const positions = [{ taskId: "ship", attempt: 1, state: "running", workerId: "w2" }];
  const timeline = timelineOf(entries, positions, { began, now: began + 900 });
  expect(timeline).toEqual({
    from: began,
    to: began + 900,
    rows: [
      {
        taskId: "charge",
        bars: [
          { look: "failed", from: began + 40, to: began + 100, text: "attempt 1, failed, w1" },
          { look: "completed", from: began + 350, to: began + 400, text: "attempt 2, completed" },
        ],
      },
      {
        taskId: "ship",
        bars: [{ look: "running", from: began + 400, to: began + 900, text: "attempt 1, running, w2" }],
      },
    ],
  });
});

test("timelineOf shows a wait from what was recorded before it", () => {
  const entries = [
    entry("ask", { at: at(10), durationMs: 10 }),
    entry("answer", { kind: "wait", at: at(500), durationMs: null }),
  ];
  const { rows } = timelineOf(entries, [], { began, now: began + 500 });
  expect(rows[1]?.bars).toEqual([{ look: "waited", from: began + 10, to: began + 500, text: "attempt 1, completed" }]);
});

test("timelineOf has a length even where nothing took any time", () => {
  expect(timelineOf([], [], { began, now: began })).toEqual({ from: began, to: began + 1, rows: [] });
});
