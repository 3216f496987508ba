import { describe, expect, test } from "vitest";
import { z } from "zod";
import { Client } from "../../src/client/client.ts";
import { encrypted } from "../../src/codec/encrypted-codec.ts";
import { JsonCodec } from "../../src/codec/json-codec.ts";
import { flow } from "../../src/flow/flow.ts";
import type { Flow } from "../../src/flow/flow-definition.ts";
import { schedule } from "../../src/schedule/schedule.ts";
import { slotOf } from "../../src/schedule/slot-id.ts";
import type { Backend } from "../../src/store/backend.ts";
import { TestClock } from "../../src/testing/index.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";
import { codeOf, LoggedLines, soon, workerStarter } from "../support/workers.ts";

const start = workerStarter();
const poll = { pollInterval: 20 } as const;
const HOUR = 3_600_000;
/** Where a test's clock begins. */
const START = Date.UTC(2030, 0, 1);

/** A flow of its own for each test: what others have scheduled is none of its concern. */
function stampFlow(name: string): Flow<{ region: string } | undefined, string> {
  return flow<{ region: string } | undefined>(name)
    .then(
      "stamp",
      (input, { instanceId }) => `${input?.region ?? "all"} at ${slotOf(instanceId)?.slot.toISOString() ?? "no slot"}`,
    )
    .build();
}

/** Waits for an event, so that it is live until that comes. */
function waitingFlow(name: string): Flow {
  return flow(name).waitForEvent("go", "go").build();
}

/** What an instance has ended with that a worker has yet to start. */
async function resultOf(client: Client, instanceId: string): Promise<unknown> {
  await expect.poll(async () => (await client.list({ idPrefix: instanceId })).instances, soon).toHaveLength(1);
  return await client.result(instanceId, { timeout: "15s" });
}

async function idsOf(backend: Backend, id: string): Promise<readonly string[]> {
  return await backend.listInstanceIds({ idPrefix: `${id}@` });
}

describe.each(await bothBackends())("a worker on $name", ({ open, backend: shared }) => {
  test("starts slots when they come, each with the input", async () => {
    const client = new Client(shared);
    const [id, stamp] = [fresh("tick"), stampFlow(fresh("stamp"))];
    const ticks = schedule(id, stamp, { every: "1s", input: { region: "north" }, tags: ["t"], labels: { own: "x" } });
    start(shared, { flows: [stamp], schedules: [ticks], ...poll });
    await expect.poll(async () => (await idsOf(shared, id)).length, soon).toBeGreaterThanOrEqual(2);
    await client.schedules.pause(id);

    const [first = ""] = await idsOf(shared, id);
    const slot = slotOf(first)?.slot.toISOString() ?? "";
    expect(await client.result(first)).toBe(`north at ${slot}`);
    const { instances } = await client.list({ labels: { schedule: id, slot, own: "x" }, tags: ["t"] });
    expect(instances.map(({ instanceId }) => instanceId)).toEqual([first]);
  });

  test("starts none early, none twice and none in vain, by the store's clock", async () => {
    const clock = new TestClock();
    const backend = await open({ clock });
    const client = new Client(backend);
    const [id, stamp] = [fresh("hourly"), stampFlow(fresh("stamp"))];
    const hourly = schedule(id, stamp, { every: "1h", catchUp: { limit: 2 } });
    for (let worker = 0; worker < 3; worker++) start(backend, { flows: [stamp], schedules: [hourly], ...poll });
    await expect
      .poll(async () => (await client.schedules.list({ flow: stamp.name })).schedules[0]?.nextSlot, soon)
      .toEqual(new Date(clock.now() + HOUR));
    const slots = async (): Promise<number[]> =>
      (await idsOf(backend, id)).map((instanceId) => (Number(slotOf(instanceId)?.slot) - START) / HOUR);
    clock.advance(HOUR - 1);
    const { lastSlot } = await client.schedules.get(id);
    expect(lastSlot).toBeNull();
    clock.advance(1);
    await expect.poll(slots, soon).toEqual([1]);
    clock.advance(6 * HOUR + 120_000);
    await expect.poll(slots, soon).toEqual([1, 6, 7]);
    clock.jumpTo(clock.now() - 3 * HOUR);
    await client.schedules.trigger(id);
    await expect.poll(async () => (await idsOf(backend, id)).length, soon).toBe(4);
    clock.advance(4 * HOUR);
    await expect.poll(async () => (await client.schedules.get(id)).lastSlot, soon).toEqual(new Date(START + 8 * HOUR));

    expect((await client.schedules.get(id)).skipped).toEqual({
      slot: new Date(START + 5 * HOUR),
      reason: "missed",
    });
    expect(await idsOf(backend, id)).toHaveLength(5);
  });

  test("pauses, unpauses, triggers and backfills", async () => {
    const clock = new TestClock();
    const backend = await open({ clock });
    const client = new Client(backend);
    const [id, stamp] = [fresh("daily"), stampFlow(fresh("stamp"))];
    await client.schedules.put(schedule(id, stamp, { cron: "0 6 * * *", timezone: "Europe/Berlin" }));
    start(backend, { flows: [stamp], ...poll });
    await client.schedules.pause(id, { reason: "holidays" });
    clock.advance(50 * HOUR);
    expect(await client.schedules.get(id)).toMatchObject({ isPaused: true, pauseReason: "holidays" });
    const triggered = await client.schedules.trigger(id);
    expect(await resultOf(client, triggered)).toContain(new Date(clock.now()).toISOString());
    const range = { from: new Date(START), to: new Date(clock.now()) };
    const made = await client.schedules.backfill(id, range);
    expect(made).toEqual([`${id}@2030-01-01T05:00:00.000Z`, `${id}@2030-01-02T05:00:00.000Z`]);
    for (const instanceId of made) expect(await resultOf(client, instanceId)).toContain("all at");
    await client.schedules.backfill(id, range);
    await expect.poll(async () => (await client.schedules.get(id)).requested, soon).toBe(0);
    expect(await idsOf(backend, id)).toHaveLength(3);
    await client.schedules.unpause(id);
    await expect
      .poll(async () => (await client.schedules.get(id)).nextSlot, soon)
      .toEqual(new Date(Date.UTC(2030, 0, 3, 5)));
    expect(await client.schedules.next(id, { count: 2 })).toEqual([
      new Date(Date.UTC(2030, 0, 3, 5)),
      new Date(Date.UTC(2030, 0, 4, 5)),
    ]);
    clock.advance(3 * HOUR);
    await expect.poll(async () => await idsOf(backend, id), soon).toHaveLength(4);
    expect(await client.schedules.get(id)).toMatchObject({ isPaused: false, skipped: null, problem: null });
    await client.schedules.delete(id);

    for (const call of ["get", "pause", "unpause", "trigger", "delete", "reset", "next"] as const)
      expect(await client.schedules[call](id).catch(codeOf)).toBe("SCHEDULE_NOT_FOUND");
  });

  test("lets instances of one schedule follow each other, or end each other", async () => {
    const clock = new TestClock();
    const backend = await open({ clock });
    const client = new Client(backend);
    const waiting = waitingFlow(fresh("waiting"));
    const kinds = ["allow", "skip", "queue", "cancelPrevious", "terminatePrevious"] as const;
    const ids = Object.fromEntries(kinds.map((kind) => [kind, fresh(kind)])) as Record<(typeof kinds)[number], string>;
    for (const overlap of kinds) await client.schedules.put(schedule(ids[overlap], waiting, { every: "1h", overlap }));
    start(backend, { flows: [waiting], ...poll });
    const settled = async (hour: number): Promise<void> => {
      clock.jumpTo(START + hour * HOUR);
      await expect
        .poll(async () => {
          const { schedules } = await client.schedules.list({ flow: waiting.name });
          return schedules.filter(({ nextSlot, lastSlot }) => Number(lastSlot ?? nextSlot) < clock.now());
        }, soon)
        .toHaveLength(hour > 1 ? 2 : 0);
    };
    const statuses = async (kind: (typeof kinds)[number]): Promise<string[]> =>
      (await client.list({ idPrefix: `${ids[kind]}@` })).instances.map(({ status }) => status);
    await expect.poll(async () => (await client.schedules.get(ids.allow)).nextSlot, soon).not.toBeNull();
    await settled(1);
    await expect.poll(async () => (await client.list({ flow: waiting.name })).instances, soon).toHaveLength(5);
    await settled(2);
    expect(await statuses("allow")).toEqual(["in_progress", "in_progress"]);
    expect(await statuses("skip")).toEqual(["in_progress"]);
    expect(await statuses("terminatePrevious")).toEqual(["cancelled", "in_progress"]);
    expect(await statuses("queue")).toEqual(["in_progress"]);
    expect(await client.schedules.get(ids.skip)).toMatchObject({ skipped: { reason: "overlap" } });
    // Both wait; what they wait for is over when they look again.
    const [first = ""] = await idsOf(backend, ids.queue);
    await client.sendEvent(first, "go");
    await client.result(first, { timeout: "15s" });
    clock.advance(10_000);

    await expect.poll(async () => await statuses("queue"), soon).toEqual(["completed", "in_progress"]);
    await expect.poll(async () => await statuses("cancelPrevious"), soon).toEqual(["cancelled", "in_progress"]);
  });

  test("says why a schedule can't be started, and goes on with the others", async () => {
    const clock = new TestClock();
    const backend = await open({ clock });
    const client = new Client(backend);
    const name = fresh("strict");
    const strictly = (least: number): Flow<number, number> =>
      flow(name, { input: z.number().gte(least) })
        .then("same", (n) => n)
        .build();
    const [strict, lenient] = [strictly(10), strictly(0)];
    const [bad, good] = [fresh("bad"), fresh("good")];
    await client.schedules.put(schedule(bad, lenient, { every: "1h", input: 5 }));
    await client.schedules.put(schedule(good, strict, { every: "1h", input: 50 }));
    expect(await client.schedules.put(schedule(bad, strict, { every: "1h", input: 5 })).catch(codeOf)).toBe(
      "VALIDATION_FAILED",
    );
    const logger = new LoggedLines();
    start(backend, { flows: [strict], logger, ...poll });
    clock.advance(HOUR);
    await expect.poll(async () => (await client.schedules.get(good)).lastSlot, soon).not.toBeNull();
    await expect.poll(async () => (await client.schedules.get(bad)).problem, soon).toContain(">=10");
    expect(await idsOf(backend, bad)).toEqual([]);
    expect(logger.has("can't be started")).toBe(true);
    await client.schedules.put(schedule(bad, strict, { every: "1h", input: 15 }));

    await expect.poll(async () => await idsOf(backend, bad), soon).toHaveLength(1);
    expect((await client.schedules.get(bad)).problem).toBeNull();
  });

  test("reads inputs of any codec that it has, each bound to its schedule", async () => {
    const codec = encrypted(new JsonCodec(), { keys: { currentKeyId: "k", keys: { k: new Uint8Array(32).fill(7) } } });
    const backend = await open({ codec });
    const client = new Client(backend);
    const [id, stamp] = [fresh("secret"), stampFlow(fresh("stamp"))];
    await client.schedules.put(schedule(id, stamp, { cron: "0 0 1 1 *", input: { region: "south" } }));
    const { start: stored } = (await backend.findSchedule(id)) ?? { start: null };
    expect(Buffer.from(stored?.input ?? []).includes("south")).toBe(false);
    start(backend, { flows: [stamp], ...poll });

    expect(await resultOf(client, await client.schedules.trigger(id))).toContain("south at");
  });
});
