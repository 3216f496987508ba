import { expect } from "vitest";
import { type Given, holder } from "./given.ts";
import type { ConformanceTests } from "./suite.ts";

const DAY = 86_400_000;

async function manyWaiting(given: Given, count: number, key: string = "a"): Promise<void> {
  await given.waiting(
    Array.from({ length: count }, (_, index) => `${key}${String(index).padStart(3, "0")}`),
    { key },
  );
}

/** How many are let through now. */
async function begun(given: Given): Promise<number> {
  return (await given.claimLimited()).claimed.length;
}

/** Expects that nothing is let through, and when something will be. Other stores round times. */
async function expectNext(given: Given, ms: number): Promise<void> {
  const { claimed, nextMs } = await given.claimLimited();
  expect(claimed).toEqual([]);
  expect(nextMs).toBeCloseTo(ms, 1);
}

export const rateTests: ConformanceTests = {
  "lets one begin after the other, evenly": async ({ given }) => {
    await given.limit({ rate: { count: 10, per: "1s", burst: 1 } });
    await manyWaiting(given, 10);
    for (let index = 0; index < 5; index++) {
      expect(await begun(given)).toBe(1);
      await expectNext(given, 100);
      given.after(99);
      await expectNext(given, 1);
      given.after(1);
    }
  },

  "lets a burst begin after a quiet time, and no more": async ({ given }) => {
    await given.limit({ rate: { count: 10, per: "1s", burst: 4 } });
    await manyWaiting(given, 20);

    expect(await begun(given)).toBe(4);
    await expectNext(given, 100);
    given.after(250);
    expect(await begun(given)).toBe(2);
    await expectNext(given, 50);
    given.after(DAY);
    expect(await begun(given)).toBe(4);
  },

  "lets no more than burst and what the time allows begin, however it is asked": async ({ given }) => {
    await given.limit({ rate: { count: 7, per: "1s", burst: 3 } });
    await manyWaiting(given, 60);
    let total = await begun(given);
    for (let step = 1; step <= 50; step++) {
      given.after(37);
      total += await begun(given);
      expect(total).toBeLessThanOrEqual(3 + (7 * 37 * step) / 1_000 + 1e-3);
    }

    expect(total).toBe(3 + Math.floor((7 * 37 * 50) / 1_000));
  },

  "keeps to times that are no whole milliseconds": async ({ given }) => {
    await given.limit({ rate: { count: 3, per: "1s", burst: 1 } });
    await manyWaiting(given, 10);
    expect(await begun(given)).toBe(1);
    given.after(333);
    expect(await begun(given)).toBe(0);
    given.after(1);
    expect(await begun(given)).toBe(1);
  },

  "counts what begins, not what ends": async ({ backend, given }) => {
    await given.limit({ rate: { count: 1, per: "1m" } });
    await given.waiting(["a"]);
    await backend.releaseClaims([await given.admittedOf("a")]);

    expect(await begun(given)).toBe(0);
    given.after(60_000);
    expect(await begun(given)).toBe(1);
  },

  "counts each key by itself where the limit says so": async ({ given }) => {
    await given.limit({ perKey: { rate: { count: 10, per: "1s", burst: 2 } } });
    for (const key of ["a", "b"]) await manyWaiting(given, 5, key);

    expect(await given.admitted()).toEqual(["a000", "a001", "b000", "b001"]);
    await expectNext(given, 100);
    given.after(100);
    expect(await given.admitted()).toEqual(["a002", "b002"]);
  },

  "keeps to the rates of all and of each key at once": async ({ given }) => {
    await given.limit({
      rate: { count: 10, per: "1s", burst: 3 },
      perKey: { rate: { count: 1, per: "1s", burst: 1 } },
    });
    for (const key of ["a", "b", "c", "d"]) await manyWaiting(given, 2, key);

    expect(await given.admitted()).toEqual(["a000", "b000", "c000"]);
    given.after(100);
    expect(await given.admitted()).toEqual(["d000"]);
    given.after(100);
    await expectNext(given, 800);
    given.after(800);
    expect(await given.admitted()).toEqual(["a001", "b001", "c001"]);
  },

  "says when the first key may go on": async ({ given }) => {
    await given.limit({ perKey: { rate: { count: 1, per: "10s" } } });
    await manyWaiting(given, 2, "a");
    expect(await begun(given)).toBe(1);
    given.after(4_000);
    await manyWaiting(given, 2, "b");
    const { claimed, nextMs } = await given.claimLimited();

    expect(claimed).toMatchObject([{ instanceId: "b000" }]);
    expect(nextMs).toBeCloseTo(6_000, 1);
    given.after(1_000);
    await expectNext(given, 5_000);
  },

  "says nothing of a rate where a place is waited for, too": async ({ given }) => {
    await given.limit({ concurrency: 1, rate: { count: 1, per: "1s" } });
    await given.limit({ perKey: { concurrency: 1, rate: { count: 10, per: "1s" } } }, "db");
    await given.waiting(["a", "b"], { limit: "api" });
    await given.waiting(["c", "d"], { limit: "db" });
    expect(await begun(given)).toBe(2);

    expect(await given.claimLimited()).toEqual({ claimed: [], nextMs: null });
    given.after(5_000);
    expect(await given.claimLimited()).toEqual({ claimed: [], nextMs: null });
  },

  "says nothing of keys that are paused": async ({ backend, given }) => {
    await given.limit({ perKey: { rate: { count: 1, per: "10s" } } });
    for (const key of ["a", "b"]) {
      await manyWaiting(given, 2, key);
      expect(await begun(given)).toBe(1);
      given.after(2_000);
    }
    await expectNext(given, 6_000);
    await backend.changeLimitKey("api", "a", { isPaused: true });

    await expectNext(given, 8_000);
  },

  "says of one instance after how long it may go on": async ({ given }) => {
    await given.limit({ perKey: { rate: { count: 1, per: "10s" } } });
    await given.waiting(["a", "b"], { key: "a" });

    expect(await given.claimLimited({ instanceId: "a" })).toMatchObject({
      claimed: [{ instanceId: "a", admitted: "task" }],
      nextMs: null,
    });
    given.after(4_000);
    const { claimed, nextMs } = await given.claimLimited({ instanceId: "b" });
    expect(claimed).toEqual([]);
    expect(nextMs).toBeCloseTo(6_000, 1);
    expect(await given.claimLimited({ instanceId: "a" })).toEqual({ claimed: [], nextMs: null });
    given.after(6_000);
    expect(await given.admitted({ instanceId: "b" })).toEqual(["b"]);
  },

  "counts what begins of one instance, too": async ({ given }) => {
    await given.limit({ rate: { count: 1, per: "10s" } });
    await given.waiting(["a", "b"]);
    expect(await given.admitted({ instanceId: "b" })).toEqual(["b"]);

    await expectNext(given, 10_000);
  },

  "counts an attempt after a lost lease again": async ({ backend, given }) => {
    await given.limit({ rate: { count: 1, per: "1h" } });
    await given.waiting(["a"]);
    await given.admittedOf("a");
    given.after(holder.leaseMs);
    await backend.promoteDue();

    await expectNext(given, 3_600_000 - holder.leaseMs);
  },
};
