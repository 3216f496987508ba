import { describe, expect, test } from "vitest";
import { flow } from "../../src/flow/flow.ts";
import { type SimulationOptions, simulate } from "../../src/testing/index.ts";
import { simulateRandomFlows } from "../support/simulated-run.ts";

// What simulations have found. Each is run again with the seed that found it.

const order = flow<number>("order")
  .then("double", (n) => 2 * n)
  .delay("rest", "10s")
  .then("add", (n) => n + 1)
  .build();

const fiveOrders: Omit<SimulationOptions, "seed"> = {
  flows: [order],
  faultsFor: "30s",
  async scenario({ client }) {
    const ids = [0, 1, 2, 3, 4].map((index) => `order-${index}`);
    const handles = await Promise.all(ids.map(async (id) => await client.submit(order, id, 20)));
    for (const handle of handles) expect(await handle.result()).toBe(41);
  },
};

describe("random flows", () => {
  test.each([[727_854_194, "the count of a map without items, recorded twice, was taken for its list"]])(
    "take their course with seed %i, where %s",
    { timeout: 60_000 },
    async (seed) => void (await simulateRandomFlows(seed)),
  );
});

describe("a simulated worker", () => {
  test.each([2, 32])(
    "rests where its next look for work is due by one way of adding up the time, and not by another (seed %i)",
    { timeout: 60_000 },
    async (seed) => {
      const { reached } = await simulate({ ...fiveOrders, seed });
      expect(reached["move complete"]).toBe(5);
    },
  );
});
