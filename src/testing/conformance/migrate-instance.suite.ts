import { expect } from "vitest";
import type { Migration } from "../../store/instance-store.ts";
import { anEntry } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import type { Given } from "./given.ts";
import type { ConformanceTests } from "./suite.ts";

const HOUR = 3_600_000;
const NEW_HASH = "fedcba9876543210".repeat(4);

function aMigration(given: Given, overrides: Partial<Migration> = {}): Migration {
  return {
    instanceId: "order-1",
    from: given.lane().definitionHash,
    to: { flow: "order-2", definitionHash: NEW_HASH, spawns: false },
    entries: 0,
    positions: [{ path: "", taskId: "first", tags: [] }],
    ...overrides,
  };
}

export const migrateInstanceTests: ConformanceTests = {
  "gives an instance another definition, and leaves its positions where they are": async ({ backend, given }) => {
    await given.asleep(HOUR);
    const [before] = (await given.stateOf("order-1")).positions;
    const positions = [{ path: "", taskId: before?.taskId ?? "", tags: ["b", "a"] }];
    await backend.migrateInstance(aMigration(given, { positions }));

    expect(await given.stateOf("order-1")).toMatchObject({
      instance: { flow: "order-2", definitionHash: NEW_HASH, status: "in_progress" },
      positions: [{ ...before, tags: ["a", "b"] }],
    });
    expect(await given.historyOf("order-1")).toEqual(["$migrate#1 noted"]);
  },

  "lets those claim it who know the other definition, and nobody else": async ({ backend, given }) => {
    await given.instance();
    const positions = [{ path: "", taskId: "first", tags: ["gpu"] }];
    await backend.migrateInstance(aMigration(given, { positions }));

    expect(await given.claim()).toEqual([]);
    const lane = given.lane({ flow: "order-2", definitionHash: NEW_HASH });
    expect(await given.claim({ lanes: [lane] })).toEqual([]);
    expect(await given.claim({ lanes: [{ ...lane, tags: ["gpu"] }] })).toMatchObject([
      { taskId: "first", definitionHash: NEW_HASH, flow: "order-2", lost: 0 },
    ]);
  },

  "moves all positions of an instance": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    await backend.releaseClaims(Object.values(branches));
    const { positions } = await given.stateOf("order-1");
    const entries = (await backend.readHistory("order-1")).length;
    await backend.migrateInstance(aMigration(given, { positions, entries }));

    const lanes = [given.lane({ definitionHash: NEW_HASH })];
    expect(await given.claim({ lanes, limit: 5 })).toHaveLength(2);
    expect((await given.positionOf("order-1"))?.pending).toBe(2);
  },

  "leaves it paused": async ({ backend, given }) => {
    await given.paused();
    await backend.migrateInstance(aMigration(given, { entries: 1 }));
    const lanes = [given.lane({ definitionHash: NEW_HASH })];

    expect(await given.statusOf("order-1")).toBe("paused");
    expect(await given.claim({ lanes })).toEqual([]);
    await backend.unpause("order-1");
    expect(await given.claim({ lanes })).toHaveLength(1);
  },

  "delivers an event to a wait that has been moved": async ({ backend, given }) => {
    await given.parked();
    const [wait] = (await given.stateOf("order-1")).positions;
    const positions = [{ path: "", taskId: wait?.taskId ?? "", tags: [] }];
    const entries = (await backend.readHistory("order-1")).length;
    await backend.migrateInstance(aMigration(given, { positions, entries }));

    expect(await backend.sendEvent("order-1", wait?.event ?? "", new Uint8Array([49]))).toBe("delivered");
    expect(await given.claim({ lanes: [given.lane({ definitionHash: NEW_HASH })] })).toHaveLength(1);
  },

  "is refused while somebody holds a position, and fences who held it too long": async ({ backend, given }) => {
    const claim = await given.held();
    await expectRefusal(backend.migrateInstance(aMigration(given)), "INVALID_TRANSITION", { from: "in_progress" });
    expect(await given.positionOf("order-1")).toMatchObject({ claim: { token: claim.token } });

    given.after(HOUR);
    await backend.migrateInstance(aMigration(given));
    const note = { claim, entries: [anEntry()], move: { kind: "note" }, consumes: null } as const;
    expect(await given.commit(note)).toEqual({ kind: "fenced" });
    const lanes = [given.lane({ definitionHash: NEW_HASH })];
    expect(await given.claim({ lanes })).toMatchObject([{ taskId: "first", attempt: 1, lost: 1 }]);
  },

  "is refused while somebody holds a position without a time limit": async ({ backend, given }) => {
    await given.instance();
    await backend.claimTask("order-1", "first", "worker-a");
    given.after(HOUR);

    await expectRefusal(backend.migrateInstance(aMigration(given)), "INVALID_TRANSITION");
  },

  "is refused for what has ended, is of another definition, or is not there": async ({ backend, given }) => {
    await expectRefusal(backend.migrateInstance(aMigration(given)), "INSTANCE_NOT_FOUND");
    for (const status of ["completed", "failed", "cancelled"] as const) {
      await given.ended(status, { instanceId: status });
      const entries = (await backend.readHistory(status)).length;
      const migration = aMigration(given, { instanceId: status, positions: [], entries });
      await expectRefusal(backend.migrateInstance(migration), "INVALID_TRANSITION", { from: status });
    }
    await given.instance();
    await expectRefusal(backend.migrateInstance(aMigration(given, { from: NEW_HASH })), "DEFINITION_MISMATCH");
    expect(await given.historyOf("order-1")).toEqual([]);
  },

  "is refused where the instance is not as it was seen": async ({ backend, given }) => {
    await given.instance();
    const before = await given.seen("order-1");
    const wrong: Partial<Migration>[] = [
      { entries: 1 },
      { positions: [] },
      { positions: [{ path: "", taskId: "second", tags: [] }] },
      { positions: [...aMigration(given).positions, { path: "both/a", taskId: "a", tags: [] }] },
    ];
    for (const overrides of wrong)
      await expectRefusal(backend.migrateInstance(aMigration(given, overrides)), "BACKEND_CONFLICT");
    expect(await given.seen("order-1")).toEqual(before);
  },

  "refuses what makes no sense": async ({ backend, given }) => {
    await given.instance();
    const migration = aMigration(given);
    const wrong: unknown[] = [
      null,
      { ...migration, from: "" },
      { ...migration, to: null },
      { ...migration, to: { flow: "", definitionHash: NEW_HASH } },
      { ...migration, to: { flow: "order", definitionHash: 1 } },
      { ...migration, entries: -1 },
      { ...migration, positions: null },
      { ...migration, positions: [null] },
      { ...migration, positions: [{ path: 1, taskId: "first", tags: [] }] },
      { ...migration, positions: [{ path: "", taskId: "", tags: [] }] },
      { ...migration, positions: [{ path: "", taskId: "first", tags: "a" }] },
    ];
    for (const one of wrong) await expectRefusal(backend.migrateInstance(one as Migration), "INVALID_ARGUMENT");
  },
};
