import { expect } from "vitest";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import { aPosition, aTaskResult, bytesOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import type { ConformanceTest, ConformanceTests } from "./suite.ts";

/** What is wrong with a snapshot, and where. */
const CONTRADICTIONS: Readonly<Record<string, Partial<Record<keyof Snapshot, unknown>>>> = {
  "a terminal status with positions": { status: "cancelled", endedAt: 1 },
  "a live status without positions": { positions: [] },
  "completed without an output": { status: "completed", endedAt: 1, positions: [] },
  "an output without being completed": { output: bytesOf("1") },
  "failed without a failure": { status: "failed", endedAt: 1, positions: [] },
  "a failure without having failed": { failure: bytesOf("1") },
  "a terminal status without an end": { status: "cancelled", positions: [] },
  "an end without a terminal status": { endedAt: 1 },
  "an unknown status": { status: "running" },
  "two positions on one path": { positions: [aPosition(), aPosition({ taskId: "second" })] },
  "two results of one task": { results: [aTaskResult(), aTaskResult({ output: bytesOf("4") })] },
  "a wait without an event": { positions: [aPosition({ kind: "wait" })] },
  "an event at a task": { positions: [aPosition({ event: "paid" })] },
  "pending branches at a task": { positions: [aPosition({ pending: 1 })] },
  "a negative number of pending branches": { positions: [aPosition({ kind: "join", pending: -1 })] },
  "a ready position without a time": { positions: [aPosition({ availableAt: null })] },
  "a ready join with pending branches": { positions: [aPosition({ kind: "join", pending: 1 })] },
  "a paused position of an instance in progress": { positions: [aPosition({ ready: false, interrupt: "paused" })] },
  "a position out of its pause in a paused instance": { status: "paused" },
  "an attempt of 0": { positions: [aPosition({ attempt: 0 })] },
  "a fractional attempt": { positions: [aPosition({ attempt: 1.5 })] },
  "a position's priority of 6": { positions: [aPosition({ priority: 6 })] },
  "a priority of 0": { priority: 0 },
  "text instead of bytes": { input: "1" },
  "a creation that is no time": { createdAt: Number.NaN },
  "tags that are no array": { tags: "eu" },
  "a label that is no text": { labels: { a: 1 } },
  "a result that is only noted": { results: [{ ...aTaskResult(), outcome: "noted" }] },
  "a result of an empty task id": { results: [aTaskResult({ taskId: "" })] },
  "no positions at all": { positions: undefined },
};

export const contradictionTests: ConformanceTests = Object.fromEntries(
  Object.entries(CONTRADICTIONS).map(([what, parts]): [string, ConformanceTest] => [
    `refuses ${what}, before anything is written`,
    async ({ backend, given }) => {
      const snapshot = { ...given.snapshot(), ...parts } as Snapshot;

      await expectRefusal(backend.saveSnapshot(snapshot), "INVALID_ARGUMENT");

      expect(await backend.listSnapshots()).toEqual([]);
      expect(await backend.readHistory("order-1")).toEqual([]);
    },
  ]),
);
