import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { flow } from "../../src/flow/flow.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";

const hostile: ProxyHandler<object> = {
  get: () => {
    throw new Error("get");
  },
  has: () => {
    throw new Error("has");
  },
  getPrototypeOf: () => {
    throw new Error("getPrototypeOf");
  },
  ownKeys: () => {
    throw new Error("ownKeys");
  },
};

function withGetters(): Error {
  const error = new Error("hidden");
  for (const key of ["name", "message", "stack", "code", "cause", "retryable"]) {
    Object.defineProperty(error, key, {
      get: () => {
        throw new Error(`the getter of ${key}`);
      },
    });
  }
  return error;
}

function circular(): Error {
  const error = new Error("I am my own cause");
  error.cause = error;
  return error;
}

const things: readonly (readonly [name: string, thrown: () => unknown, failure: object])[] = [
  ["null", () => null, { message: "Not an error was thrown: null" }],
  ["undefined", () => undefined, { message: "Not an error was thrown: undefined" }],
  ["a string", () => "out of paper", { message: "Not an error was thrown: out of paper" }],
  ["a number", () => 42, { message: "Not an error was thrown: 42" }],
  ["a bigint", () => 10n ** 30n, {}],
  ["a symbol", () => Symbol("s"), {}],
  ["a function", () => () => "thrown", {}],
  ["an object without a message", () => ({ status: 503 }), { message: '{"status":503}' }],
  ["an object that can't be described", () => ({ self: 1n }), {}],
  ["a frozen error", () => Object.freeze(new TypeError("frozen")), { name: "TypeError", message: "frozen" }],
  ["an error whose getters throw", withGetters, {}],
  ["an error that is its own cause", circular, { message: "I am my own cause" }],
  ["an error without a name", () => Object.assign(new Error("nameless"), { name: "" }), { name: "Error" }],
  ["a proxy whose traps throw", () => new Proxy({}, hostile), {}],
  ["a message of 1 MB", () => new Error("m".repeat(1_000_000)), { message: expect.stringMatching(/^m{4000}… /) }],
  ["NUL in a message", () => new Error("a\u0000b"), { message: "a\ufffdb" }],
  ["lone surrogates", () => new Error("\ud800 and \udc00"), { message: "\ufffd and \ufffd" }],
  [
    "a pair of surrogates at the cut",
    () => new Error(`${"x".repeat(3_999)}😀`),
    { message: expect.stringMatching(/^x{3999}\ufffd… /) },
  ],
  ["a code of the store", () => Object.assign(new Error("mine"), { code: "BACKEND_UNAVAILABLE" }), { message: "mine" }],
];

describe.each(await bothBackends())("a task on $name that throws", ({ backend }) => {
  const runner = new Runner(backend, { pollInterval: 10 });
  const client = new Client(backend);

  test.each(things)("%s is tried again, and then fails its instance", async (_, thrown, failure) => {
    let attempts = 0;
    const throwing = flow<null>("throwing")
      .then(
        "throw",
        () => {
          attempts++;
          throw thrown();
        },
        { retry: { attempts: 2, initialDelay: 0 } },
      )
      .build();
    const id = fresh("throwing");

    const report = await runner.run(throwing, id, null);

    expect(report).toMatchObject({ status: "failed", failure: { taskId: "throw", retryable: true, ...failure } });
    expect(attempts).toBe(2);
    const history = await client.history(id);
    expect(history.map(({ attempt, outcome }) => [attempt, outcome])).toEqual([
      [1, "failed"],
      [2, "failed"],
    ]);
    expect(JSON.stringify(history[0]?.failure).length).toBeLessThan(16_384);
    await expect(client.result(id)).rejects.toMatchObject({ code: "INSTANCE_FAILED" });
  });
});
