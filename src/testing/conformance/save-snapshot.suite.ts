import { expect } from "vitest";
import { aCheckpoint, anEntry, aPosition, aTaskResult, bytesOf, textOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import type { ConformanceTests } from "./suite.ts";

export const saveSnapshotTests: ConformanceTests = {
  "inserts an instance that is not there": async ({ backend, given }) => {
    await backend.saveSnapshot(given.snapshot());

    expect(await backend.listSnapshots()).toEqual(["order-1"]);
  },

  "makes the stored instance equal to the snapshot": async ({ backend, given }) => {
    const snapshot = given.snapshot({
      flow: "refund",
      input: bytesOf('{"a":1}'),
      priority: 1,
      tags: ["eu"],
      labels: { customer: "7" },
      createdAt: 1_700_000_000_000,
      positions: [
        aPosition({ path: "", taskId: "both", kind: "join", pending: 2, ready: false, availableAt: null }),
        aPosition({
          path: "both/a",
          taskId: "a",
          tags: ["gpu"],
          inputRef: "first",
          attempt: 2,
          lost: 1,
          priority: 2,
          availableAt: 1_700_000_000_001,
        }),
        aPosition({
          path: "both/b",
          taskId: "b",
          kind: "wait",
          event: "paid",
          ready: false,
          availableAt: 4_000_000_000_000,
          wakeAt: 4_000_000_000_000,
        }),
      ],
      results: [aTaskResult(), aTaskResult({ taskId: "second", kind: "delay", output: null, outputRef: "first" })],
    });

    await backend.saveSnapshot(snapshot);

    expect(await backend.loadSnapshot("order-1")).toEqual(snapshot);
  },

  "overwrites an instance that is there": async ({ backend, given }) => {
    await given.instance({ labels: { a: "1" }, priority: 2, tags: ["eu"] });
    const stored = await backend.loadSnapshot("order-1");
    const snapshot = {
      ...stored,
      labels: { b: "2" },
      priority: 4,
      tags: ["us"],
      positions: [aPosition({ taskId: "second", inputRef: "first" })],
      results: [aTaskResult()],
    };

    await backend.saveSnapshot(snapshot);

    expect(await backend.loadSnapshot("order-1")).toEqual(snapshot);
  },

  "changes nothing where it saves what was loaded": async ({ backend, given }) => {
    await given.forked(["a", "b"]);
    const before = await backend.loadSnapshot("order-1");

    await backend.saveSnapshot(before);

    expect(await backend.loadSnapshot("order-1")).toEqual(before);
  },

  "appends a $save entry to the history each time": async ({ backend, given }) => {
    await backend.saveSnapshot(given.snapshot());
    await backend.saveSnapshot(given.snapshot());

    expect(await given.historyOf("order-1")).toEqual(["$save#1 noted", "$save#2 noted"]);
    expect(await given.entryOf("order-1", "$save")).toMatchObject({
      kind: "instance",
      output: null,
      workerId: null,
      path: "",
    });
  },

  "appends an entry for each result that the history does not have yet": async ({ backend, given }) => {
    await backend.saveSnapshot(given.snapshot({ results: [aTaskResult()] }));
    await backend.saveSnapshot(
      given.snapshot({ results: [aTaskResult(), aTaskResult({ taskId: "second", output: bytesOf("5") })] }),
    );

    const outcomes = (await given.historyOf("order-1")).filter((line) => line.endsWith("completed"));
    expect(outcomes).toEqual(["first#1 completed", "second#1 completed"]);
    expect(await given.entryOf("order-1", "second")).toMatchObject({ output: bytesOf("5"), workerId: null });
  },

  "records a result under the attempt after those that failed": async ({ backend, given }) => {
    const claim = await given.held();
    const failed = anEntry({ outcome: "failed", output: null, failure: bytesOf("3") });
    await given.accepted(claim, { kind: "park", to: given.standing({ attempt: 2 }), wakeAfterMs: 1_000 }, [failed]);
    const stored = await backend.loadSnapshot("order-1");

    await backend.saveSnapshot({ ...stored, results: [aTaskResult()], positions: [aPosition({ taskId: "second" })] });

    expect(await given.historyOf("order-1")).toContain("first#2 completed");
  },

  "keeps results that the snapshot leaves out, because history is append-only": async ({ backend, given }) => {
    await backend.saveSnapshot(given.snapshot({ results: [aTaskResult()] }));
    await backend.saveSnapshot(given.snapshot({ results: [] }));

    expect((await backend.loadSnapshot("order-1")).results).toEqual([aTaskResult()]);
  },

  "records results of which one passes on the other's output": async ({ backend, given }) => {
    const results = [aTaskResult(), aTaskResult({ taskId: "rest", kind: "delay", output: null, outputRef: "first" })];
    await backend.saveSnapshot(given.snapshot({ results }));

    expect((await backend.loadSnapshot("order-1")).results).toEqual(results);
    expect((await backend.loadResults("order-1", ["rest"]))[0]?.output).toEqual(bytesOf("2"));
  },

  "keeps of a result what it failed with, and which way it went": async ({ backend, given }) => {
    const results = [
      aTaskResult({ taskId: "mail", outcome: "tolerated", output: null, failure: bytesOf("9") }),
      aTaskResult({ taskId: "poll[0]", kind: "loop", decision: "again" }),
      aTaskResult({ taskId: "way", kind: "route", decision: "express" }),
    ];
    await backend.saveSnapshot(given.snapshot({ results }));

    expect((await backend.loadSnapshot("order-1")).results).toEqual(results);
    expect(await backend.loadResults("order-1", ["mail", "poll[0]", "way"])).toEqual(results);
    expect(await given.entryOf("order-1", "way")).toMatchObject({ decision: "express" });
  },

  "is atomic among concurrent saves of one id": async ({ backend, given }) => {
    await Promise.all(
      Array.from({ length: 20 }, () => backend.saveSnapshot(given.snapshot({ results: [aTaskResult()] }))),
    );

    const history = await given.historyOf("order-1");
    expect(history.filter((line) => line.startsWith("first"))).toEqual(["first#1 completed"]);
    expect(history.filter((line) => line.startsWith("$save"))).toHaveLength(20);
  },

  "ends an instance: nothing stands any more, and no request is pending": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.storeSignal("order-1", "cancel", {});
    const stored = await backend.loadSnapshot("order-1");

    await backend.saveSnapshot({
      ...stored,
      status: "completed",
      output: bytesOf("2"),
      endedAt: stored.createdAt,
      positions: [],
    });

    expect(await given.stateOf("order-1")).toMatchObject({
      instance: { status: "completed" },
      positions: [],
      signals: [],
    });
    expect(await given.commit(aCheckpoint(claim))).toEqual({ kind: "fenced" });
  },

  "can insert an instance that has ended already": async ({ backend, given }) => {
    const snapshot = given.snapshot({ status: "failed", failure: bytesOf("3"), endedAt: 5, positions: [] });
    await backend.saveSnapshot(snapshot);

    expect(await backend.loadSnapshot("order-1")).toEqual(snapshot);
  },

  "can leave an instance paused": async ({ backend, given }) => {
    const paused = aPosition({ ready: false, availableAt: null, interrupt: "paused" });
    await backend.saveSnapshot(given.snapshot({ status: "paused", reason: "stock-taking", positions: [paused] }));
    expect(await given.claim()).toEqual([]);

    await backend.unpause("order-1");
    expect(await given.claim()).toHaveLength(1);
  },

  "makes positions that can be claimed as it says": async ({ backend, given, clock }) => {
    const soon = clock.now() + 1_000;
    await backend.saveSnapshot(
      given.snapshot({
        positions: [
          aPosition({ path: "", taskId: "both", kind: "join", pending: 2, ready: false, availableAt: null }),
          aPosition({ path: "both/a", taskId: "a" }),
          aPosition({ path: "both/b", taskId: "b", ready: false, availableAt: soon, wakeAt: soon, kind: "delay" }),
        ],
      }),
    );

    expect((await given.claim()).map((claim) => claim.path)).toEqual(["both/a"]);
    given.after(1_000);
    expect((await given.claim()).map((claim) => claim.path)).toEqual(["both/b"]);
  },

  "doesn't leave a position asleep whose outcome it records": async ({ backend, given }) => {
    await given.asleep(86_400_000);
    const stored = await backend.loadSnapshot("order-1");

    await backend.saveSnapshot({ ...stored, results: [aTaskResult({ taskId: "rest", kind: "delay" })] });

    expect(await given.claimOf("order-1")).toMatchObject({ taskId: "rest", recorded: { outcome: "completed" } });
  },

  "doesn't leave a wait parked whose event is buffered": async ({ backend, given }) => {
    await backend.sendEvent("order-1", "paid", bytesOf("9"));
    const wait = aPosition({ taskId: "payment", kind: "wait", event: "paid", ready: false, availableAt: null });

    await backend.saveSnapshot(given.snapshot({ positions: [wait] }));

    expect(await given.claim()).toHaveLength(1);
  },

  "copies what it stores and what it gives back": async ({ backend, given }) => {
    const snapshot = given.snapshot({ results: [aTaskResult()] });
    await backend.saveSnapshot(snapshot);
    snapshot.input[0] = 0;
    snapshot.results[0]?.output?.fill(0);
    (await backend.loadSnapshot("order-1")).input[0] = 0;

    const stored = await backend.loadSnapshot("order-1");
    expect(textOf(stored.input)).toBe("1");
    expect(textOf(stored.results[0]?.output)).toBe("2");
  },
};

export const saveSnapshotOverClaimsTests: ConformanceTests = {
  "lets the claim of a position stand that it leaves as it is": async ({ backend, given }) => {
    const claim = await given.held();
    const stored = await backend.loadSnapshot("order-1");

    await backend.saveSnapshot({ ...stored, labels: { note: "x" } });

    expect((await given.positionOf("order-1"))?.claim).toMatchObject({ workerId: "worker-a", token: claim.token });
    expect(await given.commit(aCheckpoint(claim))).toMatchObject({ kind: "accepted" });
  },

  "lets a claim stand that was made after the snapshot had been loaded": async ({ backend, given }) => {
    await given.instance();
    const stored = await backend.loadSnapshot("order-1");
    const claim = await given.claimOf("order-1");

    await backend.saveSnapshot(stored);

    expect(await given.commit(aCheckpoint(claim))).toMatchObject({ kind: "accepted" });
  },

  "makes the claim of a position that it moves invalid": async ({ backend, given }) => {
    const claim = await given.held();
    const stored = await backend.loadSnapshot("order-1");

    await backend.saveSnapshot({ ...stored, positions: [aPosition({ taskId: "second" })] });

    expect(await given.commit(aCheckpoint(claim))).toEqual({ kind: "fenced" });
    expect((await given.claimOf("order-1")).token).toBeGreaterThan(claim.token);
  },

  "makes the claim of another attempt invalid": async ({ backend, given }) => {
    const claim = await given.held();
    const stored = await backend.loadSnapshot("order-1");

    await backend.saveSnapshot({ ...stored, positions: [aPosition({ attempt: 2 })] });

    expect(await given.commit(aCheckpoint(claim))).toEqual({ kind: "fenced" });
  },

  "makes the claim of a position that it removes invalid, and of no other": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    const stored = await backend.loadSnapshot("order-1");

    await backend.saveSnapshot({
      ...stored,
      positions: stored.positions.filter((position) => position.path !== "both/a"),
    });

    const held = await backend.renewClaims([branches["a"]!, branches["b"]!], 60_000);
    expect(held.map((renewal) => renewal.held)).toEqual([false, true]);
  },

  "ignores the claims that the snapshot itself lists": async ({ backend, given, clock }) => {
    const claim = { workerId: "worker-b", token: 77n, expiresAt: clock.now() + 1_000_000 };
    await backend.saveSnapshot(
      given.snapshot({ positions: [aPosition({ ready: false, availableAt: claim.expiresAt, claim })] }),
    );

    expect(await given.commit(aCheckpoint({ instanceId: "order-1", path: "", token: 77n }))).toEqual({
      kind: "fenced",
    });
    expect(await given.claim()).toHaveLength(1);
  },

  "doesn't strand a position that the snapshot lists as held without end": async ({ backend, given }) => {
    await given.instance();
    await backend.claimTask("order-1", "first", "worker-b");
    const stored = await backend.loadSnapshot("order-1");

    await backend.saveSnapshot({
      ...stored,
      positions: stored.positions.map((position) => ({ ...position, attempt: 2 })),
    });

    expect(await given.claim()).toHaveLength(1);
  },

  "leaves a pending request in force for the positions that it brings": async ({ backend, given }) => {
    await given.instance();
    const stored = await backend.loadSnapshot("order-1");
    await backend.storeSignal("order-1", "pause", {});

    await backend.saveSnapshot({ ...stored, positions: [aPosition({ taskId: "second" })] });

    given.after(1_000);
    expect(await given.claimOf("order-1")).toMatchObject({ taskId: "second", interrupt: "pause" });
  },

  "brings positions of a paused instance back when it saves it as in progress": async ({ backend, given }) => {
    await given.paused();
    const stored = await backend.loadSnapshot("order-1");

    const positions = stored.positions.map((position) => ({
      ...position,
      interrupt: null,
      ready: true,
      availableAt: 0,
    }));

    await backend.saveSnapshot({ ...stored, status: "in_progress", reason: null, positions });

    expect(await given.claim()).toHaveLength(1);
  },
};

export const saveSnapshotRefusalTests: ConformanceTests = {
  ...Object.fromEntries(
    (["completed", "failed", "cancelled"] as const).map((status) => [
      `refuses to overwrite a ${status} instance and changes nothing (INV-7)`,
      async ({ backend, given }) => {
        await given.ended(status);
        const before = await given.seen("order-1");

        await expectRefusal(
          backend.saveSnapshot(given.snapshot({ results: [aTaskResult({ taskId: "late" })] })),
          "INVALID_TRANSITION",
          { instanceId: "order-1", from: status },
        );

        expect(await given.seen("order-1")).toEqual(before);
      },
    ]) satisfies [string, ConformanceTests[string]][],
  ),

  "refuses a result that differs from the one recorded and changes nothing (INV-3)": async ({ backend, given }) => {
    await backend.saveSnapshot(given.snapshot({ results: [aTaskResult()] }));
    const before = await given.seen("order-1");
    const results = [aTaskResult({ taskId: "new" }), aTaskResult({ output: bytesOf("4") })];

    await expectRefusal(backend.saveSnapshot(given.snapshot({ results, labels: { a: "1" } })), "RESULT_CONFLICT", {
      instanceId: "order-1",
      taskId: "first",
    });

    expect(await given.seen("order-1")).toEqual(before);
  },

  "refuses another outcome with no output where one is recorded": async ({ backend, given }) => {
    await backend.saveSnapshot(given.snapshot({ results: [aTaskResult()] }));
    const results = [aTaskResult({ kind: "wait", outcome: "timed_out", output: null })];

    await expectRefusal(backend.saveSnapshot(given.snapshot({ results })), "RESULT_CONFLICT");
  },
};
