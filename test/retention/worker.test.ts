import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { flow } from "../../src/flow/flow.ts";
import type { Flow } from "../../src/flow/flow-definition.ts";
import type { KeepOptions } from "../../src/flow/keep.ts";
import type { ArchivedInstance } from "../../src/retention/archived-instance.ts";
import type { Backend } from "../../src/store/backend.ts";
import { TestClock } from "../../src/testing/index.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";
import { codeOf, LoggedLines, soon, workerStarter } from "../support/workers.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const start = workerStarter();
const poll = { pollInterval: 20 } as const;
const prunesOften = { interval: 20 } as const;

/** Doubles, or fails. */
function doubleFlow(keep?: KeepOptions): Flow<number, number> {
  return flow<number>(fresh("double"), keep === undefined ? {} : { keep })
    .then("double", (n) => {
      if (n < 0) throw new Error("negative");
      return n * 2;
    })
    .build();
}

async function run(client: Client, of: Flow<number, number>, inputs: readonly number[]): Promise<readonly string[]> {
  const handles = await Promise.all(inputs.map(async (n) => await client.submit(of, fresh("i"), n)));
  for (const handle of handles) await handle.result({ timeout: "15s" }).catch(() => undefined);
  return handles.map(({ instanceId }) => instanceId);
}

async function left(client: Client, of: Flow<number, number>): Promise<readonly string[]> {
  return (await client.list({ flow: of.name })).instances.map(({ instanceId }) => instanceId);
}

describe.each(await bothBackends())("a worker on $name", ({ open }) => {
  const world = async (): Promise<{ clock: TestClock; backend: Backend; client: Client }> => {
    const clock = new TestClock();
    const backend = await open({ clock });
    return { clock, backend, client: new Client(backend) };
  };

  test("removes what has ended, by how it ended and what its flow says; 30 and 90 days where that says nothing", async () => {
    const { clock, backend, client } = await world();
    const [usual, brief, kept] = [
      doubleFlow(),
      doubleFlow({ completed: "1h", failed: "forever" }),
      doubleFlow("forever"),
    ];
    start(backend, { flows: [usual, brief, kept], retention: prunesOften, ...poll });
    const [usualOk, usualFailed] = await run(client, usual, [1, -1]);
    const [briefOk, briefFailed] = await run(client, brief, [1, -1]);
    const keptIds = await run(client, kept, [1, -1]);
    clock.advance(HOUR);
    await expect.poll(() => left(client, brief), soon).toEqual([briefFailed]);
    expect(await client.status(briefOk ?? "").catch(codeOf)).toBe("INSTANCE_NOT_FOUND");
    expect(await left(client, usual)).toEqual([usualOk ?? "", usualFailed ?? ""].toSorted());
    clock.advance(30 * DAY);
    await expect.poll(() => left(client, usual), soon).toEqual([usualFailed]);
    clock.advance(60 * DAY);
    await expect.poll(() => left(client, usual), soon).toEqual([]);

    expect(await left(client, brief)).toEqual([briefFailed]);
    expect(await left(client, kept)).toEqual([...keptIds].sort());
    const rules = await client.retention.list();
    expect(rules.find(({ flow: name }) => name === brief.name)).toEqual({
      ...{ flow: brief.name, archives: false, isChanged: false },
      keep: { completed: HOUR, failed: null, cancelled: 30 * DAY },
    });
  });

  test("removes what others have declared, by what somebody has changed by hand", async () => {
    const { clock, backend, client } = await world();
    const [one, other] = [doubleFlow(), doubleFlow()];
    const declares = start(backend, { flows: [one], retention: false, ...poll });
    await run(client, one, [1, 2, 3]);
    await client.retention.change(one.name, { completed: "1m" });
    await declares.drain();
    const again = start(backend, { flows: [one], retention: false, ...poll });
    await run(client, one, [4]);
    clock.advance(HOUR);
    expect(await left(client, one)).toHaveLength(4);
    start(backend, { flows: [other], retention: prunesOften, ...poll });

    await expect.poll(() => left(client, one), soon).toEqual([]);
    await again.drain();
    expect(await client.retention.reset(one.name)).toBe(true);
    for (const wrong of [{ completed: "x" }, { complete: "1d" }, "never", 5])
      expect(await client.retention.change(one.name, wrong as never).catch(codeOf)).toBe("INVALID_ARGUMENT");
  });

  test("archives before it removes; what can't be archived is kept, and comes again", async () => {
    const { clock, backend, client } = await world();
    const double = doubleFlow({ completed: "1h", failed: "1h" });
    const archived: ArchivedInstance[] = [];
    let refuses = true;
    const archive = (instance: ArchivedInstance): Promise<void> => {
      if (refuses && instance.input === 2) return Promise.reject(new Error("the archive is full"));
      archived.push(instance);
      return Promise.resolve();
    };
    const logger = new LoggedLines();
    start(backend, { flows: [double], retention: { ...prunesOften, archive }, logger, ...poll });
    // Until it has said that it archives, others remove what they may.
    const archives = async () => (await client.retention.list()).find((rule) => rule.flow === double.name)?.archives;
    await expect.poll(archives, soon).toBe(true);
    start(backend, { flows: [double], retention: prunesOften, ...poll });
    const [, two = ""] = await run(client, double, [1, 2, 3, -1]);
    clock.advance(HOUR);
    await expect.poll(() => left(client, double), soon).toEqual([two]);
    expect(archived.map(({ input, status }) => `${String(input)} ${status}`).toSorted()).toEqual([
      "-1 failed",
      "1 completed",
      "3 completed",
    ]);
    expect(archived.find(({ input }) => input === 3)).toMatchObject({
      ...{ flow: double.name, output: 6, failure: null, run: 1, parent: null },
      history: [{ taskId: "double", outcome: "completed", output: 6 }],
    });
    expect(archived.find(({ input }) => input === -1)?.failure?.message).toBe("negative");
    expect(logger.has("could not be archived")).toBe(true);
    expect(await client.prune({ flow: double.name }).catch(codeOf)).toBe("INVALID_ARGUMENT");
    refuses = false;
    clock.advance(1_000);

    await expect.poll(() => left(client, double), soon).toEqual([]);
    expect(archived.at(-1)?.instanceId).toBe(two);
  });

  test("leaves children as long as their parent may come back to them", async () => {
    const { clock, backend, client } = await world();
    const child = doubleFlow({ completed: "1m" });
    const parent = flow<number>(fresh("parent"), { keep: { completed: "2h" } })
      .spawn("child", child)
      .waitForEvent("go", "go")
      .build();
    start(backend, { flows: [parent], retention: prunesOften, ...poll });
    const handle = await client.submit(parent, fresh("parent"), 4);
    await expect.poll(async () => (await handle.status()).status, soon).toBe("awaiting_event");
    clock.advance(HOUR);
    await run(client, child, [1]);
    clock.advance(HOUR);
    await expect.poll(() => left(client, child), soon).toHaveLength(1);
    expect((await client.list({ parent: handle.instanceId })).instances).toHaveLength(1);
    await handle.sendEvent("go");
    await handle.result({ timeout: "15s" });
    clock.advance(1_000);
    await expect.poll(() => left(client, child), soon).toEqual([]);
    clock.advance(2 * HOUR);

    await expect.poll(async () => (await client.list({ flow: parent.name })).instances, soon).toEqual([]);
  });
});

describe.each(await bothBackends())("a client on $name", ({ open }) => {
  test("removes on demand: by the rules, or by age; tries it out before", async () => {
    const clock = new TestClock();
    const backend = await open({ clock });
    const client = new Client(backend);
    const [double, unknown] = [doubleFlow({ completed: "2h" }), doubleFlow()];
    start(backend, { flows: [double, unknown], retention: false, ...poll });
    const first = await run(client, double, [1, 2, 3]);
    await run(client, double, [-1]);
    await run(client, unknown, [7]);
    clock.advance(2 * HOUR);
    const [young = ""] = await run(client, double, [4]);

    const wouldBe = await client.prune({ dryRun: true });
    expect(wouldBe).toEqual({ pruned: 3, instanceIds: [...first].sort(), kept: [], dryRun: true });
    expect(await left(client, double)).toHaveLength(5);
    expect(await client.prune({ flow: double.name, limit: 2 })).toMatchObject({ pruned: 2 });
    expect(await client.prune()).toMatchObject({ pruned: 1, kept: [] });
    expect(await client.prune()).toMatchObject({ pruned: 0 });
    const seen: unknown[] = [];
    const archive = ({ input }: ArchivedInstance): void => void seen.push(input);
    expect(await client.prune({ olderThan: "1h", status: ["failed"], archive })).toMatchObject({ pruned: 1 });
    expect(seen).toEqual([-1]);
    expect(await left(client, double)).toEqual([young]);
    expect(await client.prune({ olderThan: 0, flow: unknown.name })).toMatchObject({ pruned: 1 });

    const wrong = [
      { flow: "" },
      { status: ["paused"] },
      { olderThan: "x" },
      { limit: 0 },
      { archive: true },
      { dry: true },
      null,
    ];
    for (const one of wrong) expect(await client.prune(one as never).catch(codeOf)).toBe("INVALID_ARGUMENT");
    expect(await left(client, double)).toEqual([young]);
  });

  test("removes events that were sent to nobody", async () => {
    const clock = new TestClock();
    const backend = await open({ clock });
    const client = new Client(backend);
    const [lost, recent] = [fresh("lost"), fresh("recent")];
    await client.sendEvent(lost, "paid", 1, { dedupKey: "k" });
    clock.advance(30 * DAY);
    await client.sendEvent(recent, "paid", 1);

    expect(await client.retention.pruneOrphanedEvents({ olderThan: "30d", dryRun: true })).toMatchObject({
      instanceIds: [lost],
    });
    expect(await client.retention.pruneOrphanedEvents({ olderThan: "30d" })).toEqual({
      pruned: 1,
      instanceIds: [lost],
      dryRun: false,
    });
    expect(await client.retention.pruneOrphanedEvents({ olderThan: "30d" })).toMatchObject({ pruned: 0 });
    expect(await client.sendEvent(lost, "paid", 1, { dedupKey: "k" })).toBe("buffered");
    expect(await client.retention.pruneOrphanedEvents({} as never).catch(codeOf)).toBe("INVALID_ARGUMENT");
  });
});
