import { expect } from "vitest";
import type { Backend } from "../../store/backend.ts";
import { aLane, bytesOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import { firingTests, requestTests } from "./fire-schedule.suite.ts";
import { aFiring, aNewSchedule, due, HOUR, OTHER, stored } from "./given-schedules.ts";
import type { ConformanceSuite, ConformanceTests } from "./suite.ts";

const MINUTE = 60_000;
const NO_NAMES: readonly unknown[] = ["", " ", "a\u0000b", 7, null, {}];

async function ids(backend: Backend): Promise<string[]> {
  return (await due(backend)).map(({ schedule }) => schedule.scheduleId);
}

const declareTests: ConformanceTests = {
  "stores schedules that begin now, due at once": async ({ backend, clock }) => {
    const schedule = aNewSchedule();
    await backend.declareSchedules([schedule]);
    const now = clock.now();

    expect(await stored(backend)).toEqual({
      ...schedule,
      ...{
        isChanged: false,
        isPaused: false,
        pauseReason: null,
        since: now,
        lastSlot: null,
        nextSlot: null,
        dueAt: now,
      },
      ...{ live: [], skipped: null, problem: null, requested: 0, version: 1, createdAt: now, now },
    });
  },

  "changes nothing of one that says the same": async ({ backend, clock }) => {
    await backend.declareSchedules([aNewSchedule()]);
    const { now, ...before } = await stored(backend);
    clock.advance(5_000);
    await backend.declareSchedules([aNewSchedule()]);

    expect(await stored(backend)).toEqual({ ...before, now: now + 5_000 });
  },

  "replaces what was declared before, and has other slots begin now": async ({ backend, clock }) => {
    await backend.declareSchedules([aNewSchedule()]);
    const { since, createdAt } = await stored(backend);
    await backend.fireSchedule(aFiring(await stored(backend)));
    clock.advance(5_000);
    const input = bytesOf("8");
    await backend.declareSchedules([aNewSchedule("hourly", { start: { input, labels: {} }, terms: { jitterMs: 7 } })]);
    expect(await stored(backend)).toMatchObject({
      ...{ since, createdAt, lastSlot: since, nextSlot: since + HOUR, dueAt: since + 5_000 },
      ...{ start: { input, labels: {} }, terms: { jitterMs: 7 } },
    });
    await backend.declareSchedules([aNewSchedule("hourly", { terms: { cron: "0 * * * *", everyMs: null } })]);

    expect(await stored(backend)).toMatchObject({ since: since + 5_000, createdAt, lastSlot: since, nextSlot: null });
  },

  "takes the last of several of one id": async ({ backend }) => {
    const all = [1, 2, 3].map((priority) => aNewSchedule("hourly", { start: { priority } }));
    await backend.declareSchedules(all);

    expect((await stored(backend)).start.priority).toBe(3);
  },

  "leaves one paused that is": async ({ backend, clock }) => {
    await backend.declareSchedules([aNewSchedule()]);
    await backend.changeSchedule("hourly", { isPaused: true, pauseReason: "night" });
    await backend.fireSchedule(aFiring(await stored(backend), { instances: [], dueAt: null }));
    clock.advance(5_000);
    await backend.declareSchedules([aNewSchedule("hourly", { terms: { everyMs: 2 * HOUR } })]);

    expect(await stored(backend)).toMatchObject({
      isPaused: true,
      pauseReason: "night",
      terms: { everyMs: 2 * HOUR },
      dueAt: null,
    });
  },

  "leaves alone what was changed by hand, until that is reset": async ({ backend }) => {
    await backend.declareSchedules([aNewSchedule()]);
    expect(await backend.changeSchedule("hourly", { terms: { overlap: "skip" } })).toBe(true);
    await backend.declareSchedules([aNewSchedule("hourly", { terms: { overlap: "queue" } })]);
    expect(await stored(backend)).toMatchObject({ isChanged: true, terms: { overlap: "skip" } });
    expect(await backend.resetSchedule("hourly")).toBe(true);
    expect(await stored(backend)).toMatchObject({ isChanged: false, terms: { overlap: "skip" } });
    await backend.declareSchedules([aNewSchedule("hourly", { terms: { overlap: "queue" } })]);

    expect(await stored(backend)).toMatchObject({ isChanged: false, terms: { overlap: "queue" } });
  },

  "refuses what is no schedule, and stores nothing of it": async ({ backend }) => {
    const wrongTerms = [
      { cron: "x" },
      { everyMs: null },
      { everyMs: 0 },
      { overlap: "never" as never },
      { jitterMs: -1 },
    ];
    const wrong = wrongTerms.map((terms) => [aNewSchedule("ok"), aNewSchedule("hourly", { terms })]);
    for (const one of [undefined, null, "all", [null], [{}], ...wrong])
      await expectRefusal(backend.declareSchedules(one as never), "INVALID_ARGUMENT");
    for (const id of NO_NAMES)
      await expectRefusal(backend.declareSchedules([aNewSchedule(id as string)]), "INVALID_ARGUMENT");

    expect(await backend.listSchedules({ limit: 10 })).toEqual([]);
  },
};

const putTests: ConformanceTests = {
  "counts by hand, over what code says": async ({ backend }) => {
    await backend.putSchedule(aNewSchedule("hourly", { start: { priority: 5 } }));
    await backend.declareSchedules([aNewSchedule()]);
    expect(await stored(backend)).toMatchObject({ isChanged: true, start: { priority: 5 } });
    await backend.putSchedule(aNewSchedule("hourly", { start: { priority: 4 } }));

    expect(await stored(backend)).toMatchObject({ isChanged: true, start: { priority: 4 } });
  },
};

const changeTests: ConformanceTests = {
  "changes what is named, and leaves the rest": async ({ backend, clock }) => {
    await backend.declareSchedules([aNewSchedule()]);
    const { since, terms } = await stored(backend);
    clock.advance(1_000);
    await backend.changeSchedule("hourly", { terms: { overlap: "queue", catchUpLimit: 9, jitterMs: 0 } });
    expect(await stored(backend)).toMatchObject({
      terms: { ...terms, overlap: "queue", catchUpLimit: 9 },
      since,
      version: 2,
    });
    await backend.changeSchedule("hourly", { terms: { cron: "0 3 * * *", everyMs: null, timezone: "Europe/Berlin" } });

    expect(await stored(backend)).toMatchObject({
      terms: { cron: "0 3 * * *", everyMs: null, timezone: "Europe/Berlin", overlap: "queue" },
      ...{ since: since + 1_000, nextSlot: null, isChanged: true },
    });
  },

  "pauses and unpauses: what comes meanwhile is none of its concern": async ({ backend, clock }) => {
    await backend.declareSchedules([aNewSchedule()]);
    const { since } = await stored(backend);
    await backend.changeSchedule("hourly", { isPaused: true, pauseReason: "moving" });
    expect(await stored(backend)).toMatchObject({ isPaused: true, pauseReason: "moving", since, isChanged: false });
    clock.advance(HOUR);
    await backend.changeSchedule("hourly", { isPaused: true });
    expect(await stored(backend)).toMatchObject({ since, pauseReason: null });
    await backend.changeSchedule("hourly", { isPaused: false });
    expect(await stored(backend)).toMatchObject({ isPaused: false, pauseReason: null, since: since + HOUR });
    clock.advance(HOUR);
    await backend.changeSchedule("hourly", { isPaused: false });

    expect(await stored(backend)).toMatchObject({ since: since + HOUR });
  },

  "says whether there is such a schedule": async ({ backend }) => {
    expect(await backend.changeSchedule("none", { isPaused: true })).toBe(false);
    expect(await backend.resetSchedule("none")).toBe(false);
    expect(await backend.deleteSchedule("none")).toBe(false);
    expect(await backend.findSchedule("none")).toBeNull();
    expect(await backend.requestSlots("none", [])).toBe(false);
  },

  "refuses half of a change of slots, and what is none": async ({ backend }) => {
    await backend.declareSchedules([aNewSchedule()]);
    const wrong = [{ terms: { cron: "0 3 * * *" } }, { terms: { everyMs: 5 } }, { terms: null }, { isPaused: 1 }, null];
    for (const one of wrong) await expectRefusal(backend.changeSchedule("hourly", one as never), "INVALID_ARGUMENT");

    expect(await stored(backend)).toMatchObject({ version: 1 });
  },
};

const listTests: ConformanceTests = {
  "gives schedules by id, page by page, and by flow": async ({ backend }) => {
    const others = aNewSchedule("c", { start: { flow: "other" } });
    await backend.declareSchedules([aNewSchedule("b"), others, aNewSchedule("a"), aNewSchedule("é")]);
    const listed = async (filter: { flow?: string; after?: string; limit: number }): Promise<string[]> =>
      (await backend.listSchedules(filter)).map(({ scheduleId }) => scheduleId);

    expect(await listed({ limit: 10 })).toEqual(["a", "b", "c", "é"]);
    expect(await listed({ limit: 2 })).toEqual(["a", "b"]);
    expect(await listed({ limit: 2, after: "b" })).toEqual(["c", "é"]);
    expect(await listed({ limit: 10, flow: "other" })).toEqual(["c"]);
    for (const wrong of [{ limit: 0 }, {}, { limit: 1, after: "" }, { limit: 1, flow: 7 }, null])
      await expectRefusal(backend.listSchedules(wrong as never), "INVALID_ARGUMENT");
  },
};

const dueTests: ConformanceTests = {
  "gives what has come due, in order, and says when something will be": async ({ backend, clock }) => {
    const request = { flows: [aLane()], codecs: ["json"], limit: 10 };
    expect(await backend.findDueSchedules(request)).toEqual({ due: [], nextDueMs: null });
    await backend.declareSchedules([aNewSchedule("b")]);
    clock.advance(1);
    await backend.declareSchedules([aNewSchedule("a")]);
    expect(await ids(backend)).toEqual(["b", "a"]);
    expect((await backend.findDueSchedules({ ...request, limit: 1 })).due).toHaveLength(1);
    for (const id of ["a", "b"]) {
      const schedule = await stored(backend, id);
      await backend.fireSchedule(
        aFiring(schedule, { instances: [], dueAt: clock.now() + (id === "a" ? 5_000 : 9_000) }),
      );
    }
    expect(await backend.findDueSchedules(request)).toEqual({ due: [], nextDueMs: 5_000 });
    clock.advance(4_999);
    expect(await ids(backend)).toEqual([]);
    clock.advance(1);

    expect(await ids(backend)).toEqual(["a"]);
  },

  "gives none of flows and codecs that are not named": async ({ backend, clock }) => {
    await backend.declareSchedules([
      aNewSchedule("other", { start: { flow: "other" } }),
      aNewSchedule("binary", { start: { codec: "binary" } }),
    ]);
    clock.advance(10 * MINUTE);

    expect(await ids(backend)).toEqual([]);
    expect(await due(backend, [])).toEqual([]);
  },

  "leaves those of another definition for a minute to who has that one": async ({ backend, clock }) => {
    await backend.declareSchedules([aNewSchedule()]);
    expect(await due(backend, [OTHER])).toEqual([]);
    clock.advance(MINUTE - 1);
    expect(await due(backend, [OTHER])).toEqual([]);
    clock.advance(1);
    expect(await due(backend, [OTHER])).toHaveLength(1);
    expect(await due(backend, [OTHER, aLane().definitionHash])).toHaveLength(1);
    await backend.fireSchedule(aFiring(await stored(backend), { definitionHash: OTHER, dueAt: clock.now() }));

    expect(await due(backend, [OTHER])).toHaveLength(1);
    expect(await due(backend)).toEqual([]);
  },

  "refuses what makes no sense": async ({ backend }) => {
    const request = { flows: [], codecs: [], limit: 1 };
    for (const wrong of [{ flows: [{}] }, { flows: null }, { codecs: [7] }, { limit: 0 }])
      await expectRefusal(backend.findDueSchedules({ ...request, ...wrong } as never), "INVALID_ARGUMENT");
  },
};

const deleteTests: ConformanceTests = {
  "leaves nothing but the instances": async ({ backend, clock }) => {
    await backend.declareSchedules([aNewSchedule()]);
    await backend.fireSchedule(aFiring(await stored(backend)));
    await backend.requestSlots("hourly", [{ instanceId: "x", slot: clock.now() }]);
    expect(await backend.deleteSchedule("hourly")).toBe(true);
    expect(await backend.findSchedule("hourly")).toBeNull();
    expect(await backend.findInstance("order-1")).not.toBeNull();
    await backend.declareSchedules([aNewSchedule()]);

    expect(await stored(backend)).toMatchObject({ requested: 0, version: 1, lastSlot: null });
  },
};

/** What `ScheduleStore` promises. */
export const scheduleStoreSuite: ConformanceSuite = {
  name: "ScheduleStore",
  methods: {
    declareSchedules: declareTests,
    putSchedule: putTests,
    changeSchedule: changeTests,
    listSchedules: listTests,
    findDueSchedules: dueTests,
    deleteSchedule: deleteTests,
    requestSlots: requestTests,
    fireSchedule: firingTests,
  },
};
