import { expect } from "vitest";
import type { ConformanceTests } from "./suite.ts";

/** What a step of priority is worth in waiting time. */
const AGING_MS = 300_000;
const DAY = 86_400_000;

export const claimOrderTests: ConformanceTests = {
  "takes what is more urgent first": async ({ given }) => {
    for (const priority of [4, 1, 5, 3, 2]) await given.instance({ instanceId: `p${priority}`, at: { priority } });

    expect((await given.claim()).map((claim) => claim.instanceId)).toEqual(["p1", "p2", "p3", "p4", "p5"]);
  },

  "takes what has been ready longest first": async ({ given }) => {
    for (const instanceId of ["c", "a", "b"]) {
      await given.instance({ instanceId });
      given.after(1);
    }

    expect((await given.claim()).map((claim) => claim.instanceId)).toEqual(["c", "a", "b"]);
  },

  "takes one after the other by instance and path where all else is equal": async ({ backend, given }) => {
    await given.instance({ instanceId: "b" });
    const { branches } = await given.forked(["y", "x"], { instanceId: "a" });
    await backend.releaseClaims(Object.values(branches));

    expect((await given.claim()).map((claim) => `${claim.instanceId}:${claim.path}`)).toEqual([
      "a:both/x",
      "a:both/y",
      "b:",
    ]);
  },

  "takes what was made by one call in the order in which it listed it": async ({ backend, given }) => {
    await backend.createInstances(["c", "a", "b"].map((instanceId) => given.newInstance({ instanceId })));
    expect((await given.claim()).map((claim) => claim.instanceId)).toEqual(["c", "a", "b"]);

    const claim = await given.held();
    await given.accepted(claim, given.forkMove("both", ["y", "z", "x"], { claimed: false }));
    expect((await given.claim()).map((one) => one.path)).toEqual(["both/y", "both/z", "both/x"]);
  },

  "lets nothing starve: five minutes of waiting are worth a step of priority": async ({ given }) => {
    await given.instance({ instanceId: "waits", at: { priority: 3 } });
    given.after(2 * AGING_MS - 1);
    await given.instance({ instanceId: "urgent", at: { priority: 1 } });
    expect((await given.claim({ limit: 1 })).map((claim) => claim.instanceId)).toEqual(["urgent"]);
    given.after(2);
    await given.instance({ instanceId: "late", at: { priority: 1 } });

    expect((await given.claim()).map((claim) => claim.instanceId)).toEqual(["waits", "late"]);
  },

  "goes by the position's priority, not the instance's": async ({ given }) => {
    await given.instance({ instanceId: "a", priority: 1, at: { priority: 4 } });
    await given.instance({ instanceId: "b", priority: 5, at: { priority: 2 } });

    expect((await given.claim()).map((claim) => claim.instanceId)).toEqual(["b", "a"]);
  },

  "orders across lanes": async ({ given }) => {
    const other = "f".repeat(64);
    await given.instance({ instanceId: "a", at: { priority: 2 } });
    await given.instance({
      instanceId: "b",
      definitionHash: other,
      at: { priority: 1, lane: given.lane({ definitionHash: other }) },
    });
    await given.instance({
      instanceId: "c",
      definitionHash: other,
      at: { priority: 3, lane: given.lane({ definitionHash: other }) },
    });

    const lanes = [given.lane(), given.lane({ definitionHash: other })];
    expect((await given.claim({ lanes })).map((claim) => claim.instanceId)).toEqual(["b", "a", "c"]);
  },

  "counts a timer's waiting from when it was due, however late it is noticed": async ({ given }) => {
    await given.asleep(1_000, { instanceId: "b" });
    given.after(2_000);
    await given.instance({ instanceId: "a" });

    expect((await given.claim()).map((claim) => claim.instanceId)).toEqual(["b", "a"]);
  },

  "counts what is given back as ready since then": async ({ backend, given }) => {
    const claim = await given.held({ instanceId: "a" });
    given.after(1);
    await given.instance({ instanceId: "b" });
    given.after(1);
    await backend.releaseClaims([claim]);

    expect((await given.claim()).map((one) => one.instanceId)).toEqual(["b", "a"]);
  },

  "is not held up by what is parked, asleep, held, or of other lanes": async ({ backend, given }) => {
    const others = Array.from({ length: 150 }, (_, index) =>
      given.newInstance({ instanceId: `0-${index}`, definitionHash: "e".repeat(64) }),
    );
    const sleepers = Array.from({ length: 150 }, (_, index) =>
      given.newInstance({ instanceId: `1-${index}`, at: { priority: 1 }, wakeAfterMs: DAY }),
    );
    await backend.createInstances([...others, ...sleepers]);
    await given.instance({ instanceId: "z", at: { priority: 5 } });

    expect((await given.claim({ limit: 1 })).map((claim) => claim.instanceId)).toEqual(["z"]);
  },
};
