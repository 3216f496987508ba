import { expect } from "vitest";
import type { NewInstance } from "../../store/instance-store.ts";
import { aCheckpoint, aForgedClaim, aNewPosition, bytesOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import { holder } from "./given.ts";
import type { ConformanceTest, ConformanceTests } from "./suite.ts";

export const createInstancesTests: ConformanceTests = {
  "makes each instance as it says": async ({ backend, given, clock }) => {
    const instance = given.newInstance({
      flow: "refund",
      input: bytesOf("7"),
      priority: 2,
      tags: ["eu", "big"],
      labels: { customer: "7", ward: " b 2" },
    });
    expect(await backend.createInstances([instance])).toEqual([{ instanceId: "order-1", created: true, granted: [] }]);

    expect((await given.stateOf("order-1")).instance).toEqual({
      instanceId: "order-1",
      flow: "refund",
      definitionHash: instance.definitionHash,
      codec: instance.codec,
      status: "in_progress",
      input: bytesOf("7"),
      output: null,
      failure: null,
      reason: null,
      priority: 2,
      tags: ["eu", "big"],
      labels: { customer: "7", ward: " b 2" },
      createdAt: clock.now(),
      deadlineAt: null,
      forkedFrom: null,
      parent: null,
      run: 1,
      spawns: false,
      endedAt: null,
    });
  },

  "gives one result each, in the order given": async ({ backend, given }) => {
    await given.instance({ instanceId: "b" });
    const created = await backend.createInstances(
      ["c", "b", "a"].map((instanceId) => given.newInstance({ instanceId })),
    );

    expect(created).toEqual([
      { instanceId: "c", created: true, granted: [] },
      { instanceId: "b", created: false, granted: [] },
      { instanceId: "a", created: true, granted: [] },
    ]);
  },

  "leaves an existing instance as it is": async ({ backend, given }) => {
    await given.held();
    const before = await given.seen("order-1");
    await backend.createInstances([given.newInstance({ input: bytesOf("9"), labels: { a: "1" } })], holder);

    expect(await given.seen("order-1")).toEqual(before);
  },

  "leaves an instance that has ended as it is": async ({ backend, given }) => {
    await given.ended("completed");
    const before = await given.seen("order-1");

    expect(await backend.createInstances([given.newInstance()])).toMatchObject([{ created: false }]);
    expect(await given.seen("order-1")).toEqual(before);
  },

  "makes the first of two with one id in one call": async ({ backend, given }) => {
    const created = await backend.createInstances([
      given.newInstance({ input: bytesOf("1") }),
      given.newInstance({ input: bytesOf("2") }),
    ]);

    expect(created.map((result) => result.created)).toEqual([true, false]);
    expect((await given.stateOf("order-1")).instance.input).toEqual(bytesOf("1"));
  },

  "lets twenty concurrent callers for one id agree on a single winner (INV-12)": async ({ backend, given }) => {
    const calls = Array.from({ length: 20 }, (_, index) =>
      backend.createInstances([given.newInstance({ input: bytesOf(String(index)) })]),
    );

    const results = (await Promise.all(calls)).flat();

    const winners = results.flatMap((result, index) => (result.created ? [index] : []));
    expect(winners).toHaveLength(1);
    expect((await given.stateOf("order-1")).instance.input).toEqual(bytesOf(String(winners[0])));
    expect(await given.claim()).toHaveLength(1);
  },

  "lets concurrent batches of the same ids in another order agree": async ({ backend, given }) => {
    const ids = Array.from({ length: 20 }, (_, index) => `order-${index}`);
    const instances = ids.map((instanceId) => given.newInstance({ instanceId }));

    const [forwards, backwards] = await Promise.all([
      backend.createInstances(instances),
      backend.createInstances([...instances].reverse()),
    ]);

    const created = [...forwards, ...backwards].filter((result) => result.created).map((result) => result.instanceId);
    expect(created.sort()).toEqual([...ids].sort());
  },

  "makes many at once": async ({ backend, given }) => {
    const created = await backend.createInstances(
      Array.from({ length: 1_000 }, (_, index) => given.newInstance({ instanceId: `order-${index}` })),
    );

    expect(created.every((result) => result.created)).toBe(true);
    expect(await backend.listSnapshots({ limit: 2_000 })).toHaveLength(1_000);
  },

  "makes nothing of nothing": async ({ backend }) => {
    expect(await backend.createInstances([])).toEqual([]);
  },

  "copies the input": async ({ backend, given }) => {
    const instance = given.newInstance();
    await backend.createInstances([instance]);
    instance.input.fill(0);

    expect((await given.stateOf("order-1")).instance.input).toEqual(bytesOf("1"));
  },

  "refuses labels that are named like properties of every object": async ({ backend, given }) => {
    for (const name of ["__proto__", "constructor", "prototype"]) {
      const labels = Object.fromEntries([[name, "a"]]);
      await expectRefusal(backend.createInstances([given.newInstance({ labels })]), "INVALID_ARGUMENT");
    }
    expect(await backend.listSnapshots()).toEqual([]);
  },
};

export const firstPositionsTests: ConformanceTests = {
  "makes positions ready, asleep, or for others to wake": async ({ backend, given, clock }) => {
    const positions = [
      aNewPosition({ standing: given.standing({ taskId: "both", kind: "join", pending: 3 }), wakeAfterMs: null }),
      aNewPosition({ path: "both/a", standing: given.standing({ taskId: "a" }) }),
      aNewPosition({ path: "both/b", standing: given.delay({ taskId: "b" }), wakeAfterMs: 1_000 }),
      aNewPosition({ path: "both/c", standing: given.wait({ taskId: "c" }), wakeAfterMs: null }),
    ];
    await backend.createInstances([given.newInstance({ positions })]);

    expect((await given.stateOf("order-1")).positions).toMatchObject([
      { path: "", ready: false, availableAt: null, wakeAt: null, pending: 3, claim: null },
      { path: "both/a", ready: true, availableAt: clock.now(), wakeAt: null, pending: 0, interrupt: null, lost: 0 },
      { path: "both/b", ready: false, availableAt: clock.now() + 1_000, wakeAt: clock.now() + 1_000, claim: null },
      { path: "both/c", ready: false, availableAt: null, wakeAt: null, event: "paid", claim: null },
    ]);
  },

  "lets the holder hold the positions that are claimed, in their order": async ({ backend, given, clock }) => {
    const positions = [
      aNewPosition({ standing: given.standing({ taskId: "both", kind: "join", pending: 3 }), wakeAfterMs: null }),
      aNewPosition({ path: "both/c", standing: given.standing({ taskId: "c" }), claimed: true }),
      aNewPosition({ path: "both/a", standing: given.standing({ taskId: "a" }) }),
      aNewPosition({ path: "both/b", standing: given.standing({ taskId: "b" }), claimed: true }),
    ];
    const [created] = await backend.createInstances([given.newInstance({ positions })], holder);

    expect(created?.granted.map((granted) => granted.path)).toEqual(["both/c", "both/b"]);
    for (const granted of created?.granted ?? []) {
      const { claim, ready } = (await given.positionOf("order-1", granted.path)) ?? {};
      expect([claim, ready]).toEqual([
        { workerId: "worker-a", token: granted.token, expiresAt: clock.now() + 60_000 },
        false,
      ]);
      await given.accepted({ instanceId: "order-1", ...granted }, { kind: "endBranch", joinPath: "" });
    }
    expect(await given.claim()).toMatchObject([{ path: "both/a" }]);
  },

  "grants nothing where the id is taken": async ({ backend, given }) => {
    await given.instance();
    const claimed = given.newInstance({ positions: [aNewPosition({ standing: given.standing(), claimed: true })] });

    expect(await backend.createInstances([claimed], holder)).toEqual([
      { instanceId: "order-1", created: false, granted: [] },
    ]);
    expect(await given.claim()).toHaveLength(1);
  },

  "needs a holder if a position is claimed": async ({ backend, given }) => {
    const claimed = given.newInstance({ positions: [aNewPosition({ standing: given.standing(), claimed: true })] });

    await expectRefusal(backend.createInstances([claimed]), "INVALID_ARGUMENT", { field: "holder" });
    await expectRefusal(backend.replaceInstance(claimed), "INVALID_ARGUMENT", { field: "holder" });
    expect(await backend.listSnapshots()).toEqual([]);
  },

  "gives a held position to others once the lease has expired": async ({ backend, given }) => {
    const claimed = given.newInstance({ positions: [aNewPosition({ standing: given.standing(), claimed: true })] });
    await backend.createInstances([claimed], holder);
    given.after(59_999);
    expect(await given.claim()).toEqual([]);
    given.after(1);

    expect(await given.claim()).toMatchObject([{ lost: 1 }]);
  },
};

/** What is wrong with an instance to be made. */
const MISTAKES: Readonly<Record<string, Partial<Record<keyof NewInstance, unknown>>>> = {
  "no positions": { positions: [] },
  "positions that are no array": { positions: {} },
  "two positions on one path": { positions: [aNewPosition(), aNewPosition()] },
  "a position without a standing": { positions: [{ ...aNewPosition(), standing: undefined }] },
  "a position that is claimed but asleep": { positions: [aNewPosition({ claimed: true, wakeAfterMs: 5 })] },
  "a negative time to wake": { positions: [aNewPosition({ wakeAfterMs: -1 })] },
  "a time to wake that is no number": { positions: [aNewPosition({ wakeAfterMs: Number.NaN })] },
  "a time to wake beyond a hundred years": { positions: [aNewPosition({ wakeAfterMs: 36_526 * 86_400_000 })] },
  "a priority of 6": { priority: 6 },
  "a fractional priority": { priority: 2.5 },
  "text for an input": { input: "{}" },
  "no input": { input: null },
  "an empty flow name": { flow: "" },
  "a tag that is no text": { tags: [7] },
  "labels that are an array": { labels: ["a"] },
  "a label that is a number": { labels: { a: 7 } },
  "a label with NUL": { labels: { a: "\u0000" } },
  "an empty label": { labels: { a: "" } },
  "too many labels": { labels: Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`l${index}`, "x"])) },
  "too many tags": { tags: Array.from({ length: 33 }, (_, index) => `t${index}`) },
};

export const newInstanceMistakesTests: ConformanceTests = Object.fromEntries(
  Object.entries(MISTAKES).map(([what, parts]): [string, ConformanceTest] => [
    `refuses ${what}, before anything is written`,
    async ({ backend, given }) => {
      const wrong = { ...given.newInstance({ instanceId: "wrong" }), ...parts } as NewInstance;

      await expectRefusal(backend.createInstances([given.newInstance(), wrong], holder), "INVALID_ARGUMENT");
      await expectRefusal(backend.replaceInstance(wrong, holder), "INVALID_ARGUMENT");

      expect(await backend.listSnapshots()).toEqual([]);
    },
  ]),
);

export const replaceInstanceTests: ConformanceTests = {
  "makes an instance where there was none": async ({ backend, given }) => {
    expect(await backend.replaceInstance(given.newInstance())).toEqual({
      instanceId: "order-1",
      created: true,
      granted: [],
    });
    expect(await given.claim()).toHaveLength(1);
  },

  "leaves no trace of the one that had its id": async ({ backend, given, clock }) => {
    await given.held({ labels: { old: "1" } });
    await backend.saveTaskResult("order-1", "early", bytesOf("1"));
    await backend.storeSignal("order-1", "cancel", {});
    await backend.sendEvent("order-1", "paid", bytesOf("1"), { dedupKey: "k" });
    given.after(1_000);

    expect(await backend.replaceInstance(given.newInstance({ input: bytesOf("2") }))).toMatchObject({ created: true });

    expect(await given.stateOf("order-1")).toMatchObject({
      instance: { input: bytesOf("2"), labels: {}, createdAt: clock.now() },
      positions: [{ path: "", taskId: "first", interrupt: null, lost: 0, claim: null }],
      signals: [],
    });
    expect(await given.historyOf("order-1")).toEqual([]);
    expect(await backend.peekEvent("order-1", "paid")).toBeNull();
    expect(await backend.sendEvent("order-1", "paid", bytesOf("2"), { dedupKey: "k" })).toBe("buffered");
  },

  "replaces an instance that has ended": async ({ backend, given }) => {
    await given.ended("failed");
    await backend.replaceInstance(given.newInstance());

    expect(await given.statusOf("order-1")).toBe("in_progress");
    expect(await given.historyOf("order-1")).toEqual([]);
  },

  "fences whoever held a position of the old one (INV-5)": async ({ backend, given }) => {
    const zombie = await given.held();
    const replaced = given.newInstance({ positions: [aNewPosition({ standing: given.standing(), claimed: true })] });
    const { granted } = await backend.replaceInstance(replaced, { workerId: "worker-a", leaseMs: 5_000 });

    expect(await given.commit(aCheckpoint(zombie))).toEqual({ kind: "fenced" });
    expect(await backend.renewClaims([zombie], 5_000)).toEqual([{ held: false, interrupt: null }]);
    expect(granted).toMatchObject([{ path: "" }]);
    expect(
      await given.commit(aCheckpoint({ instanceId: "order-1", path: "", token: granted[0]?.token ?? 0n })),
    ).toMatchObject({ kind: "accepted" });
  },

  "removes positions that the new one does not have": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    await backend.replaceInstance(given.newInstance());

    expect((await given.stateOf("order-1")).positions.map((position) => position.path)).toEqual([""]);
    expect(await given.commit(aCheckpoint(branches["a"] ?? aForgedClaim()))).toEqual({ kind: "fenced" });
  },

  "keeps events that were sent before there was an instance": async ({ backend, given }) => {
    await backend.sendEvent("order-1", "paid", bytesOf("7"));
    await backend.replaceInstance(given.newInstance());

    expect(await backend.peekEvent("order-1", "paid")).toMatchObject({ payload: bytesOf("7") });
  },

  "leaves one instance where many replace it at once": async ({ backend, given }) => {
    await given.held();
    await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        backend.replaceInstance(given.newInstance({ input: bytesOf(String(index)) })),
      ),
    );

    expect(await given.claim()).toHaveLength(1);
    expect(await given.historyOf("order-1")).toEqual([]);
  },
};
