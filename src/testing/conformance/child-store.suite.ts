import { expect } from "vitest";
import { CHILD_EVENT, CHILDREN_EVENT, CHILDREN_ID, type InstanceId } from "../../ids.ts";
import type { ClaimRef } from "../../snapshot/checkpoint.ts";
import type { Standing } from "../../snapshot/position.ts";
import type { Backend } from "../../store/backend.ts";
import type { NewChild } from "../../store/child-store.ts";
import { aCheckpoint, aForgedClaim, anEntry, bytesOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import { type Given, holder, type InstanceFacts } from "./given.ts";
import type { ConformanceSuite, ConformanceTests } from "./suite.ts";

const PARENT = "order-1";
const CHILD = "shipment-1";

/** The child of "ship" at `claim`: "shipment-1", awaited and cancelled with its parent, unless said otherwise. */
function aChild(
  given: Given,
  claim: ClaimRef,
  facts: Partial<NewChild> & { readonly of?: InstanceFacts } = {},
): NewChild {
  const { of, ...rest } = facts;
  const { instanceId, path, token } = claim;
  const instance = given.newInstance({ instanceId: CHILD, ...of });
  return { instance, claim: { instanceId, path, token }, taskId: "ship", isAwaited: true, onClose: "cancel", ...rest };
}

/** An instance that starts children, held. */
async function parent(given: Given, facts: InstanceFacts = {}): Promise<ClaimRef> {
  return await given.held({ spawns: true, at: { taskId: "ship~start" }, ...facts });
}

async function create(backend: Backend, ...children: readonly NewChild[]): Promise<void> {
  expect(await backend.createChildren(children)).toEqual(children.map(() => "created"));
}

/** It waits for its child. */
async function park(given: Given, claim: ClaimRef, to: Partial<Standing> = {}): Promise<void> {
  const standing = given.wait({ taskId: "ship", event: `${CHILD_EVENT}ship`, ...to });
  const { kept } = await given.accepted(claim, { kind: "await", to: standing, timeoutMs: "keep" });
  expect(kept).toBe(false);
}

/** A parent that waits for its child, and that child. */
async function waiting(backend: Backend, given: Given, facts: Parameters<typeof aChild>[2] = {}): Promise<void> {
  const claim = await parent(given);
  await create(backend, aChild(given, claim, facts));
  await park(given, claim);
}

/** What is done until nothing is left that could be done now. */
async function settle(backend: Backend): Promise<void> {
  while (await backend.settleEndings());
}

async function complete(given: Given, instanceId: InstanceId): Promise<void> {
  const claim = await given.claimOf(instanceId);
  const fate = await given.accepted(claim, { kind: "complete", output: bytesOf("2"), codec: "json" });
  expect(fate.owes).toBe(true);
}

const createChildrenTests: ConformanceTests = {
  "gives a child its deadline, and the position that sees to it": async ({ backend, given, clock }) => {
    const claim = await parent(given);
    const at = clock.now() + 5_000;
    await create(backend, aChild(given, claim, { of: { deadline: { afterMs: 60_000, at } } }));

    expect(await given.stateOf(CHILD)).toMatchObject({
      instance: { deadlineAt: at },
      positions: [{ taskId: "first" }, { taskId: "$deadline", wakeAt: at }],
    });
  },

  "makes an instance that knows whose child it is": async ({ backend, given }) => {
    const claim = await parent(given);
    await create(backend, aChild(given, claim, { onClose: "wait" }));

    expect(await given.stateOf(CHILD)).toMatchObject({
      instance: { status: "in_progress", parent: { instanceId: PARENT, taskId: "ship", run: 1, onClose: "wait" } },
      positions: [{ taskId: "first", ready: true }],
    });
    expect((await backend.listInstances({ parent: PARENT })).map(({ instanceId }) => instanceId)).toEqual([CHILD]);
    expect((await given.stateOf(PARENT)).instance).toMatchObject({ parent: null, spawns: true });
  },

  "leaves an id that is taken as it is, also where it is a child of the same task": async ({ backend, given }) => {
    const claim = await parent(given);
    const child = aChild(given, claim);
    await create(backend, child);
    const { instance } = await given.stateOf(CHILD);

    expect(await backend.createChildren([{ ...child, onClose: "abandon" }])).toEqual(["taken"]);
    expect((await given.stateOf(CHILD)).instance).toEqual(instance);
    expect(await backend.createChildren([aChild(given, claim, { of: { instanceId: PARENT } })])).toEqual(["taken"]);
  },

  "makes the first of several with one id, and each other by itself": async ({ backend, given }) => {
    const claim = await parent(given);
    const [child, other] = [aChild(given, claim), aChild(given, claim, { of: { instanceId: "shipment-2" } })];
    const forged = aChild(given, aForgedClaim(), { of: { instanceId: "shipment-3" } });

    expect(await backend.createChildren([child, child, forged, other])).toEqual([
      "created",
      "taken",
      "fenced",
      "created",
    ]);
    expect(await backend.createChildren([])).toEqual([]);
  },

  "makes nothing where the claim doesn't hold: it was given back, or its instance has ended or is gone (INV-5)":
    async ({ backend, given }) => {
      const claim = await parent(given);
      await backend.releaseClaims([claim]);
      expect(await backend.createChildren([aChild(given, claim)])).toEqual(["fenced"]);
      const again = await given.claimOf(PARENT);
      expect(await backend.createChildren([aChild(given, claim)])).toEqual(["fenced"]);
      await backend.terminateInstance(PARENT, {});
      expect(await backend.createChildren([aChild(given, again)])).toEqual(["fenced"]);
      await backend.deleteSnapshot(PARENT);
      expect(await backend.createChildren([aChild(given, again)])).toEqual(["fenced"]);
      expect(await backend.findInstance(CHILD)).toBeNull();
    },

  "refuses what makes no sense, and makes nothing": async ({ backend, given }) => {
    const claim = await parent(given);
    const good = aChild(given, claim);
    for (const wrong of [
      { ...good, taskId: "" },
      { ...good, isAwaited: 1 },
      { ...good, onClose: "closed" },
      { ...good, claim: { ...good.claim, token: 1 } },
      { ...good, instance: { ...good.instance, spawns: null } },
      null,
    ])
      await expectRefusal(backend.createChildren([good, wrong as never]), "INVALID_ARGUMENT");
    expect(await backend.findInstance(CHILD)).toBeNull();
  },
};

const findChildrenTests: ConformanceTests = {
  "gives what is known, in the order asked for": async ({ backend, given }) => {
    const claim = await parent(given);
    await create(backend, aChild(given, claim));

    expect(await backend.findChildren([CHILD, "nowhere", PARENT, CHILD])).toMatchObject([
      { instanceId: CHILD, parent: { instanceId: PARENT } },
      null,
      { instanceId: PARENT },
      { instanceId: CHILD },
    ]);
    expect(await backend.findChildren([])).toEqual([]);
  },
};

/** Whatever ends a child, or removes it. */
const ends: Readonly<Record<string, (backend: Backend, given: Given) => Promise<unknown>>> = {
  "it completes": (_, given) => complete(given, CHILD),
  "it fails": async (_, given) => {
    const entry = anEntry({ outcome: "failed", output: null, failure: bytesOf("3") });
    await given.accepted(await given.claimOf(CHILD), given.failMove(), [entry]);
  },
  "it fails in a branch": async (_, given) => {
    const { branches } = await given.fork(await given.claimOf(CHILD), "both", ["a", "b"]);
    await given.accepted(branches["a"] as ClaimRef, given.failMove());
  },
  "it is cancelled": (backend) => backend.requestControl(CHILD, "cancel", {}),
  "it is cancelled by whoever holds it": async (backend, given) => {
    const claim = await given.claimOf(CHILD);
    expect(await backend.requestControl(CHILD, "cancel", {})).toBe("requested");
    await backend.releaseClaims([claim]);
    expect(await backend.settleInterrupt(CHILD, "first")).toBe("cancelled");
  },
  "a request to cancel it is acted on": async (backend) => {
    await backend.storeSignal(CHILD, "cancel", {});
    expect(await backend.checkAndCancel(CHILD)).toBe(true);
  },
  "it is terminated": (backend) => backend.terminateInstance(CHILD, {}),
  "it is saved as cancelled": async (backend) => {
    const snapshot = await backend.loadSnapshot(CHILD);
    await backend.saveSnapshot({ ...snapshot, status: "cancelled", endedAt: 1, positions: [] });
  },
  "it is deleted": (backend) => backend.deleteSnapshot(CHILD),
  "it is replaced": (backend, given) => backend.replaceInstance(given.newInstance({ instanceId: CHILD })),
};

const tellTests: ConformanceTests = {
  ...Object.fromEntries(
    Object.entries(ends).map(([how, end]): [string, ConformanceTests[string]] => [
      `wakes the task that waits for a child when ${how}, and tells it which`,
      async ({ backend, given }) => {
        await waiting(backend, given);
        expect(await given.claim({ instanceId: PARENT })).toEqual([]);
        await end(backend, given);
        await settle(backend);

        expect(await given.claimOf(PARENT)).toMatchObject({ taskId: "ship", recorded: null });
        const event = await backend.peekEvent(PARENT, `${CHILD_EVENT}ship`);
        expect(new TextDecoder().decode(event?.payload)).toBe(JSON.stringify(CHILD));
      },
    ]),
  ),

  "says of a write that ends an instance with relatives that something is due, and of none other": async ({
    backend,
    given,
  }) => {
    await waiting(backend, given);
    expect((await backend.promoteDue()).owes).toBe(false);
    await complete(given, CHILD);
    expect((await backend.promoteDue()).owes).toBe(true);
    await settle(backend);
    expect((await backend.promoteDue()).owes).toBe(false);

    const lone = await given.held({ instanceId: "lone" });
    expect((await given.accepted(lone, { kind: "complete", output: bytesOf("2"), codec: "json" })).owes).not.toBe(true);
    expect((await backend.promoteDue()).owes).toBe(false);
  },

  "keeps the event for a task that has not parked yet, and for one whose instance is paused": async ({
    backend,
    given,
  }) => {
    const claim = await parent(given);
    await create(backend, aChild(given, claim));
    await complete(given, CHILD);
    await settle(backend);
    const to = given.wait({ taskId: "ship", event: `${CHILD_EVENT}ship` });
    expect((await given.accepted(claim, { kind: "await", to, timeoutMs: "keep" })).kept).toBe(true);

    await backend.deleteSnapshot(PARENT);
    await waiting(backend, given, { of: { instanceId: "shipment-2" } });
    await backend.requestControl(PARENT, "pause", {});
    await complete(given, "shipment-2");
    await settle(backend);
    expect(await given.claim({ instanceId: PARENT })).toEqual([]);
    await backend.unpause(PARENT);
    expect(await given.claimOf(PARENT)).toMatchObject({ taskId: "ship" });
    expect(await backend.peekEvent(PARENT, `${CHILD_EVENT}ship`)).not.toBeNull();
  },

  "takes the event together with what it has led to": async ({ backend, given }) => {
    await waiting(backend, given);
    await complete(given, CHILD);
    await settle(backend);
    const claim = await given.claimOf(PARENT);
    const event = await backend.peekEvent(PARENT, `${CHILD_EVENT}ship`);
    const to = given.wait({ taskId: "ship", event: `${CHILD_EVENT}ship` });
    const outcome = anEntry({ taskId: "ship", kind: "spawn", output: bytesOf("2") });
    await given.accepted(claim, { kind: "advance", to }, [outcome], event?.sequence ?? null);

    expect(await backend.peekEvent(PARENT, `${CHILD_EVENT}ship`)).toBeNull();
  },

  "tells nobody where the task has gone on, the child is not awaited, or the parent has ended": async ({
    backend,
    given,
  }) => {
    const claim = await parent(given);
    await create(
      backend,
      aChild(given, claim),
      aChild(given, claim, { of: { instanceId: "shipment-2" }, taskId: "other", isAwaited: false }),
      aChild(given, claim, { of: { instanceId: "shipment-3" }, onClose: "abandon" }),
    );
    await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "next" }) });
    await complete(given, CHILD);
    await complete(given, "shipment-2");
    await settle(backend);
    await given.accepted(claim, { kind: "complete", output: bytesOf("2"), codec: "json" });
    await complete(given, "shipment-3");
    await settle(backend);

    for (const task of ["ship", "other"]) expect(await backend.peekEvent(PARENT, CHILD_EVENT + task)).toBeNull();
    expect((await given.stateOf(PARENT)).instance.status).toBe("completed");
  },

  "tells an instance that waits at its end of the last child for which it does": async ({ backend, given }) => {
    const claim = await parent(given);
    const ids = ["shipment-1", "shipment-2", "shipment-3"];
    await create(
      backend,
      ...ids.map((instanceId, index) =>
        aChild(given, claim, { of: { instanceId }, isAwaited: false, onClose: index < 2 ? "wait" : "cancel" }),
      ),
    );
    await park(given, claim, { taskId: CHILDREN_ID, event: CHILDREN_EVENT });
    expect(await backend.hasOpenChildren(PARENT)).toBe(true);
    await complete(given, "shipment-1");
    await settle(backend);
    expect([await given.claim({ instanceId: PARENT }), await backend.hasOpenChildren(PARENT)]).toEqual([[], true]);
    await backend.terminateInstance("shipment-2", {});
    await settle(backend);
    expect(await given.claimOf(PARENT)).toMatchObject({ taskId: CHILDREN_ID });
    expect(await backend.hasOpenChildren(PARENT)).toBe(false);
  },
};

const closeTests: ConformanceTests = {
  "cancels idle children, requests it of those that somebody runs, and leaves those that are to go on": async ({
    backend,
    given,
  }) => {
    const claim = await parent(given);
    const closings = { idle: "cancel", held: "cancel", waited: "wait", left: "abandon", done: "cancel" } as const;
    await create(
      backend,
      ...Object.entries(closings).map(([instanceId, onClose]) => aChild(given, claim, { of: { instanceId }, onClose })),
    );
    await complete(given, "done");
    const held = await given.claimOf("held");
    await given.accepted(claim, { kind: "complete", output: bytesOf("2"), codec: "json" });
    await settle(backend);

    const records = await backend.findChildren(Object.keys(closings));
    expect(records.map((record) => [record?.status, record?.parent?.onClose])).toEqual([
      ["cancelled", "closed"],
      ["in_progress", "closed"],
      ["cancelled", "closed"],
      ["in_progress", "abandon"],
      ["completed", "cancel"],
    ]);
    expect(records[0]?.reason).toBe("its parent has ended");
    expect((await backend.renewClaims([held], holder.leaseMs))[0]?.interrupt).toBe("cancel");
    await backend.releaseClaims([held]);
    expect(await backend.settleInterrupt("held", "first")).toBe("cancelled");
  },

  "goes on with the children of children": async ({ backend, given }) => {
    await waiting(backend, given, { of: { spawns: true } });
    const claim = await given.claimOf(CHILD);
    await create(backend, aChild(given, claim, { of: { instanceId: "grandchild" }, taskId: "first" }));
    await backend.releaseClaims([claim]);
    await backend.requestControl(PARENT, "cancel", {});
    await settle(backend);

    expect((await backend.findChildren([CHILD, "grandchild"])).map((record) => record?.status)).toEqual([
      "cancelled",
      "cancelled",
    ]);
  },

  "parts all children from one that is deleted or replaced, and leaves those of its successor alone": async ({
    backend,
    given,
  }) => {
    const claim = await parent(given);
    const ids = ["left", "done", "live"];
    const [left, done, live] = ids.map((instanceId) => aChild(given, claim, { of: { instanceId } }));
    await create(backend, { ...(left as NewChild), onClose: "abandon" }, done as NewChild, live as NewChild);
    await complete(given, "done");
    await backend.replaceInstance(given.newInstance({ spawns: true }));
    const successor = await given.claimOf(PARENT);
    await create(backend, aChild(given, successor));
    await settle(backend);

    expect(
      (await backend.findChildren([...ids, CHILD])).map((record) => [record?.status, record?.parent?.onClose]),
    ).toEqual([
      ["in_progress", "closed"],
      ["completed", "closed"],
      ["cancelled", "closed"],
      ["in_progress", "cancel"],
    ]);
  },

  "does both where parent and child end in one batch": async ({ backend, given }) => {
    const claim = await parent(given);
    await create(backend, aChild(given, claim, { of: { spawns: true } }));
    const child = await given.claimOf(CHILD);
    const end = { kind: "complete", output: bytesOf("2"), codec: "json" } as const;
    const both = [aCheckpoint(child, { move: end }), aCheckpoint(claim, { move: end })];
    const fates = await backend.commitCheckpoints(both, holder);
    await settle(backend);

    expect(fates).toMatchObject([{ kind: "accepted" }, { kind: "accepted" }]);
    const ended = await backend.findChildren([PARENT, CHILD]);
    expect(ended).toMatchObject([{ status: "completed" }, { status: "completed" }]);
  },

  "has a child that was closed say nothing to its parent when that is retried": async ({ backend, given }) => {
    const claim = await parent(given);
    await create(backend, aChild(given, claim));
    await given.accepted(claim, given.failMove({ taskId: "ship" }));
    await settle(backend);
    await backend.retryInstance(PARENT, {});

    expect((await backend.findChildren([CHILD]))[0]?.parent?.onClose).toBe("closed");
    expect(await backend.peekEvent(PARENT, `${CHILD_EVENT}ship`)).toBeNull();
  },
};

export const childStoreSuite: ConformanceSuite = {
  name: "ChildStore",
  methods: {
    createChildren: createChildrenTests,
    findChildren: findChildrenTests,
    "settleEndings (parents)": tellTests,
    "settleEndings (children)": closeTests,
  },
};
