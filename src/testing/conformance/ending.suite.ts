import { expect } from "vitest";
import type { Move } from "../../snapshot/checkpoint.ts";
import type { NewEntry } from "../../snapshot/snapshot.ts";
import type { Backend } from "../../store/backend.ts";
import { aCheckpoint, anEntry, bytesOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import type { Given, InstanceFacts } from "./given.ts";
import { failedEntry } from "./retry-instance.suite.ts";
import type { ConformanceTests } from "./suite.ts";

const HOUR = 3_600_000;
const UNDO = { undo: true } as const;

function note(taskId: string, failure: Uint8Array | null = null): NewEntry {
  return anEntry({ taskId, kind: "instance", outcome: "noted", output: null, failure });
}

function collapse(given: Given, facts: Partial<Extract<Move, { kind: "collapse" }>> = {}): Move {
  return { kind: "collapse", to: given.standing({ taskId: "$undo" }), keeps: null, cancels: false, ...facts };
}

/** An instance with two branches, both held, that is to be cancelled and undone. */
async function asked(backend: Backend, given: Given, facts: InstanceFacts = {}): ReturnType<Given["forked"]> {
  const forked = await given.forked(["a", "b"], facts);
  expect(await backend.requestControl("order-1", "cancel", { reason: "not wanted", undo: true })).toBe("requested");
  return forked;
}

export const keptTests: ConformanceTests = {
  "keeps where the instance stood, for a retry after a failure that leaves it so": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    const keeps = given.standing({ taskId: "a", attempt: 2 });
    const { granted } = await given.accepted(branches["a"]!, collapse(given, { keeps }), [failedEntry("a")]);
    const trunk = { instanceId: "order-1", path: "", token: granted[0]!.token };
    await given.accepted(trunk, { ...given.failMove({ taskId: "$undo" }), asKept: true });
    await backend.retryInstance("order-1", {});

    expect((await given.stateOf("order-1")).positions).toMatchObject([
      { path: "", taskId: "both", pending: 2 },
      { path: "both/a", taskId: "a", attempt: 2, ready: true },
      { path: "both/b", taskId: "b", attempt: 1, ready: true },
    ]);
  },

  "keeps it through a pause, and through a collapse that keeps nothing": async ({ backend, given }) => {
    const { branches } = await given.forked(["a"]);
    const keeps = given.standing({ taskId: "a", attempt: 2 });
    const first = await given.accepted(branches["a"]!, collapse(given, { keeps }));
    await backend.requestControl("order-1", "pause", {});
    await backend.unpause("order-1");
    const trunk = { instanceId: "order-1", path: "", token: first.granted[0]!.token };
    const second = await given.accepted(trunk, collapse(given));
    const again = { ...trunk, token: second.granted[0]!.token };
    await given.accepted(again, { ...given.failMove({ taskId: "$undo" }), asKept: true });
    await backend.retryInstance("order-1", {});

    expect(await given.positionOf("order-1", "both/a")).toMatchObject({ taskId: "a", attempt: 2 });
  },

  "leaves it out of account after any other failure": async ({ backend, given }) => {
    const claim = await given.held();
    const { granted } = await given.accepted(claim, collapse(given, { keeps: given.standing({ taskId: "first" }) }));
    const trunk = { instanceId: "order-1", path: "", token: granted[0]!.token };
    await given.accepted(trunk, given.failMove({ taskId: "charge~undo", attempt: 3 }));
    await backend.retryInstance("order-1", {});

    expect((await given.stateOf("order-1")).positions).toMatchObject([{ taskId: "charge~undo", attempt: 3 }]);
  },

  "goes by what the failure says where nothing was kept": async ({ backend, given }) => {
    const claim = await given.held();
    await given.accepted(claim, { ...given.failMove({ attempt: 5 }), asKept: true });
    await backend.retryInstance("order-1", {});

    expect((await given.stateOf("order-1")).positions).toMatchObject([{ taskId: "first", attempt: 5 }]);
  },

  "is forgotten when the instance completes, is cancelled, or is saved": async ({ backend, given }) => {
    const ends: Readonly<Record<string, (claim: { path: string; token: bigint }) => Promise<unknown>>> = {
      completed: async (claim) =>
        await given.accepted(
          { instanceId: "completed", ...claim },
          { kind: "complete", output: bytesOf("2"), codec: "json" },
        ),
      cancelled: async () => await backend.terminateInstance("cancelled", {}),
      saved: async () => await backend.saveSnapshot({ ...(await backend.loadSnapshot("saved")), labels: { a: "b" } }),
    };
    for (const [instanceId, end] of Object.entries(ends)) {
      const claim = await given.held({ instanceId });
      const { granted } = await given.accepted(claim, collapse(given, { keeps: given.standing() }));
      await end({ path: "", token: granted[0]!.token });
    }
    given.after(HOUR);
    await given.accepted(await given.claimOf("saved"), { ...given.failMove({ attempt: 7 }), asKept: true });
    await backend.retryInstance("saved", {});

    expect(await given.statusOf("completed")).toBe("completed");
    expect(await given.statusOf("cancelled")).toBe("cancelled");
    expect(await given.positionOf("saved")).toMatchObject({ attempt: 7 });
  },

  "numbers its notes, each time that the instance comes there": async ({ backend, given }) => {
    const claim = await given.held();
    const end = async (held: typeof claim): Promise<void> => {
      const { granted } = await given.accepted(held, collapse(given, { keeps: given.standing() }), [
        note("$failed", bytesOf("3")),
      ]);
      await given.accepted({ ...held, token: granted[0]!.token }, { ...given.failMove(), asKept: true });
    };
    await end(claim);
    await backend.retryInstance("order-1", {});
    await end(await given.claimOf("order-1"));

    expect(await given.historyOf("order-1")).toEqual(["$failed#1 noted", "$retry#1 noted", "$failed#2 noted"]);
    expect(await backend.highestAttempt("order-1", "$failed")).toBe(2);
  },
};

export const cancellingTests: ConformanceTests = {
  "acts on the request: it is gone, the trunk is held, and the instance goes on": async ({ backend, given }) => {
    const { branches } = await asked(backend, given);
    const why = note("$cancelling", bytesOf("3"));
    const fate = await given.accepted(branches["a"]!, collapse(given, { cancels: true }), [why]);

    expect(fate).toMatchObject({ kept: false, interrupt: null, granted: [{ path: "" }] });
    expect(await backend.getSignal("order-1", "cancel")).toBeNull();
    expect(await given.stateOf("order-1")).toMatchObject({
      instance: { status: "in_progress" },
      signals: [],
      positions: [{ path: "", taskId: "$undo", interrupt: null }],
    });
    expect(await backend.renewClaims([branches["b"]!], 1_000)).toMatchObject([{ held: false }]);
  },

  "takes the instance out of its pause": async ({ backend, given }) => {
    await given.paused();
    await backend.requestControl("order-1", "cancel", UNDO);
    await given.accepted(await given.claimOf("order-1"), collapse(given, { cancels: true }));

    expect(await given.stateOf("order-1")).toMatchObject({
      instance: { status: "in_progress", reason: null },
      positions: [{ interrupt: null }],
    });
  },

  "is refused where nothing asks for it": async ({ given }) => {
    const { branches } = await given.forked(["a", "b"]);
    const before = await given.seen("order-1");

    expect(await given.commit(aCheckpoint(branches["a"]!, { move: collapse(given, { cancels: true }) }))).toEqual({
      kind: "fenced",
    });
    expect(await given.commit(aCheckpoint(branches["a"]!, { move: { kind: "cancel", reason: null } }))).toEqual({
      kind: "fenced",
    });
    expect(await given.seen("order-1")).toEqual(before);
  },

  "lets further requests to cancel change nothing": async ({ backend, given }) => {
    const { branches } = await asked(backend, given);
    await given.accepted(branches["a"]!, collapse(given, { cancels: true }), [note("$cancelling", bytesOf("3"))]);
    const before = await given.seen("order-1");
    expect(await backend.requestControl("order-1", "cancel", {})).toBe("requested");
    expect(await backend.requestControl("order-1", "cancel", UNDO)).toBe("requested");
    await backend.storeSignal("order-1", "cancel", {});

    expect(await given.seen("order-1")).toEqual(before);
    expect(await backend.terminateInstance("order-1", { reason: "enough" })).toBe("applied");
    expect((await given.stateOf("order-1")).instance).toMatchObject({ status: "cancelled", reason: "enough" });
  },

  "ends it as cancelled, with a reason and a note": async ({ backend, given }) => {
    const { branches } = await asked(backend, given);
    const { granted } = await given.accepted(branches["a"]!, collapse(given, { cancels: true }));
    const trunk = { instanceId: "order-1", path: "", token: granted[0]!.token };
    const fate = await given.accepted(trunk, { kind: "cancel", reason: "not wanted" }, [note("$cancel")]);

    expect(fate).toEqual({ kind: "accepted", kept: false, interrupt: null, granted: [] });
    expect(await given.stateOf("order-1")).toMatchObject({
      instance: { status: "cancelled", reason: "not wanted", failure: null, endedAt: expect.any(Number) as number },
      positions: [],
      signals: [],
    });
    expect(await given.historyOf("order-1")).toEqual(["$cancel#1 noted"]);
    await expectRefusal(backend.retryInstance("order-1", {}), "INVALID_TRANSITION");
  },

  "says of the end, not of the collapse before it, that something is due where there may be children": async ({
    backend,
    given,
  }) => {
    const { branches } = await asked(backend, given, { spawns: true });
    const collapsed = await given.accepted(branches["a"]!, collapse(given, { cancels: true }));
    expect(collapsed.owes).not.toBe(true);
    const trunk = { instanceId: "order-1", path: "", token: collapsed.granted[0]!.token };
    expect((await given.accepted(trunk, { kind: "cancel", reason: null })).owes).toBe(true);

    await backend.deleteSnapshot("order-1");
    const again = await asked(backend, given, { spawns: true });
    expect((await given.accepted(again.branches["a"]!, { kind: "cancel", reason: null })).owes).toBe(true);
  },

  "ends it from a branch at once, whoever holds the others": async ({ backend, given }) => {
    const { branches } = await asked(backend, given);
    await given.accepted(branches["a"]!, { kind: "cancel", reason: null }, [note("$cancel")]);

    expect(await given.stateOf("order-1")).toMatchObject({ instance: { status: "cancelled" }, positions: [] });
    expect(await backend.renewClaims([branches["b"]!], 1_000)).toMatchObject([{ held: false }]);
  },
};

export const undoRequestTests: ConformanceTests = {
  "stays a request, also where nobody holds a position, and comes up at once": async ({ backend, given }) => {
    await given.asleep(HOUR);
    const request = { reason: "not wanted", requestedBy: "anna", undo: true };
    expect(await backend.requestControl("order-1", "cancel", request)).toBe("requested");

    expect(await backend.getSignal("order-1", "cancel")).toEqual(request);
    expect((await given.stateOf("order-1")).signals).toEqual([{ kind: "cancel", request }]);
    expect(await given.claim()).toMatchObject([{ taskId: "rest", interrupt: "undo", due: false }]);
  },

  "is told of by renewals and checkpoints": async ({ backend, given }) => {
    const { branches } = await asked(backend, given);

    expect(await backend.renewClaims([branches["a"]!], 1_000)).toEqual([{ held: true, interrupt: "undo" }]);
    const to = given.standing({ taskId: "next" });
    expect(await given.accepted(branches["a"]!, { kind: "advance", to })).toMatchObject({
      kept: false,
      interrupt: "undo",
    });
  },

  "is not applied by who settles or checks; what nobody holds comes up at once": async ({ backend, given }) => {
    const { branches } = await asked(backend, given);
    await backend.releaseClaims([branches["a"]!]);
    expect(await given.claim()).toEqual([]);
    expect(await backend.settleInterrupt("order-1", "a")).toBe("in_progress");
    expect(await backend.checkAndCancel("order-1")).toBe(false);

    expect(await given.claim()).toMatchObject([{ path: "both/a", interrupt: "undo" }]);
    expect(await given.statusOf("order-1")).toBe("in_progress");
  },

  "is not taken back by a request that doesn't ask for it": async ({ backend, given }) => {
    await given.asleep(HOUR);
    await backend.requestControl("order-1", "cancel", UNDO);
    expect(await backend.requestControl("order-1", "cancel", { reason: "b" })).toBe("requested");
    expect(await backend.getSignal("order-1", "cancel")).toEqual({ reason: "b", undo: true });
    expect(await backend.requestControl("order-1", "cancel", {})).toBe("requested");
    await backend.storeSignal("order-1", "cancel", { reason: "c" });

    expect(await backend.getSignal("order-1", "cancel")).toEqual({ reason: "b", undo: true });
    await backend.clearSignal("order-1", "cancel");
    expect(await given.positionOf("order-1")).toMatchObject({ interrupt: null, ready: false });
  },

  "goes with a cancel only": async ({ backend, given }) => {
    await given.instance();
    const wrong = { field: "request.undo" };
    await expectRefusal(backend.requestControl("order-1", "pause", UNDO), "INVALID_ARGUMENT", wrong);
    await expectRefusal(backend.storeSignal("order-1", "pause", UNDO), "INVALID_ARGUMENT", wrong);
    await expectRefusal(backend.requestControl("order-1", "cancel", { undo: 1 } as never), "INVALID_ARGUMENT", wrong);
    expect(await backend.requestControl("order-1", "cancel", { undo: false })).toBe("applied");
  },
};

export const highestAttemptTests: ConformanceTests = {
  "gives the highest attempt of which there is an entry, whatever its outcome": async ({ backend, given }) => {
    const claim = await given.held();
    const to = given.standing({ attempt: 3 });
    await given.accepted(claim, { kind: "advance", to }, [failedEntry("first")]);
    await given.accepted(claim, { kind: "advance", to }, [failedEntry("first", { attempt: 2 })]);
    expect(await backend.highestAttempt("order-1", "first")).toBe(2);
    await given.accepted(claim, { kind: "advance", to }, [anEntry({ attempt: 3 })]);

    expect(await backend.highestAttempt("order-1", "first")).toBe(3);
    expect(await backend.highestAttempt("order-1", "never")).toBe(0);
    expect(await backend.highestAttempt("nowhere", "first")).toBe(0);
  },
};
