import { describe, expect, test } from "vitest";
import { FAULT_KINDS, simulateSeeds } from "../../src/testing/index.ts";
import { RARE_PATHS, simulateRandomFlows } from "../support/simulated-run.ts";

// Look longer with WAYMARK_SIMULATIONS=5000; for new ones with WAYMARK_SEED=random; again at one with WAYMARK_SEED=<seed> WAYMARK_SIMULATIONS=1.
const count = Number(process.env["WAYMARK_SIMULATIONS"] ?? 200);
const given = process.env["WAYMARK_SEED"];
const from = given === "random" ? Date.now() % 1_000_000_000 : Number(given ?? 1);

describe("random flows in a simulated world", () => {
  test(`take their course, whatever goes wrong (${count} runs from seed ${from})`, {
    timeout: 60_000 + 2_000 * count,
  }, async () => {
    console.log(`WAYMARK_SEED=${from} WAYMARK_SIMULATIONS=${count}`);
    const report = await simulateSeeds(simulateRandomFlows, { from, count, mustReach: RARE_PATHS });
    console.log(JSON.stringify(report));
    // Runs that come by none of this must not pass for a proof.
    if (count >= 200) expect(report.missed).toEqual([]);
    if (count >= 200) expect(Object.keys(report.faults)).toEqual([...FAULT_KINDS].toSorted());
    expect(report.replayed).toBe(Math.floor(count / 50));
  });
});
