import { describe, expect, test } from "vitest";
import { agentFlow, type Thought } from "../../examples/flows/agent.ts";
import { expenseFlow } from "../../examples/flows/approval.ts";
import { importFlow } from "../../examples/flows/etl.ts";
import { beginAnew, changeOver, orderVersion1, orderVersion2, type Shop } from "../../examples/flows/live-migration.ts";
import { type Booking, tripFlow } from "../../examples/flows/saga.ts";
import { Client } from "../../src/client/client.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";

describe.each(await bothBackends())("on $name, the example", ({ backend }) => {
  const runner = new Runner(backend, { pollInterval: 20 });
  const client = new Client(backend);

  test("of a saga cancels what was booked when another booking fails", async () => {
    const booked = new Map<string, Booking>();
    const cancelled: string[] = [];
    const trip = tripFlow({
      book: async (what, { city }, key) => {
        const booking = booked.get(key) ?? { what, number: `${city}-${booked.size}` };
        booked.set(key, booking);
        if (city === "Atlantis" && what === "a hotel")
          throw Object.assign(new Error("no such hotel"), { code: "GONE" });
        return booking;
      },
      cancel: async ({ what }) => void cancelled.push(what),
    });
    expect(await runner.run(trip, fresh("trip"), { traveller: "Ada", city: "Rome" }, { until: "ended" })).toMatchObject(
      {
        output: ["a train: Rome-0", "a hotel: Rome-1"],
      },
    );
    expect(cancelled).toEqual([]);
    const lost = await runner.run(trip, fresh("trip"), { traveller: "Ada", city: "Atlantis" }, { until: "ended" });
    expect(lost).toMatchObject({ status: "failed", failure: { message: "no such hotel", taskId: "hotel" } });
    expect(cancelled).toEqual(["a train"]);
  });

  test("of an approval reminds, escalates, and decides by rule in the end", async () => {
    const told: string[] = [];
    const expense = expenseFlow(async (who) => void told.push(who), "30ms");
    const input = { id: "e", cents: 900, approver: "bob", manager: "eve" };
    expect(await runner.run(expense, fresh("expense"), input, { until: "ended" })).toMatchObject({
      output: "approved by rule (escalated)",
    });
    expect(told).toEqual(["bob", "bob", "eve"]);

    const answered = fresh("expense");
    await client.sendEvent(answered, "answered", { by: "bob", approved: false });
    expect(await runner.run(expense, answered, input, { until: "ended" })).toMatchObject({
      output: "refused by bob (answered)",
    });
  });

  test("of a nightly import reports what is broken", async () => {
    const files = Array.from({ length: 60 }, (_, index) => `file-${index}`);
    const stored = new Set<string>();
    const nightly = importFlow({
      list: async () => files,
      read: async (file) => {
        if (file === "file-7" || file === "file-9") throw new Error(`${file} is broken`);
        return [1, 2, 3];
      },
      store: async (file) => void stored.add(file),
    });
    expect(await runner.run(nightly, fresh("import"), { date: "2026-11-24" }, { until: "ended" })).toMatchObject({
      output: { imported: 58, total: 348, broken: ["file-7 is broken", "file-9 is broken"] },
    });
    expect(stored.size).toBe(58);
  });

  test("of an agent thinks once a turn, though a tool fails", async () => {
    let thoughts = 0;
    let uses = 0;
    const think = async ({ notes }: { readonly notes: readonly string[] }): Promise<Thought> => {
      thoughts++;
      if (notes.length > 0) return { kind: "answer", text: notes.join(", ") };
      return { kind: "tools", calls: ["Rome", "Oslo"].map((argument) => ({ tool: "weather", argument })) };
    };
    const weather = async (city: string): Promise<string> => {
      uses++;
      if (uses === 2) throw Object.assign(new Error("try again"), { retryAfterMs: 0 });
      return `${city}: sun`;
    };
    const agent = agentFlow({ think }, { weather });
    expect(await runner.run(agent, fresh("agent"), "What is the weather?", { until: "ended" })).toMatchObject({
      output: "Rome: sun, Oslo: sun",
    });
    expect([thoughts, uses]).toEqual([2, 3]);
  });

  test("of a change under way moves what it can, finishes the rest side by side, and begins anew what must not", async () => {
    const shipped: string[] = [];
    const shop: Shop = {
      price: async ({ cents }) => cents,
      check: async (cents) => cents,
      ship: async (cents, version) => {
        shipped.push(`${cents} by version ${version}`);
        return "on its way";
      },
    };
    const [before, after] = [orderVersion1(shop), orderVersion2(shop)];
    const [waiting, sent, wrong] = [fresh("order"), fresh("order"), fresh("order")];
    for (const id of [waiting, sent, wrong]) await runner.run(before, id, { id, cents: 100 });
    for (const id of [sent, wrong]) {
      await client.sendEvent(id, "paid", 200);
      await runner.resume(before, id);
    }
    const dry = await client.migrateMany(before, after, {}, { dryRun: true });
    expect(dry).toMatchObject({ matched: 3, changed: 0, refusedCount: 2 });

    const { moved, left } = await changeOver(client, before, after);
    expect(moved).toBe(1);
    expect([...left.keys()].sort()).toEqual([sent, wrong].sort());
    expect(left.get(sent)).toMatch(/^returns: /);
    expect(await changeOver(client, before, after)).toEqual({ moved: 0, left });

    const anew = await beginAnew(client, before, after, wrong, "paid");
    for (const [id, cents] of [
      [waiting, 300],
      [anew, 400],
    ] as const) {
      await client.sendEvent(id, "paid", cents);
      await runner.resume(after, id);
      await client.completeTask(id, "returns", null);
      expect(await runner.resume(after, id, { until: "ended" })).toMatchObject({ output: "closed by version 2" });
    }
    await client.completeTask(sent, "returns", null);
    expect(await runner.resume(before, sent, { until: "ended" })).toMatchObject({ output: "closed by version 1" });
    expect((await client.status(wrong)).status).toBe("cancelled");
    expect(shipped).toEqual(["200 by version 1", "200 by version 1", "300 by version 2", "400 by version 2"]);
  });
});
