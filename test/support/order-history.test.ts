import { describe, expect, test } from "vitest";
import type { OracleLine } from "../../examples/order-fulfilment/oracle.ts";
import { type CheckpointRow, recordedWithoutRunning, rerunsAfterCheckpoint } from "./order-history.ts";

function ran(worker: string, at: number, attempt: number = 1): OracleLine {
  return { worker, at, attempt, pid: 1, instance: "order-1", task: "charge", effect: "charge", key: "order-1/charge" };
}

function recorded(worker: string, at: number, facts: Partial<CheckpointRow> = {}): CheckpointRow {
  return { instance: "order-1", task: "charge", attempt: 1, kind: "task", outcome: "completed", worker, at, ...facts };
}

describe("rerunsAfterCheckpoint", () => {
  test.each([
    ["in a later process, whatever the clocks say", [ran("a", 1), ran("b", 2)], [recorded("a", 3)]],
    ["in the same process", [ran("a", 1), ran("a", 3)], [recorded("a", 2)]],
    ["as another attempt", [ran("a", 1), ran("b", 5, 2)], [recorded("a", 2)]],
    ["as an attempt that had failed before", [ran("a", 1), ran("b", 5)], [recorded("a", 2, { outcome: "failed" })]],
  ])("finds a body that ran again after its checkpoint %s", (_name, oracle, checkpoints) => {
    expect(rerunsAfterCheckpoint(oracle, checkpoints)).toHaveLength(1);
  });

  test.each([
    ["a repetition before the checkpoint", [ran("a", 1), ran("b", 2)], [recorded("b", 3)]],
    ["an attempt after a failed one", [ran("a", 1), ran("b", 5, 2)], [recorded("a", 2, { outcome: "failed" })]],
    ["another task", [ran("a", 1), ran("b", 5)], [recorded("a", 2, { task: "reserve" })]],
    ["another instance", [ran("a", 1), ran("b", 5)], [recorded("a", 2, { instance: "order-2" })]],
  ])("accepts %s", (_name, oracle, checkpoints) => {
    expect(rerunsAfterCheckpoint(oracle, checkpoints)).toEqual([]);
  });
});

describe("recordedWithoutRunning", () => {
  test.each([
    ["by nobody", []],
    ["by another worker", [ran("b", 1)]],
    ["as another attempt", [ran("a", 1, 2)]],
  ])("finds an outcome whose body ran %s", (_name, oracle) => {
    expect(recordedWithoutRunning(oracle, [recorded("a", 2)])).toHaveLength(1);
  });

  test("accepts an outcome whose body ran, and what has no body", () => {
    expect(recordedWithoutRunning([ran("a", 1)], [recorded("a", 2), recorded("a", 2, { kind: "delay" })])).toEqual([]);
  });
});
