import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import type { PayloadKind } from "../../src/codec/codec.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import type { Flow } from "../../src/flow/flow-definition.ts";
import { LoopResult } from "../../src/flow/loop-result.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends } from "../support/both-backends.ts";
import { Gate } from "../support/gate.ts";
import { fresh } from "../support/instance-ids.ts";
import { Probe } from "../support/probe.ts";

const neverRuns = { signal: AbortSignal.abort() };

describe.each(await bothBackends())("a task's result that is saved by hand, on $name", ({ backend }) => {
  const runner = new Runner(backend, { leaseTtl: 300, pollInterval: 10 });
  const client = new Client(backend);
  const save = async (id: string, taskId: string, value: unknown, kind: PayloadKind = "output"): Promise<void> => {
    const context = { instanceId: id, taskId: kind === "event" ? "" : taskId, kind };
    await backend.saveTaskResult(id, taskId, await backend.codec.encode(value, context));
  };
  const stuck = (): unknown => {
    throw new Error("this body must not run");
  };

  const cases: readonly (readonly [
    string,
    Flow<never>,
    [taskId: string, value: unknown, kind?: PayloadKind],
    unknown,
  ])[] = [
    [
      "a task",
      flow<number>("task")
        .then("a", stuck)
        .then("b", (value: unknown) => [value])
        .build() as Flow<never>,
      ["a", "by hand"],
      ["by hand"],
    ],
    [
      "the last task",
      flow<number>("last").then("a", stuck).build() as Flow<never>,
      ["a", { by: "hand" }],
      { by: "hand" },
    ],
    [
      "a wait",
      flow<number>("wait")
        .waitForEvent<string>("w", "news", { timeout: "1h", onTimeout: "continue" })
        .build() as Flow<never>,
      ["w", "payload", "event"],
      { timedOut: false, payload: "payload" },
    ],
    [
      "a route",
      flow<number>("route")
        .route("r", () => stuck() as "x" | "y", ["x", "y"])
        .branch("x", (b) => b.then("in-x", () => "x"))
        .branch("y", (b) => b.then("in-y", (n) => `y with ${n}`))
        .done()
        .build() as Flow<never>,
      ["r", "y"],
      "y with 7",
    ],
    [
      "a delay, which is over then",
      flow<number>("delay").delay("d", "1h").build() as Flow<never>,
      ["d", "is not handed on"],
      7,
    ],
  ];

  test.each(cases)("is adopted without running the body: %s", async (_, definition, [taskId, value, kind], output) => {
    const id = fresh(definition.name);
    await runner.run(definition, id, 7 as never, neverRuns);
    await save(id, taskId, value, kind);

    expect(await runner.resume(definition, id)).toEqual({ status: "completed", output });
    expect((await client.history(id))[0]).toMatchObject({ taskId, outcome: "completed", output: value });
  });

  test("ends a loop where it is an iteration's", async () => {
    const id = fresh("loop");
    const looping = flow<number>("loop")
      .loop(
        "poll",
        (n, { taskId }) => {
          if (taskId === "poll[1]") throw new Error("stuck here");
          return n < 100 ? LoopResult.again(n + 1) : LoopResult.done("done");
        },
        { retry: { attempts: 5, initialDelay: "1h" } },
      )
      .then("after", async (value, context) => [value, await context.output("poll"), await context.output("poll[0]")])
      .build();
    const stop = new AbortController();
    const probe = new Probe();
    const own = new Runner(backend, { pollInterval: 10, observer: probe.observer });
    const run = own.run(looping, id, 1, { signal: stop.signal });
    await probe.first("task_failed");
    stop.abort();
    await run;
    await save(id, "poll[1]", "by hand");

    expect(await runner.resume(looping, id)).toEqual({ status: "completed", output: ["by hand", "by hand", 2] });
  });

  test("is adopted at a join, where the branches have ended", async () => {
    const id = fresh("join");
    const stop = new AbortController();
    const probe = new Probe();
    const forked = flow<number>("join")
      .fork([branch("b", (b) => b.then("b", (n: number) => n + 1))])
      .join("join", () => stuck() as string, { retry: { attempts: 5, initialDelay: "1h" } })
      .then("after", (value) => `${value}!`)
      .build();
    const own = new Runner(backend, { pollInterval: 10, observer: probe.observer });
    const run = own.run(forked, id, 1, { signal: stop.signal });
    await probe.first("task_failed", "join");
    stop.abort();
    await run;
    await save(id, "join", "by hand");

    expect(await client.status(id)).toMatchObject({
      status: "in_progress",
      tasks: [{ taskId: "join", state: "ready" }],
    });
    expect(await runner.resume(forked, id)).toEqual({ status: "completed", output: "by hand!" });
  });

  test("wakes a task that sleeps between two attempts", async () => {
    const [id, probe] = [fresh("retrying"), new Probe()];
    const failing = flow<null>("retrying")
      .then(
        "a",
        (): number => {
          throw new Error("down");
        },
        { retry: { attempts: 9, initialDelay: "1h" } },
      )
      .then("b", (n) => n + 1)
      .build();
    const run = new Runner(backend, { pollInterval: 10, observer: probe.observer }).run(failing, id, null);
    await probe.first("task_failed");
    await save(id, "a", 41);

    expect(await run).toEqual({ status: "completed", output: 42 });
    expect((await client.history(id)).map((item) => [item.taskId, item.attempt, item.outcome])).toEqual([
      ["a", 1, "failed"],
      ["a", 2, "completed"],
      ["b", 1, "completed"],
    ]);
  });

  test("counts, not what the body gives that runs meanwhile", async () => {
    const [id, gate, probe] = [fresh("running"), new Gate(), new Probe()];
    let bodies = 0;
    const held = flow<null>("running")
      .then("a", async () => {
        bodies++;
        await gate.passed;
        return "by the body";
      })
      .then("b", (text) => `${text}!`)
      .build();
    const run = new Runner(backend, { pollInterval: 10, observer: probe.observer }).run(held, id, null);
    await probe.first("task_started");
    await save(id, "a", "by hand");
    gate.open();

    expect(await run).toEqual({ status: "completed", output: "by hand!" });
    expect(bodies).toBe(1);
  });

  test("counts, not the failure of the body that runs meanwhile", async () => {
    const [id, gate, probe] = [fresh("failing"), new Gate(), new Probe()];
    const held = flow<null>("failing")
      .then("a", async (): Promise<string> => {
        await gate.passed;
        throw new Error("failed for good");
      })
      .then("b", (text) => `${text}!`)
      .build();
    const run = new Runner(backend, { pollInterval: 10, observer: probe.observer }).run(held, id, null);
    await probe.first("task_started");
    await save(id, "a", "by hand");
    gate.open();

    expect(await run).toEqual({ status: "completed", output: "by hand!" });
  });

  test("of a task that is yet to come stands when the instance comes there", async () => {
    const id = fresh("ahead");
    const ahead = flow<null>("ahead")
      .then("a", () => "a")
      .then("b", () => "by the body")
      .then("c", (text) => `${text}!`)
      .build();
    await runner.run(ahead, id, null, neverRuns);
    await save(id, "b", "by hand");

    expect(await runner.resume(ahead, id)).toEqual({ status: "completed", output: "by hand!" });
    expect((await client.history(id)).filter((item) => item.taskId === "b")).toHaveLength(1);
  });

  test("may be saved again if it is the same; another one is refused, as after the end", async () => {
    const id = fresh("again");
    const waiting = flow<null>("again").then("a", stuck).waitForEvent("w", "news").build();
    await runner.run(waiting, id, null, neverRuns);
    await save(id, "a", 1);
    await save(id, "a", 1);

    await expect(save(id, "a", 2)).rejects.toMatchObject({ code: "RESULT_CONFLICT", instanceId: id, taskId: "a" });
    expect((await client.history(id)).map((item) => item.output)).toEqual([1]);
    await client.cancel(id);
    await expect(save(id, "b", 2)).rejects.toMatchObject({ code: "INVALID_TRANSITION", from: "cancelled" });
    await expect(save(fresh("unknown"), "a", 2)).rejects.toMatchObject({ code: "INSTANCE_NOT_FOUND" });
  });

  test.each([
    ["bytes that nobody can read", "a", new Uint8Array([1, 2, 3]), "CODEC_DECODE"],
    ["a key that the route doesn't have", "r", new TextEncoder().encode('"z"'), "ROUTE_KEY_UNKNOWN"],
  ])("that can't be gone on from fails the instance, and only that: %s", async (_, taskId, bytes, code) => {
    const [bad, good] = [fresh("bad"), fresh("good")];
    const routed = flow<string>("routed")
      .then("a", (text) => text)
      .route("r", (text) => text as "x", ["x"])
      .branch("x")
      .done()
      .then("last", (text) => text)
      .build();
    await runner.run(routed, bad, "x", neverRuns);
    await runner.run(routed, good, "x", neverRuns);
    await backend.saveTaskResult(bad, taskId, bytes);

    expect(await runner.resume(routed, bad)).toMatchObject({ status: "failed", failure: { code, taskId } });
    expect((await backend.findInstance(bad))?.positions).toEqual([]);
    expect(await runner.resume(routed, good)).toEqual({ status: "completed", output: "x" });
  });
});
