import { expect } from "vitest";
import { anEntry } from "../builders.ts";
import type { Given } from "./given.ts";
import type { ConformanceTests } from "./suite.ts";

const DAY = 86_400_000;

/** "order-1" parked until a time. */
async function parkedUntil(given: Given, wakeAt: number): Promise<void> {
  const claim = await given.held();
  const move = { kind: "park", to: given.delay(), wakeAfterMs: null, wakeAt } as const;
  expect(await given.accepted(claim, move, [anEntry()])).toMatchObject({ kept: false, granted: [] });
}

export const parkUntilTests: ConformanceTests = {
  "lets the position sleep until then, and never wakes it early (INV-10)": async ({ given, clock }) => {
    const wakeAt = clock.now() + 5_000;
    await parkedUntil(given, wakeAt);
    expect(await given.positionOf("order-1")).toMatchObject({ ready: false, availableAt: wakeAt, wakeAt, claim: null });
    given.after(4_999);
    expect(await given.claim()).toEqual([]);
    given.after(1);

    expect(await given.claim()).toMatchObject([{ taskId: "rest", kind: "delay", armed: true, due: true }]);
  },

  "counts no time that passes before it is written": async ({ given, clock }) => {
    const claim = await given.held();
    const wakeAt = clock.now() + 5_000;
    given.after(3_000);
    await given.accepted(claim, { kind: "park", to: given.delay(), wakeAfterMs: null, wakeAt });

    expect(await given.positionOf("order-1")).toMatchObject({ wakeAt, availableAt: wakeAt });
  },

  "makes the position ready at once where that is past, or now": async ({ given, clock }) => {
    for (const [index, wakeAt] of [clock.now(), clock.now() - 1, clock.now() - 365 * DAY, 0, -DAY].entries()) {
      const instanceId = `order-${index}`;
      const claim = await given.held({ instanceId });
      await given.accepted(claim, { kind: "park", to: given.delay(), wakeAfterMs: null, wakeAt });

      expect(await given.positionOf(instanceId)).toMatchObject({
        ready: true,
        availableAt: clock.now(),
        wakeAt: null,
        claim: null,
      });
    }
    expect(await given.claim()).toHaveLength(5);
  },

  "takes any time that a clock shows": async ({ given, clock }) => {
    for (const [index, wakeAt] of [8.64e15, 253_402_300_799_999].entries()) {
      const claim = await given.held({ instanceId: `later-${index}` });
      await given.accepted(claim, { kind: "park", to: given.delay(), wakeAfterMs: null, wakeAt });
      expect(await given.positionOf(`later-${index}`)).toMatchObject({ ready: false, wakeAt, availableAt: wakeAt });
    }
    for (const [index, wakeAt] of [-8.64e15, -62_135_596_800_001].entries()) {
      const claim = await given.held({ instanceId: `earlier-${index}` });
      await given.accepted(claim, { kind: "park", to: given.delay(), wakeAfterMs: null, wakeAt });
      expect(await given.positionOf(`earlier-${index}`)).toMatchObject({ ready: true, availableAt: clock.now() });
    }
  },

  "rounds part of a millisecond up, so that nobody is woken early (INV-10)": async ({ given, clock }) => {
    await parkedUntil(given, clock.now() + 4_999.1);

    expect(await given.positionOf("order-1")).toMatchObject({ wakeAt: clock.now() + 5_000 });
  },

  "is the time by which it sleeps, whatever is said of a duration": async ({ given, clock }) => {
    const claim = await given.held();
    const wakeAt = clock.now() + 5_000;
    await given.accepted(claim, { kind: "park", to: given.delay(), wakeAfterMs: 1_000, wakeAt });

    expect(await given.positionOf("order-1")).toMatchObject({ wakeAt });
  },

  "keeps a paused instance out of reach, and its time": async ({ backend, given, clock }) => {
    const claim = await given.held();
    await backend.requestControl("order-1", "pause", {});
    const wakeAt = clock.now() + 5_000;
    await given.accepted(claim, { kind: "park", to: given.delay(), wakeAfterMs: null, wakeAt });
    expect(await given.positionOf("order-1")).toMatchObject({ ready: false, availableAt: null, wakeAt });
    await backend.unpause("order-1");

    expect(await given.positionOf("order-1")).toMatchObject({ ready: false, availableAt: wakeAt, wakeAt });
  },

  "goes on at once after a pause in which the time has come": async ({ backend, given, clock }) => {
    const claim = await given.held();
    await backend.requestControl("order-1", "pause", {});
    await given.accepted(claim, { kind: "park", to: given.delay(), wakeAfterMs: null, wakeAt: clock.now() + 5_000 });
    given.after(DAY);
    expect(await given.claim()).toEqual([]);
    await backend.unpause("order-1");

    expect(await given.claim()).toMatchObject([{ taskId: "rest", due: true }]);
  },

  "keeps the time of a saved snapshot": async ({ backend, given, clock }) => {
    const wakeAt = clock.now() + 5_000;
    await parkedUntil(given, wakeAt);
    const snapshot = await backend.loadSnapshot("order-1");
    await backend.deleteSnapshot("order-1");
    await backend.saveSnapshot(snapshot);

    expect(await given.positionOf("order-1")).toMatchObject({ ready: false, wakeAt, availableAt: wakeAt });
  },
};
