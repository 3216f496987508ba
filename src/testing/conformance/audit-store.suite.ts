import { expect } from "vitest";
import type { NewAction } from "../../store/audit-store.ts";
import { expectRefusal } from "./errors.ts";
import type { ConformanceSuite, ConformanceTests } from "./suite.ts";

const DAY_MS = 86_400_000;

function action(facts: Partial<NewAction> = {}): NewAction {
  return { actor: "kim", action: "cancel", target: "order-1", detail: "reason: sold out", ...facts };
}

const recordTests: ConformanceTests = {
  "keeps who has begun what, the last one first": async ({ backend: { audit }, clock }) => {
    const at = clock.now();
    const first = await audit.recordAction(action());
    const second = await audit.recordAction(action({ action: "bulk", target: null, detail: null }));

    expect(second).toBeGreaterThan(first);
    const outcome = { outcome: "begun", code: null } as const;
    expect(await audit.listActions({})).toEqual([
      { ...action({ action: "bulk", target: null, detail: null }), sequence: second, at, ...outcome },
      { ...action(), sequence: first, at, ...outcome },
    ]);
  },

  "keeps how it ended, and does nothing for one that is not known": async ({ backend: { audit } }) => {
    const first = await audit.recordAction(action());
    const second = await audit.recordAction(action());
    await audit.settleAction(first, "refused", "INVALID_TRANSITION");
    await audit.settleAction(second, "done", null);
    await audit.settleAction(second + 10n, "done", null);

    expect(await audit.listActions({})).toMatchObject([
      { sequence: second, outcome: "done", code: null },
      { sequence: first, outcome: "refused", code: "INVALID_TRANSITION" },
    ]);
  },

  "forgets what is older than ninety days, and nothing else": async ({ backend: { audit }, clock }) => {
    for (let index = 0; index < 3; index++) await audit.recordAction(action());
    clock.advance(60 * DAY_MS);
    const kept = await audit.recordAction(action());
    clock.advance(31 * DAY_MS);
    const last = await audit.recordAction(action());

    expect((await audit.listActions({})).map(({ sequence }) => sequence)).toEqual([last, kept]);
  },

  "refuses what makes no sense": async ({ backend: { audit } }) => {
    const wrong: readonly Partial<Record<keyof NewAction, unknown>>[] = [
      { actor: "" },
      { actor: 7 },
      { actor: "x".repeat(256) },
      { action: "x".repeat(101) },
      { target: undefined },
      { target: "x".repeat(1_001) },
      { detail: "x".repeat(2_001) },
    ];
    for (const facts of wrong)
      await expectRefusal(audit.recordAction(action(facts as Partial<NewAction>)), "INVALID_ARGUMENT");
    await expectRefusal(audit.recordAction(null as never), "INVALID_ARGUMENT");
    await expectRefusal(audit.settleAction(1 as never, "done", null), "INVALID_ARGUMENT");
    await expectRefusal(audit.settleAction(1n, "begun" as never, null), "INVALID_ARGUMENT");
    expect(await audit.listActions({})).toEqual([]);
  },
};

const listTests: ConformanceTests = {
  "pages through all of them, or what was done to one": async ({ backend: { audit } }) => {
    const sequences: bigint[] = [];
    for (let index = 0; index < 5; index++)
      sequences.unshift(await audit.recordAction(action({ target: index % 2 === 0 ? "even" : "odd" })));

    const pageOf = async (filter: Parameters<typeof audit.listActions>[0]): Promise<bigint[]> =>
      (await audit.listActions(filter)).map(({ sequence }) => sequence);
    expect(await pageOf({ limit: 2 })).toEqual(sequences.slice(0, 2));
    expect(await pageOf({ limit: 2, before: sequences[1]! })).toEqual(sequences.slice(2, 4));
    expect(await pageOf({ target: "odd" })).toEqual([sequences[1], sequences[3]]);
    expect(await pageOf({ target: "odd", before: sequences[1]! })).toEqual([sequences[3]]);
    expect(await pageOf({ target: "nobody" })).toEqual([]);
    for (const filter of [null, { limit: 0 }, { limit: 1_001 }, { before: 3 }, { target: 7 }])
      await expectRefusal(audit.listActions(filter as never), "INVALID_ARGUMENT");
  },
};

export const auditStoreSuite: ConformanceSuite = {
  name: "AuditStore",
  methods: { "recordAction and settleAction": recordTests, listActions: listTests },
};
