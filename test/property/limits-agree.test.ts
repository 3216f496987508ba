import { test } from "@fast-check/vitest";
import * as fc from "fast-check";
import { afterAll, describe, expect } from "vitest";
import { limit } from "../../src/flow/limit.ts";
import { InMemoryBackend } from "../../src/memory/memory-backend.ts";
import { PostgresBackend } from "../../src/postgres/index.ts";
import { COMMON_KEY } from "../../src/snapshot/allowance.ts";
import type { Lane, Standing } from "../../src/snapshot/position.ts";
import type { Backend } from "../../src/store/backend.ts";
import type { LimitChange } from "../../src/store/limit-store.ts";
import type { ClaimedPosition } from "../../src/store/position-store.ts";
import { aLane, aNewInstance, aNewPosition, anEntry, aStanding, bytesOf } from "../../src/testing/builders.ts";
import { TestClock } from "../../src/testing/index.ts";
import { createTestDatabase } from "../support/postgres.ts";

const database = await createTestDatabase();
const clock = new TestClock();
const startedAt = clock.now();
const postgres = await PostgresBackend.connect(database.url, { testClock: clock, poolSize: 3, migrate: false });
afterAll(() => postgres.close());
const numRuns = Number(process.env["WAYMARK_RUNS"] ?? 60);
const LEASE_MS = 5_000;

/** Two flows; the first two lanes share the limit "one", the third waits for "two" from its start to its end. */
const LANES: readonly (Lane & { readonly gate: NonNullable<Lane["gate"]> })[] = [
  { ...aLane({ flow: "a", definitionHash: "a" }), gate: { limit: "one", scope: "task" } },
  { ...aLane({ flow: "b", definitionHash: "b" }), gate: { limit: "one", scope: "task" } },
  { ...aLane({ flow: "b", definitionHash: "b" }), gate: { limit: "two", scope: "flow" } },
];
const NAMES = ["one", "two"];
const KEYS = ["k1", "k2", "k3", COMMON_KEY];

const anAllowance = fc.record({
  concurrency: fc.option(fc.integer({ min: 1, max: 5 })),
  rate: fc.option(fc.record({ count: fc.integer({ min: 1, max: 6 }), per: fc.constantFrom(100, 1_000, 30_000) })),
});
const aLimit = fc.tuple(anAllowance, anAllowance);
const anOperation = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("submit"),
      lane: fc.nat(2),
      key: fc.nat(3),
      priority: fc.integer({ min: 1, max: 5 }),
      delayMs: fc.constantFrom(0, 0, 0, 50),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("claim"),
      flows: fc.constantFrom([0], [1], [0, 1]),
      limit: fc.integer({ min: 1, max: 6 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("claimInstance"),
      nth: fc.nat(20),
      limit: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom("finish", "moveOn", "again", "release", "renew"), nth: fc.nat(20) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("pass"), ms: fc.constantFrom(1, 20, 300, 4_000, 31_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("promote") }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom("pause", "unpause"), name: fc.nat(1), key: fc.option(fc.nat(3)) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("weigh"),
      name: fc.nat(1),
      key: fc.nat(3),
      weight: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("change"),
      name: fc.nat(1),
      concurrency: fc.option(fc.integer({ min: 1, max: 4 })),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("delete"), nth: fc.nat(20) }) },
);
type Operation = typeof anOperation extends fc.Arbitrary<infer T> ? T : never;

function standing(lane: Lane, key: string, priority: number): Standing {
  return aStanding({ lane, limitKey: key, priority });
}

/** What was let through of a limit, to check its rate. */
interface Begun {
  readonly at: number;
  readonly count: number;
}

class Course {
  readonly said: unknown[] = [];
  readonly #backend: Backend;
  readonly #time: TestClock;
  readonly #ids: string[] = [];
  readonly #held: ClaimedPosition[] = [];
  readonly #begun = new Map<string, Begun[]>(NAMES.map((name) => [name, []]));

  constructor(backend: Backend, time: TestClock) {
    this.#backend = backend;
    this.#time = time;
  }

  async run(operations: readonly Operation[]): Promise<void> {
    for (const operation of operations) {
      this.said.push(await this.#step(operation), await this.#look());
    }
  }

  async #step(operation: Operation): Promise<unknown> {
    const backend = this.#backend;
    switch (operation.kind) {
      case "submit": {
        const {
          lane: index,
          key = 0,
          priority = 3,
          delayMs = 0,
        } = operation as { lane: number; key?: number; priority?: number; delayMs?: number };
        const lane = LANES[index] ?? LANES[0]!;
        const instanceId = `i${this.#ids.length}`;
        this.#ids.push(instanceId);
        const own = standing(lane, KEYS[key] ?? COMMON_KEY, priority);
        const at = delayMs > 0 ? { ...own, kind: "delay" as const } : own;
        const { flow, definitionHash, codec } = lane;
        const positions = [aNewPosition({ standing: at, wakeAfterMs: delayMs })];
        await backend.createInstances([aNewInstance({ instanceId, flow, definitionHash, codec, priority, positions })]);
        return null;
      }
      case "claim": {
        const { flows, limit: most } = operation as { flows: readonly number[]; limit: number };
        const lanes = flows.map((index) =>
          aLane({ flow: index === 0 ? "a" : "b", definitionHash: index === 0 ? "a" : "b" }),
        );
        return await this.#claim({ lanes, limit: most });
      }
      case "claimInstance": {
        const { nth, limit: most } = operation as { nth: number; limit: number };
        const instanceId = this.#ids[nth % Math.max(1, this.#ids.length)];
        return instanceId === undefined ? null : await this.#claim({ lanes: [], limit: most, instanceId });
      }
      case "finish":
      case "moveOn":
      case "again":
        return await this.#checkpoint(operation.kind, (operation as { nth: number }).nth);
      case "release": {
        const claim = this.#take((operation as { nth: number }).nth);
        if (claim !== null) await backend.releaseClaims([claim]);
        return null;
      }
      case "renew":
        return await backend.renewClaims(this.#held, LEASE_MS);
      case "pass":
        this.#time.advance((operation as { ms: number }).ms);
        return null;
      case "promote":
        return (await backend.promoteDue()).promoted;
      case "pause":
      case "unpause": {
        const { name, key } = operation as { name: number; key: number | null };
        const isPaused = operation.kind === "pause";
        const of = NAMES[name] ?? "one";
        if (key === null) return await backend.changeLimit(of, { isPaused });
        return await backend.changeLimitKey(of, KEYS[key] ?? COMMON_KEY, { isPaused });
      }
      case "weigh": {
        const { name, key, weight } = operation as { name: number; key: number; weight: number };
        return await backend.changeLimitKey(NAMES[name] ?? "one", KEYS[key] ?? COMMON_KEY, { weight });
      }
      case "change": {
        const { name, concurrency } = operation as { name: number; concurrency: number | null };
        const change: LimitChange = { concurrency };
        return await backend.changeLimit(NAMES[name] ?? "one", change);
      }
      case "delete": {
        const { nth } = operation as { nth: number };
        const instanceId = this.#ids[nth % Math.max(1, this.#ids.length)];
        return instanceId === undefined
          ? null
          : await backend
              .deleteSnapshot(instanceId)
              .then(String, (error: unknown) => (error as { code?: unknown }).code);
      }
      default:
        throw new TypeError(`Unknown: ${JSON.stringify(operation)}`);
    }
  }

  async #claim(request: { lanes: readonly Lane[]; limit: number; instanceId?: string }): Promise<unknown> {
    const before = await this.#backend.listLimits();
    const { claimed, nextMs } = await this.#backend.claimLimited({ workerId: "w", leaseMs: LEASE_MS, ...request });
    // In which order they come is not said.
    this.#held.push(...claimed.toSorted((a, b) => (a.instanceId < b.instanceId ? -1 : 1)));
    const after = await this.#backend.listLimits();
    for (const one of after) {
      const running = before.find(({ name }) => name === one.name)?.running ?? 0;
      // No more than is allowed; what was allowed before stays.
      if (one.concurrency !== null && one.running > running) expect(one.running).toBeLessThanOrEqual(one.concurrency);
      const begun = this.#begun.get(one.name) ?? [];
      if (one.running > running) begun.push({ at: this.#time.now(), count: one.running - running });
      if (one.rate !== null) expectWithin(begun, one.rate);
      const keys = await this.#backend.listLimitKeys(one.name, { limit: 100 });
      for (const key of keys) {
        const most = one.perKey.concurrency;
        if (most !== null && one.running > running) expect(key.running).toBeLessThanOrEqual(most);
      }
      await this.#expectBusy(request, claimed.length, one.name);
    }
    const told = claimed.map(({ instanceId, path, admitted, lost, attempt, taskId }) => ({
      instanceId,
      path,
      admitted,
      lost,
      attempt,
      taskId,
    }));
    return {
      told: told.sort((a, b) => (a.instanceId < b.instanceId ? -1 : 1)),
      nextMs: nextMs === null ? null : Math.ceil(nextMs - 1e-6),
    };
  }

  /** Nothing waits that may go, where more was asked for than was got. */
  async #expectBusy(request: { lanes: readonly Lane[]; limit: number }, got: number, name: string): Promise<void> {
    if (got >= request.limit || request.lanes.length < 2) return;
    const one = (await this.#backend.listLimits()).find((candidate) => candidate.name === name);
    if (one === undefined || one.isPaused || one.rate !== null || one.perKey.rate !== null) return;
    if (one.concurrency !== null && one.running >= one.concurrency) return;
    for (const key of await this.#backend.listLimitKeys(name, { limit: 100 })) {
      const mayGo = !key.isPaused && (one.perKey.concurrency === null || key.running < one.perKey.concurrency);
      if (mayGo) expect([name, key.key, key.waiting]).toEqual([name, key.key, 0]);
    }
  }

  async #checkpoint(kind: "finish" | "moveOn" | "again", nth: number): Promise<unknown> {
    const claim = this.#take(nth);
    if (claim === null) return null;
    const lane = aLane({ flow: claim.flow, definitionHash: claim.definitionHash });
    const entries = kind === "again" ? [] : [anEntry({ taskId: claim.taskId, attempt: claim.attempt })];
    const gated = LANES.find((one) => one.flow === claim.flow && one.gate.scope === "task") ?? LANES[0]!;
    const move =
      kind === "finish"
        ? ({ kind: "complete", output: bytesOf("1"), codec: "json" } as const)
        : kind === "moveOn"
          ? ({ kind: "advance", to: aStanding({ taskId: `${claim.taskId}x`, lane }) } as const)
          : ({ kind: "park", to: standing(gated, "k2", 3), wakeAfterMs: 0 } as const);
    const holder = { workerId: "w", leaseMs: LEASE_MS };
    const [fate] = await this.#backend.commitCheckpoints([{ claim, entries, move, consumes: null }], holder);
    if (kind === "moveOn" && fate?.kind === "accepted") this.#held.push({ ...claim, taskId: `${claim.taskId}x` });
    return fate?.kind;
  }

  #take(nth: number): ClaimedPosition | null {
    if (this.#held.length === 0) return null;
    return this.#held.splice(nth % this.#held.length, 1)[0] ?? null;
  }

  async #look(): Promise<unknown> {
    const limits = await this.#backend.listLimits();
    const keys = await Promise.all(NAMES.map(async (name) => await this.#backend.listLimitKeys(name, { limit: 100 })));
    return { limits, keys };
  }
}

/** Never more than `burst + count · t / per` in a time `t`. */
function expectWithin(
  begun: readonly Begun[],
  rate: { readonly count: number; readonly perMs: number; readonly burst: number },
): void {
  const last = begun.at(-1);
  if (last === undefined) return;
  let sum = 0;
  for (const one of begun.toReversed()) {
    sum += one.count;
    expect(sum).toBeLessThanOrEqual(rate.burst + (rate.count * (last.at - one.at)) / rate.perMs + 1e-3);
  }
}

describe("limits", () => {
  test.prop([aLimit, aLimit, fc.array(anOperation, { maxLength: 60, size: "max" })], { numRuns, endOnFailure: false })(
    "are kept, leave nothing waiting that may go, and are the same in memory and in PostgreSQL",
    async (one, two, operations) => {
      await database.truncate();
      clock.jumpTo(startedAt);
      const limits = [one, two].map(([all, each], index) =>
        limit(NAMES[index] ?? "", {
          ...given(all),
          perKey: given(each),
          ...(Object.keys({ ...given(all), ...given(each) }).length === 0 ? { concurrency: 1_000 } : {}),
        }),
      );
      const memoryClock = new TestClock();
      const memory = new InMemoryBackend({ clock: memoryClock });
      const courses = [new Course(memory, memoryClock), new Course(postgres, clock)];
      for (const backend of [memory, postgres]) await backend.declareLimits(limits);
      for (const course of courses) await course.run(operations);

      expect(courses[1]?.said).toEqual(courses[0]?.said);
    },
    60_000 + 1_000 * numRuns,
  );
});

function given({
  concurrency,
  rate,
}: {
  concurrency: number | null;
  rate: { count: number; per: number } | null;
}): object {
  return { ...(concurrency === null ? {} : { concurrency }), ...(rate === null ? {} : { rate }) };
}
