import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import type { Codec, PayloadContext } from "../../src/codec/codec.ts";
import { JsonCodec } from "../../src/codec/json-codec.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";

/** A codec whose stored bytes have been damaged where `isDamaged` says so. */
class DamagedCodec implements Codec {
  readonly id = "json";
  readonly #inner = new JsonCodec();
  isDamaged: (context: PayloadContext) => boolean = () => false;

  encode(value: unknown, context: PayloadContext): Uint8Array | Promise<Uint8Array> {
    return (this.#inner as Codec).encode(value, context);
  }

  decode(bytes: Uint8Array, context: PayloadContext): unknown {
    return (this.#inner as Codec).decode(this.isDamaged(context) ? Uint8Array.of(0x7b, ...bytes) : bytes, context);
  }
}

const cycle: Record<string, unknown> = {};
cycle["self"] = cycle;
class Secret {
  readonly #value = 1;
  reveal(): number {
    return this.#value;
  }
}

const reading = flow<number>("reading")
  .then("first", (n) => n + 1)
  .waitForEvent<number>("wait", "news")
  .then("reads", async (n, context) => [n, await context.output("first")])
  .build();

describe.each(await bothBackends())("on $name", ({ backend, open, database }) => {
  const client = new Client(backend);
  const runner = new Runner(backend, { pollInterval: 10 });

  describe("an output that can't be stored", () => {
    test.each([
      ["a function", () => 1, "$"],
      ["a function inside", { items: [{ callback: () => 1 }] }, "$.items[0].callback"],
      ["a symbol", [Symbol("s")], "$[0]"],
      ["a cycle", cycle, "$.self"],
      ["an instance of a class", { secret: new Secret() }, "$.secret"],
      ["a promise inside", { later: Promise.resolve(1) }, "$.later"],
    ])("fails the attempt, naming where, and nothing of it is written: %s", async (_, value, path) => {
      const id = fresh("unstorable");
      let attempts = 0;
      const unstorable = flow<null>("unstorable")
        .then("a", () => 1)
        .then(
          "b",
          () => {
            attempts++;
            return value;
          },
          { retry: { attempts: 3, initialDelay: 0 } },
        )
        .then("c", () => "reached")
        .build();

      expect(await runner.run(unstorable, id, null)).toMatchObject({
        status: "failed",
        failure: {
          code: "CODEC_ENCODE",
          taskId: "b",
          message: expect.stringContaining(`The output of task "b" can't be stored. At ${path}: `) as unknown,
        },
      });
      expect(attempts).toBe(1);
      expect((await client.history(id)).map((item) => [item.taskId, item.outcome, item.output])).toEqual([
        ["a", "completed", 1],
        ["b", "failed", undefined],
      ]);
    });

    test("because it is too large fails its instance, and says how large it may be", async () => {
      const small = new Runner(await open({ maxPayloadBytes: 1_000 }), { pollInterval: 10 });
      const sized = flow<number>("sized")
        .then("fill", (size) => "x".repeat(size))
        .build();

      expect(await small.run(sized, fresh("fits"), 998)).toMatchObject({ status: "completed" });
      expect(await small.run(sized, fresh("too-large"), 999)).toMatchObject({
        status: "failed",
        failure: { code: "PAYLOAD_TOO_LARGE", taskId: "fill", message: expect.stringContaining("1000") as unknown },
      });
    });

    test("because it is too large only as the flow's output fails its instance, too", async () => {
      const small = await open({ maxPayloadBytes: 100 });
      const id = fresh("wrapped");
      const wrapped = flow<null>("wrapped")
        .waitForEvent("wait", "news", { timeout: "1h", onTimeout: "continue" })
        .build();
      await new Client(small).sendEvent(id, "news", "x".repeat(90));

      expect(await new Runner(small, { pollInterval: 10 }).run(wrapped, id, null)).toMatchObject({
        status: "failed",
        failure: { code: "PAYLOAD_TOO_LARGE" },
      });
      expect((await small.findInstance(id))?.positions).toEqual([]);
    });

    test("of several megabytes is no trouble where the limit allows it", async () => {
      const large = new Runner(await open({ maxPayloadBytes: 16_000_000 }), { pollInterval: 10 });
      const filled = flow<number>("large")
        .then("fill", (size) => "x".repeat(size))
        .then("measure", (text) => text.length)
        .build();

      expect(await large.run(filled, fresh("large"), 8_000_000)).toEqual({ status: "completed", output: 8_000_000 });
    });
  });

  test("an input that can't be stored is refused before anything is written", async () => {
    const small = new Runner(await open({ maxPayloadBytes: 100 }), { pollInterval: 10 });
    const any = flow<unknown>("any")
      .then("a", () => 1)
      .build();
    const id = fresh("input");

    await expect(runner.run(any, id, { at: [1, () => 1] })).rejects.toMatchObject({
      code: "CODEC_ENCODE",
      path: "$.at[1]",
    });
    await expect(small.run(any, id, "x".repeat(200))).rejects.toMatchObject({ code: "PAYLOAD_TOO_LARGE" });
    expect(await backend.findInstance(id)).toBeNull();
  });

  describe("stored bytes that are damaged", () => {
    const forked = flow<number>("forked")
      .then("first", (n) => n + 1)
      .fork([
        branch("a", (b) => b.then("in-a", (n: number) => n)),
        branch("b", (b) => b.waitForEvent<number>("in-b", "news")),
      ])
      .join("join", ({ a, b }) => a + b)
      .then("last", async (n, context) => n + (await context.output("first")))
      .build();

    test.each([
      ["the input", { taskId: "", kind: "input" }, "first"],
      ["what a task is given", { taskId: "first", kind: "output" }, "in-a"],
      ["what a join is given", { taskId: "in-a", kind: "output" }, "join"],
      ["an event", { taskId: "", kind: "event" }, "in-b"],
      ["the last output", { taskId: "last", kind: "output" }, "last"],
    ])("fail the instance at the task that needs them, and no other instance: %s", async (_, where, failedAt) => {
      const codec = new DamagedCodec();
      const store = await open({ codec });
      const [bad, good] = [fresh("bad"), fresh("good")];
      codec.isDamaged = ({ instanceId, taskId, kind }) =>
        instanceId === bad && taskId === where.taskId && kind === where.kind;
      const own = new Runner(store, { pollInterval: 10 });
      for (const id of [bad, good]) await new Client(store).sendEvent(id, "news", 10);

      const [badReport, goodReport] = await Promise.all([bad, good].map(async (id) => await own.run(forked, id, 1)));

      expect(badReport).toMatchObject({
        status: "failed",
        failure: { name: "CodecDecodeError", code: "CODEC_DECODE", taskId: failedAt },
      });
      expect((await store.findInstance(bad))?.positions).toEqual([]);
      expect(goodReport).toEqual({ status: "completed", output: 14 });
    });

    test("of an instance that has ended are told to whoever asks for them; its history shows the rest", async () => {
      const codec = new DamagedCodec();
      const store = await open({ codec });
      const id = fresh("ended");
      const two = flow<number>("two")
        .then("a", (n) => n + 1)
        .then("b", (n) => n + 1)
        .build();
      await new Runner(store, { pollInterval: 10 }).run(two, id, 1);
      codec.isDamaged = ({ taskId }) => taskId === "" || taskId === "a";

      await expect(new Client(store).status(id)).rejects.toMatchObject({ code: "CODEC_DECODE" });
      await expect(new Client(store).result(id)).rejects.toMatchObject({ code: "CODEC_DECODE" });
      expect(await new Client(store).history(id)).toMatchObject([
        { taskId: "a", output: undefined, problem: expect.stringContaining("can't be decoded") as unknown },
        { taskId: "b", output: 3, problem: null },
      ]);
    });

    if (database !== null) {
      test("by somebody who has overwritten rows fail that instance only", async () => {
        const ids = [fresh("output"), fresh("input"), fresh("untouched")] as const;
        await runner.run(reading, ids[0], 1);
        await runner.run(reading, ids[1], 1, { signal: AbortSignal.abort() });
        await runner.run(reading, ids[2], 1);
        await database.pool.query("UPDATE waymark.checkpoints SET output = '\\x7b7b' WHERE instance_id = $1", [ids[0]]);
        await database.pool.query("UPDATE waymark.instances SET input = '\\x00' WHERE instance_id = $1", [ids[1]]);
        for (const id of ids) await client.sendEvent(id, "news", 1);

        const reports = await Promise.all(ids.map(async (id) => await runner.resume(reading, id)));

        expect(reports).toMatchObject([
          { status: "failed", failure: { code: "CODEC_DECODE", taskId: "reads" } },
          { status: "failed", failure: { code: "CODEC_DECODE", taskId: "first" } },
          { status: "completed", output: [1, 2] },
        ]);
      });
    }
  });
});
