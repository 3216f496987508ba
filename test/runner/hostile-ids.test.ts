import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { LoopResult } from "../../src/flow/loop-result.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends } from "../support/both-backends.ts";

const ids = [
  "'; DROP SCHEMA waymark CASCADE; --",
  '"quoted"',
  "back\\slash\\",
  "100%_sure",
  "$1",
  ["$", "{id}"].join(""),
  "{a,b}",
  "a/b/c",
  "a[0]",
  "#",
  "../../etc/passwd",
  "%00",
  "null",
  "undefined",
  "NaN",
  "0",
  "-1",
  "1e3",
  "true",
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "😀👩‍👩‍👧‍👦",
  "مرحبا بالعالم",
  "\u202eoverride",
  "caf\u00e9",
  "cafe\u0301",
  "ｆｕｌｌｗｉｄｔｈ",
  "İstanbul",
  "ß",
  "SS",
  "x".repeat(255),
  "語".repeat(255),
  "😀".repeat(127),
  "Case",
  "case",
  "with space",
  "tab\u00a0nbsp",
];

const whole = flow<string>("whole")
  .then("start", (text) => text)
  .fork([
    branch("waits", (b) => b.waitForEvent<string>("wait", "news")),
    branch("loops", (b) => b.loop("loop", (text: string) => LoopResult.done(text.length))),
  ])
  .join("join", (outputs, { instanceId, idempotencyKey }) => ({ ...outputs, instanceId, idempotencyKey }))
  .then("end", async (joined, context) => ({ ...joined, start: await context.output("start") }))
  .build();

describe.each(await bothBackends())("an instance on $name whose id is", ({ backend }) => {
  const runner = new Runner(backend, { pollInterval: 10 });
  const client = new Client(backend);

  test.each(ids.map((id) => [id]))("%j takes its whole course under exactly that id", async (id) => {
    expect(await runner.run(whole, id, id)).toMatchObject({ status: "awaiting_event" });
    expect(await client.pause(id)).toBe("applied");
    await client.unpause(id);
    expect(await runner.resume(whole, id)).toMatchObject({ status: "awaiting_event" });
    expect(await client.sendEvent(id, "news", id, { dedupKey: id })).toBe("delivered");
    expect(await client.sendEvent(id, "news", id, { dedupKey: id })).toBe("duplicate");
    const report = await runner.resume(whole, id);

    expect(report).toEqual({
      status: "completed",
      output: { waits: id, loops: id.length, instanceId: id, idempotencyKey: `${id}#join`, start: id },
    });
    expect(await client.status(id)).toEqual(report);
    await expect(runner.run(whole, id, id)).rejects.toMatchObject({ code: "INSTANCE_EXISTS", instanceId: id });
    expect((await backend.findInstance(id))?.instance.instanceId).toBe(id);
    expect((await backend.listInstances({ idPrefix: id, limit: 1 }))[0]?.instanceId).toBe(id);
  });

  test("one of all these is told from all the others", async () => {
    expect((await backend.listSnapshots()).toSorted()).toEqual(ids.toSorted());
    await client.delete("caf\u00e9");

    expect((await backend.listSnapshots()).toSorted()).toEqual(ids.filter((id) => id !== "caf\u00e9").toSorted());
    expect(await client.status("cafe\u0301")).toMatchObject({ status: "completed" });
  });

  test("a hostile event name is no trouble either", async () => {
    for (const [index, name] of ids.entries()) {
      const waits = flow<null>("named").waitForEvent<number>("wait", name).build();
      const id = `named-${index}`;
      await client.sendEvent(id, name, index);
      await client.sendEvent(id, ids[(index + 1) % ids.length] ?? "", -1);

      expect(await runner.run(waits, id, null)).toEqual({ status: "completed", output: index });
    }
  });
});
