import { describe, expect, test } from "vitest";
import { branch } from "./branch.ts";
import { flow } from "./flow.ts";
import type { FlowBuilder } from "./flow-builder.ts";
import type { Flow } from "./flow-definition.ts";
import {
  applyChanges,
  checkChange,
  composeChanges,
  initialValues,
  merged,
  SharedState,
  shownValues,
  state,
} from "./shared-state.ts";
import { query, update } from "./state-handlers.ts";
import { task } from "./task.ts";

const board = state({
  status: "new",
  total: merged(0, (current, change) => current + change),
  notes: merged<readonly string[]>([], (current, change) => [...current, ...change]),
});

describe("a state", () => {
  test("begins with what was given, and is changed key by key", () => {
    const values = initialValues(board);
    expect(values).toEqual({ status: "new", total: 0, notes: [] });
    expect(
      applyChanges(board, values, [{ total: 2, status: "a" }, { total: 3 }, { notes: ["x"], status: undefined }]),
    ).toEqual({ status: "a", total: 5, notes: ["x"] });
    expect(values).toEqual({ status: "new", total: 0, notes: [] });
  });

  test("has one change that does what several do", () => {
    const changes = [
      { total: 2, status: "a" },
      { total: 3, notes: ["x"] },
      { notes: ["y"], status: undefined },
    ];
    const composed = composeChanges(board, changes);
    expect(composed).toEqual({ total: 5, status: "a", notes: ["x", "y"] });
    expect(applyChanges(board, { total: 1 }, [composed])).toEqual(applyChanges(board, { total: 1 }, changes));
  });

  test("keeps what another version of the program has stored, and shows its own keys", () => {
    const stored = applyChanges(board, { gone: 1, total: 7 }, [{ total: 1, other: 2 }]);
    expect(stored).toEqual({ gone: 1, total: 8, other: 2 });
    expect(shownValues(board, stored)).toEqual({ status: "new", total: 8, notes: [] });
    expect(composeChanges(board, [{ other: 1 }, { other: 2 }])).toEqual({ other: 2 });
  });

  test("may have keys that every object has by inheritance", () => {
    const names = ["toString", "valueOf", "hasOwnProperty", "isPrototypeOf"];
    const odd = state(Object.fromEntries(names.map((name) => [name, merged(0, (a: number, b: number) => a + b)])));
    const ones = Object.fromEntries(names.map((name) => [name, 1]));
    const twos = Object.fromEntries(names.map((name) => [name, 2]));
    expect({ ...shownValues(odd, {}) }).toEqual(initialValues(odd));
    expect(applyChanges(odd, {}, [ones])).toEqual(ones);
    expect(applyChanges(odd, initialValues(odd), [ones, ones])).toEqual(twos);
    expect(composeChanges(odd, [ones])).toEqual(ones);
    expect(composeChanges(odd, [ones, ones])).toEqual(twos);
  });

  test.each<[unknown, string]>([
    [null, "shape must be an object of the state's keys, not null."],
    [["a"], "shape must be an object of the state's keys, not an array."],
    [{}, "shape has no keys; name one at least."],
    [{ "a b": 1 }, 'shape has a key that "a b" may contain only'],
    [{ constructor: 1 }, 'shape has a key that "constructor" is reserved.'],
    [{ a: undefined }, "shape.a must be a value that can be stored, not undefined. Use null for nothing."],
    [{ a: () => 1 }, "shape.a must be a value that can be stored, not a function."],
    [
      { a: merged<unknown>(Promise.resolve(1), (a) => a) },
      "shape.a must be a value that can be stored, not a Promise.",
    ],
  ])("can't be made of %o", (shape, message) => {
    expect(() => state(shape as object)).toThrow(message);
  });

  test("has a thousand keys at most", () => {
    const shape = Object.fromEntries(Array.from({ length: 1_001 }, (_, index) => [`k${index}`, 1]));
    expect(() => state(shape)).toThrow("shape has 1001 keys; the limit is 1000.");
  });

  test("needs functions that merge", () => {
    expect(() => merged(0, "sum" as never)).toThrow(
      "merge must be a function of the current value and the change, not a string.",
    );
  });

  test.each<[unknown, string]>([
    [null, "change must be an object of the state's keys, not null."],
    [[], "change must be an object of the state's keys, not an array."],
    [Promise.resolve({}), "change must be an object of the state's keys, not a Promise."],
    [new Map([["total", 1]]), "change must be a plain object, not an instance of Map."],
    [{ totl: 1 }, 'change has an unknown key "totl"; did you mean "total"?'],
  ])("can't be changed by %o", (change, message) => {
    expect(() => checkChange(board, change, "change")).toThrow(message);
  });

  test("is recognised", () => {
    expect(SharedState.is(board)).toBe(true);
    expect(SharedState.is({ fields: new Map() })).toBe(false);
  });
});

describe("a flow with a state", () => {
  const step = task("step", (n: number) => n);

  test("has the hash of the same flow without one: which keys there are may change under instances", () => {
    const plain = flow("order").then(step).build();
    const shared = flow("order", { state: board }).then(step).build();
    expect(shared.hash).toBe(plain.hash);
    expect([plain.state, shared.state]).toEqual([null, board]);
  });

  test("is known to its state by name, once it is built", () => {
    const own = state({ a: 1 });
    expect(own.belongsTo("anything")).toBe(true);
    flow("known", { state: own }).then(step).build();
    expect([own.belongsTo("known"), own.belongsTo("unknown")]).toEqual([true, false]);
  });

  test("refuses what is no state", () => {
    expect(() =>
      flow("order", { state: { a: 1 } as never })
        .then(step)
        .build(),
    ).toThrow("state must be what state() has made, not an object");
  });

  test("inlines flows without a state, or with the same", () => {
    const plain = flow<number>("plain").then(step).build();
    const shared = flow<number>("shared", { state: board }).then(step).build();
    const built = flow<number>("outer", { state: board })
      .thenFlow(plain)
      .thenFlow(shared)
      .map("items", (n) => [n], shared)
      .build();
    expect(built.state).toBe(board);
  });

  test.each(["thenFlow", "loop", "map"] as const)("refuses to inline one with another state by %s()", (method) => {
    const child = flow<number>("child", { state: state({ a: 1 }) })
      .then(step)
      .build();
    const build = (options: object): Flow<number> => {
      const start = flow<number>("outer", options);
      if (method === "thenFlow") return start.thenFlow(child).build();
      if (method === "loop") return start.loop("rounds", child, { until: () => true }).build();
      return start
        .fork([branch("a", (b) => b.map("items", (n: number) => [n], child))])
        .join("join", () => 1)
        .build();
    };
    const remedy = 'give both the same: flow("outer", { state })';
    expect(() => build({})).toThrow(`inlines flow "child" with a state, which this flow does not have; ${remedy}`);
    expect(() => build({ state: board })).toThrow(
      `inlines flow "child" with a state, which is another one than that of this flow; ${remedy}`,
    );
  });

  test("has room for the ids under which the states of its branches are recorded", () => {
    const scope = "\u3042".repeat(100);
    const items = flow<number>("inner")
      .map("\u3042".repeat(95), (n) => [n], step)
      .build();
    const deep = flow<number>("deep").thenFlow(scope, items).build();
    const outer = (options: object): FlowBuilder<number, unknown> =>
      flow<number>("outer", options).thenFlow(scope, flow<number>("middle").thenFlow(scope, deep).build());
    expect(() => outer({}).build()).not.toThrow();
    expect(() => outer({ state: board }).build()).toThrow("has a task id of up to 1202 bytes");
  });
});

describe("a query and an update", () => {
  test.each<[string, (...args: never[]) => unknown]>([
    ["query", query],
    ["update", update],
  ])("are checked when they are made: %s", (_, maker) => {
    const make = maker as (...args: unknown[]) => unknown;
    const handler = (): object => ({});
    expect(() => make("a b", board, handler)).toThrow('name "a b" may contain only');
    expect(() => make("name", {}, handler)).toThrow("state must be what state() has made, not an object.");
    expect(() => make("name", board, 1)).toThrow("handler must be a function, not a number.");
    expect(() => make("name", board, handler, { input: 1 })).toThrow("options are not acceptable: input must be");
    expect(() => make("name", board, handler, { inputs: 1 })).toThrow(
      'options has an unknown key "inputs"; did you mean "input"?',
    );
    expect(make("name", board, handler)).toMatchObject({ name: "name", state: board, inputSchema: null });
  });
});
