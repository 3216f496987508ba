import { expect } from "vitest";
import { limit } from "../../flow/limit.ts";
import type { LimitChange, LimitKeyChange } from "../../store/limit-store.ts";
import type { ClaimRequest } from "../../store/position-store.ts";
import { besideGatesTests, claimLimitedTests, turnTests, urgentTests } from "./claim-limited.suite.ts";
import { expectRefusal } from "./errors.ts";
import { flowPlaceTests, taskPlaceTests } from "./limit-places.suite.ts";
import { rateTests } from "./limit-rates.suite.ts";
import type { ConformanceSuite, ConformanceTests } from "./suite.ts";

const OTHER = "f".repeat(64);
const MANY = { count: 100, per: "1m" } as const;
const NO_NAMES: readonly unknown[] = ["", " ", "a\u0000b", 7, null, undefined, {}];

const declareLimitsTests: ConformanceTests = {
  "stores what limits allow": async ({ backend }) => {
    await backend.declareLimits([
      limit("b", { concurrency: 5, perKey: { rate: { count: 10, per: "1s", burst: 3 } } }),
      limit("a", { rate: MANY, perKey: { concurrency: 2 } }),
    ]);

    const none = { isChanged: false, isPaused: false, running: 0, waiting: 0, oldestWaitMs: null };
    expect(await backend.listLimits()).toEqual([
      {
        ...{ name: "a", concurrency: null, rate: { count: 100, perMs: 60_000, burst: 1 } },
        ...{ perKey: { concurrency: 2, rate: null }, ...none },
      },
      {
        ...{ name: "b", concurrency: 5, rate: null },
        ...{ perKey: { concurrency: null, rate: { count: 10, perMs: 1_000, burst: 3 } }, ...none },
      },
    ]);
  },

  "replaces what was declared before": async ({ backend, given }) => {
    await given.limit({ concurrency: 1, perKey: { concurrency: 1 } });
    await given.limit({ rate: MANY });

    expect(await backend.listLimits()).toMatchObject([
      { concurrency: null, rate: { count: 100 }, perKey: { concurrency: null, rate: null } },
    ]);
  },

  "takes the last of several of one name": async ({ backend }) => {
    await backend.declareLimits([1, 2, 3].map((concurrency) => limit("api", { concurrency })));

    expect(await backend.listLimits()).toMatchObject([{ name: "api", concurrency: 3 }]);
  },

  "lets more begin at once, and stops nothing that runs": async ({ backend, given }) => {
    await given.limit({ concurrency: 2 });
    await given.waiting(["a", "b", "c", "d"]);
    expect(await given.admitted()).toEqual(["a", "b"]);
    await given.limit({ concurrency: 1 });
    expect(await given.admitted()).toEqual([]);
    expect(await backend.listLimits()).toMatchObject([{ concurrency: 1, running: 2, waiting: 2 }]);
    await given.limit({ concurrency: 3 });

    expect(await given.admitted()).toEqual(["c"]);
  },

  "leaves alone what was changed by hand, until that is reset": async ({ backend, given }) => {
    await given.limit({ concurrency: 1 });
    expect(await backend.changeLimit("api", { concurrency: 7 })).toBe(true);
    await given.limit({ concurrency: 2 });
    expect(await backend.listLimits()).toMatchObject([{ concurrency: 7, isChanged: true }]);
    expect(await backend.resetLimit("api")).toBe(true);
    expect(await backend.listLimits()).toMatchObject([{ concurrency: 7, isChanged: false }]);
    await given.limit({ concurrency: 2 });

    expect(await backend.listLimits()).toMatchObject([{ concurrency: 2, isChanged: false }]);
  },

  "refuses what limit() has not made, and stores nothing of it": async ({ backend }) => {
    const good = limit("api", { concurrency: 1 });
    for (const wrong of [undefined, null, "api", good, [good, { ...good }], [good, null], [good, "api"]])
      await expectRefusal(backend.declareLimits(wrong as never), "INVALID_ARGUMENT");

    expect(await backend.listLimits()).toEqual([]);
  },
};

const hasGatesTests: ConformanceTests = {
  "says whether something may stand before a gate there": async ({ backend, given }) => {
    // Lanes may be known from before.
    const other = given.lane({ tags: ["only-here"] });
    await given.limit({ concurrency: 1 });
    await given.instance();
    await given.waiting(["a"]);

    expect(await backend.hasGates([given.lane()])).toBe(true);
    expect(await backend.hasGates([other, given.lane()])).toBe(true);
    expect(await backend.hasGates([other])).toBe(false);
    expect(await backend.hasGates([given.lane({ definitionHash: OTHER })])).toBe(false);
    expect(await backend.hasGates([])).toBe(false);
  },

  "says so also where nothing is ready yet": async ({ backend, given }) => {
    await given.instance({ at: given.before(), wakeAfterMs: 5_000 });

    expect(await backend.hasGates([given.lane()])).toBe(true);
  },

  "refuses what is no lane": async ({ backend }) => {
    for (const wrong of [undefined, null, "all", [{}], [null]])
      await expectRefusal(backend.hasGates(wrong as never), "INVALID_ARGUMENT");
  },
};

const changeLimitTests: ConformanceTests = {
  "changes what is named, and leaves the rest": async ({ backend, given }) => {
    await given.limit({ concurrency: 5, rate: MANY, perKey: { concurrency: 2 } });
    const rate = { count: 3, perMs: 500, burst: 2 };
    await backend.changeLimit("api", { rate: null, perKey: { rate } });
    expect(await backend.listLimits()).toMatchObject([
      { concurrency: 5, rate: null, perKey: { concurrency: 2, rate }, isPaused: false },
    ]);
    await backend.changeLimit("api", { concurrency: null, perKey: { concurrency: null } });

    expect(await backend.listLimits()).toMatchObject([
      { concurrency: null, rate: null, perKey: { concurrency: null, rate }, isChanged: true },
    ]);
  },

  "counts at once": async ({ backend, given }) => {
    await given.limit({ concurrency: 1 });
    await given.waiting(["a", "b", "c"]);
    await given.admittedOf("a");
    await backend.changeLimit("api", { concurrency: 2 });
    expect(await given.admitted()).toEqual(["b"]);
    await backend.changeLimit("api", { concurrency: null, rate: { count: 1, perMs: 1_000, burst: 1 } });
    expect(await given.admitted()).toEqual(["c"]);
  },

  "lets nothing more through while it is paused; what runs goes on": async ({ backend, given }) => {
    await given.limit({ concurrency: 2, rate: { count: 1, per: "10s" } });
    await given.waiting(["a", "b"]);
    const claim = await given.admittedOf("a");
    await backend.changeLimit("api", { isPaused: true });
    expect(await given.claimLimited()).toEqual({ claimed: [], nextMs: null });
    expect(await given.claimLimited({ instanceId: "b" })).toEqual({ claimed: [], nextMs: null });
    expect(await backend.listLimits()).toMatchObject([{ isPaused: true, running: 1, waiting: 1 }]);
    expect(await backend.renewClaims([claim], 60_000)).toMatchObject([{ held: true, interrupt: null }]);
    given.after(10_000);
    await backend.changeLimit("api", { isPaused: false });

    expect(await given.admitted()).toEqual(["b"]);
  },

  "tells listeners to look again": async ({ backend, given }) => {
    await given.limit({ concurrency: 1 });
    let heard = 0;
    const nothing = { ended: () => undefined, interrupted: () => undefined, due: () => undefined };
    const subscription = backend.subscribe({ ready: () => (heard += 1), ...nothing });
    heard = 0;
    await backend.changeLimit("api", { concurrency: 2 });
    expect(heard).toBeGreaterThan(0);
    heard = 0;
    await backend.changeLimitKey("api", "acme", { isPaused: false });
    expect(heard).toBeGreaterThan(0);
    subscription.close();
  },

  "says where there is no such limit": async ({ backend, given }) => {
    await given.waiting(["a"], { limit: "undeclared" });

    for (const name of ["nowhere", "undeclared"]) {
      expect(await backend.changeLimit(name, { concurrency: 1 })).toBe(false);
      expect(await backend.resetLimit(name)).toBe(false);
      expect(await backend.changeLimitKey(name, "acme", { weight: 2 })).toBe(false);
    }
    expect(await backend.listLimits()).toEqual([]);
  },

  "refuses what makes no sense, and changes nothing": async ({ backend, given }) => {
    await given.limit({ concurrency: 5 });
    const rate = { count: 3, perMs: 500, burst: 2 };
    const wrong: Partial<Record<keyof LimitChange, unknown>>[] = [
      ...[0, -1, 1.5, 1_000_001, "5", Number.NaN].map((concurrency) => ({ concurrency })),
      ...[5, "1/s", {}, { ...rate, count: 0 }, { ...rate, perMs: 0 }, { ...rate, burst: 4 }, { ...rate, burst: 0 }].map(
        (one) => ({ concurrency: 7, rate: one }),
      ),
      { concurrency: 7, perKey: null },
      { concurrency: 7, perKey: { concurrency: 0 } },
      { concurrency: 7, perKey: { rate: { ...rate, count: 0.5 } } },
      { concurrency: 7, isPaused: "yes" },
    ];
    for (const change of wrong) await expectRefusal(backend.changeLimit("api", change as never), "INVALID_ARGUMENT");
    await expectRefusal(backend.changeLimit("api", null as never), "INVALID_ARGUMENT");
    for (const name of NO_NAMES) {
      await expectRefusal(backend.changeLimit(name as never, {}), "INVALID_ARGUMENT");
      await expectRefusal(backend.resetLimit(name as never), "INVALID_ARGUMENT");
    }

    expect(await backend.listLimits()).toMatchObject([{ concurrency: 5, isChanged: false, isPaused: false }]);
  },
};

const changeLimitKeyTests: ConformanceTests = {
  "lets nothing more through of a key that is paused": async ({ backend, given }) => {
    await given.limit({ concurrency: 10 });
    for (const key of ["a", "b"]) await given.waiting([`${key}0`, `${key}1`], { key }, { priority: 1 });
    expect(await given.admitted({ limit: 1 })).toEqual(["a0"]);
    expect(await backend.changeLimitKey("api", "a", { isPaused: true })).toBe(true);
    expect(await given.admitted()).toEqual(["b0", "b1"]);
    expect(await given.admitted({ instanceId: "a1" })).toEqual([]);
    await backend.changeLimitKey("api", "a", { isPaused: false });

    expect(await given.admitted()).toEqual(["a1"]);
  },

  "changes what is named, of a key of which nothing is known, too": async ({ backend, given }) => {
    await given.limit({ concurrency: 10 });
    await backend.changeLimitKey("api", "a", { weight: 1_000 });
    await backend.changeLimitKey("api", "a", { isPaused: true });

    expect(await backend.listLimitKeys("api", { limit: 10 })).toEqual([
      { key: "a", running: 0, waiting: 0, oldestWaitMs: null, weight: 1_000, isPaused: true },
    ]);
  },

  "refuses what makes no sense, and changes nothing": async ({ backend, given }) => {
    await given.limit({ concurrency: 5 });
    const wrong: Partial<Record<keyof LimitKeyChange, unknown>>[] = [
      ...[0, -1, 1.5, 1_001, "5", null].map((weight) => ({ isPaused: true, weight })),
      ...["yes", 1, null].map((isPaused) => ({ weight: 2, isPaused })),
    ];
    for (const change of wrong)
      await expectRefusal(backend.changeLimitKey("api", "a", change as never), "INVALID_ARGUMENT");
    for (const name of NO_NAMES) {
      await expectRefusal(backend.changeLimitKey(name as never, "a", { weight: 2 }), "INVALID_ARGUMENT");
      await expectRefusal(backend.changeLimitKey("api", name as never, { weight: 2 }), "INVALID_ARGUMENT");
    }

    expect(await backend.listLimitKeys("api", { limit: 10 })).toEqual([]);
  },
};

const listTests: ConformanceTests = {
  "tells what runs and waits, and for how long": async ({ backend, given }) => {
    await given.limit({ concurrency: 2 });
    await given.limit({ concurrency: 1 }, "idle");
    await given.waiting(["a0"], { key: "a" });
    await given.waiting(["b0"], { key: "b", scope: "flow" });
    expect(await given.admitted()).toEqual(["a0", "b0"]);
    given.after(1_000);
    await given.waiting(["a1", "a2"], { key: "a" }, { priority: 5 });
    given.after(2_000);
    await given.waiting(["c0"], { key: "c" }, { priority: 1, lane: given.lane({ definitionHash: OTHER }) });
    await given.instance({ instanceId: "later", at: given.before({ key: "a" }), wakeAfterMs: 60_000 });
    given.after(500);

    expect(await backend.listLimits()).toMatchObject([
      { name: "api", running: 2, waiting: 3, oldestWaitMs: 2_500 },
      { name: "idle", running: 0, waiting: 0, oldestWaitMs: null },
    ]);
    const told = { weight: 1, isPaused: false };
    expect(await backend.listLimitKeys("api", { limit: 10 })).toEqual([
      { key: "a", running: 1, waiting: 2, oldestWaitMs: 2_500, ...told },
      { key: "b", running: 1, waiting: 0, oldestWaitMs: null, ...told },
      { key: "c", running: 0, waiting: 1, oldestWaitMs: 500, ...told },
    ]);
    expect(await backend.listLimitKeys("idle", { limit: 10 })).toEqual([]);
    expect(await backend.listLimitKeys("nowhere", { limit: 10 })).toEqual([]);
  },

  "tells keys page by page, by code point": async ({ backend, given }) => {
    await given.limit({ concurrency: 1 });
    const keys = ["a", "b b", "z", "ｚ", "😀"];
    for (const [index, key] of keys.entries()) await given.waiting([`order-${index}`], { key });
    await backend.changeLimitKey("api", "c", { weight: 2 });
    const all = ["a", "b b", "c", "z", "ｚ", "😀"];
    const pageOf = async (page: { after?: string; limit: number }): Promise<string[]> =>
      (await backend.listLimitKeys("api", page)).map(({ key }) => key);

    expect(await pageOf({ limit: 10_000 })).toEqual(all);
    expect(await pageOf({ limit: 2 })).toEqual(all.slice(0, 2));
    expect(await pageOf({ after: "b b", limit: 2 })).toEqual(all.slice(2, 4));
    expect(await pageOf({ after: "m", limit: 9 })).toEqual(all.slice(3));
    expect(await pageOf({ after: "😀", limit: 1 })).toEqual([]);
  },

  "forgets keys of which nothing waits or runs any more": async ({ backend, given }) => {
    await given.limit({ concurrency: 10 });
    await given.waiting(["a", "b"], { key: "a" });
    await given.admitted();
    for (const instanceId of ["a", "b"]) await backend.terminateInstance(instanceId, {});

    expect(await backend.listLimitKeys("api", { limit: 10 })).toEqual([]);
    expect(await backend.listLimits()).toMatchObject([{ running: 0, waiting: 0, oldestWaitMs: null }]);
  },

  "refuses pages that make no sense": async ({ backend, given }) => {
    await given.limit({ concurrency: 1 });
    for (const page of [undefined, null, {}, { limit: 0 }, { limit: 10_001 }, { limit: 1.5 }, { limit: 1, after: "" }])
      await expectRefusal(backend.listLimitKeys("api", page as never), "INVALID_ARGUMENT");
    for (const name of NO_NAMES)
      await expectRefusal(backend.listLimitKeys(name as never, { limit: 1 }), "INVALID_ARGUMENT");
  },
};

const wrongClaimTests: ConformanceTests = {
  "are refused, and nothing is taken": async ({ given }) => {
    await given.waiting(["a"]);
    const { lane } = given.before();
    const wrong: Partial<Record<keyof ClaimRequest, unknown>>[] = [
      ...[0, 10_001, 1.5, "5"].map((most) => ({ limit: most })),
      ...[0, -5, Infinity, "5s"].map((leaseMs) => ({ leaseMs })),
      ...["", " ", 7, null].map((workerId) => ({ workerId })),
      ...["", "a\u0000", 7, null].map((instanceId) => ({ instanceId })),
      ...[undefined, "all", [{}], [{ ...lane, gate: { limit: "api", scope: "all" } }]].map((lanes) => ({ lanes })),
    ];
    for (const parts of wrong)
      await expectRefusal(given.claimLimited(parts as Partial<ClaimRequest>), "INVALID_ARGUMENT");

    expect(await given.admitted()).toEqual(["a"]);
  },
};

const wrongStandingTests: ConformanceTests = {
  "are refused: a gate that is none, or no key with it, or a key without": async ({ backend, given }) => {
    const good = given.standing(given.before());
    const { limitKey: _, ...keyless } = good;
    const wrong: unknown[] = [
      keyless,
      given.standing({ limitKey: "acme" }),
      ...["", " ", 7, null].map((limitKey) => ({ ...good, limitKey })),
      ...[null, "api", {}, { limit: "api" }, { limit: "", scope: "task" }, { limit: "api", scope: "all" }].map(
        (gate) => ({
          ...good,
          lane: { ...good.lane, gate },
        }),
      ),
    ];
    for (const at of wrong)
      await expectRefusal(backend.createInstances([given.newInstance({ at: at as never })]), "INVALID_ARGUMENT");
    const claim = await given.held({ instanceId: "a" });
    const before = await given.seen("a");
    for (const to of wrong)
      await expectRefusal(given.accepted(claim, { kind: "park", to: to as never, wakeAfterMs: 0 }), "INVALID_ARGUMENT");

    expect(await given.seen("a")).toEqual(before);
  },
};

export const limitStoreSuite: ConformanceSuite = {
  name: "LimitStore",
  methods: {
    declareLimits: declareLimitsTests,
    hasGates: hasGatesTests,
    claimLimited: claimLimitedTests,
    "claimLimited, mistaken requests": wrongClaimTests,
    "claimLimited, the keys' turns": turnTests,
    "claimLimited, what is urgent": urgentTests,
    "claimLimited, rates": rateTests,
    "a claim of anything else": besideGatesTests,
    "a task's place": taskPlaceTests,
    "a flow's place": flowPlaceTests,
    "standings before a gate, mistaken": wrongStandingTests,
    changeLimit: changeLimitTests,
    changeLimitKey: changeLimitKeyTests,
    "listLimits and listLimitKeys": listTests,
  },
};
