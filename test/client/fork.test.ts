import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { encrypted } from "../../src/codec/encrypted-codec.ts";
import { JsonCodec } from "../../src/codec/json-codec.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { LoopResult } from "../../src/flow/loop-result.ts";
import { task } from "../../src/flow/task.ts";
import { Runner } from "../../src/runner/runner.ts";
import { TestClock } from "../../src/testing/test-clock.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";
import { workerStarter } from "../support/workers.ts";

const start = workerStarter();
let broken: readonly string[] = [];
const ran: string[] = [];
/** Says that it has run, and may fail. */
const noted =
  <In, Out>(name: string, body: (input: In) => Out) =>
  (input: In): Out => {
    ran.push(name);
    if (broken.includes(name)) throw new Error(`${name} is broken.`);
    return body(input);
  };

const line = flow<number>("line")
  .then(
    "a",
    noted("a", (n: number) => n + 1),
  )
  .then(
    "b",
    noted("b", (n: number) => n * 10),
  )
  .then(
    "c",
    noted("c", (n: number) => n + 1),
  )
  .build();

const rich = flow<number>("rich")
  .loop("count", (n: number) => (n < 3 ? LoopResult.again(n + 1) : LoopResult.done(n)))
  .route("way", (n) => (n > 2 ? "up" : "down"), ["up", "down"])
  .branch("up", (b) => b.then("in-up", async (n, { step }) => await step("double", () => n * 2)))
  .branch("down", (b) => b)
  .done()
  .map(
    "each",
    (n) => [n, n + 1, n + 2],
    task("square", (n: number) => n * n),
    { concurrency: 2 },
  )
  .fork(
    [
      branch("quick", (b) => b.then("sum", (list) => list.reduce((sum, n) => sum + n, 0))),
      branch("slow", (b) => b.waitForEvent<number>("never", "never")),
    ],
    { mode: "any" },
  )
  .join("first", ({ branch: name, output }) => [name, output] as const)
  .build();

describe.each(await bothBackends())("fork on $name", ({ backend, open }) => {
  const client = new Client(backend);
  const runner = new Runner(backend);

  async function sequencesOf(id: string): Promise<ReadonlyMap<string, bigint>> {
    return new Map((await client.history(id)).map(({ taskId, sequence }) => [taskId, sequence]));
  }

  test("begins where the other one was, with what that had recorded, and leaves it as it is", async () => {
    const [id, copy] = [fresh("whole"), fresh("copy")];
    await runner.run(line, id, 1);
    const [a, ...rest] = await client.history(id);
    const labels = { why: "trial" };
    const handle = await client.fork(line, id, copy, { at: a?.sequence ?? -1n, priority: 1, tags: ["x"], labels });
    const listed = await client.list({ idPrefix: copy });
    expect(await handle.status()).toMatchObject({
      status: "in_progress",
      tasks: [{ taskId: "b", attempt: 1, state: "ready" }],
      forkedFrom: { instanceId: id, sequence: a?.sequence },
    });
    expect(listed.instances).toMatchObject([{ priority: 1, tags: ["x"], labels, forkedFrom: { instanceId: id } }]);

    start(backend, { flows: [line], pollInterval: 20 });
    await expect(handle.result({ timeout: "10s" })).resolves.toBe(21);
    const history = await handle.history();
    expect(history.map(({ taskId, output }) => [taskId, output])).toEqual([
      ["a", 2],
      ["$fork", undefined],
      ["b", 20],
      ["c", 21],
    ]);
    expect(history[0]).toEqual({ ...a, sequence: history[0]?.sequence });
    expect(await client.history(id)).toEqual([a, ...rest]);
    expect(await client.status(id)).toEqual({ status: "completed", output: 21 });
  });

  test("goes on from other values than were recorded", async () => {
    const id = fresh("other-values");
    await runner.run(line, id, 1);

    const [patched, again] = [fresh("patched"), fresh("again")];
    await client.fork(line, id, patched, { at: "c", outputs: { b: 5 } });
    await client.fork(line, id, again, { at: 0n, input: 7 });
    expect(await runner.resume(line, patched)).toMatchObject({ status: "completed", output: 6 });
    expect(await runner.resume(line, again)).toMatchObject({ status: "completed", output: 81 });
    expect((await client.stateAt(line, patched, (await sequencesOf(patched)).get("c") ?? -1n)).outputs).toEqual(
      new Map([
        ["a", 2],
        ["b", 5],
        ["c", 6],
      ]),
    );
  });

  test("of a failed instance gives the task that failed another attempt, or goes on from before", async () => {
    const id = fresh("failed");
    broken = ["b"];
    expect(await runner.run(line, id, 1)).toMatchObject({ status: "failed" });
    broken = [];
    const [mended, earlier] = [fresh("mended"), fresh("earlier")];
    await client.fork(line, id, mended, { at: (await sequencesOf(id)).get("b") ?? -1n });
    await client.fork(line, id, earlier, { at: "b", outputs: { a: 3 } });

    expect(await runner.resume(line, mended)).toMatchObject({ status: "completed", output: 21 });
    expect(await runner.resume(line, earlier)).toMatchObject({ status: "completed", output: 31 });
    expect((await client.history(mended)).map(({ taskId, attempt }) => `${taskId}#${attempt}`)).toEqual([
      ...["a#1", "b#1", "$fork#1", "b#2", "c#1"],
    ]);
    expect(await client.status(id)).toMatchObject({ status: "failed" });
  });

  test("comes to the same end from wherever it begins: loops, routes, maps, races, and forks of forks", async () => {
    const id = fresh("rich");
    const ended = await runner.run(rich, id, 0);
    expect(ended).toEqual({ status: "completed", output: ["quick", 149] });
    const history = await client.history(id);

    for (const { sequence, taskId } of history.slice(0, -1)) {
      const copy = `${id}/${taskId}`;
      await client.fork(rich, id, copy, { at: sequence });
      const before = (await client.history(copy)).length - 1;
      expect(before).toBeGreaterThanOrEqual(history.findIndex((entry) => entry.sequence === sequence) + 1);
      const second = await client.fork(rich, copy, `${copy}/again`, {
        at: (await client.history(copy)).at(-1)?.sequence ?? -1n,
      });
      expect(await runner.resume(rich, copy)).toMatchObject(ended);
      expect(await runner.resume(rich, second.instanceId)).toMatchObject(ended);
      expect((await client.history(copy)).length).toBe(history.length + 1);
    }
  });

  test("of a running instance disturbs nothing, and waits anew for events of its own", async () => {
    const [id, copy] = [fresh("running"), fresh("beside")];
    const waiting = flow<number>("waiting")
      .then("a", (n) => n)
      .delay("rest", 0)
      .waitForEvent<number>("news", "news", { timeout: "1h" })
      .then("b", (n) => n + 1)
      .build();
    await runner.run(waiting, id, 1);
    await client.sendEvent(copy, "news", 5);
    await client.fork(waiting, id, copy, { at: "news" });

    expect(await runner.resume(waiting, copy)).toMatchObject({ status: "completed", output: 6 });
    expect(await client.status(id)).toMatchObject({ status: "awaiting_event" });
    await client.sendEvent(id, "news", 8);
    expect(await runner.resume(waiting, id)).toMatchObject({ status: "completed", output: 9 });
  });

  test("lets a delay pass for as long as it had to go", async () => {
    const clock = new TestClock(1_000_000);
    const slow = await open({ clock });
    const [id, copy] = [fresh("delayed"), fresh("delayed-too")];
    const delayed = flow<number>("delayed")
      .then("a", (n) => n)
      .delay("rest", "1h")
      .then("b", (n) => n)
      .build();
    const until = new Date(clock.now() + 7_200_000);
    const later = flow<number>("later")
      .delayUntil("rest", () => until)
      .then("b", (n) => n)
      .build();
    const slowly = new Client(slow);
    await new Runner(slow).run(delayed, id, 1);
    await new Runner(slow).run(later, `${id}/until`, 1);
    clock.advance(1_200_000);
    await slowly.fork(delayed, id, copy, { at: "rest" });
    await slowly.fork(later, `${id}/until`, `${copy}/until`, { at: "rest" });

    const wakeAt = new Date(clock.now() + 3_600_000);
    expect(await slowly.status(copy)).toMatchObject({ status: "waiting", wakeAt });
    expect(await slowly.status(`${copy}/until`)).toMatchObject({ status: "waiting", wakeAt: until });
    await slow.close();
  });

  test("encodes anew what is bound to the other instance", async () => {
    const keys = { currentKeyId: "one", keys: { one: Buffer.alloc(32, 1) } };
    const secret = await open({ codec: encrypted(new JsonCodec(), { keys }) });
    const [id, copy] = [fresh("secret"), fresh("secret-copy")];
    const clients = new Client(secret);
    broken = ["c"];
    await new Runner(secret).run(line, id, 1);
    broken = [];
    await clients.fork(line, id, copy, { at: (await clients.history(id)).at(-1)?.sequence ?? -1n, outputs: { b: 4 } });

    expect(
      (await clients.history(copy)).map(({ taskId, output, failure, problem }) => [
        taskId,
        output,
        failure?.message,
        problem,
      ]),
    ).toEqual([
      ["a", 2, undefined, null],
      ["b", 4, undefined, null],
      ["c", undefined, "c is broken.", null],
      ["$fork", undefined, undefined, null],
    ]);
    expect(await new Runner(secret).resume(line, copy)).toMatchObject({ status: "completed", output: 5 });
    await secret.close();
  });

  test("tells at which tasks it could begin, where it is given another name", async () => {
    const id = fresh("places");
    await runner.run(line, id, 1);
    const call = client.fork(line, id, fresh("nowhere"), { at: "nope" });
    await expect(call).rejects.toThrow(
      'options.at "nope" is not a task to which the instance has come. It has come to "c", "b", "a".',
    );
  });

  test("refuses what makes no sense, and writes nothing then", async () => {
    const [id, copy] = [fresh("refused"), fresh("never")];
    await runner.run(rich, id, 0);
    const sequences = await sequencesOf(id);
    const at = (taskId: string): bigint => sequences.get(taskId) ?? -1n;
    const fork = async (options: object, source: string = id): Promise<unknown> =>
      await client.fork(rich, source, copy, options as { at: bigint });

    await expect(fork({ at: 0n }, fresh("gone"))).rejects.toMatchObject({ code: "INSTANCE_NOT_FOUND" });
    await expect(client.fork(line, id, copy, { at: 0n })).rejects.toMatchObject({ code: "DEFINITION_MISMATCH" });
    await expect(client.fork(rich, id, id, { at: 0n })).rejects.toMatchObject({ code: "INSTANCE_EXISTS" });
    await expect(client.fork(rich, id, "", { at: 0n })).rejects.toMatchObject({ field: "newId" });
    const wrong: [object, string][] = [
      [{}, "options.at"],
      [{ at: -1n }, "options.at"],
      [{ at: 1 }, "options.at"],
      [{ at: at("first") + 1n }, "options.at"],
      [{ at: at("first") }, "options.at"],
      [{ at: "in-down" }, "options.at"],
      [{ at: 0n, priority: 9 }, "options.priority"],
      [{ at: 0n, outputs: [] }, "options.outputs"],
      [{ at: 0n, outputs: { way: "up" } }, 'options.outputs["way"]'],
      [{ at: "each~list", outputs: { way: "down" } }, 'options.outputs["way"]'],
      [{ at: "first", outputs: { "each~list": 2 } }, 'options.outputs["each~list"]'],
      [{ at: 0n, onConflict: "fail" }, "options"],
    ];
    for (const [options, field] of wrong)
      await expect(fork(options)).rejects.toMatchObject({ code: "INVALID_ARGUMENT", field });
    await expect(fork({ at: "first", outputs: { "in-up": () => 1 } })).rejects.toMatchObject({ code: "CODEC_ENCODE" });
    await expect(client.status(copy)).rejects.toMatchObject({ code: "INSTANCE_NOT_FOUND" });
    expect(await fork({ at: "in-up", outputs: { way: "up", "count[0]": 7 } })).toMatchObject({ instanceId: copy });
  });
});
