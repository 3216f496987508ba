import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { encrypted } from "../../src/codec/encrypted-codec.ts";
import { JsonCodec } from "../../src/codec/json-codec.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { task } from "../../src/flow/task.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";

const order = flow<number>("order")
  .then("quote", async (cents, { step }) => await step("ask", () => cents + 1))
  .route("way", (cents) => (cents > 5 ? "dear" : "cheap"), ["dear", "cheap"])
  .branch("dear", (b) => b.then("insure", (cents) => cents * 2))
  .branch("cheap", (b) => b)
  .done()
  .fork([
    branch("stock", (b) => b.delayUntil("pause", () => 0).then("reserve", () => "reserved")),
    branch("payment", (b) => b.waitForEvent<Date>("paid", "paid")),
  ])
  .join("both", ({ stock }) => stock)
  .map(
    "letters",
    () => ["a", "b"],
    task("write", (letter: string) => letter.toUpperCase()),
  )
  .build();

describe.each(await bothBackends())("looking back on $name", ({ backend, open }) => {
  const client = new Client(backend);
  const runner = new Runner(backend);

  async function finished(id: string): Promise<ReadonlyMap<string, bigint>> {
    await client.sendEvent(id, "paid", new Date(7));
    expect(await runner.run(order, id, 9)).toEqual({ status: "completed", output: ["A", "B"] });
    return new Map((await client.history(id)).map(({ taskId, sequence }) => [taskId, sequence]));
  }

  test("shows where an instance stood, and what it had by then", async () => {
    const id = fresh("back");
    const sequences = await finished(id);
    const at = async (taskId: string) => await client.stateAt(order, id, sequences.get(taskId) ?? -1n);

    expect(await client.stateAt(order, id, 0n)).toMatchObject({
      ...{ sequence: 0n, ended: null, outputs: new Map() },
      positions: [{ taskId: "quote", path: "", attempt: 1, kind: "task" }],
    });
    const decided = await at("way");
    expect(decided.positions).toEqual([{ taskId: "insure", path: "", attempt: 1, kind: "task" }]);
    expect([...decided.outputs]).toEqual([
      ["quote>ask", 10],
      ["quote", 10],
      ["way", "dear"],
    ]);
    const forked = await client.handle(id).stateAt(order, sequences.get("insure") ?? -1n);
    expect(forked.positions.map(({ path, kind }) => [path, kind])).toEqual([
      ["", "join"],
      ["both/payment", "wait"],
      ["both/stock", "task"],
    ]);
    expect((await at("paid")).outputs.get("paid")).toEqual(new Date(7));
    const listed = await at("letters~list");
    expect(listed.sequence).toBe(sequences.get("letters[1]~item"));
    expect(listed.positions.map(({ taskId }) => taskId)).toEqual(["letters", "letters[0]/write", "letters[1]/write"]);
    expect(await at("letters")).toMatchObject({ ended: "completed", positions: [] });
  });

  test("tells what was recorded between two points, over pages of the history", async () => {
    const id = fresh("diff");
    const sequences = await finished(id);
    const of = (taskId: string): bigint => sequences.get(taskId) ?? -1n;

    const items = await client.diff(id, of("quote"), of("insure"));
    expect(items.map(({ taskId, output }) => [taskId, output])).toEqual([
      ["way", "dear"],
      ["insure", 20],
    ]);
    expect(await client.diff(id, 0n, of("letters") + 1_000n)).toEqual(await client.history(id));
    expect(await client.handle(id).diff(of("way"), of("way"))).toEqual([]);
  });

  test("goes by what was recorded by hand, too", async () => {
    const id = fresh("by-hand");
    await client.submit(order, id, 1);
    await client.completeTask(id, "quote", 3);
    await client.completeTask(id, "quote", 3);
    const [quoted] = await client.history(id);

    const state = await client.stateAt(order, id, quoted?.sequence ?? -1n);
    expect(state.positions.map(({ taskId }) => taskId)).toEqual(["way"]);
    expect(state.outputs.get("quote")).toBe(3);
  });

  test("reads what is encrypted", async () => {
    const ring = { currentKeyId: "one", keys: { one: Buffer.alloc(32, 1) } };
    const secret = await open({ codec: encrypted(new JsonCodec(), { keys: ring }) });
    const id = fresh("secret");
    const plain = flow<number>("secret")
      .then("a", (n) => n + 1)
      .then("b", (n) => n + 1)
      .build();
    await new Runner(secret).run(plain, id, 1);
    const [first] = await new Client(secret).history(id);

    const state = await new Client(secret).stateAt(plain, id, first?.sequence ?? -1n);
    expect(state).toMatchObject({ outputs: new Map([["a", 2]]), positions: [{ taskId: "b" }] });
    await secret.close();
  });

  test("refuses what it can't look back on", async () => {
    const id = fresh("refused");
    await client.submit(order, id, 1);
    const other = flow<number>("order")
      .then("other", (n) => n)
      .build();
    await expect(client.stateAt(order, fresh("gone"), 0n)).rejects.toMatchObject({ code: "INSTANCE_NOT_FOUND" });
    await expect(client.diff(fresh("gone"), 0n, 1n)).rejects.toMatchObject({ code: "INSTANCE_NOT_FOUND" });
    await expect(client.stateAt(other, id, 0n)).rejects.toMatchObject({ code: "DEFINITION_MISMATCH" });
    await expect(client.stateAt({} as never, id, 0n)).rejects.toMatchObject({ field: "flow" });
    for (const wrong of [-1n, 1, "1", null])
      await expect(client.stateAt(order, id, wrong as bigint)).rejects.toMatchObject({ field: "sequence" });
    await expect(client.diff(id, 1 as never, 2n)).rejects.toMatchObject({ field: "from" });
    await expect(client.diff(id, 1n, -2n)).rejects.toMatchObject({ field: "to" });

    await backend.saveSnapshot(await backend.loadSnapshot(id));
    const [saved] = await client.history(id);
    await expect(client.stateAt(order, id, saved?.sequence ?? 0n)).rejects.toMatchObject({
      ...{ code: "STATE_UNKNOWN", instanceId: id, sequence: saved?.sequence },
    });
    expect(await client.stateAt(order, id, 0n)).toMatchObject({ positions: [{ taskId: "quote" }] });
  });
});
