import { expect } from "vitest";
import { aCheckpoint, aForgedClaim, anEntry, bytesOf } from "../builders.ts";
import type { ConformanceSuite, ConformanceTests } from "./suite.ts";

const saveProgressTests: ConformanceTests = {
  "is seen with the instance, the last value with its time": async ({ backend, given, clock }) => {
    const claim = await given.held();
    expect((await given.stateOf("order-1")).progress).toEqual([]);
    expect(await backend.saveProgress(claim, "first", bytesOf("1"))).toBe("saved");
    given.after(5);
    expect(await backend.saveProgress(claim, "first", bytesOf("2"))).toBe("saved");

    const { progress } = await given.stateOf("order-1");
    expect(progress).toEqual([{ path: "", taskId: "first", value: bytesOf("2"), at: clock.now() }]);
    expect(await given.historyOf("order-1")).toEqual([]);
  },

  "changes nothing else": async ({ backend, given }) => {
    const claim = await given.held();
    const { progress: _, ...before } = await given.stateOf("order-1");
    await backend.saveProgress(claim, "first", bytesOf("1"));
    const { progress: __, ...after } = await given.stateOf("order-1");

    expect(after).toEqual(before);
    await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "second" }) }, [anEntry()]);
  },

  "is refused to who does not hold the position (INV-5)": async ({ backend, given }) => {
    const claim = await given.held();
    given.after(60_001);
    const taken = await given.claimOf("order-1");

    expect(await backend.saveProgress(claim, "first", bytesOf("1"))).toBe("fenced");
    expect(await backend.saveProgress(aForgedClaim("nowhere"), "first", bytesOf("1"))).toBe("fenced");
    expect(await backend.loadProgress("order-1", "", "first")).toBeNull();
    await backend.releaseClaims([taken]);
    expect(await backend.saveProgress(taken, "first", bytesOf("1"))).toBe("fenced");
  },

  "stays with the position through attempts and lost leases": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.saveProgress(claim, "first", bytesOf("1"));
    await given.accepted(claim, { kind: "park", to: given.standing({ attempt: 2 }), wakeAfterMs: 5 });
    expect((await given.stateOf("order-1")).progress).toMatchObject([{ value: bytesOf("1") }]);
    given.after(5);
    await given.claimOf("order-1");
    given.after(60_001);
    await given.claimOf("order-1");

    expect(await backend.loadProgress("order-1", "", "first")).toEqual(bytesOf("1"));
  },

  "counts for nothing once the position stands elsewhere": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.saveProgress(claim, "first", bytesOf("1"));
    await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "second" }) }, [anEntry()]);

    expect((await given.stateOf("order-1")).progress).toEqual([]);
    expect(await backend.loadProgress("order-1", "", "second")).toBeNull();
    await backend.saveProgress(claim, "second", bytesOf("2"));
    expect((await given.stateOf("order-1")).progress).toMatchObject([{ taskId: "second", value: bytesOf("2") }]);
  },

  "is kept for a task that the row does not stand at yet": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.saveTaskResult("order-1", "first", bytesOf("5"));
    await backend.saveProgress(claim, "second", bytesOf("1"));

    expect((await given.stateOf("order-1")).progress).toEqual([]);
    expect(await backend.loadProgress("order-1", "", "second")).toEqual(bytesOf("1"));
  },

  "is each branch's own, and gone with it and with the instance": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    await backend.saveProgress(branches["a"]!, "a", bytesOf("1"));
    await backend.saveProgress(branches["b"]!, "b", bytesOf("2"));
    expect((await given.stateOf("order-1")).progress).toMatchObject([
      { path: "both/a", value: bytesOf("1") },
      { path: "both/b", value: bytesOf("2") },
    ]);
    await given.accepted(branches["a"]!, { kind: "endBranch", joinPath: "" }, [anEntry({ taskId: "a" })]);
    expect(await backend.loadProgress("order-1", "both/a", "a")).toBeNull();
    await given.accepted(branches["b"]!, given.failMove({ taskId: "b" }));
    expect((await given.stateOf("order-1")).progress).toEqual([]);
    await backend.retryInstance("order-1", {});
    expect(await backend.loadProgress("order-1", "both/b", "b")).toBeNull();
  },

  "of nothing is nothing": async ({ backend, given }) => {
    expect(await backend.loadProgress("nowhere", "", "first")).toBeNull();
    const claim = await given.held();
    expect(await backend.loadProgress("order-1", "", "first")).toBeNull();
    await given.commit(aCheckpoint(claim));
    expect(await backend.saveProgress(claim, "first", bytesOf("1"))).toBe("fenced");
  },
};

export const progressStoreSuite: ConformanceSuite = {
  name: "ProgressStore",
  methods: { saveProgress: saveProgressTests },
};
