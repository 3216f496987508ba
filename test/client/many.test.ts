import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { flow } from "../../src/flow/flow.ts";
import { bothBackends, withChanges } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";
import { workerStarter } from "../support/workers.ts";

const startWorker = workerStarter();
const double = flow<unknown>("double-many")
  .then("double", (n) => Number(n) * 2)
  .build();
const waiting = flow<null>("waiting-many").waitForEvent("wait", "news").build();

function numbered(name: string, count: number): { instanceId: string; input: number }[] {
  const prefix = fresh(name);
  return Array.from({ length: count }, (_, n) => ({ instanceId: `${prefix}-${String(n).padStart(5, "0")}`, input: n }));
}

describe.each(await bothBackends())("submitMany on $name", ({ backend }) => {
  const client = new Client(backend);

  test("starts 5,000 instances, whose results are their own", async () => {
    const all = numbered("thousands", 5_000);
    const submitted = await client.submitMany(double, all);
    expect(submitted).toEqual(all.map(({ instanceId }) => ({ instanceId, created: true, outcome: "created" })));
    startWorker(backend, { flows: [double], pollInterval: 10, concurrency: 500 });

    expect(await Promise.all(all.map(async ({ instanceId }) => await client.result(instanceId)))).toEqual(
      all.map(({ input }) => input * 2),
    );
  }, 60_000);

  test("leaves instances whose ids are taken as they are, and can be called again", async () => {
    const all = numbered("again", 50);
    const taken = all.filter((_, n) => n % 5 === 0);
    await client.submitMany(
      double,
      taken.map(({ instanceId }) => ({ instanceId, input: 1_000 })),
    );
    const first = await client.submitMany(double, all);
    const second = await client.submitMany(double, all);
    startWorker(backend, { flows: [double], pollInterval: 10 });

    expect(first.map(({ created }) => created)).toEqual(all.map((_, n) => n % 5 !== 0));
    expect(second.map(({ created }) => created)).toEqual(all.map(() => false));
    expect(await Promise.all(all.map(async ({ instanceId }) => await client.result(instanceId)))).toEqual(
      all.map(({ input }, n) => (n % 5 === 0 ? 2_000 : input * 2)),
    );
  });

  test("makes one instance of an id that is there twice: the first", async () => {
    const [id, other] = [fresh("twice"), fresh("twice")];
    const submitted = await client.submitMany(double, [
      { instanceId: id, input: 1 },
      { instanceId: other, input: 2 },
      { instanceId: id, input: 3 },
    ]);
    startWorker(backend, { flows: [double], pollInterval: 10 });

    expect(submitted.map(({ created }) => created)).toEqual([true, true, false]);
    expect(await client.result(id)).toBe(2);
  });

  test.each([
    ["input that can't be stored", { input: { f: () => 1 } }, { code: "CODEC_ENCODE" }],
    ["input that is too large", { input: "x".repeat(3 * 1024 * 1024) }, { code: "PAYLOAD_TOO_LARGE" }],
    ["id that is empty", { instanceId: "" }, { code: "INVALID_ARGUMENT", field: "submissions[1500].instanceId" }],
    ["priority", { priority: 9 }, { code: "INVALID_ARGUMENT", field: expect.stringContaining("priority") as unknown }],
    ["tag", { tags: [1] }, { code: "INVALID_ARGUMENT", field: expect.stringContaining("tags[0]") as unknown }],
    ["misspelt key", { labls: {} }, { code: "INVALID_ARGUMENT", field: "submissions[1500]" }],
  ])("writes nothing at all because of one bad %s", async (_, changes, expected) => {
    const all: { instanceId: string; input: unknown }[] = numbered("bad", 2_000);
    all[1_500] = { ...all[1_500]!, ...changes };
    await expect(client.submitMany(double, all)).rejects.toMatchObject(expected);

    expect((await client.list({ idPrefix: all[0]!.instanceId.slice(0, -6) })).instances).toEqual([]);
  });

  test.each([
    ["nothing", undefined, "submissions"],
    ["an object", {}, "submissions"],
    ["a text", "abc", "submissions"],
    ["null in the list", [null], "submissions[0]"],
    ["a hole in the list", [, 1], "submissions[0]"],
    ["an array in the list", [[]], "submissions[0]"],
  ])("refuses %s", async (_, submissions, field) => {
    await expect(client.submitMany(double, submissions as never)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      field,
    });
  });

  test("does nothing for an empty list", async () => {
    const silent = withChanges(backend, { createInstances: () => Promise.reject(new Error("asked")) });

    expect(await new Client(silent).submitMany(double, [])).toEqual([]);
  });
});

describe.each(await bothBackends())("list on $name", ({ open }) => {
  const listed = async () => {
    const backend = await open({});
    return { backend, client: new Client(backend) };
  };

  test("goes through all instances page by page, in the order of their ids, with each filter", async () => {
    const { backend, client } = await listed();
    const all = numbered("listed", 25).map((one, n) => ({
      ...one,
      tags: n % 2 === 0 ? ["even"] : ["odd", "strange"],
      labels: { rest: String(n % 3), all: "yes" },
      priority: (n % 5) + 1,
    }));
    const idPrefix = all[0]!.instanceId.slice(0, -6);
    await client.submitMany(double, all.slice(0, 20));
    await client.submitMany(
      waiting,
      all.slice(20).map((one) => ({ ...one, input: null })),
    );
    await client.cancel(all[0]!.instanceId, { reason: "no" });
    await client.pause(all[1]!.instanceId);
    const idsOf = async (filter: object): Promise<number[]> => {
      const { instances } = await client.list({ idPrefix, ...filter });
      return instances.map(({ instanceId }) => Number(instanceId.slice(-5)));
    };
    const numbers = all.map((_, n) => n);

    expect(await idsOf({})).toEqual(numbers);
    expect(await idsOf({ flow: "waiting-many" })).toEqual(numbers.slice(20));
    expect(await idsOf({ status: ["cancelled"] })).toEqual([0]);
    expect(await idsOf({ status: ["paused", "cancelled"] })).toEqual([0, 1]);
    expect(await idsOf({ tags: ["odd"] })).toEqual(numbers.filter((n) => n % 2 === 1));
    expect(await idsOf({ tags: ["odd", "even"] })).toEqual([]);
    expect(await idsOf({ labels: { rest: "2" } })).toEqual(numbers.filter((n) => n % 3 === 2));
    expect(await idsOf({ labels: { rest: "2", all: "no" } })).toEqual([]);
    expect(await idsOf({ tags: ["strange"], labels: { rest: "0" }, flow: "double-many" })).toEqual([3, 9, 15]);
    expect(await idsOf({ idPrefix: `${idPrefix}-0000` })).toEqual(numbers.slice(0, 10));
    expect(await idsOf({ idPrefix: "%" })).toEqual([]);
    expect(await idsOf({ after: all[22]!.instanceId })).toEqual([23, 24]);
    expect((await backend.findInstance(all[3]!.instanceId))?.instance).toMatchObject({ priority: 4 });
  });

  test("says where the next page begins, until there is none", async () => {
    const { client } = await listed();
    const all = numbered("paged", 25);
    const idPrefix = all[0]!.instanceId.slice(0, -6);
    await client.submitMany(double, all);
    const seen: string[] = [];
    let pages = 0;
    for (let after: string | null = null; ; pages++) {
      const page = await client.list({ idPrefix, limit: 10, ...(after === null ? {} : { after }) });
      seen.push(...page.instances.map(({ instanceId }) => instanceId));
      after = page.next;
      if (after === null) break;
    }

    expect(pages).toBe(2);
    expect(seen).toEqual(all.map(({ instanceId }) => instanceId));
    const [first] = (await client.list({ idPrefix, limit: 1 })).instances;
    expect(first).toMatchObject({
      status: "in_progress",
      flow: "double-many",
      endedAt: null,
      reason: null,
      priority: 3,
    });
    expect(first?.createdAt).toBeInstanceOf(Date);
  });

  test.each([
    ["limit", 0],
    ["limit", 1_001],
    ["status", "failed"],
    ["status", ["done"]],
    ["tags", "eu"],
    ["labels", []],
    ["idPrefix", 1],
    ["after", 1],
    ["flow", 1],
  ])("refuses %s %j, naming it", async (key, value) => {
    const { client } = await listed();
    await expect(client.list({ [key]: value })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      field: expect.stringContaining(`filter.${key}`) as unknown,
    });
  });

  test.each([[{ statuses: [] }], [[]], [null]])("refuses the filter %j", async (filter) => {
    const { client } = await listed();
    await expect(client.list(filter as object)).rejects.toMatchObject({ code: "INVALID_ARGUMENT", field: "filter" });
  });
});
