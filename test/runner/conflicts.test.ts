import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { JsonCodec } from "../../src/codec/json-codec.ts";
import { MsgpackCodec } from "../../src/codec/msgpack-codec.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends, withChanges } from "../support/both-backends.ts";
import { Gate } from "../support/gate.ts";
import { fresh } from "../support/instance-ids.ts";
import { Probe } from "../support/probe.ts";

const doubling = flow<number>("doubling")
  .then("double", (n) => n * 2)
  .build();
const other = flow<number>("other")
  .then("negate", (n) => -n)
  .build();
const waiting = flow<number>("waiting").waitForEvent("wait", "news").build();
const many = Array.from({ length: 20 }, (_, index) => index + 1);

function codeOf(error: unknown): string {
  return (error as { code: string }).code;
}

describe.each(await bothBackends())("an instance id that is taken, on $name", ({ backend, open }) => {
  const runner = new Runner(backend, { leaseTtl: 300, pollInterval: 10 });
  const client = new Client(backend);

  test("is refused by default, whatever became of the instance, which stays as it is", async () => {
    const [ended, live] = [fresh("ended"), fresh("live")];
    await runner.run(doubling, ended, 2);
    await runner.run(waiting, live, 2);

    for (const id of [ended, live]) {
      await expect(runner.run(doubling, id, 3)).rejects.toMatchObject({ code: "INSTANCE_EXISTS", instanceId: id });
      await expect(runner.run(doubling, id, 3, { onConflict: "fail" })).rejects.toMatchObject({
        code: "INSTANCE_EXISTS",
      });
    }
    expect(await client.status(ended)).toEqual({ status: "completed", output: 4 });
    expect(await client.status(live)).toMatchObject({ status: "awaiting_event" });
  });

  test("is resumed with useExisting; the new input counts for nothing", async () => {
    const [ended, live] = [fresh("ended"), fresh("live")];
    await runner.run(doubling, ended, 2);
    await runner.run(waiting, live, 2);
    await client.sendEvent(live, "news", "went on");

    expect(await runner.run(doubling, ended, 100, { onConflict: "useExisting" })).toEqual({
      status: "completed",
      output: 4,
    });
    expect(await runner.run(waiting, live, 100, { onConflict: "useExisting" })).toEqual({
      status: "completed",
      output: "went on",
    });
  });

  test("is begun anew with terminateExisting: nothing of the old instance is left", async () => {
    const id = fresh("anew");
    await runner.run(waiting, id, 2);
    await client.sendEvent(id, "kept", "for the old one");
    await client.sendEvent(id, "news", "for the old one", { dedupKey: "once" });

    expect(await runner.run(doubling, id, 5, { onConflict: "terminateExisting" })).toEqual({
      status: "completed",
      output: 10,
    });
    expect((await client.history(id)).map((item) => item.taskId)).toEqual(["double"]);
    expect(await runner.run(waiting, id, 5, { onConflict: "terminateExisting" })).toMatchObject({
      status: "awaiting_event",
    });
    expect(await client.sendEvent(id, "news", "for the new one", { dedupKey: "once" })).toBe("delivered");
    expect(await backend.peekEvent(id, "kept")).toBeNull();
  });

  test("of another definition can't be resumed, and is left alone", async () => {
    const id = fresh("mismatch");
    await runner.run(waiting, id, 1);
    const expected = {
      code: "DEFINITION_MISMATCH",
      instanceId: id,
      expectedHash: doubling.hash,
      actualHash: waiting.hash,
    };

    await expect(runner.run(doubling, id, 2, { onConflict: "useExisting" })).rejects.toMatchObject(expected);
    await expect(runner.resume(doubling, id)).rejects.toMatchObject(expected);
    expect(await client.status(id)).toMatchObject({ status: "awaiting_event" });
    await expect(runner.resume(doubling, fresh("unknown"))).rejects.toMatchObject({ code: "INSTANCE_NOT_FOUND" });
  });

  test("of an instance whose codec is not there can't be resumed or read, and is left alone", async () => {
    const [live, ended] = [fresh("live"), fresh("ended")];
    const packed = await open({ codec: new MsgpackCodec() });
    await new Runner(packed).run(waiting, live, 1);
    await new Runner(packed).run(doubling, ended, 1);
    const json = new JsonCodec();
    const poorer = withChanges(packed, { codec: json, findCodec: (id) => (id === json.id ? json : null) });
    const expected = { code: "CODEC_UNKNOWN", codecId: "msgpack" };

    await expect(new Runner(poorer).resume(waiting, live)).rejects.toMatchObject(expected);
    await expect(new Runner(poorer).resume(doubling, ended)).rejects.toMatchObject(expected);
    await expect(new Client(poorer).status(ended)).rejects.toMatchObject(expected);
    await expect(new Client(poorer).result(ended)).rejects.toMatchObject(expected);
    await expect(new Client(poorer).history(ended)).rejects.toMatchObject(expected);
    expect(await new Client(poorer).status(live)).toMatchObject({ status: "awaiting_event" });
    expect(await new Client(packed).status(ended)).toEqual({ status: "completed", output: 2 });
  });

  describe("by twenty runs at once", () => {
    test("INV-12: with fail, one of them makes the instance and the others are refused", async () => {
      const id = fresh("fail");
      const outcomes = await Promise.all(
        many.map(async (n) => await runner.run(doubling, id, n).catch((error: unknown) => codeOf(error))),
      );

      const reports = outcomes.filter((outcome) => typeof outcome === "object");
      expect(reports).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome === "INSTANCE_EXISTS")).toHaveLength(19);
      expect(await client.status(id)).toEqual(reports[0]);
      expect(await client.history(id)).toHaveLength(1);
    });

    test("INV-12: with useExisting, all of them agree on one instance", async () => {
      const id = fresh("use-existing");
      let bodies = 0;
      const counted = flow<number>("counted")
        .then("double", (n) => {
          bodies++;
          return n * 2;
        })
        .build();
      const outcomes = await Promise.all(
        many.map(async (n) => await runner.run(counted, id, n, { onConflict: "useExisting" })),
      );

      expect(new Set(outcomes.map((outcome) => JSON.stringify(outcome))).size).toBe(1);
      expect(outcomes[0]).toEqual(await client.status(id));
      expect(bodies).toBe(1);
    });

    test("INV-12: with terminateExisting, one instance is left in the end, and it is whole", async () => {
      const id = fresh("terminate");
      const outcomes = await Promise.all(
        many.map(async (n) => await runner.run(doubling, id, n, { onConflict: "terminateExisting" })),
      );

      const left = await client.status(id);
      expect(left).toMatchObject({ status: "completed" });
      for (const outcome of outcomes) expect(outcome.status).toBe("completed");
      expect(outcomes).toContainEqual(left);
      expect((await client.history(id)).map((item) => item.taskId)).toEqual(["double"]);
    });

    test("with each policy, mixed, end in one whole instance", async () => {
      const id = fresh("mixed");
      const policies = ["fail", "useExisting", "terminateExisting"] as const;
      const outcomes = await Promise.all(
        many.map(async (n) => {
          const onConflict = policies[n % 3] ?? "fail";
          return await runner.run(doubling, id, n, { onConflict }).catch((error: unknown) => codeOf(error));
        }),
      );

      expect(await client.status(id)).toMatchObject({ status: "completed" });
      for (const outcome of outcomes) {
        if (typeof outcome === "string") expect(outcome).toBe("INSTANCE_EXISTS");
        else expect(outcome.status).toBe("completed");
      }
    });
  });

  describe("and replaced while a body runs", () => {
    const holding = (name: string, gate: Gate, signals: AbortSignal[]) =>
      flow<string>(name)
        .then("hold", async (text, { signal }) => {
          signals.push(signal);
          if (text === "old") await gate.passed;
          return `${text} was held`;
        })
        .then("after", (text) => `${text}, and more`)
        .build();

    test("fences the old body: its late result is dropped, and its signal says that the claim is lost", async () => {
      const [id, gate, probe] = [fresh("replaced"), new Gate(), new Probe()];
      const signals: AbortSignal[] = [];
      const held = holding("replaced", gate, signals);
      const old = new Runner(backend, { leaseTtl: 300, pollInterval: 10, observer: probe.observer });
      const oldRun = old.run(held, id, "old");
      await probe.first("task_started");

      const report = await runner.run(held, id, "new", { onConflict: "terminateExisting" });
      await expect.poll(() => signals[0]?.aborted).toBe(true);
      gate.open();

      expect(report).toEqual({ status: "completed", output: "new was held, and more" });
      expect(signals[0]?.reason).toMatchObject({ code: "CLAIM_LOST" });
      expect(await oldRun).toEqual(report);
      expect((await client.history(id)).map((item) => [item.taskId, item.output])).toEqual([
        ["hold", "new was held"],
        ["after", "new was held, and more"],
      ]);
    });

    test("by another definition, ends the old run with an error that says so; the new one is left alone", async () => {
      const [id, gate, probe] = [fresh("redefined"), new Gate(), new Probe()];
      const held = holding("redefined", gate, []);
      const old = new Runner(backend, { leaseTtl: 300, pollInterval: 10, observer: probe.observer });
      const oldRun = old.run(held, id, "old").catch((error: unknown) => error);
      await probe.first("task_started");
      const never = { signal: AbortSignal.abort(), onConflict: "terminateExisting" } as const;
      await runner.run(other, id, 5, never);
      gate.open();

      expect(await oldRun).toMatchObject({ code: "DEFINITION_MISMATCH", actualHash: other.hash });
      expect(await client.history(id)).toEqual([]);
      expect(await runner.resume(other, id)).toEqual({ status: "completed", output: -5 });
    });

    test("by another definition that the same runner knows, is not driven by the old run either", async () => {
      const [id, gate, probe] = [fresh("both-known"), new Gate(), new Probe()];
      const held = holding("both-known", gate, []);
      const own = new Runner(backend, { leaseTtl: 300, pollInterval: 10, observer: probe.observer });
      await own.run(other, fresh("warm-up"), 1);
      const oldRun = own.run(held, id, "old").catch((error: unknown) => error);
      await probe.first("task_started", "hold");
      await own.run(other, id, 5, { signal: AbortSignal.abort(), onConflict: "terminateExisting" });
      gate.open();

      expect(await oldRun).toMatchObject({ code: "DEFINITION_MISMATCH" });
    });

    test("or deleted, ends the run: there is no such instance any more", async () => {
      const [id, gate, probe] = [fresh("deleted"), new Gate(), new Probe()];
      const held = holding("deleted", gate, []);
      const old = new Runner(backend, { leaseTtl: 300, pollInterval: 10, observer: probe.observer });
      const oldRun = old.run(held, id, "old").catch((error: unknown) => error);
      await probe.first("task_started");
      await client.delete(id);
      gate.open();

      expect(await oldRun).toMatchObject({ code: "INSTANCE_NOT_FOUND", instanceId: id });
      await expect(client.status(id)).rejects.toMatchObject({ code: "INSTANCE_NOT_FOUND" });
    });
  });

  test("runs the functions of the flow that it was given, not those of another flow of the same shape", async () => {
    const gate = new Gate();
    const made = (who: string) =>
      flow<null>("tenant")
        .fork([branch("a", (b) => b.then("hold", () => gate.passed))])
        .join("name", () => who)
        .then("again", (name) => [name, who])
        .build();
    const [ada, bob] = [made("Ada"), made("Bob")];
    expect(ada.hash).toBe(bob.hash);
    const runs = [runner.run(ada, fresh("tenant"), null), runner.run(bob, fresh("tenant"), null)];
    await new Promise((resolve) => setImmediate(resolve));
    gate.open();

    expect(await Promise.all(runs)).toEqual([
      { status: "completed", output: ["Ada", "Ada"] },
      { status: "completed", output: ["Bob", "Bob"] },
    ]);
  });
});
