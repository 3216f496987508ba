import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { flow } from "../../src/flow/flow.ts";
import { task } from "../../src/flow/task.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";

/** A class as JavaScript sees it: every method, any arguments. */
type Untyped = Record<string, (...args: readonly unknown[]) => Promise<unknown>>;
type Row = readonly [what: string, args: readonly unknown[], field: string];

const good = flow<unknown>("good")
  .then("work", () => "worked")
  .build();
const waiting = flow<unknown>("waiting").waitForEvent("wait", "news").build();
const ids: readonly (readonly [string, unknown])[] = [
  ["a number", 42],
  ["null", null],
  ["undefined", undefined],
  ["an object", { id: "x" }],
  ["an array", ["x"]],
  ["a symbol", Symbol("x")],
  ["a promise", Promise.resolve("x")],
  ["a String object", Object("x")],
  ["an empty text", ""],
  ["a blank at the start", " x"],
  ["a line break", "x\ny"],
  ["NUL", "x\u0000y"],
  ["a lone surrogate", "x\ud800"],
  ["256 characters", "x".repeat(256)],
];

const thrower = (): never => {
  throw new RangeError("not to be read");
};
const throwing: ProxyHandler<object> = { get: thrower, ownKeys: thrower, getPrototypeOf: thrower };
const revoked = (): unknown => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};

const runRows: readonly Row[] = [
  ["a builder that was not built", [flow("x").then("a", () => 1), "id", 1], "flow"],
  ["a promise of a flow", [Promise.resolve(good), "id", 1], "flow"],
  ["no flow", [undefined, "id", 1], "flow"],
  ["a task for a flow", [task("a", () => 1), "id", 1], "flow"],
  ["something like a flow", [{ name: "good", hash: good.hash, root: good.root }, "id", 1], "flow"],
  ["a promise for the input", [good, "id", Promise.resolve(1)], "input"],
  ["null for the options", [good, "id", 1, null], "options"],
  ["an array for the options", [good, "id", 1, []], "options"],
  ["a text for the options", [good, "id", 1, "fail"], "options"],
  ["a promise for the options", [good, "id", 1, Promise.resolve({})], "options"],
  ["a misspelt option", [good, "id", 1, { onconflict: "fail" }], "options"],
  ["an unknown policy", [good, "id", 1, { onConflict: "replace" }], "options.onConflict"],
  ["null for the policy", [good, "id", 1, { onConflict: null }], "options.onConflict"],
  ["an unknown end", [good, "id", 1, { until: "done" }], "options.until"],
  ["a controller for its signal", [good, "id", 1, { signal: new AbortController() }], "options.signal"],
  ["null for the signal", [good, "id", 1, { signal: null }], "options.signal"],
  ["priority 0", [good, "id", 1, { priority: 0 }], "options.priority"],
  ["priority 6", [good, "id", 1, { priority: 6 }], "options.priority"],
  ["priority NaN", [good, "id", 1, { priority: Number.NaN }], "options.priority"],
  ["a text for the priority", [good, "id", 1, { priority: "3" }], "options.priority"],
  ["a text for the tags", [good, "id", 1, { tags: "eu" }], "options.tags"],
  ["a number among the tags", [good, "id", 1, { tags: ["eu", 1] }], "options.tags[1]"],
  ["33 tags", [good, "id", 1, { tags: Array.from({ length: 33 }, (_, n) => `t${n}`) }], "options.tags"],
  ["an array for the labels", [good, "id", 1, { labels: [] }], "options.labels"],
  ["a number for a label", [good, "id", 1, { labels: { user: 7 } }], "options.labels.user"],
  ["NUL in a label", [good, "id", 1, { labels: { user: "a\u0000b" } }], "options.labels.user"],
];

const resumeRows: readonly Row[] = [
  ["a builder that was not built", [flow("x").then("a", () => 1), "id"], "flow"],
  ["an array for the options", [good, "id", []], "options"],
  ["an option of run", [good, "id", { onConflict: "fail" }], "options"],
  ["an unknown end", [good, "id", { until: 1 }], "options.until"],
  ["something like a signal", [good, "id", { signal: { aborted: false } }], "options.signal"],
];

const runnerRows: readonly Row[] = [
  ["null", [null], "options"],
  ["an array", [[]], "options"],
  ["a misspelt option", [{ leaseTTL: "30s" }], "options"],
  ["a number for the worker's id", [{ workerId: 7 }], "options.workerId"],
  ["an empty worker id", [{ workerId: "" }], "options.workerId"],
  ["a lease of NaN", [{ leaseTtl: Number.NaN }], "options.leaseTtl"],
  ["a negative lease", [{ leaseTtl: -1 }], "options.leaseTtl"],
  ["an endless lease", [{ leaseTtl: Number.POSITIVE_INFINITY }], "options.leaseTtl"],
  ["a lease that is too short", [{ leaseTtl: 99 }], "options.leaseTtl"],
  ["a lease without a unit", [{ leaseTtl: "30" }], "options.leaseTtl"],
  ["a lease in unknown parts", [{ leaseTtl: { sec: 30 } }], "options.leaseTtl"],
  ["an array for a lease", [{ leaseTtl: [30] }], "options.leaseTtl"],
  ["a poll interval of NaN", [{ pollInterval: Number.NaN }], "options.pollInterval"],
  ["a poll interval of 9 ms", [{ pollInterval: 9 }], "options.pollInterval"],
  ["no concurrency", [{ concurrency: 0 }], "options.concurrency"],
  ["half a concurrency", [{ concurrency: 1.5 }], "options.concurrency"],
  ["a text for the concurrency", [{ concurrency: "10" }], "options.concurrency"],
  ["an object for the observer", [{ observer: { on: () => 1 } }], "options.observer"],
  ["a text for the logger", [{ logger: "console" }], "options.logger"],
  ["a logger without a level", [{ logger: { info: () => 1, warn: () => 1, error: () => 1 } }], "options.logger.debug"],
  ["a number for the ports", [{ ports: 1 }], "options.ports"],
  ["an unknown port", [{ ports: { clocks: {} } }], "options.ports"],
];

const clientRows: readonly (readonly [method: string, ...Row])[] = [
  ["result", "a timeout of NaN", ["id", { timeout: Number.NaN }], "options.timeout"],
  ["result", "a negative timeout", ["id", { timeout: -5 }], "options.timeout"],
  ["result", "a timeout without a unit", ["id", { timeout: "soon" }], "options.timeout"],
  ["result", "a misspelt option", ["id", { timeoutMs: 5 }], "options"],
  ["result", "a number for the options", ["id", 5_000], "options"],
  ["result", "something like a signal", ["id", { signal: {} }], "options.signal"],
  ["history", "a number to begin after", ["id", { after: 5 }], "page.after"],
  ["history", "no entries at all", ["id", { limit: 0 }], "page.limit"],
  ["history", "too many entries", ["id", { limit: 10_001 }], "page.limit"],
  ["history", "NaN entries", ["id", { limit: Number.NaN }], "page.limit"],
  ["history", "an array for the page", ["id", []], "page"],
  ["cancel", "a text for the request", ["id", "because"], "request"],
  ["cancel", "null for the request", ["id", null], "request"],
  ["cancel", "an array for the request", ["id", ["because"]], "request"],
  ["cancel", "a number for the reason", ["id", { reason: 7 }], "request.reason"],
  ["cancel", "a reason that is too long", ["id", { reason: "x".repeat(1_001) }], "request.reason"],
  ["pause", "a misspelt part", ["id", { because: "of" }], "request"],
  ["pause", "an object for who asks", ["id", { requestedBy: { name: "Ada" } }], "request.requestedBy"],
  ["sendEvent", "a number for the name", ["id", 7, "payload"], "name"],
  ["sendEvent", "no name", ["id"], "name"],
  ["sendEvent", "an empty name", ["id", "", "payload"], "name"],
  ["sendEvent", "a name with a line break", ["id", "a\nb", "payload"], "name"],
  ["sendEvent", "null for the options", ["id", "news", 1, null], "options"],
  ["sendEvent", "a text for the options", ["id", "news", 1, "key"], "options"],
  ["sendEvent", "a misspelt option", ["id", "news", 1, { dedupeKey: "key" }], "options"],
  ["sendEvent", "a number for the dedup key", ["id", "news", 1, { dedupKey: 7 }], "options.dedupKey"],
  ["sendEvent", "an empty dedup key", ["id", "news", 1, { dedupKey: "" }], "options.dedupKey"],
];

describe.each(await bothBackends())("a wrong argument, on $name", ({ backend }) => {
  const runner = new Runner(backend, { pollInterval: 10 });
  const client = new Client(backend);
  const refused = (field: string): object => ({
    name: "InvalidArgumentError",
    code: "INVALID_ARGUMENT",
    field,
    message: expect.stringContaining(field) as unknown,
  });
  /** Replaces "id" by the id of an instance that waits, and checks that nothing became of it. */
  const unchanged = async (
    args: readonly unknown[],
    call: (args: readonly unknown[]) => Promise<void>,
  ): Promise<void> => {
    const id = fresh("unchanged");
    await runner.run(waiting, id, null);
    const before = [await backend.listSnapshots(), await backend.loadSnapshot(id)];
    await call(args.map((arg) => (arg === "id" ? id : arg)));
    expect([await backend.listSnapshots(), await backend.loadSnapshot(id)]).toEqual(before);
  };

  test.each(runRows)("of run is refused and nothing is made: %s", async (_, args, field) => {
    const before = await backend.listSnapshots();

    await expect((runner as unknown as Untyped)["run"]!(...args)).rejects.toMatchObject(refused(field));
    expect(await backend.listSnapshots()).toEqual(before);
  });

  test.each(resumeRows)("of resume is refused: %s", async (_, args, field) => {
    await unchanged(args, async (given) => {
      await expect((runner as unknown as Untyped)["resume"]!(...given)).rejects.toMatchObject(refused(field));
    });
  });

  test.each(clientRows)("of %s is refused and changes nothing: %s", async (method, _, args, field) => {
    await unchanged(args, async (given) => {
      await expect((client as unknown as Untyped)[method]!(...given)).rejects.toMatchObject(refused(field));
    });
  });

  test.each<[string, () => unknown, string]>([
    ["a Map", () => new Map([["a", 1]]), "must be a plain object, not an instance of Map."],
    ["a Date", () => new Date(), "must be a plain object, not an instance of Date."],
    ["an instance of a class", () => new (class Preset {})(), "must be a plain object, not an instance of Preset."],
    ["an array", () => ["a"], "must be an object, not an array."],
    ["a proxy that throws", () => new Proxy({}, throwing), "can't be read: a getter or a proxy has thrown."],
    ["a proxy that only lists nothing", () => new Proxy({}, { get: thrower }), "can't be read"],
    ["a revoked proxy", revoked, "can't be read"],
    [
      "an object whose getters throw",
      () => ({
        get priority() {
          return thrower();
        },
        get labels() {
          return thrower();
        },
      }),
      "can't be read",
    ],
  ])("is a record that nobody could read, in place of options, labels and outputs: %s", async (_, make, problem) => {
    const id = fresh("unread");
    await runner.run(waiting, id, null);
    const before = await backend.listSnapshots();
    const untyped = client as unknown as Untyped;
    const calls: [field: string, call: () => Promise<unknown>][] = [
      ["options", () => untyped["submit"]!(good, fresh("x"), 1, make())],
      ["options", () => untyped["submitMany"]!(good, [], make())],
      ["options", () => (runner as unknown as Untyped)["run"]!(good, fresh("x"), 1, make())],
      ["options", () => untyped["fork"]!(waiting, id, fresh("x"), make())],
      ["options", () => untyped["sendEvent"]!(id, "news", 1, make())],
      ["options", () => untyped["cancelMany"]!({ idPrefix: "x" }, make())],
      ["options", () => untyped["result"]!(id, make())],
      ["request", () => untyped["cancel"]!(id, make())],
      ["filter", () => untyped["list"]!(make())],
    ];
    // A proxy that lists nothing is an empty record to whoever takes any keys.
    if (!_.startsWith("a proxy that only"))
      calls.push(
        ["options.labels", () => untyped["submit"]!(good, fresh("x"), 1, { labels: make() })],
        ["filter.labels", () => untyped["list"]!({ labels: make() })],
        ["options.outputs", () => untyped["fork"]!(waiting, id, fresh("x"), { at: 0n, outputs: make() })],
        ["options.map", () => untyped["fork"]!(waiting, id, fresh("x"), { at: 0n, to: waiting, map: make() })],
      );
    for (const [field, call] of calls) {
      const error: unknown = await call().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        ...refused(field),
        message: expect.stringContaining(`${field} ${problem}`) as unknown,
      });
      if (problem.startsWith("can't be read")) expect((error as Error).cause).toBeInstanceOf(Error);
    }
    expect(await backend.listSnapshots()).toEqual(before);
  });

  test.each(["startAfter", "deadline", "onConflict", "priority"])(
    "is a proxy that throws, for options.%s",
    async (key) => {
      for (const value of [new Proxy({}, throwing), revoked()]) {
        const call = client.submit(good, fresh("x"), 1, { [key]: value });
        await expect(call).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
      }
      const late = client.submit(good, fresh("x"), 1, { deadline: new Proxy(new Date(), {}) });
      await expect(late).rejects.toMatchObject(refused("options.deadline"));
    },
  );

  test("takes records without a prototype, and those of another realm", async () => {
    const { runInNewContext } = await import("node:vm");
    const options = Object.assign(Object.create(null) as object, { labels: { a: "b" } });
    const foreign = runInNewContext("({ labels: { a: 'b' } })") as object;
    for (const given of [options, foreign]) {
      const { instanceId } = await client.submit(waiting, fresh("plain"), null, given);
      expect((await backend.findInstance(instanceId))?.instance.labels).toEqual({ a: "b" });
    }
  });

  test.each(ids)("is an instance id that is %s, at every entrance", async (_, id) => {
    const before = await backend.listSnapshots();
    const calls: readonly (() => Promise<unknown>)[] = [
      () => (runner as unknown as Untyped)["run"]!(good, id, 1),
      () => (runner as unknown as Untyped)["resume"]!(good, id),
      ...["status", "result", "history", "cancel", "pause", "unpause", "delete"].map(
        (method) => () => (client as unknown as Untyped)[method]!(id),
      ),
      () => (client as unknown as Untyped)["sendEvent"]!(id, "news", 1),
    ];

    for (const call of calls) await expect(call()).rejects.toMatchObject(refused("instanceId"));
    expect(await backend.listSnapshots()).toEqual(before);
  });

  test.each(runnerRows)("of a new runner is refused: %s", (_, args, field) => {
    const Untyped = Runner as unknown as new (...args: readonly unknown[]) => unknown;

    expect(() => new Untyped(backend, ...args)).toThrow(expect.objectContaining(refused(field)));
  });

  test.each([
    ["undefined", undefined],
    ["null", null],
    ["a url", "postgres://localhost"],
    ["a promise of a backend", Promise.resolve(backend)],
    ["an empty object", {}],
  ])("is a backend that is none: %s", (_, value) => {
    expect(() => new Runner(value as never)).toThrow(expect.objectContaining(refused("backend")));
    expect(() => new Client(value as never)).toThrow(expect.objectContaining(refused("backend")));
  });

  test.each([
    ["null", null],
    ["an array", []],
    ["a misspelt option", { port: {} }],
  ])("of a new client is refused: %s", (_, options) => {
    expect(() => new Client(backend, options as never)).toThrow(expect.objectContaining(refused("options")));
  });

  test("is a payload that is a promise: it can't be stored", async () => {
    const id = fresh("payload");

    await expect(client.sendEvent(id, "news", Promise.resolve(1))).rejects.toMatchObject({
      code: "CODEC_ENCODE",
      path: "$",
    });
    expect(await backend.peekEvent(id, "news")).toBeNull();
  });

  test("is told by name, with the option that was probably meant", async () => {
    const call = (runner as unknown as Untyped)["run"]!(good, fresh("hint"), 1, { onConflct: "fail" });

    await expect(call).rejects.toThrow('options has an unknown key "onConflct"; did you mean "onConflict"?');
  });
});
