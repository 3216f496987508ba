import { expect } from "vitest";
import { aNewInstance, textOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import { aFiring, aNewSchedule, due, HOUR, OTHER, stored } from "./given-schedules.ts";
import type { ConformanceTests } from "./suite.ts";

export const firingTests: ConformanceTests = {
  "makes the instances, and has their slots behind": async ({ backend, clock }) => {
    await backend.declareSchedules([aNewSchedule()]);
    const [lastSlot, nextSlot, dueAt] = [clock.now() - 7, clock.now() + 5, clock.now() + 9];
    const instances = ["a", "b"].map((instanceId) => aNewInstance({ instanceId }));
    const skipped = { slot: clock.now() - 9, reason: "missed" } as const;
    const what = {
      instances,
      lastSlot,
      nextSlot,
      dueAt,
      live: ["a", "b"],
      skipped,
      problem: "none",
      definitionHash: OTHER,
    };
    expect(await backend.fireSchedule(aFiring(await stored(backend), what))).toBe(true);

    expect(await stored(backend)).toMatchObject({
      ...{ lastSlot, nextSlot, dueAt, live: ["a", "b"], skipped, problem: "none", version: 2 },
      start: { definitionHash: OTHER },
    });
    const made = await Promise.all(["a", "b"].map(async (id) => await backend.findInstance(id)));
    expect(made.map((state) => [state?.instance.status, textOf(state?.instance.input)])).toEqual([
      ["in_progress", "1"],
      ["in_progress", "1"],
    ]);
  },

  "lets one of any number succeed who have looked at the same": async ({ backend }) => {
    await backend.declareSchedules([aNewSchedule()]);
    const schedule = await stored(backend);
    const fire = async (index: number): Promise<boolean> =>
      await backend.fireSchedule(aFiring(schedule, { instances: [aNewInstance({ instanceId: `by-${index}` })] }));
    const outcomes = await Promise.all([0, 1, 2, 3, 4].map(fire));

    expect(outcomes.filter((isWritten) => isWritten)).toHaveLength(1);
    const all = await backend.listInstanceIds({ idPrefix: "by-" });
    expect(all).toEqual([`by-${outcomes.indexOf(true)}`]);
  },

  "writes nothing if the schedule has been changed, or is gone": async ({ backend, clock }) => {
    const changes: (() => Promise<unknown>)[] = [
      () => backend.changeSchedule("hourly", { isPaused: true }),
      () => backend.putSchedule(aNewSchedule()),
      () => backend.requestSlots("hourly", [{ instanceId: "x", slot: clock.now() }]),
      () => backend.resetSchedule("hourly"),
      () => backend.deleteSchedule("hourly"),
    ];
    await backend.declareSchedules([aNewSchedule()]);
    for (const change of changes) {
      const schedule = await stored(backend);
      await change();
      expect(await backend.fireSchedule(aFiring(schedule))).toBe(false);
    }
    expect(await backend.findInstance("order-1")).toBeNull();
  },

  "leaves an instance whose id is taken as it is": async ({ backend, given }) => {
    await given.instance();
    const before = await backend.findInstance("order-1");
    await backend.declareSchedules([aNewSchedule()]);
    const instances = [aNewInstance({ priority: 5 }), aNewInstance({ instanceId: "order-2" })];
    expect(await backend.fireSchedule(aFiring(await stored(backend), { instances }))).toBe(true);

    expect(await backend.findInstance("order-1")).toEqual(before);
    expect(await backend.findInstance("order-2")).not.toBeNull();
  },

  "is due never again where nothing comes": async ({ backend, clock }) => {
    await backend.declareSchedules([aNewSchedule()]);
    await backend.fireSchedule(aFiring(await stored(backend), { nextSlot: null, dueAt: null }));
    clock.advance(1_000 * HOUR);

    expect(await due(backend)).toEqual([]);
    expect(await stored(backend)).toMatchObject({ nextSlot: null, dueAt: null });
  },

  "tells which instances are live until they end or are gone": async ({ backend, clock }) => {
    await backend.declareSchedules([aNewSchedule()]);
    const instances = ["c", "b", "a"].map((instanceId) => aNewInstance({ instanceId }));
    const live = ["c", "b", "never", "a"];
    await backend.fireSchedule(aFiring(await stored(backend), { instances, live, dueAt: clock.now() }));
    expect((await stored(backend)).live).toEqual(["c", "b", "a"]);
    await backend.terminateInstance("b", {});
    await backend.deleteSnapshot("a");
    await backend.requestControl("c", "pause", {});

    expect((await stored(backend)).live).toEqual(["c"]);
    expect((await backend.listSchedules({ limit: 1 }))[0]?.live).toEqual(["c"]);
    expect((await due(backend))[0]?.schedule.live).toEqual(["c"]);
  },

  "tells those who listen that there is work": async ({ backend }) => {
    await backend.declareSchedules([aNewSchedule()]);
    let hints = 0;
    const subscription = backend.subscribe({
      ready: () => {
        hints++;
        return 0;
      },
    });
    await backend.fireSchedule(aFiring(await stored(backend)));
    subscription.close();

    expect(hints).toBeGreaterThan(0);
  },

  "refuses what makes no sense, and writes nothing": async ({ backend }) => {
    await backend.declareSchedules([aNewSchedule()]);
    const firing = aFiring(await stored(backend));
    const bad = [
      { scheduleId: "" },
      { version: 0 },
      { instances: [{}] },
      { instances: [aNewInstance({ positions: [] })] },
      { lastSlot: Number.NaN },
      { dueAt: "soon" },
      { live: null },
      { live: Array.from({ length: 101 }, (_, index) => `${index}`) },
      { done: [7] },
      { skipped: { slot: 1, reason: "mood" } },
      { problem: "a\u0000b" },
      { definitionHash: "" },
    ];
    for (const wrong of bad)
      await expectRefusal(backend.fireSchedule({ ...firing, ...wrong } as never), "INVALID_ARGUMENT");
    await expectRefusal(backend.fireSchedule(null as never), "INVALID_ARGUMENT");

    expect(await stored(backend)).toMatchObject({ version: 1, lastSlot: null });
    expect(await backend.findInstance("order-1")).toBeNull();
  },
};

export const requestTests: ConformanceTests = {
  "has slots started, the oldest first, also while it is paused": async ({ backend, clock }) => {
    await backend.declareSchedules([aNewSchedule()]);
    await backend.changeSchedule("hourly", { isPaused: true });
    await backend.fireSchedule(aFiring(await stored(backend), { instances: [], dueAt: null }));
    const slots = Array.from({ length: 25 }, (_, index) => ({
      instanceId: `s-${index}`,
      slot: clock.now() - index * 1_000,
    }));
    expect(await backend.requestSlots("hourly", slots)).toBe(true);
    const [found] = await due(backend);
    expect(found?.schedule).toMatchObject({ requested: 25, isPaused: true });
    expect(found?.requests).toEqual(slots.slice(5).reverse());
    const done = found?.requests.map(({ instanceId }) => instanceId) ?? [];
    await backend.fireSchedule(aFiring(await stored(backend), { instances: [], done, dueAt: clock.now() }));

    expect((await due(backend))[0]?.requests).toEqual(slots.slice(0, 5).reverse());
    expect((await stored(backend)).requested).toBe(5);
  },

  "does not ask twice for one instance": async ({ backend, clock }) => {
    await backend.declareSchedules([aNewSchedule(), aNewSchedule("other")]);
    const slot = { instanceId: "x", slot: clock.now() };
    await backend.requestSlots("hourly", [slot]);
    await backend.requestSlots("hourly", [
      { ...slot, slot: slot.slot + 1 },
      { ...slot, instanceId: "y" },
    ]);
    await backend.requestSlots("other", [slot]);

    const all = await due(backend);
    expect(all.map(({ schedule, requests }) => [schedule.scheduleId, requests])).toEqual([
      ["hourly", [slot, { ...slot, instanceId: "y" }]],
      ["other", [slot]],
    ]);
  },

  "refuses what is no slot": async ({ backend }) => {
    await backend.declareSchedules([aNewSchedule()]);
    const slot = { instanceId: "x", slot: 0 };
    for (const wrong of [null, [null], [{}], [{ ...slot, instanceId: "" }], [{ ...slot, slot: "now" }], [slot, slot]])
      await expectRefusal(backend.requestSlots("hourly", wrong as never), "INVALID_ARGUMENT");

    expect((await stored(backend)).requested).toBe(0);
  },
};
