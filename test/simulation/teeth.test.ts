import { describe, expect, test, vi } from "vitest";
import { InMemoryBackend } from "../../src/memory/memory-backend.ts";
import type { Checkpoint } from "../../src/snapshot/checkpoint.ts";
import type { CheckpointFate, ClaimedPosition, ClaimRequest } from "../../src/store/position-store.ts";
import { SimulationFailedError } from "../../src/testing/index.ts";
import { simulateRandomFlows } from "../support/simulated-run.ts";

// A simulation that finds nothing has perhaps not looked. Each of these breaks the store in one way, which has to be found.

const MOST_SEEDS = 150;
type Holder = Parameters<InMemoryBackend["commitCheckpoints"]>[1];
const { commitCheckpoints, claimPositions } = InMemoryBackend.prototype;

/** @returns what was said of the first run that failed; fails if none does */
async function found(): Promise<string> {
  for (let seed = 1; seed <= MOST_SEEDS; seed++) {
    try {
      await simulateRandomFlows(seed, { calmFor: "3m" });
    } catch (error) {
      if (!(error instanceof SimulationFailedError)) throw error;
      return error.message;
    }
  }
  throw new Error(`${MOST_SEEDS} runs have found nothing.`);
}

describe("a simulation finds a store", { timeout: 120_000 }, () => {
  test("that takes checkpoints of those who have lost their claim", async () => {
    const broken = async function (this: InMemoryBackend, checkpoints: readonly Checkpoint[], holder: Holder) {
      const renewed = await Promise.all(
        checkpoints.map(async (checkpoint) => {
          const { claim } = checkpoint;
          const state = await this.findInstance(claim.instanceId);
          const token = state?.positions.find(({ path }) => path === claim.path)?.claim?.token;
          return token === undefined ? checkpoint : { ...checkpoint, claim: { ...claim, token } };
        }),
      );
      return await commitCheckpoints.call(this, renewed, holder);
    };
    vi.spyOn(InMemoryBackend.prototype, "commitCheckpoints").mockImplementation(broken);
    expect(await found()).toContain("INV-5");
  });

  test("that acknowledges what it has not written", async () => {
    let calls = 0;
    const broken = async function (this: InMemoryBackend, checkpoints: readonly Checkpoint[], holder: Holder) {
      if (++calls % 40 !== 0) return await commitCheckpoints.call(this, checkpoints, holder);
      return checkpoints.map((): CheckpointFate => ({ kind: "accepted", kept: true, interrupt: null, granted: [] }));
    };
    vi.spyOn(InMemoryBackend.prototype, "commitCheckpoints").mockImplementation(broken);
    expect(await found()).toMatch(/Seed \d+/);
  });

  test("that gives a claim out twice", async () => {
    let last: readonly ClaimedPosition[] = [];
    let calls = 0;
    const broken = async function (this: InMemoryBackend, request: ClaimRequest) {
      if (++calls % 10 === 0 && last.length > 0) return last.slice(0, request.limit);
      const claimed = await claimPositions.call(this, request);
      if (claimed.length > 0) last = claimed;
      return claimed;
    };
    vi.spyOn(InMemoryBackend.prototype, "claimPositions").mockImplementation(broken);
    expect(await found()).toContain("INV-6");
  });

  test("in which nothing ever comes due", async () => {
    vi.spyOn(InMemoryBackend.prototype, "promoteDue").mockResolvedValue({ promoted: 0, nextDueMs: null, owes: false });
    expect(await found()).toContain("not come to its end");
  });

  test("that never tells parents of the ends of their children", async () => {
    vi.spyOn(InMemoryBackend.prototype, "settleEndings").mockResolvedValue(undefined as never);
    vi.spyOn(
      InMemoryBackend.prototype as unknown as { settled(call: Promise<unknown>): Promise<unknown> },
      "settled",
    ).mockImplementation(async (call) => await call);
    expect(await found()).toContain("not come to its end");
  });
});
