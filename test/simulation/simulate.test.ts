import { describe, expect, test } from "vitest";
import { flow } from "../../src/flow/flow.ts";
import { type SimulationOptions, type SimulationReport, simulate, simulateSeeds } from "../../src/testing/index.ts";

const greet = flow<string>("greet")
  .then("compose", (name) => `Hello ${name}`)
  .delay("rest", "1h")
  .then("shout", (text) => text.toUpperCase())
  .build();

const oneGreeting: Omit<SimulationOptions, "seed"> = {
  flows: [greet],
  calmFor: "2h",
  // With short leases, two hours would be full of heartbeats.
  workerOptions: { leaseTtl: "10m", pollInterval: "10m" },
  async scenario({ client }) {
    const handle = await client.submit(greet, "greet-1", "Ada");
    expect(await handle.result()).toBe("HELLO ADA");
  },
};

describe("simulate", () => {
  test("passes hours in no time, and says what has happened", async () => {
    const report = await simulate({ ...oneGreeting, seed: 1, workers: 2 });
    expect(report.simulatedMs).toBeGreaterThan(3_600_000);
    expect(report.reached["move complete"]).toBe(1);
  });

  test("goes the same way with the same seed, line for line, and another with another one", async () => {
    const run = async (seed: number): Promise<SimulationReport> =>
      await simulate({ ...oneGreeting, seed, keepsLog: true });
    const [one, same, other] = [await run(4), await run(4), await run(5)];
    expect(same.log).toEqual(one.log);
    expect(same).toEqual(one);
    expect(other.digest).not.toBe(one.digest);
  });

  test("has nothing go wrong where no faults are allowed", async () => {
    for (let seed = 1; seed <= 10; seed++)
      expect((await simulate({ ...oneGreeting, seed, faults: [] })).faults).toEqual({});
    const { faults } = await simulateSeeds(
      async (seed) => await simulate({ ...oneGreeting, seed, faults: ["refused", "crash"], faultsFor: "1h" }),
      { from: 1, count: 10 },
    );
    expect(Object.keys(faults)).toEqual(["crash", "refused"]);
  });

  test("lets bodies take time, and has them die with their process", async () => {
    const starts: string[] = [];
    const ends: string[] = [];
    let nap: (ms: number) => Promise<void> = async () => undefined;
    const slow = flow<number>("slow")
      .then("think", async (n) => {
        starts.push("think");
        await nap(2_000);
        ends.push("think");
        return n;
      })
      .build();
    for (let seed = 1; seed <= 20; seed++) {
      await simulate({
        ...{
          seed,
          flows: [slow],
          faults: ["crash"],
          workers: 2,
          workerOptions: { leaseTtl: 300, maxLostLeases: 1_000 },
        },
        async scenario({ client, sleep }) {
          nap = sleep;
          await (await client.submit(slow, "slow-1", 1)).result();
        },
      });
    }
    expect(ends).toHaveLength(20);
    expect(starts.length).toBeGreaterThan(20);
  });

  test("fails with what the scenario and the check have thrown, and says how it came to that", async () => {
    const scenario = async (): Promise<never> => {
      throw new Error("that was not foreseen");
    };
    await expect(simulate({ ...oneGreeting, seed: 3, scenario })).rejects.toMatchObject({
      name: "SimulationFailedError",
      seed: 3,
      message: expect.stringContaining("that was not foreseen") as string,
    });
    const check = async (): Promise<void> => {
      throw new Error("something is missing");
    };
    const failed = await simulate({ ...oneGreeting, seed: 3, check }).catch((error: unknown) => error);
    expect(failed).toMatchObject({ message: expect.stringContaining("something is missing") as string });
    expect((failed as { log: readonly string[] }).log.length).toBeGreaterThan(50);
  });

  test("fails where something never comes to its end", async () => {
    const waits = flow<number>("waits").waitForEvent("answer", "answer").build();
    const scenario: SimulationOptions["scenario"] = async ({ client }) => {
      await (await client.submit(waits, "waits-1", 1)).result();
    };
    await expect(simulate({ seed: 1, flows: [waits], scenario, calmFor: "1m" })).rejects.toThrow("not come to its end");
  });

  test("finds a flow that takes its chances from outside", async () => {
    const dice = flow<number>("dice")
      .then("throw", () => Math.random())
      .build();
    const run = async (seed: number): Promise<SimulationReport> =>
      await simulate({
        ...{ seed, flows: [dice], keepsLog: true },
        scenario: async ({ client }) => void (await (await client.submit(dice, "dice-1", 1)).result()),
      });
    // The lengths of what is stored differ.
    await expect(simulateSeeds(run, { from: 1, count: 20, replayEvery: 1 })).rejects.toThrow("gone another way");
  });

  test.each([
    [{ seed: -1 }, "options.seed"],
    [{ seed: 1.5 }, "options.seed"],
    [{ workers: 0 }, "options.workers"],
    [{ workers: 21 }, "options.workers"],
    [{ faults: ["nothing"] }, "options.faults[0]"],
    [{ faultsFor: "soon" }, "options.faultsFor"],
    [{ scenario: 1 }, "options.scenario"],
    [{ check: "x" }, "options.check"],
    [{ flows: [] }, "options.flows"],
    [{ unknown: 1 }, "unknown"],
  ])("refuses %j", async (wrong, field) => {
    const options = { ...oneGreeting, seed: 1, ...wrong } as unknown as SimulationOptions;
    const error: unknown = await simulate(options).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(String(error)).toContain(field);
  });
});

describe("simulateSeeds", () => {
  test("adds up what the runs have come by, and names what none of them has", async () => {
    const report = await simulateSeeds(async (seed) => await simulate({ ...oneGreeting, seed }), {
      ...{ from: 10, count: 4, replayEvery: 2, mustReach: ["move complete", "move fork"] },
    });
    expect(report).toMatchObject({ runs: 4, replayed: 2, missed: ["move fork"] });
    expect(report.reached["move complete"]).toBe(4);
  });

  test.each([
    [{ from: -1, count: 1 }, "options.from"],
    [{ from: 1, count: 0 }, "options.count"],
    [{ from: Number.MAX_SAFE_INTEGER, count: 2 }, "options.count"],
    [{ from: 1, count: 1, replayEvery: -1 }, "options.replayEvery"],
  ])("refuses %j", async (options, field) => {
    const run = async (seed: number): Promise<SimulationReport> => await simulate({ ...oneGreeting, seed });
    await expect(simulateSeeds(run, options)).rejects.toThrow(field);
  });
});
