import { expect } from "vitest";
import type { InstanceId } from "../../ids.ts";
import type { KeyedStart, LastStart, StartDecision, StartOutcome } from "../../store/start-key-store.ts";
import { aCheckpoint, anEntry, bytesOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import type { ConformanceContext, ConformanceSuite, ConformanceTests } from "./suite.ts";

type Facts = Partial<Omit<Extract<StartDecision, { kind: "start" }>, "kind" | "instance">> & {
  readonly input?: string;
  readonly key?: string;
};

interface Told {
  last: LastStart | null | undefined;
}

/** Starts under a key, "k" unless said otherwise, whatever was started before; `told` gets what the decision was told. */
async function start(
  { backend, given }: ConformanceContext,
  id: InstanceId,
  { input = id, key = "k", startsInMs = 0, markInMs = null, cancels = null, isSingle = false }: Facts = {},
  told?: Told,
): Promise<StartOutcome> {
  const wakeAfterMs = startsInMs;
  const instance = given.newInstance({
    instanceId: id,
    input: bytesOf(input),
    at: { kind: startsInMs > 0 ? "delay" : "task" },
    wakeAfterMs,
  });
  const decide = (last: LastStart | null): StartDecision => {
    if (told !== undefined) told.last = last;
    return { kind: "start", instance, startsInMs, markInMs, cancels, isSingle };
  };
  return await backend.startKeyed({ key, candidate: instance, decide });
}

/** Gathers into what is pending under the key "k". */
async function gather(
  { backend, given }: ConformanceContext,
  id: InstanceId,
  { input = id, startsInMs = 0, markInMs = null }: Facts = {},
): Promise<StartOutcome> {
  const make = (own: InstanceId) =>
    given.newInstance({
      instanceId: own,
      input: bytesOf(input),
      at: { kind: startsInMs > 0 ? "delay" : "task" },
      wakeAfterMs: startsInMs,
    });
  const decide = (last: LastStart | null): StartDecision =>
    last?.pending == null
      ? { kind: "refuse" }
      : { kind: "gather", instance: make(last.instanceId), startsInMs, markInMs };
  return await backend.startKeyed({ key: "k", candidate: make(id), decide });
}

async function look({ backend, given }: ConformanceContext, key: string = "k"): Promise<LastStart | null> {
  let seen: LastStart | null = null;
  const decide = (last: LastStart | null): StartDecision => {
    seen = last;
    return { kind: "refuse" };
  };
  expect(
    await backend.startKeyed({ key, candidate: given.newInstance({ instanceId: "looks" }), decide }),
  ).toMatchObject({ kind: "refused" });
  return seen;
}

async function claimedIn({ given }: ConformanceContext): Promise<readonly InstanceId[]> {
  return (await given.claim()).map(({ instanceId }) => instanceId);
}

/** The instance, which stands at its first task, has failed there. */
async function failedIn({ given }: ConformanceContext, instanceId: InstanceId): Promise<void> {
  const claim = await given.claimOf(instanceId);
  const entry = anEntry({ outcome: "failed", output: null, failure: bytesOf("3") });
  await given.accepted(claim, given.failMove(), [entry]);
}

const startTests: ConformanceTests = {
  "starts what is decided, and remembers it under its key": async (context) => {
    const told: Told = { last: undefined };
    expect(await start(context, "a", {}, told)).toEqual({ kind: "started", instanceId: "a" });

    expect(told.last).toBeNull();
    expect(await claimedIn(context)).toEqual(["a"]);
    expect(await look(context)).toEqual({ instanceId: "a", isLive: true, pending: null, markInMs: null });
    expect(await look(context, "other")).toBeNull();
  },

  "writes nothing where it is refused": async (context) => {
    expect(await look(context)).toBeNull();
    expect(await context.backend.listInstances({})).toEqual([]);
    expect(await start(context, "looks")).toMatchObject({ kind: "started" });
  },

  "writes nothing where the id is taken, and decides nothing": async (context) => {
    await context.given.instance({ instanceId: "a" });
    const told: Told = { last: undefined };
    expect(await start(context, "a", {}, told)).toEqual({ kind: "idTaken", instanceId: "a" });

    expect(told.last).toBeUndefined();
    expect(await look(context)).toBeNull();
  },

  "tells who was last, whether it lives or has ended": async (context) => {
    const { backend } = context;
    await start(context, "a");
    await backend.terminateInstance("a", {});
    expect(await look(context)).toMatchObject({ instanceId: "a", isLive: false, pending: null });
    await start(context, "b");
    await backend.deleteSnapshot("b");

    expect(await look(context)).toMatchObject({ instanceId: "b", isLive: false });
  },

  "tells how far its mark is away, though the instance is gone": async (context) => {
    const { backend, clock } = context;
    await start(context, "a", { markInMs: 10_000 });
    await backend.deleteSnapshot("a");
    clock.advance(4_000);
    expect(await look(context)).toMatchObject({ markInMs: 6_000 });
    clock.advance(10_000);

    expect(await look(context)).toMatchObject({ markInMs: -4_000 });
  },

  "cancels the last one, if it lives, with whoever holds it": async (context) => {
    const { backend, given } = context;
    await start(context, "a");
    const claim = await given.claimOf("a");
    expect(await start(context, "b", { cancels: "replaced" })).toEqual({ kind: "started", instanceId: "b" });

    expect((await given.stateOf("a")).instance).toMatchObject({ status: "cancelled", reason: "replaced" });
    expect(await given.commit(aCheckpoint(claim))).toEqual({ kind: "fenced" });
    await backend.terminateInstance("b", {});
    await start(context, "c", { cancels: "replaced" });
    expect((await given.stateOf("b")).instance.reason).toBeNull();
  },

  "of many who decide at once under one key, lets one after the other": async (context) => {
    const { backend, given } = context;
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, async (_, n) => {
        const candidate = given.newInstance({ instanceId: `i-${n}` });
        const decide = (last: LastStart | null): StartDecision =>
          last?.isLive === true
            ? { kind: "refuse" }
            : { kind: "start", instance: candidate, startsInMs: 0, markInMs: null, cancels: null, isSingle: true };
        return await backend.startKeyed({ key: "k", candidate, decide });
      }),
    );

    expect(outcomes.filter(({ kind }) => kind === "started")).toHaveLength(1);
    expect(outcomes.filter(({ kind }) => kind === "refused")).toHaveLength(7);
    expect(await backend.listInstances({})).toHaveLength(1);
  },

  "writes nothing where the decision throws, and the next one is not disturbed": async (context) => {
    const { backend, given } = context;
    const candidate = given.newInstance({ instanceId: "a" });
    const decide = (): StartDecision => {
      throw new RangeError("no decision");
    };
    await expect(backend.startKeyed({ key: "k", candidate, decide })).rejects.toThrow("no decision");

    expect(await start(context, "a")).toEqual({ kind: "started", instanceId: "a" });
  },

  "refuses what makes no sense": async (context) => {
    const { backend, given } = context;
    const candidate = given.newInstance({ instanceId: "a" });
    const decide = (): StartDecision => ({ kind: "refuse" });
    const call = async (start: Partial<Record<keyof KeyedStart, unknown>>) =>
      await backend.startKeyed({ key: "k", candidate, decide, ...start } as KeyedStart);
    for (const key of ["", " ", "a\u0000b", 7, null])
      await expectRefusal(call({ key }), "INVALID_ARGUMENT", { field: "start.key" });
    await expectRefusal(call({ decide: null }), "INVALID_ARGUMENT", { field: "start.decide" });
    await expectRefusal(call({ candidate: {} }), "INVALID_ARGUMENT", { field: "start.candidate.instanceId" });
    const decided = async (decision: unknown) => await call({ decide: () => decision });
    await expectRefusal(decided({ kind: "wait" }), "INVALID_ARGUMENT", { field: "decision.kind" });
    const rest = { startsInMs: 0, markInMs: null, cancels: null, isSingle: false };
    await expectRefusal(decided({ kind: "gather", instance: candidate, ...rest }), "INVALID_ARGUMENT", {
      field: "decision.kind",
    });
    const other = given.newInstance({ instanceId: "b" });
    await expectRefusal(decided({ kind: "start", instance: other, ...rest }), "INVALID_ARGUMENT", {
      field: "decision.instance.instanceId",
    });
    await expectRefusal(decided({ kind: "start", instance: candidate, ...rest, startsInMs: -1 }), "INVALID_ARGUMENT", {
      field: "decision.startsInMs",
    });

    expect(await backend.listInstances({})).toEqual([]);
  },
};

const gatherTests: ConformanceTests = {
  "tells that what begins later is pending, until it begins": async (context) => {
    const { clock } = context;
    await start(context, "a", { input: "first", startsInMs: 5_000 });
    clock.advance(2_000);
    const last = await look(context);
    expect(last).toMatchObject({ instanceId: "a", isLive: true, pending: { startsInMs: 3_000 } });
    expect(last?.pending?.input).toEqual(bytesOf("first"));
    clock.advance(3_000);

    expect(await look(context)).toMatchObject({ isLive: true, pending: null });
  },

  "puts another input into what is pending, which begins when that says": async (context) => {
    const { backend, given, clock } = context;
    await start(context, "a", { input: "first", startsInMs: 5_000 });
    clock.advance(4_000);
    expect(await gather(context, "b", { input: "second", startsInMs: 5_000, markInMs: 7_000 })).toEqual({
      kind: "gathered",
      instanceId: "a",
    });
    clock.advance(4_000);
    await backend.promoteDue();
    expect(await claimedIn(context)).toEqual([]);
    expect(await look(context)).toMatchObject({ pending: { startsInMs: 1_000 }, markInMs: 3_000 });
    clock.advance(1_000);
    await backend.promoteDue();

    expect(await claimedIn(context)).toEqual(["a"]);
    const { instance } = await given.stateOf("a");
    expect(instance.input).toEqual(bytesOf("second"));
    expect(await backend.findInstance("b")).toBeNull();
  },

  "lets it begin at once, where that is said": async (context) => {
    await start(context, "a", { startsInMs: 5_000 });
    await gather(context, "b");

    expect(await claimedIn(context)).toEqual(["a"]);
    expect(await look(context)).toMatchObject({ pending: null });
  },

  "keeps what was sent to it": async (context) => {
    const { backend } = context;
    await start(context, "a", { startsInMs: 5_000 });
    await backend.sendEvent("a", "paid", bytesOf("1"), { dedupKey: "once" });
    await gather(context, "b", { startsInMs: 5_000 });
    await backend.sendEvent("a", "paid", bytesOf("1"), { dedupKey: "once" });

    expect(await backend.consumeEvent("a", "paid")).toEqual(bytesOf("1"));
    expect(await backend.consumeEvent("a", "paid")).toBeNull();
  },

  "does not take for pending what was paused, held, completed by hand, or has ended": async (context) => {
    const { backend } = context;
    const later = { startsInMs: 5_000 };
    await start(context, "paused", { ...later, key: "paused" });
    await backend.requestControl("paused", "pause", {});
    await start(context, "cancelled", { ...later, key: "cancelled" });
    await backend.terminateInstance("cancelled", {});
    await start(context, "by-hand", { ...later, key: "by-hand" });
    await backend.saveTaskResult("by-hand", "first", bytesOf("1"));
    for (const key of ["paused", "cancelled", "by-hand"])
      expect(await look(context, key)).toMatchObject({ pending: null });
  },
};

const aloneTests: ConformanceTests = {
  "lets nothing be retried that lives alone while another one lives under its key": async (context) => {
    const { backend } = context;
    await start(context, "a", { isSingle: true });
    await failedIn(context, "a");
    await start(context, "b", { isSingle: true });
    await expect(backend.retryInstance("a", {})).rejects.toMatchObject({ code: "INVALID_TRANSITION", from: "failed" });
    await backend.terminateInstance("b", {});
    await backend.retryInstance("a", {});

    expect(await look(context)).toMatchObject({ instanceId: "a", isLive: true });
  },

  "lets anything else be retried": async (context) => {
    const { backend } = context;
    await start(context, "a");
    await failedIn(context, "a");
    await start(context, "b");
    await backend.retryInstance("a", {});

    expect(await look(context)).toMatchObject({ instanceId: "b" });
  },
};

export const startKeyStoreSuite: ConformanceSuite = {
  name: "StartKeyStore",
  methods: { startKeyed: { ...startTests, ...gatherTests, ...aloneTests } },
};
