import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { flowGraph } from "../../src/flow/flow-graph.ts";
import { task } from "../../src/flow/task.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";
import { soon, workerStarter } from "../support/workers.ts";

const start = workerStarter();

const order = flow<number>("overview-order")
  .then("check", (input) => {
    if (input < 0) throw new RangeError("negative");
    return input;
  })
  .fork([
    branch(
      "mail",
      task("send", () => "sent"),
    ),
    branch("stock", (b) => b.waitForEvent("stock", "stocked")),
  ])
  .join("both", ({ mail }) => mail)
  .build();

describe.each(await bothBackends())("what a client sees on $name", ({ name, backend }) => {
  const client = new Client(backend);

  test("where each node stands, and everything about an instance at one look", async () => {
    start(backend, { flows: [order] });
    const id = fresh("overview");
    await client.submit(order, id, 7, { labels: { shop: "x" } });
    await expect.poll(async () => (await client.status(id)).status, soon).toBe("awaiting_event");

    const states = await client.nodeStates(id);
    expect(states.map(({ nodeId, state, completed }) => `${nodeId} ${state} ${completed}`).sort()).toEqual([
      "both joining 0",
      "check completed 1",
      "send completed 1",
      "stock waiting 0",
    ]);
    const seen = await client.inspect(id);
    expect(seen).toMatchObject({
      ...{ codec: "json", input: { value: 7, problem: null }, output: null, failure: null, pending: [] },
      ...{ summary: { instanceId: id, definitionHash: order.hash }, report: { status: "awaiting_event" } },
    });
    await client.sendEvent(id, "other", { n: 1n });
    expect(await client.bufferedEvents(id)).toMatchObject([{ name: "other", payload: { n: 1n }, problem: null }]);
    await client.sendEvent(id, "stocked", "yes");
    await client.result(id);
    expect((await client.inspect(id)).output).toEqual({ value: "sent", problem: null });
    expect((await client.newest({ labels: { shop: "x" } })).items).toMatchObject([{ instanceId: id }]);
  });

  test("what failed, by flow, task and error", async () => {
    start(backend, { flows: [order] });
    const ids = [1, 2].map(() => fresh("failing"));
    for (const id of ids) await client.submit(order, id, -1);
    for (const id of ids) await client.result(id).catch(() => undefined);

    const { groups, isCapped } = await client.failureGroups({ flow: order.name });
    expect(groups).toMatchObject([
      { flow: order.name, taskId: "check", name: "RangeError", code: null, message: "negative", count: 2 },
    ]);
    expect(isCapped).toBe(false);
    expect([...(groups[0]?.instanceIds ?? [])].sort()).toEqual([...ids].sort());
    const { items } = await client.failures({ flow: order.name, limit: 1 });
    expect(items).toMatchObject([{ status: "failed", failure: { message: "negative", taskId: "check" } }]);
  });

  test("which workers and definitions there are", async () => {
    const handle = start(backend, { flows: [order] });
    await expect
      .poll(async () => (await client.definitions()).find(({ flow: of }) => of === order.name)?.workers, soon)
      .not.toBe(0);
    const { workers, next } = await client.workers();
    const own = workers.find(({ workerId }) => workerId === handle.workerId);
    expect(own).toMatchObject({ isAlive: true });
    expect(own?.lanes.map(({ flow: of }) => of)).toContain(order.name);
    expect(next).toBeNull();
    const graph = await client.graph(order.hash);
    // What is in memory is reached by who has the flow.
    expect(graph).toEqual(name === "memory" ? null : flowGraph(order));
  });
});
