import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import type { InstanceHandle } from "../../src/client/instance-handle.ts";
import { BackendError } from "../../src/errors/backend-errors.ts";
import { branch } from "../../src/flow/branch.ts";
import { standpoint } from "../../src/flow/continuation.ts";
import { flow } from "../../src/flow/flow.ts";
import { task } from "../../src/flow/task.ts";
import { Runner } from "../../src/runner/runner.ts";
import { laneOf } from "../../src/snapshot/standing.ts";
import { bothBackends, withChanges } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";
import { soon, workerStarter } from "../support/workers.ts";

const start = workerStarter();

async function linesOf(handle: InstanceHandle): Promise<string[]> {
  return (await handle.history()).map(({ taskId, attempt, outcome }) => `${taskId}#${attempt} ${outcome}`);
}

/** Fails as long as it is broken. */
class Mendable {
  isBroken: boolean = true;
  runs: number = 0;

  readonly body = (value: number): number => {
    this.runs++;
    if (this.isBroken) throw new Error("It is broken.");
    return value + 1;
  };
}

describe.each(await bothBackends())("retry on $name", ({ backend }) => {
  const client = new Client(backend);

  test("lets an instance go on where it failed: what is recorded stays, steps inside the task too", async () => {
    const charge = new Mendable();
    const ran: string[] = [];
    const order = flow<number>("order")
      .then("reserve", (cents) => {
        ran.push("reserve");
        return cents;
      })
      .then("charge", async (cents, { step }) => {
        const quoted = await step("quote", () => {
          ran.push("quote");
          return cents * 2;
        });
        return charge.body(quoted);
      })
      .build();
    start(backend, { flows: [order], pollInterval: 20 });
    const handle = await client.submit(order, fresh("order"), 20);
    await expect(handle.result()).rejects.toMatchObject({ code: "INSTANCE_FAILED" });

    charge.isBroken = false;
    // Of a client that knows nothing of the flow.
    await new Client(backend).retry(handle.instanceId, { reason: "mended" });

    expect(await handle.result()).toBe(41);
    expect(ran).toEqual(["reserve", "quote"]);
    expect(await linesOf(handle)).toEqual([
      "reserve#1 completed",
      "charge>quote#1 completed",
      "charge#1 failed",
      "$retry#1 noted",
      "charge#2 completed",
    ]);
  });

  test("makes one attempt for each retry, once the policy allows no more", async () => {
    const call = new Mendable();
    const failing = flow<number>("failing")
      .then("call", call.body, { retry: { attempts: 2, initialDelay: 1 } })
      .build();
    start(backend, { flows: [failing], pollInterval: 20 });
    const handle = await client.submit(failing, fresh("failing"), 1);
    await expect(handle.result()).rejects.toThrow();
    await handle.retry();
    await expect(handle.result()).rejects.toMatchObject({ failure: { message: "It is broken." } });

    expect(call.runs).toBe(3);
    expect(await linesOf(handle)).toEqual(["call#1 failed", "call#2 failed", "$retry#1 noted", "call#3 failed"]);
  });

  test("comes back at the task that failed, also where the row stood at the one before", async () => {
    const second = new Mendable();
    const two = flow<number>("two")
      .then("first", (n) => n)
      .then("second", second.body)
      .build();
    const handle = await client.submit(two, fresh("two"), 1);
    await handle.pause();
    await handle.completeTask("first", 5);
    await handle.unpause();
    start(backend, { flows: [two], pollInterval: 20 });
    await expect(handle.result()).rejects.toThrow();
    second.isBroken = false;
    await handle.retry();

    expect(await handle.result()).toBe(6);
    expect((await linesOf(handle)).slice(-3)).toEqual(["second#1 failed", "$retry#1 noted", "second#2 completed"]);
  });

  test("comes back paused if asked to, so that the task can be completed by hand", async () => {
    const charge = new Mendable();
    const order = flow<number>("by-hand")
      .then("charge", charge.body)
      .then("ship", (n) => n * 2)
      .build();
    start(backend, { flows: [order], pollInterval: 20 });
    const handle = await client.submit(order, fresh("by-hand"), 1);
    await expect(handle.result()).rejects.toThrow();

    await handle.retry({ paused: true, reason: "paid by phone", requestedBy: "anna" });
    expect(await handle.status()).toEqual({ status: "paused", reason: "paid by phone" });
    await handle.completeTask("charge", 21);
    await handle.unpause();

    expect(await handle.result()).toBe(42);
    expect(charge.runs).toBe(1);
  });

  test("puts the other branches back as they stood, with the events that were sent", async () => {
    const left = new Mendable();
    const forked = flow<number>("forked")
      .fork([
        branch("left", (b) => b.then("mend", left.body)),
        branch("right", (b) => b.waitForEvent<string>("paid", "paid").waitForEvent<string>("sent", "sent")),
        branch("slow", (b) => b.delay("rest", 1)),
      ])
      .join("tell", (outputs) => outputs)
      .build();
    const id = fresh("forked");
    await client.sendEvent(id, "sent", "by mail");
    start(backend, { flows: [forked], pollInterval: 20 });
    const handle = await client.submit(forked, id, 1);
    await expect(handle.result()).rejects.toThrow();
    left.isBroken = false;
    await handle.retry();
    await handle.sendEvent("paid", "in cash");

    expect(await handle.result()).toEqual({ left: 2, right: "by mail", slow: 1 });
    expect((await linesOf(handle)).filter((line) => line.startsWith("$"))).toEqual(["$retry#1 noted"]);
  });

  test("waits again for an event that came too late", async () => {
    const waiting = flow<number>("waiting").waitForEvent<string>("wait", "paid", { timeout: 1 }).build();
    start(backend, { flows: [waiting], pollInterval: 20 });
    const handle = await client.submit(waiting, fresh("waiting"), 1);
    await expect(handle.result()).rejects.toMatchObject({ failure: { code: "EVENT_TIMEOUT" } });
    await expect(handle.sendEvent("paid", "late")).rejects.toMatchObject({ code: "INVALID_TRANSITION" });
    // Paused, because it waits for no longer than before.
    await handle.retry({ paused: true });
    await handle.sendEvent("paid", "after all");
    await handle.unpause();

    expect(await handle.result()).toBe("after all");
    const lines = ["wait#1 failed", "$retry#1 noted", "$unpause#1 noted", "wait#2 completed"];
    expect(await linesOf(handle)).toEqual(lines);
  });

  test("helps what failed because its output could not be stored", async () => {
    let output: unknown = () => "no data";
    const odd = flow<number>("odd")
      .then("give", () => output)
      .build();
    start(backend, { flows: [odd], pollInterval: 20 });
    const handle = await client.submit(odd, fresh("odd"), 1);
    await expect(handle.result()).rejects.toMatchObject({ failure: { code: "CODEC_ENCODE" } });
    output = "data";
    await handle.retry();

    expect(await handle.result()).toBe("data");
  });

  test("helps what the store refused to hold", async () => {
    const problem = "There is no room";
    let isFull = true;
    const full = withChanges(backend, {
      commitCheckpoints: async (checkpoints, holder) => {
        const fits = checkpoints.filter(({ move }) => !isFull || move.kind !== "complete");
        const fates = await backend.commitCheckpoints(fits, holder);
        const error = new BackendError("BACKEND_BUG", { queryName: "end-instance", problem });
        return checkpoints.map((one) => fates[fits.indexOf(one)] ?? { kind: "refused", error });
      },
    });
    const stored = flow<number>("stored")
      .then("work", (n) => n + 1)
      .build();
    start(full, { flows: [stored], pollInterval: 20 });
    const handle = await client.submit(stored, fresh("stored"), 1);
    await expect(handle.result()).rejects.toMatchObject({ failure: { code: "BACKEND_BUG" } });
    isFull = false;
    await handle.retry();

    expect(await handle.result()).toBe(2);
    expect(await linesOf(handle)).toEqual(["work#1 failed", "$retry#1 noted", "work#2 completed"]);
  });

  test("helps a task whose leases were lost too often", async () => {
    const lost = flow<number>("lost")
      .then("work", (n) => n + 1)
      .build();
    const handle = await client.submit(lost, fresh("lost"), 1);
    const lanes = [laneOf(lost, standpoint(lost, "work").located, backend.codec.id)];
    const claim = async (): Promise<number> =>
      (
        await backend.claimPositions({ workerId: "dying", leaseMs: 1, limit: 1, lanes, instanceId: handle.instanceId })
      )[0]?.lost ?? 0;
    await expect.poll(claim, soon).toBe(5);
    const worker = start(backend, { flows: [lost], pollInterval: 20 });
    await expect(handle.result()).rejects.toMatchObject({ failure: { code: "TASK_LOST" } });
    await handle.retry();

    expect(await handle.result()).toBe(2);
    expect(await linesOf(handle)).toEqual(["work#1 failed", "$retry#1 noted", "work#2 completed"]);
    await worker.stop();
  });

  test("keeps the attempt where a recorded outcome is what leads nowhere", async () => {
    const routed = flow<number>("routed")
      .route("way", () => "left", ["left"])
      .branch("left", (b) => b.then("go", (n) => n))
      .done()
      .build();
    const handle = await client.submit(routed, fresh("routed"), 1);
    await handle.completeTask("way", "nowhere");
    start(backend, { flows: [routed], pollInterval: 20 });
    await expect(handle.result()).rejects.toMatchObject({ failure: { code: "ROUTE_KEY_UNKNOWN" } });
    await handle.retry({ paused: true });
    const [position] = (await backend.findInstance(handle.instanceId))?.positions ?? [];
    expect(position).toMatchObject({ taskId: "way", attempt: 1 });
    await handle.unpause();

    await expect(handle.result()).rejects.toMatchObject({ failure: { code: "ROUTE_KEY_UNKNOWN" } });
    expect(await linesOf(handle)).toEqual(["way#1 completed", "$retry#1 noted", "$unpause#1 noted"]);
  });

  test("serves runners too: `resume` only reports what has failed, and runs what was retried", async () => {
    const work = new Mendable();
    const one = flow<number>("one").then("work", work.body).build();
    const id = fresh("one");
    const runner = new Runner(backend);
    expect(await runner.run(one, id, 1)).toMatchObject({ status: "failed" });
    expect(await runner.resume(one, id)).toMatchObject({ status: "failed" });
    expect(work.runs).toBe(1);
    work.isBroken = false;
    await client.retry(id);

    expect(await runner.resume(one, id)).toEqual({ status: "completed", output: 2 });
  });

  test("refuses what has not failed, and options that nobody knows", async () => {
    const done = flow<number>("done")
      .then("work", (n) => n)
      .build();
    const id = fresh("done");
    await new Runner(backend).run(done, id, 1);

    await expect(client.retry(id)).rejects.toMatchObject({
      code: "INVALID_TRANSITION",
      from: "completed",
      message: expect.stringContaining("start the work again under a new id") as string,
    });
    await expect(client.retry("nobody")).rejects.toMatchObject({ code: "INSTANCE_NOT_FOUND" });
    await expect(client.retry(id, { pause: true } as never)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(client.cancel(id, { paused: true } as never)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  test("refuses what would fail again at once, says what to do instead, and lets it be done", async () => {
    const odd = task("check", (n: number) => {
      if (n % 2 === 1) throw new Error(`${n} is odd`);
      return n;
    });
    const mapped = flow<readonly number[]>("mapped")
      .map("items", odd, { onFailure: { tolerate: 1 } })
      .then("count", (all) => all.length)
      .build();
    const forked = flow<number>("forked")
      .then("begin", (n) => n)
      .fork([branch("a", odd), branch("b", odd)], { mode: "any" })
      .join("either", ({ output }) => output)
      .build();
    const runner = new Runner(backend);
    const [map, fork] = [fresh("mapped"), fresh("forked")];
    await runner.run(mapped, map, [1, 2, 3]);
    await runner.run(forked, fork, 1);

    await expect(client.retry(map)).rejects.toMatchObject({
      code: "INVALID_TRANSITION",
      message: expect.stringMatching(/fork it at "items~list".*paused: true, and complete "items" by hand/) as string,
    });
    await expect(client.retry(fork)).rejects.toMatchObject({ code: "INVALID_TRANSITION" });
    expect(await client.retryMany({ idPrefix: map })).toMatchObject({
      changed: 0,
      refused: [{ instanceId: map, code: "INVALID_TRANSITION" }],
    });
    await client.retry(map, { paused: true });
    await client.completeTask(map, "items", [{ ok: true, value: 2 }]);
    await client.unpause(map);
    expect(await runner.resume(mapped, map)).toEqual({ status: "completed", output: 1 });
    const anew = fresh("mapped");
    await client.fork(mapped, map, anew, { at: "items~list", input: [2, 4, 5] });
    expect(await runner.resume(mapped, anew)).toMatchObject({ status: "completed", output: 3 });
  });
});
