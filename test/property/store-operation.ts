import fc from "fast-check";
import type { RetryRequest, SignalKind } from "../../src/store/signal-store.ts";

/** Small pools, so that operations meet. */
export const INSTANCE_IDS = ["a", "b", "c"] as const;
export const WORKER_IDS = ["w1", "w2", "w3"] as const;
export const EVENT_NAMES = ["paid", "shipped", "refunded"] as const;
/** Task ids that come up again and again; a run makes others of its own. */
export const TASK_IDS = ["t0", "t1", "t2", "loop[0]", "loop[1]", "loop[10]"] as const;

/** From here on, a number names a claim that does not hold any more. */
export const FIRST_OLD_CLAIM = 100;

type Instance = (typeof INSTANCE_IDS)[number];
type Worker = (typeof WORKER_IDS)[number];
type Event = (typeof EVENT_NAMES)[number];
type Task = (typeof TASK_IDS)[number];

/** How an instance starts. */
export type Start = "ready" | "claimed" | "asleep" | "tagged" | "urgent";

/** What becomes of a claimed position, as far as it is possible where it stands. */
export type Step =
  | { readonly kind: "advance"; readonly to: Task }
  | { readonly kind: "ready"; readonly to: Task }
  | { readonly kind: "sleep"; readonly ms: number }
  | { readonly kind: "retry"; readonly ms: number }
  | { readonly kind: "await"; readonly event: Event; readonly timeoutMs: number | null }
  | { readonly kind: "note"; readonly step: "a" | "b" }
  | { readonly kind: "waitOn" }
  | { readonly kind: "receive" }
  | { readonly kind: "fork"; readonly claimed: boolean }
  | { readonly kind: "map"; readonly total: number; readonly begun: number; readonly claimed: boolean }
  | { readonly kind: "end" }
  /** The branch or item that it stands in is left, or the outermost around it. */
  | {
      readonly kind: "leave";
      readonly outermost: boolean;
      readonly closes: boolean;
      readonly mostFailed: number | null;
    }
  | { readonly kind: "fail"; readonly asKept: boolean }
  | { readonly kind: "collapse"; readonly keeps: boolean; readonly cancels: boolean }
  | { readonly kind: "cancel" };

/** One checkpoint of a batch: of the `claim`-th claim seen, with an entry or without. */
export interface StepOfClaim {
  readonly claim: number;
  readonly step: Step;
  readonly records: boolean;
}

/** How a loaded snapshot is changed before it is saved. */
export type SnapshotChange = "nothing" | "label" | "moves" | "records" | "completes" | "pauses";

/** A call of a store. Claims are named by numbers, counted round and round. */
export type StoreOperation =
  | { readonly kind: "pass"; readonly ms: number }
  | {
      readonly kind: "create";
      readonly instances: readonly { readonly id: Instance; readonly start: Start }[];
      readonly worker: Worker;
    }
  | { readonly kind: "replace"; readonly id: Instance; readonly start: Start; readonly worker: Worker }
  | { readonly kind: "save"; readonly id: Instance; readonly change: SnapshotChange }
  | { readonly kind: "saveTaskResult"; readonly id: Instance; readonly task: Task; readonly payload: number }
  | {
      readonly kind: "load" | "delete" | "unpause" | "checkAndCancel" | "checkAndPause" | "settle" | "find";
      readonly id: Instance;
    }
  | { readonly kind: "retry"; readonly id: Instance; readonly request: RetryRequest }
  | {
      readonly kind: "storeSignal" | "clearSignal" | "getSignal" | "requestControl";
      readonly id: Instance;
      readonly signal: SignalKind;
      readonly reason: number;
      readonly undo: boolean;
    }
  | { readonly kind: "send"; readonly id: Instance; readonly event: Event; readonly dedupKey: number | null }
  | { readonly kind: "consume" | "peek"; readonly id: Instance; readonly event: Event }
  | {
      readonly kind: "claimTask";
      readonly id: Instance;
      readonly task: Task;
      readonly worker: Worker;
      readonly ttlMs: number | null;
    }
  | {
      readonly kind: "releaseTask" | "extendTask";
      readonly claim: number;
      readonly worker: Worker;
      readonly ms: number;
    }
  | { readonly kind: "findAvailable"; readonly worker: Worker; readonly limit: number }
  | { readonly kind: "register"; readonly worker: Worker; readonly tags: readonly string[] }
  | { readonly kind: "unregister"; readonly worker: Worker }
  | {
      readonly kind: "claim";
      readonly worker: Worker;
      readonly leaseMs: number;
      readonly limit: number;
      readonly id: Instance | null;
    }
  | { readonly kind: "commit"; readonly steps: readonly StepOfClaim[]; readonly worker: Worker }
  | { readonly kind: "renew" | "release"; readonly claims: readonly number[]; readonly leaseMs: number }
  | { readonly kind: "list"; readonly limit: number; readonly after: Instance | null }
  | { readonly kind: "history"; readonly id: Instance; readonly limit: number }
  | { readonly kind: "results"; readonly id: Instance; readonly tasks: readonly Task[] };

// Weighted, so that much happens to one instance and something beside it.
const anId = weighted<Instance>(["a", 4], ["b", 2], ["c", 1]);
const aWorker = fc.constantFrom(...WORKER_IDS);
const anEvent = weighted<Event>(["paid", 4], ["shipped", 1], ["refunded", 1]);
const aTask = fc.constantFrom(...TASK_IDS);
const aStart = weighted<Start>(["ready", 2], ["claimed", 4], ["asleep", 2], ["tagged", 1], ["urgent", 1]);
const aSignal = fc.constantFrom<SignalKind>("cancel", "pause");
/** One of the claims that may hold, or one that may not any more. */
const aClaim = fc.oneof(
  { weight: 6, arbitrary: fc.nat({ max: 3 }) },
  { weight: 1, arbitrary: fc.integer({ min: FIRST_OLD_CLAIM, max: FIRST_OLD_CLAIM + 5 }) },
);
const aLease = fc.constantFrom(1_000, 5_000, 30_000);

const aStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("advance" as const), to: aTask }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("ready" as const), to: aTask }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("sleep" as const), ms: fc.constantFrom(1, 500, 3_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("retry" as const), ms: fc.constantFrom(0, 500, 3_000) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("await" as const),
      event: anEvent,
      timeoutMs: fc.constantFrom(null, 500, 3_000),
    }),
  },
  { weight: 2, arbitrary: fc.constantFrom({ kind: "waitOn" } as const, { kind: "receive" } as const) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("fork" as const), claimed: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("map" as const),
      total: fc.integer({ min: 1, max: 5 }),
      begun: fc.integer({ min: 1, max: 3 }),
      claimed: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ kind: "end" } as const) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("leave" as const),
      outermost: fc.boolean(),
      closes: weighted<boolean>([false, 3], [true, 1]),
      mostFailed: fc.constantFrom(null, null, 0, 1),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("fail" as const), asKept: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("collapse" as const), keeps: fc.boolean(), cancels: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "cancel" } as const) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("note" as const), step: fc.constantFrom("a", "b") }) },
);

/** Any call of any store, weighted so that instances get somewhere. */
function anyStoreOperation(): fc.Arbitrary<StoreOperation> {
  const passing = fc.record({
    kind: fc.constant("pass" as const),
    ms: fc.constantFrom(1, 500, 1_000, 3_000, 30_000, 600_000),
  });
  return fc.oneof(
    { weight: 4, arbitrary: aMaking() },
    { weight: 16, arbitrary: aMoving() },
    { weight: 6, arbitrary: aControlling() },
    { weight: 6, arbitrary: anEventCall() },
    { weight: 3, arbitrary: aTaskClaimCall() },
    { weight: 1, arbitrary: aReading() },
    { weight: 4, arbitrary: passing },
  );
}

/** Operations of which the first makes something for the others to work on. */
export function anyStoreOperations(maxLength: number): fc.Arbitrary<StoreOperation[]> {
  const first = fc.constant<StoreOperation>({
    kind: "create",
    instances: [
      { id: "a", start: "claimed" },
      { id: "b", start: "asleep" },
    ],
    worker: "w1",
  });
  return fc
    .tuple(first, fc.array(anyStoreOperation(), { maxLength, size: "max" }))
    .map(([operation, others]) => [operation, ...others]);
}

function weighted<T>(...choices: readonly (readonly [T, number])[]): fc.Arbitrary<T> {
  return fc.oneof(...choices.map(([value, weight]) => ({ weight, arbitrary: fc.constant(value) })));
}

function aMaking(): fc.Arbitrary<StoreOperation> {
  return fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant("create" as const),
        instances: fc.array(fc.record({ id: anId, start: aStart }), { minLength: 1, maxLength: 3 }),
        worker: aWorker,
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant("replace" as const), id: anId, start: aStart, worker: aWorker }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("delete" as const), id: anId }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("save" as const),
        id: anId,
        change: fc.constantFrom<SnapshotChange>("nothing", "label", "moves", "records", "completes", "pauses"),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("saveTaskResult" as const),
        id: anId,
        task: aTask,
        payload: fc.nat({ max: 1 }),
      }),
    },
  );
}

function aMoving(): fc.Arbitrary<StoreOperation> {
  const aStepOfClaim = fc.record({ claim: aClaim, step: aStep, records: fc.boolean() });
  return fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant("claim" as const),
        worker: aWorker,
        leaseMs: aLease,
        limit: fc.constant(50),
        id: fc.constant(null),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("claim" as const),
        worker: aWorker,
        leaseMs: aLease,
        limit: fc.constant(50),
        id: anId,
      }),
    },
    {
      weight: 9,
      arbitrary: fc.record({
        kind: fc.constant("commit" as const),
        steps: fc.array(aStepOfClaim, { minLength: 1, maxLength: 3 }),
        worker: aWorker,
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constantFrom("renew" as const, "release" as const),
        claims: fc.array(aClaim, { minLength: 1, maxLength: 3 }),
        leaseMs: aLease,
      }),
    },
  );
}

function aControlling(): fc.Arbitrary<StoreOperation> {
  return fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constantFrom(
          "storeSignal" as const,
          "clearSignal" as const,
          "getSignal" as const,
          "requestControl" as const,
        ),
        id: anId,
        signal: aSignal,
        reason: fc.nat({ max: 2 }),
        undo: fc.boolean(),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constantFrom(
          "unpause" as const,
          "unpause" as const,
          "checkAndCancel" as const,
          "checkAndPause" as const,
          "settle" as const,
        ),
        id: anId,
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant("retry" as const),
        id: anId,
        request: fc.constantFrom<RetryRequest>({}, { reason: "mended" }, { paused: true, reason: "look" }),
      }),
    },
  );
}

function anEventCall(): fc.Arbitrary<StoreOperation> {
  return fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant("send" as const),
        id: anId,
        event: anEvent,
        dedupKey: fc.option(fc.nat({ max: 2 })),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constantFrom("consume" as const, "peek" as const), id: anId, event: anEvent }),
    },
  );
}

function aTaskClaimCall(): fc.Arbitrary<StoreOperation> {
  return fc.oneof(
    fc.record({
      kind: fc.constant("claimTask" as const),
      id: anId,
      task: aTask,
      worker: aWorker,
      ttlMs: fc.option(aLease),
    }),
    fc.record({
      kind: fc.constantFrom("releaseTask" as const, "extendTask" as const),
      claim: aClaim,
      worker: aWorker,
      ms: aLease,
    }),
    fc.record({ kind: fc.constant("findAvailable" as const), worker: aWorker, limit: fc.integer({ min: 1, max: 5 }) }),
    fc.record({
      kind: fc.constant("register" as const),
      worker: aWorker,
      tags: fc.constantFrom([], ["gpu"], ["eu"], ["eu", "gpu"]),
    }),
    fc.record({ kind: fc.constant("unregister" as const), worker: aWorker }),
  );
}

function aReading(): fc.Arbitrary<StoreOperation> {
  return fc.oneof(
    fc.record({ kind: fc.constantFrom("load" as const, "find" as const), id: anId }),
    fc.record({
      kind: fc.constant("list" as const),
      limit: fc.integer({ min: 1, max: 3 }),
      after: fc.option(anId),
    }),
    fc.record({ kind: fc.constant("history" as const), id: anId, limit: fc.integer({ min: 1, max: 20 }) }),
    fc.record({
      kind: fc.constant("results" as const),
      id: anId,
      tasks: fc.array(aTask, { maxLength: 3 }),
    }),
  );
}
