import { expect } from "vitest";
import { aNewPosition } from "../builders.ts";
import { type Given, holder } from "./given.ts";
import type { ConformanceTests } from "./suite.ts";

const HOUR = 3_600_000;
const OTHER = "f".repeat(64);

/** So many ids: "a0", "a1", and so on. */
function ids(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`);
}

/** Whose places were taken, one claim of one position after the other. */
async function turns(given: Given, count: number): Promise<string> {
  let letters = "";
  for (let index = 0; index < count; index++) letters += (await given.admitted({ limit: 1 }))[0]?.[0] ?? "-";
  return letters;
}

/** How many of each letter. */
function counted(admitted: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [letter = ""] of admitted) counts[letter] = (counts[letter] ?? 0) + 1;
  return counts;
}

export const claimLimitedTests: ConformanceTests = {
  "gives what waits before a gate, with all that is needed to go on from it": async ({ given, clock }) => {
    const { flow, definitionHash, codec } = given.lane();
    await given.limit({ concurrency: 1 });
    await given.waiting(["a"], { key: "acme" });

    const { claimed, nextMs } = await given.claimLimited({ workerId: "worker-b", leaseMs: 5_000 });

    expect(claimed).toMatchObject([
      {
        ...{
          instanceId: "a",
          path: "",
          taskId: "first",
          kind: "task",
          attempt: 1,
          lost: 0,
          inputRef: null,
          recorded: null,
        },
        ...{ event: null, armed: false, due: false, interrupt: null, flow, definitionHash, codec, instancePriority: 3 },
        ...{ deadline: null, run: 1, admitted: "task" },
      },
    ]);
    expect(nextMs).toBeNull();
    expect(await given.positionOf("a")).toMatchObject({
      ...{ ready: false, gate: { limit: "api", scope: "task" }, limitKey: "acme" },
      claim: { workerId: "worker-b", token: claimed[0]?.token, expiresAt: clock.now() + 5_000 },
    });
  },

  "gives as many as may run at once, and no more": async ({ given }) => {
    await given.limit({ concurrency: 2 });
    await given.waiting(["a", "b", "c"]);

    expect(await given.admitted()).toEqual(["a", "b"]);
    expect(await given.claimLimited()).toEqual({ claimed: [], nextMs: null });
  },

  "gives at most as many as asked for": async ({ given }) => {
    await given.limit({ concurrency: 5 });
    await given.waiting(["a", "b", "c"]);

    expect(await given.admitted({ limit: 2 })).toEqual(["a", "b"]);
    expect(await given.admitted({ limit: 2 })).toEqual(["c"]);
  },

  "gives everything where nobody has declared the limit": async ({ given }) => {
    await given.waiting(["a", "b", "c"]);

    expect(await given.admitted()).toEqual(["a", "b", "c"]);
  },

  "counts what ran already when the limit is declared": async ({ given }) => {
    await given.waiting(["a", "b"]);
    await given.waiting(["c"], { scope: "flow" });
    expect(await given.admitted()).toEqual(["a", "b", "c"]);
    await given.limit({ concurrency: 4 });
    await given.waiting(["d", "e"]);

    expect(await given.admitted()).toEqual(["d"]);
  },

  "counts each key by itself where the limit says so": async ({ given }) => {
    await given.limit({ perKey: { concurrency: 1 } });
    for (const key of ["a", "b"]) await given.waiting(ids(key, 3), { key });

    expect(await given.admitted()).toEqual(["a0", "b0"]);
    expect(await given.admitted()).toEqual([]);
  },

  "keeps to what is allowed of all and of each key at once": async ({ given }) => {
    await given.limit({ concurrency: 5, perKey: { concurrency: 2 } });
    for (const key of ["a", "b", "c", "d"]) await given.waiting(ids(key, 4), { key });
    const admitted = await given.admitted();

    expect(admitted).toHaveLength(5);
    expect(Math.max(...Object.values(counted(admitted)))).toBe(2);
    expect(await given.admitted()).toEqual([]);
  },

  "gives only what stands in the lanes asked for, but for their gates": async ({ given }) => {
    await given.limit({ concurrency: 100 });
    await given.waiting(["plain"]);
    await given.waiting(["starting"], { scope: "flow" });
    await given.waiting(["gpu"], {}, { lane: given.lane({ tags: ["gpu"] }) });
    await given.waiting(["other"], {}, { lane: given.lane({ definitionHash: OTHER }) });

    expect(await given.admitted({ lanes: [] })).toEqual([]);
    expect(await given.admitted({ lanes: [given.lane({ tags: ["eu"] })] })).toEqual([]);
    expect(await given.admitted()).toEqual(["plain", "starting"]);
    expect(
      await given.admitted({ lanes: [given.lane({ tags: ["gpu"] }), given.lane({ definitionHash: OTHER })] }),
    ).toEqual(["gpu", "other"]);
  },

  "takes nothing that stands before no gate": async ({ given }) => {
    await given.instance();

    expect(await given.admitted()).toEqual([]);
    expect(await given.admitted({ instanceId: "order-1" })).toEqual([]);
  },

  "counts whatever names the limit, in whatever flow and of whatever scope": async ({ backend, given }) => {
    await given.limit({ concurrency: 2 });
    const lane = given.lane({ definitionHash: OTHER });
    await given.waiting(["a"]);
    await given.waiting(["b"], { scope: "flow" });
    await given.waiting(["c", "d"], {}, { lane });
    const { claimed } = await given.claimLimited();
    expect(claimed).toHaveLength(2);

    expect(await given.admitted({ lanes: [lane] })).toEqual([]);
    await backend.releaseClaims(claimed.filter(({ instanceId }) => instanceId === "a"));
    expect(await given.admitted({ lanes: [lane] })).toEqual(["c"]);
  },

  "keeps to several limits at once, by name": async ({ given }) => {
    await given.limit({ concurrency: 1 }, "api");
    await given.limit({ concurrency: 2 }, "db");
    await given.waiting(["d0", "d1", "d2"], { limit: "db" });
    await given.waiting(["a0", "a1"], { limit: "api" });

    expect(await given.admitted({ limit: 2 })).toEqual(["a0", "d0"]);
    expect(await given.admitted()).toEqual(["d1"]);
    expect(await given.admitted()).toEqual([]);
  },

  "never gives concurrent callers more than is allowed, whoever claims": async ({ given }) => {
    await given.limit({ concurrency: 7, perKey: { concurrency: 4 } });
    for (const key of ["a", "b", "c"]) await given.waiting(ids(key, 10), { key });
    const claims = Array.from({ length: 8 }, (_, index) => given.admitted({ workerId: `worker-${index}`, limit: 3 }));
    const admitted = [...(await Promise.all(claims)).flat(), ...(await given.admitted())];

    expect(admitted).toHaveLength(7);
    expect(new Set(admitted).size).toBe(7);
    expect(Math.max(...Object.values(counted(admitted)))).toBeLessThanOrEqual(4);
  },

  "finds the one that may begin behind a thousand that may not": async ({ given }) => {
    await given.limit({ perKey: { concurrency: 1 } });
    await given.waiting(ids("a", 1_001), { key: "a" });
    await given.admittedOf("a0");
    await given.waiting(["b"], { key: "b" });

    expect(await given.admitted({ limit: 1 })).toEqual(["b"]);
  },

  "gives nothing before its time; of one instance also what has come due": async ({ backend, given }) => {
    await given.limit({ concurrency: 10 });
    const at = given.before();
    for (const instanceId of ["a", "b"]) await given.instance({ instanceId, at, wakeAfterMs: 5_000 });
    given.after(4_999);
    expect(await given.admitted({ instanceId: "a" })).toEqual([]);
    given.after(1);

    expect(await given.admitted({ instanceId: "a", lanes: [] })).toEqual(["a"]);
    await backend.promoteDue();
    expect(await given.admitted()).toEqual(["b"]);
  },

  "gives what waits of one instance, whatever its lane, as far as the limit allows": async ({ given }) => {
    await given.limit({ concurrency: 3, perKey: { concurrency: 1 } });
    await given.waiting(["a", "b"], { key: "a" });
    const claim = await given.held();
    const move = given.forkMove("both", ["p", "q", "r", "s"]);
    const lane = given.lane({ tags: ["gpu"] });
    const branches = move.branches.map(({ path }, index) =>
      aNewPosition({
        path,
        standing: given.standing(given.before({ key: index < 2 ? "a" : "b" }, { taskId: path, lane })),
      }),
    );
    await given.accepted(claim, { ...move, branches });

    const { claimed, nextMs } = await given.claimLimited({ instanceId: "order-1", lanes: [] });
    expect(claimed.map(({ path }) => path).sort()).toEqual(["both/p", "both/r"]);
    expect(nextMs).toBeNull();
    expect(await given.admitted()).toEqual([]);
    expect(await given.admitted({ instanceId: "nowhere" })).toEqual([]);
  },

  "gives again what was in the hands of a lost lease, and counts that": async ({ backend, given }) => {
    await given.limit({ concurrency: 1 });
    await given.waiting(["a", "b"], {}, { priority: 3 });
    const { token } = await given.admittedOf("a");
    given.after(holder.leaseMs);
    await backend.promoteDue();
    await given.admittedOf("b");
    given.after(holder.leaseMs);
    await backend.promoteDue();

    const again = await given.admittedOf("a");
    expect(again).toMatchObject({ taskId: "first", attempt: 1, lost: 1, admitted: "task" });
    expect(again.token).toBeGreaterThan(token);
  },
};

export const besideGatesTests: ConformanceTests = {
  "never takes what stands before a gate, neither by lanes nor by instance": async ({ backend, given }) => {
    await given.waiting(["a"]);
    await given.waiting(["b"], { scope: "flow" });
    const { lane } = given.before();

    expect(await given.claim()).toEqual([]);
    expect(await given.claim({ lanes: [lane, given.lane()], readyOnly: true })).toEqual([]);
    for (const instanceId of ["a", "b"]) expect(await given.claim({ instanceId })).toEqual([]);
    await backend.registerWorker("worker-a", []);
    expect(await backend.findAvailableTasks("worker-a", 10)).toEqual([]);
    expect(await backend.claimTask("a", "first", "worker-a", 1_000)).toBeNull();
  },

  "leaves it there also when its time has come, or its lease was lost": async ({ given }) => {
    await given.instance({ instanceId: "a", at: given.before(), wakeAfterMs: 1_000 });
    await given.waiting(["b"]);
    await given.admittedOf("b");
    given.after(holder.leaseMs);

    expect(await given.claim()).toEqual([]);
    for (const instanceId of ["a", "b"]) expect(await given.claim({ instanceId })).toEqual([]);
    expect(await given.admitted()).toEqual(["a", "b"]);
  },

  "takes what doesn't stand there, however much does": async ({ given }) => {
    await given.waiting(ids("a", 200));
    await given.instance();

    expect(await given.claim({ limit: 1 })).toMatchObject([{ instanceId: "order-1" }]);
  },
};

export const turnTests: ConformanceTests = {
  "give keys one place after the other, from the one behind the last": async ({ given }) => {
    for (const key of ["a", "b", "c"]) await given.waiting(ids(key, 3), { key });
    await given.limit({ concurrency: 100 });

    expect(await turns(given, 10)).toBe("abcabcabc-");
  },

  "give each key something before one gets more": async ({ given }) => {
    await given.limit({ concurrency: 100 });
    await given.waiting(ids("a", 50), { key: "a" });
    for (const key of ["b", "c"]) await given.waiting(ids(key, 2), { key });

    expect(await given.admitted({ limit: 3 })).toEqual(["a0", "b0", "c0"]);
    expect(counted(await given.admitted({ limit: 20 }))).toEqual({ a: 18, b: 1, c: 1 });
  },

  "don't let one that came later wait for those that came before": async ({ given }) => {
    await given.limit({ concurrency: 2 });
    await given.waiting(ids("a", 100), { key: "a" });
    await given.waiting(["z"], { key: "z" });

    expect(await given.admitted()).toEqual(["a0", "z"]);
  },

  "go on where they were, also past a key that has nothing any more": async ({ given }) => {
    await given.limit({ concurrency: 100 });
    for (const [key, count] of Object.entries({ a: 2, b: 1, c: 2 })) await given.waiting(ids(key, count), { key });
    expect(await turns(given, 2)).toBe("ab");
    await given.waiting(ids("d", 1), { key: "d" });

    expect(await turns(given, 4)).toBe("cdac");
  },

  "pass over keys that have all that they may": async ({ given }) => {
    await given.limit({ perKey: { concurrency: 1 } });
    for (const key of ["a", "b", "c"]) await given.waiting(ids(key, 3), { key });

    expect(await turns(given, 4)).toBe("abc-");
  },

  "order keys by code point": async ({ given }) => {
    await given.limit({ concurrency: 100 });
    await given.waiting(["😀1", "😀2"], { key: "😀" });
    await given.waiting(["ｚ1", "ｚ2"], { key: "ｚ" });
    const order = [];
    for (let index = 0; index < 4; index++) order.push(...(await given.admitted({ limit: 1 })));

    expect(order).toEqual(["ｚ1", "😀1", "ｚ2", "😀2"]);
  },

  "take within a key what should be taken first": async ({ given }) => {
    await given.limit({ concurrency: 1 });
    await given.waiting(["a5"], { key: "a" }, { priority: 5 });
    await given.waiting(["a4"], { key: "a" }, { priority: 4 });
    await given.waiting(["a3"], { key: "a", scope: "flow" }, { priority: 3 });

    expect(await given.admitted()).toEqual(["a3"]);
  },

  "give a key as much as it weighs": async ({ backend, given }) => {
    await given.limit({ concurrency: 100 });
    for (const key of ["a", "b"]) await given.waiting(ids(key, 20), { key });
    expect(await backend.changeLimitKey("api", "b", { weight: 3 })).toBe(true);

    for (let round = 0; round < 3; round++) expect(counted(await given.admitted({ limit: 4 }))).toEqual({ a: 1, b: 3 });
  },

  "give twice as much in each further round, and go on behind the last": async ({ given }) => {
    await given.limit({ concurrency: 100 });
    for (const key of ["a", "b", "c"]) await given.waiting(ids(key, 20), { key });

    expect(counted(await given.admitted({ limit: 6 }))).toEqual({ a: 3, b: 2, c: 1 });
    expect(await turns(given, 2)).toBe("ca");
  },

  "give a key more than its share where nobody else wants it": async ({ given }) => {
    await given.limit({ concurrency: 10 });
    await given.waiting(ids("a", 20), { key: "a" });
    await given.waiting(ids("b", 2), { key: "b" });

    expect(counted(await given.admitted())).toEqual({ a: 8, b: 2 });
  },
};

export const urgentTests: ConformanceTests = {
  "gets half of what is free; the rest goes to keys in turn": async ({ given }) => {
    await given.limit({ concurrency: 4 });
    await given.waiting(ids("a", 10), { key: "a" });
    await given.waiting(ids("z", 10), { key: "z" }, { priority: 2 });

    expect(await given.admitted()).toEqual(["a0", "z0", "z1", "z2"]);
  },

  "gets every other place where one is free at a time": async ({ given }) => {
    await given.limit({ concurrency: 100 });
    for (const key of ["a", "b"]) await given.waiting(ids(key, 10), { key });
    await given.waiting(ids("z", 10), { key: "z" }, { priority: 1 });

    expect(await turns(given, 8)).toBe("azbzzzaz");
  },

  "gets all where nothing else waits": async ({ given }) => {
    await given.limit({ concurrency: 5 });
    await given.waiting(ids("z", 10), { key: "z" }, { priority: 1 });

    expect(await given.admitted()).toEqual(["z0", "z1", "z2", "z3", "z4"]);
  },

  "gets no more than each key may have": async ({ given }) => {
    await given.limit({ perKey: { concurrency: 1 } });
    await given.waiting(ids("y", 5), { key: "y" }, { priority: 1 });
    await given.waiting(ids("z", 5), { key: "z" }, { priority: 2 });
    await given.waiting(ids("a", 5), { key: "a" });

    expect(await given.admitted()).toEqual(["a0", "y0", "z0"]);
  },

  "is what has the priority, not what has waited long": async ({ given }) => {
    await given.limit({ concurrency: 100 });
    await given.waiting(["b0", "b1"], { key: "b" });
    given.after(HOUR);
    await given.waiting(["z0"], { key: "z" }, { priority: 2 });
    await given.waiting(["a0"], { key: "a" }, { priority: 5 });

    expect(await turns(given, 4)).toBe("azbb");
  },
};
