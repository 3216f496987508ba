import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "vitest";
import { Board, describeActive } from "../../examples/order-fulfilment/board.ts";
import { predict } from "../../examples/order-fulfilment/model.ts";
import { parseOptions, UsageError } from "../../examples/order-fulfilment/options.ts";
import { openView } from "../../examples/order-fulfilment/view.ts";

describe("parseOptions", () => {
  test("has defaults for everything", () => {
    expect(parseOptions([])).toEqual({
      orders: null,
      seed: null,
      speed: "normal",
      lease: "3s",
      oracle: null,
      fresh: false,
      help: false,
    });
  });

  test.each([
    [["--oders", "3"], "There is no option --oders. Did you mean --orders?"],
    [["--order=3"], "There is no option --order. Did you mean --orders?"],
    [["--banana"], "There is no option --banana."],
    [["orders", "3"], '"orders" is not understood here. Did you mean --orders?'],
    [["--orders"], "--orders needs a value."],
    [["--orders", "0"], '--orders must be a whole number from 1 to 1000, not "0".'],
    [["--seed", "x"], '--seed must be a whole number from 0 to 1000000, not "x".'],
    [["--speed", "slow"], '--speed must be "normal" or "fast", not "slow".'],
    [["--lease", "1"], '--lease must be a time such as 500ms or 3s, at least 100ms, not "1".'],
    [["--new=yes"], "--new takes no value."],
  ])("says what is wrong with %j", (args, message) => {
    expect(() => parseOptions(args)).toThrow(new UsageError(message));
  });
});

describe("predict", () => {
  test.each([0, 1, 2, 77])("knows each kind of trouble once in two dozen orders (seed %i)", (seed) => {
    const predictions = Array.from({ length: 24 }, (_, index) => predict(1_001 + index, seed));
    const kinds = predictions.map(({ status, result, failedAttempts }) => {
      if (result === null) return status;
      if (result.outcome === "refused") return result.reason;
      return result.packedBy === "reserve depot" ? result.packedBy : `delivered after ${failedAttempts} failures`;
    });
    expect(kinds.filter((kind) => kind !== "delivered after 0 failures").sort()).toEqual([
      "card declined",
      "delivered after 1 failures",
      "delivered after 1 failures",
      "delivered after 2 failures",
      "delivered after 3 failures",
      "failed",
      "reserve depot",
      "suspected fraud",
    ]);
  });
});

describe("describeActive", () => {
  const instanceId = "order-1";

  function boardWithOrder(): Board {
    const board = new Board(1, 0, 0);
    board.begin({ instanceId, customer: "Ada Lovelace", since: 0 }, null);
    return board;
  }

  function described(board: Board, now: number): string[] {
    return board.active.map((order) => describeActive(order, now));
  }

  test("names the steps that run side by side, and attempts", () => {
    const board = boardWithOrder();
    board.observe({ kind: "task_started", instanceId, taskId: "reserve", attempt: 1, workerId: "w" }, 0);
    board.observe({ kind: "task_started", instanceId, taskId: "charge", attempt: 1, workerId: "w" }, 0);
    const error = new Error("No answer.");
    const note = board.observe(
      { kind: "task_failed", instanceId, taskId: "charge", attempt: 1, error, retryAfterMs: 500 },
      100,
    );

    expect(note).toBe("order-1: charge failed, attempt 2 in 0.5 s. No answer.");
    expect(described(board, 200)).toEqual(["reserve, charge (attempt 2 in 0.4 s)"]);
  });

  test("tells how long an order will wait", () => {
    const board = boardWithOrder();
    board.observe({ kind: "parked", instanceId, taskId: "ask", attempt: 1, event: "packed", wakeAfterMs: 8_000 }, 0);
    expect(described(board, 1_000)).toEqual(["waits for packed, at most 7.0 s"]);

    board.observe({ kind: "task_started", instanceId, taskId: "hand-over", attempt: 1, workerId: "w" }, 2_000);
    expect(described(board, 2_000)).toEqual(["hand-over"]);
  });

  test("knows where an earlier process has left an order", () => {
    const board = new Board(1, 0, 0);
    const tasks = [{ taskId: "charge", attempt: 1, state: "running", workerId: "gone", retryAt: null }] as const;
    board.begin({ instanceId, customer: "Ada Lovelace", since: 0 }, { status: "in_progress", tasks });
    expect(described(board, 0)).toEqual(["still held by the process before"]);
  });
});

describe("the view", () => {
  function draw(size: [number, number], environment: NodeJS.ProcessEnv = {}): string {
    let written = "";
    const output = { isTTY: true, getWindowSize: () => size, write: (text: string) => (written += text) };
    const board = new Board(20, 0, Date.now());
    for (let order = 1; order <= 8; order += 1) {
      board.begin({ instanceId: `order-100${order}`, customer: "Katherine Johnson", since: 0 }, null);
    }
    const view = openView(board, output, environment);
    view.ended(
      { instanceId: "order-1000", customer: "Grace Hopper", ms: 1_000, text: "delivered ".repeat(20) },
      "good",
    );
    view.close();
    return written;
  }

  test.each([
    [200, 50],
    [64, 24],
    [30, 6],
    [12, 5],
  ])("fits into a window of %i by %i", (columns, rows) => {
    const frames = draw([columns, rows]).split(/\u001b\[\d+A\r/);
    const lines = frames.map((frame) => stripVTControlCharacters(frame).trimEnd().split("\n"));
    expect(frames.length).toBeGreaterThan(2);
    expect(Math.max(...lines.flat().map((line) => line.length))).toBeLessThan(columns);
    // The line that stays scrolls away with the next frame.
    expect(lines.at(-1)?.length).toBeLessThan(rows);
  });

  test("assumes a size where the terminal has none", () => {
    expect(draw([0, 0])).toMatch(/\u001b\[9A\r/);
  });

  test.each([{ CI: "true" }, { NO_COLOR: "1" }, { TERM: "dumb" }])("is plain with %j", (environment) => {
    expect(draw([80, 24], environment)).toBe(`order-1000   1.0 s  Grace Hopper       ${"delivered ".repeat(20)}\n`);
  });
});
