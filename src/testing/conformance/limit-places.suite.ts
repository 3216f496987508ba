import { expect } from "vitest";
import type { ClaimRef, Move } from "../../snapshot/checkpoint.ts";
import type { Backend } from "../../store/backend.ts";
import type { ClaimedPosition } from "../../store/position-store.ts";
import { aNewPosition, anEntry, bytesOf } from "../builders.ts";
import { type Given, holder } from "./given.ts";
import { failedEntry } from "./retry-instance.suite.ts";
import type { ConformanceTests } from "./suite.ts";

const COMPLETE: Move = { kind: "complete", output: bytesOf("2"), codec: "json" };
const NEW_HASH = "fedcba9876543210".repeat(4);

/** The one place of the limit "api" is taken by the instance "a"; "b" waits for it. */
async function taken(given: Given, scope: "task" | "flow"): Promise<ClaimedPosition> {
  await given.limit({ concurrency: 1 });
  await given.waiting(["a", "b"], { scope, key: "acme" });
  const claim = await given.admittedOf("a");
  await expectTaken(given);
  return claim;
}

async function expectTaken(given: Given): Promise<void> {
  expect(await given.admitted()).toEqual([]);
}

async function expectFree(given: Given): Promise<void> {
  expect(await given.admitted({ limit: 1 })).toEqual(["b"]);
}

/** The trunk of the instance "a". */
function trunk(token: bigint | undefined): ClaimRef {
  return { instanceId: "a", path: "", token: token ?? 0n };
}

/** Ways to end an instance whose trunk is held. */
const ENDS: Readonly<Record<string, (backend: Backend, given: Given, claim: ClaimRef) => Promise<unknown>>> = {
  "has completed": (_, given, claim) => given.accepted(claim, COMPLETE),
  "has failed": (_, given, claim) => given.accepted(claim, given.failMove(), [failedEntry("first")]),
  "has been terminated": (backend) => backend.terminateInstance("a", {}),
  "is gone": (backend) => backend.deleteSnapshot("a"),
};

function endsThatFree(scope: "task" | "flow"): ConformanceTests {
  return Object.fromEntries(
    Object.entries(ENDS).map(([how, end]) => [
      `is free once the instance ${how}`,
      async ({ backend, given }) => {
        await end(backend, given, await taken(given, scope));
        await expectFree(given);
      },
    ]),
  );
}

export const taskPlaceTests: ConformanceTests = {
  ...endsThatFree("task"),

  "is free once the position stands elsewhere": async ({ given }) => {
    const claim = await taken(given, "task");
    await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "second" }) }, [anEntry()]);
    await expectFree(given);

    expect(await given.positionOf("a")).not.toHaveProperty("gate");
  },

  "is free once the position waits for its next attempt": async ({ given }) => {
    const claim = await taken(given, "task");
    const to = given.standing(given.before({ key: "acme" }, { attempt: 2 }));
    await given.accepted(claim, { kind: "park", to, wakeAfterMs: 5_000 }, [failedEntry("first")]);

    await expectFree(given);
    given.after(5_000);
    await expectTaken(given);
  },

  "is taken anew for the next attempt": async ({ given }) => {
    const claim = await taken(given, "task");
    const to = given.standing(given.before({ key: "acme" }, { attempt: 2 }));
    await given.accepted(claim, { kind: "park", to, wakeAfterMs: 0 }, [failedEntry("first")]);

    expect(await given.claim()).toEqual([]);
    expect(await given.admitted({ limit: 2 })).toHaveLength(1);
    await expectTaken(given);
  },

  "is free once the claim is given back": async ({ backend, given }) => {
    const claim = await taken(given, "task");
    await backend.releaseClaims([claim]);

    expect(await given.admitted()).toHaveLength(1);
    await expectTaken(given);
  },

  "is free once the lease is lost, not before": async ({ backend, given }) => {
    const claim = await taken(given, "task");
    given.after(holder.leaseMs - 1);
    expect(await backend.renewClaims([claim], holder.leaseMs)).toMatchObject([{ held: true }]);
    given.after(holder.leaseMs - 1);
    await backend.promoteDue();
    await expectTaken(given);
    given.after(1);
    await backend.promoteDue();

    expect(await given.admitted()).toHaveLength(1);
    await expectTaken(given);
  },

  "stays taken while the attempt notes what it has done": async ({ given }) => {
    const claim = await taken(given, "task");
    await given.accepted(claim, { kind: "note" }, [anEntry({ taskId: "first~1", kind: "step" })]);
    await expectTaken(given);
  },

  "stays taken while the instance is asked to pause, until that is acted on": async ({ backend, given }) => {
    const claim = await taken(given, "task");
    await backend.requestControl("a", "pause", {});
    await expectTaken(given);
    await given.accepted(claim, { kind: "park", to: given.standing({ taskId: "second" }), wakeAfterMs: 0 }, [
      anEntry(),
    ]);

    await expectFree(given);
  },

  "is not taken, nor waited for, by an instance that is paused": async ({ backend, given }) => {
    await given.limit({ concurrency: 1 });
    await given.waiting(["a", "b"]);
    await backend.requestControl("a", "pause", {});
    await given.admittedOf("b");
    await backend.terminateInstance("b", {});
    await expectTaken(given);
    await backend.unpauseInstance("a");

    expect(await given.admitted()).toEqual(["a"]);
  },

  "is waited for by branches of a fork, each by itself": async ({ given }) => {
    await given.limit({ concurrency: 2 });
    const claim = await given.held();
    const move = given.forkMove("both", ["p", "q", "r"]);
    const branches = move.branches.map(({ path }) =>
      aNewPosition({ path, standing: given.standing(given.before({}, { taskId: path })) }),
    );
    await given.accepted(claim, { ...move, branches });
    const { claimed } = await given.claimLimited();
    expect(claimed).toMatchObject([{ path: "both/p" }, { path: "both/q" }]);
    await given.accepted(claimed[0]!, { kind: "endBranch", joinPath: "" });

    expect((await given.claimLimited()).claimed).toMatchObject([{ path: "both/r" }]);
  },

  "is waited for where the next run begins": async ({ given }) => {
    await given.limit({ concurrency: 1 });
    const claim = await given.held({ instanceId: "a" });
    const standing = given.standing(given.before());
    await given.accepted(claim, { kind: "restart", input: bytesOf("7"), positions: [aNewPosition({ standing })] });

    expect(await given.claim()).toEqual([]);
    expect((await given.admittedOf("a")).run).toBe(2);
  },

  "is waited for again where an instance is retried": async ({ backend, given }) => {
    const claim = await taken(given, "task");
    const to = given.before({ key: "acme" }, { attempt: 2 });
    await given.accepted(claim, given.failMove(to), [failedEntry("first")]);
    await expectFree(given);
    await backend.retryInstance("a", {});

    expect(await given.claim()).toEqual([]);
    await expectTaken(given);
    await backend.terminateInstance("b", {});
    expect(await given.admittedOf("a")).toMatchObject({ attempt: 2, admitted: "task" });
  },

  "is waited for by an instance whose snapshot is loaded and saved": async ({ backend, given }) => {
    await given.limit({ concurrency: 1 });
    await given.waiting(["a"], { key: "acme" });
    const snapshot = await backend.loadSnapshot("a");
    await backend.saveSnapshot(snapshot);

    expect(await given.claim()).toEqual([]);
    expect(await given.positionOf("a")).toMatchObject({ gate: { limit: "api", scope: "task" }, limitKey: "acme" });
    expect(await given.admitted()).toEqual(["a"]);
  },
};

export const flowPlaceTests: ConformanceTests = {
  ...endsThatFree("flow"),

  "is the trunk's, which stands before no gate any more": async ({ given }) => {
    const claim = await taken(given, "flow");

    expect(claim.admitted).toBe("flow");
    const position = await given.positionOf("a");
    expect(position).toMatchObject({ slot: { limit: "api", key: "acme" }, claim: { token: claim.token } });
    expect(position).not.toHaveProperty("gate");
  },

  "stays taken through all moves, to the end": async ({ backend, given }) => {
    const claim = await taken(given, "flow");
    await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "second" }) }, [anEntry()]);
    await expectTaken(given);
    await given.accepted(claim, { kind: "note" });
    await expectTaken(given);
    await given.accepted(claim, { kind: "park", to: given.standing({ taskId: "second", attempt: 2 }), wakeAfterMs: 0 });
    await expectTaken(given);
    const again = await given.claimOf("a");
    await given.accepted(again, { kind: "await", to: given.wait(), timeoutMs: 5_000 });
    await expectTaken(given);
    await backend.sendEvent("a", "paid", bytesOf("7"));
    await backend.releaseClaims([await given.claimOf("a")]);
    await expectTaken(given);
    given.after(5_000);
    const last = await given.claimOf("a");
    expect(last).not.toHaveProperty("admitted");
    await given.accepted(last, { kind: "park", to: given.delay(), wakeAfterMs: 1_000 });
    await expectTaken(given);
    given.after(1_000);
    expect(await given.positionOf("a")).toMatchObject({ slot: { limit: "api", key: "acme" } });
    await given.accepted(await given.claimOf("a"), COMPLETE);

    await expectFree(given);
  },

  "stays taken, once, through a fork and its join": async ({ backend, given }) => {
    const { branches } = await given.fork(await taken(given, "flow"), "both", ["p", "q"]);
    await expectTaken(given);
    const { positions } = await given.stateOf("a");
    expect(positions.map(({ path, slot }) => [path, slot?.limit])).toEqual([
      ["", "api"],
      ["both/p", undefined],
      ["both/q", undefined],
    ]);
    expect(await backend.listLimits()).toMatchObject([{ running: 1 }]);
    await given.accepted(branches["p"]!, { kind: "endBranch", joinPath: "" });
    const { granted } = await given.accepted(branches["q"]!, { kind: "endBranch", joinPath: "" });
    await expectTaken(given);
    await given.accepted(trunk(granted[0]?.token), COMPLETE);

    await expectFree(given);
  },

  "stays taken, once, through a map and its items": async ({ backend, given }) => {
    const { items } = await given.map(await taken(given, "flow"), { total: 3, begun: 1 });
    const second = await given.accepted(items[0]!, { kind: "endItem", joinPath: "" });
    const [begun] = second.granted;
    expect(begun?.path).toBe("resize[1]");
    expect(await given.positionOf("a", "resize[1]")).not.toHaveProperty("slot");
    await given.accepted({ instanceId: "a", ...begun! }, { kind: "endItem", joinPath: "" });

    expect(await backend.listLimits()).toMatchObject([{ running: 1, waiting: 1 }]);
    await expectTaken(given);
  },

  "stays taken where a branch, or the deadline, ends all others": async ({ backend, given }) => {
    const { branches } = await given.fork(await taken(given, "flow"), "both", ["p", "q"]);
    await backend.setDeadline("a", { afterMs: 1_000, at: null });
    const to = given.standing({ taskId: "$undo" });
    await given.accepted(branches["p"]!, { kind: "collapse", to, keeps: null, cancels: false });
    await expectTaken(given);
    given.after(1_000);
    const [deadline] = await given.claim({ instanceId: "a" });
    expect(deadline?.path).not.toBe("");
    const { granted } = await given.accepted(deadline!, { kind: "collapse", to, keeps: null, cancels: false });
    await expectTaken(given);
    await given.accepted(trunk(granted[0]?.token), COMPLETE);

    await expectFree(given);
  },

  "stays taken where a lease is lost before the first checkpoint": async ({ backend, given }) => {
    await taken(given, "flow");
    given.after(holder.leaseMs);
    await backend.promoteDue();
    await expectTaken(given);

    expect(await given.claim()).toMatchObject([{ instanceId: "a", taskId: "first", lost: 1 }]);
    await expectTaken(given);
  },

  "stays taken while the instance is paused": async ({ backend, given }) => {
    await taken(given, "flow");
    await backend.requestControl("a", "pause", {});
    given.after(holder.leaseMs);
    await backend.promoteDue();
    await expectTaken(given);
    await backend.unpauseInstance("a");
    await expectTaken(given);

    await given.accepted(await given.claimOf("a"), COMPLETE);
    await expectFree(given);
  },

  "stays taken in the next run": async ({ given }) => {
    const claim = await taken(given, "flow");
    const positions = [aNewPosition({ standing: given.standing(), claimed: true })];
    const { granted } = await given.accepted(claim, { kind: "restart", input: bytesOf("7"), positions });
    await expectTaken(given);
    await given.accepted(trunk(granted[0]?.token), COMPLETE);

    await expectFree(given);
  },

  "stays taken under another definition": async ({ backend, given }) => {
    const claim = await taken(given, "flow");
    await backend.releaseClaims([claim]);
    await backend.migrateInstance({
      ...{ instanceId: "a", from: given.lane().definitionHash, entries: 0 },
      to: { flow: "order-2", definitionHash: NEW_HASH, spawns: false },
      positions: [{ path: "", taskId: "first", tags: [] }],
    });

    await expectTaken(given);
    await given.accepted(await given.claimOf("a"), COMPLETE);
    await expectFree(given);
  },

  "stays taken where a snapshot is loaded and saved": async ({ backend, given }) => {
    await taken(given, "flow");
    await backend.saveSnapshot(await backend.loadSnapshot("a"));

    await expectTaken(given);
    expect(await given.positionOf("a")).toMatchObject({ slot: { limit: "api", key: "acme" } });
  },

  "is counted beside those of its tasks": async ({ backend, given }) => {
    await given.limit({ concurrency: 3 });
    await given.waiting(["a"], { scope: "flow", key: "acme" });
    const claim = await given.admittedOf("a");
    const to = given.standing(given.before({ key: "acme" }, { taskId: "second" }));
    await given.accepted(claim, { kind: "park", to, wakeAfterMs: 0 }, [anEntry()]);
    expect(await backend.listLimits()).toMatchObject([{ running: 1, waiting: 1 }]);
    const second = await given.admittedOf("a");

    expect(second).toMatchObject({ taskId: "second", admitted: "task" });
    expect(await backend.listLimitKeys("api", { limit: 10 })).toMatchObject([{ key: "acme", running: 2 }]);
    await given.accepted(second, COMPLETE);
    expect(await backend.listLimits()).toMatchObject([{ running: 0 }]);
  },

  "is told of with each claim of the trunk": async ({ given }) => {
    const claim = await taken(given, "flow");
    expect(claim.hasPlace).toBe(true);
    const move: Move = { kind: "park", to: given.standing({ taskId: "second" }), wakeAfterMs: 0 };
    await given.accepted(claim, move, [anEntry()]);
    expect((await given.claimOf("a")).hasPlace).toBe(true);
    await given.instance({ instanceId: "other" });

    expect((await given.claimOf("other")).hasPlace ?? false).toBe(false);
  },

  "is not there any more where the instance has failed and is retried": async ({ backend, given }) => {
    const claim = await taken(given, "flow");
    await given.accepted(claim, given.failMove(), [failedEntry("first")]);
    await backend.retryInstance("a", {});

    expect((await given.claimOf("a")).hasPlace ?? false).toBe(false);
    await expectFree(given);
  },
};
