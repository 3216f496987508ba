import { describe, expect, test } from "vitest";
import { limit } from "../flow/limit.ts";
import { aLane, aNewInstance, aNewPosition, aStanding } from "../testing/builders.ts";
import { TestClock } from "../testing/test-clock.ts";
import { InMemoryBackend } from "./memory-backend.ts";

const HOLDER = { workerId: "worker-a", leaseMs: 60_000 };
const LIMITED = aLane({ gate: { limit: "api", scope: "task" } });
const CLAIM = { ...HOLDER, limit: 10, lanes: [aLane()] };

async function waiting(backend: InMemoryBackend, instanceIds: readonly string[], keyOf: (index: number) => string) {
  await backend.createInstances(
    instanceIds.map((instanceId, index) => {
      const standing = aStanding({ lane: LIMITED, limitKey: keyOf(index) });
      return aNewInstance({ instanceId, positions: [aNewPosition({ standing })] });
    }),
  );
}

function ids(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`);
}

describe("MemoryLimitStore", () => {
  test("claims beside many thousands that wait behind one key", async () => {
    const backend = new InMemoryBackend({ clock: new TestClock() });
    await backend.declareLimits([limit("api", { perKey: { concurrency: 1 } })]);
    await waiting(backend, ids("a", 20_000), () => "a");
    expect((await backend.claimLimited(CLAIM)).claimed).toHaveLength(1);
    await waiting(backend, ids("b", 1_000), () => "b");

    // Twenty million would be looked at if each had to walk.
    for (let index = 0; index < 1_000; index++) {
      const { claimed } = await backend.claimLimited(CLAIM);
      expect(claimed.map(({ instanceId }) => instanceId)).toHaveLength(1);
      await backend.terminateInstance(claimed[0]?.instanceId ?? "", {});
      expect(await backend.claimPositions({ ...CLAIM, limit: 1 })).toEqual([]);
    }
    expect(await backend.listLimits()).toMatchObject([{ running: 1, waiting: 19_999 }]);
  }, 60_000);

  test("comes to a key behind thousands that may have nothing, in a few claims", async () => {
    const backend = new InMemoryBackend({ clock: new TestClock() });
    await backend.declareLimits([limit("api", { perKey: { concurrency: 1 } })]);
    const keyOf = (index: number): string => `k${String(index % 5_000).padStart(4, "0")}`;
    await waiting(backend, ids("a", 10_000), keyOf);
    expect((await backend.claimLimited({ ...CLAIM, limit: 5_000 })).claimed).toHaveLength(5_000);
    await waiting(backend, ["z"], () => "z");

    const claims = [];
    for (let index = 0; index < 7; index++) claims.push(...(await backend.claimLimited(CLAIM)).claimed);
    expect(claims.map(({ instanceId }) => instanceId)).toEqual(["z"]);
  });

  test("forgets what keys have begun when that is of no account any more", async () => {
    const clock = new TestClock();
    const backend = new InMemoryBackend({ clock });
    await backend.declareLimits([limit("api", { perKey: { rate: { count: 1, per: "1s" } } })]);
    for (let round = 0; round < 5; round++) {
      const made = ids(`r${round}-`, 1_000);
      await waiting(backend, made, (index) => `${round}-${index}`);
      expect((await backend.claimLimited({ ...CLAIM, limit: 1_000 })).claimed).toHaveLength(1_000);
      for (const instanceId of made) await backend.terminateInstance(instanceId, {});
      clock.advance(1_000);
    }

    await waiting(backend, ["again", "more"], () => "4-0");
    expect(await backend.claimLimited(CLAIM)).toMatchObject({ claimed: [{ instanceId: "again" }], nextMs: 1_000 });
  });
});
