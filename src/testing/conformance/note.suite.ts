import { expect } from "vitest";
import type { Checkpoint, ClaimRef } from "../../snapshot/checkpoint.ts";
import type { NewEntry } from "../../snapshot/snapshot.ts";
import { aCheckpoint, anEntry, bytesOf } from "../builders.ts";
import type { ConformanceTests } from "./suite.ts";

function aStep(overrides: Partial<NewEntry> = {}): NewEntry {
  return anEntry({ taskId: "first>reserve", kind: "step", ...overrides });
}

function noteOf(claim: ClaimRef, entries: readonly NewEntry[] = [aStep()]): Checkpoint {
  return aCheckpoint(claim, { move: { kind: "note" }, entries });
}

export const noteTests: ConformanceTests = {
  "writes its entries, and leaves the position as it is": async ({ given }) => {
    const claim = await given.held();
    const before = await given.positionOf("order-1");
    given.after(1_000);

    expect(await given.commit(noteOf(claim))).toEqual({ kind: "accepted", kept: true, interrupt: null, granted: [] });
    expect(await given.positionOf("order-1")).toEqual(before);
    expect(await given.historyOf("order-1")).toEqual(["first>reserve#1 completed"]);
    await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "second" }) }, [anEntry()]);
  },

  "is progress: leases lost before don't count any more": async ({ backend, given }) => {
    await given.held();
    given.after(60_001);
    const [taken] = await given.claim();
    if (taken === undefined) throw new TypeError("The lease should have run out.");
    expect(taken.lost).toBe(1);
    await given.commit(noteOf(taken));

    await backend.releaseClaims([taken]);
    expect((await given.positionOf("order-1"))?.lost).toBe(0);
  },

  "keeps the claim while a request is pending, and tells of it": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.requestControl("order-1", "cancel", {});

    expect(await given.commit(noteOf(claim))).toEqual({
      kind: "accepted",
      kept: true,
      interrupt: "cancel",
      granted: [],
    });
    expect((await given.positionOf("order-1"))?.claim?.token).toBe(claim.token);
  },

  "records each step once: the first one stands (INV-3)": async ({ backend, given }) => {
    const claim = await given.held();
    await given.commit(noteOf(claim, [aStep({ output: bytesOf("1") })]));

    expect(await given.commit(noteOf(claim, [aStep({ output: bytesOf("2") })]))).toEqual({ kind: "recorded" });
    expect(await backend.loadSteps("order-1", "first")).toMatchObject([{ output: bytesOf("1") }]);
  },

  "is fenced where the claim does not hold (INV-5)": async ({ given }) => {
    const claim = await given.held();

    expect(await given.commit(noteOf({ ...claim, token: claim.token + 1n }))).toEqual({ kind: "fenced" });
    expect(await given.historyOf("order-1")).toEqual([]);
  },

  "of many instances, and several of one, go together": async ({ backend, given }) => {
    const claims = [await given.held({ instanceId: "a" }), await given.held({ instanceId: "b" })];
    const [first] = claims;
    if (first === undefined) throw new TypeError("There should be a claim.");
    const batch = [...claims.map((claim) => noteOf(claim)), noteOf(first, [aStep({ taskId: "first>pack" })])];

    const fates = await backend.commitCheckpoints(batch, { workerId: "worker-a", leaseMs: 60_000 });
    expect(fates.map(({ kind }) => kind)).toEqual(["accepted", "accepted", "accepted"]);
    expect(await given.historyOf("a")).toEqual(["first>reserve#1 completed", "first>pack#1 completed"]);
  },
};
