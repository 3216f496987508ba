import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { BackendError } from "../../src/errors/backend-errors.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { Runner } from "../../src/runner/runner.ts";
import type { Backend } from "../../src/store/backend.ts";
import { aStanding } from "../../src/testing/builders.ts";
import { bothBackends, withChanges } from "../support/both-backends.ts";
import { Gate } from "../support/gate.ts";
import { fresh } from "../support/instance-ids.ts";
import { Probe } from "../support/probe.ts";

const never = new Promise<never>(() => undefined);
const neverRuns = { signal: AbortSignal.abort() };
const short = { leaseTtl: 150, pollInterval: 10 };

function unavailable(): never {
  throw new BackendError("BACKEND_UNAVAILABLE", { queryName: "test", problem: "The test has cut the connection" });
}

/** A backend that answers until the wire is cut, and then never again. */
function cuttable(backend: Backend): { backend: Backend; cut(): void } {
  let isCut = false;
  const changes: Record<string, unknown> = {};
  for (const name of ["commitCheckpoints", "renewClaims", "releaseClaims", "claimPositions", "findInstance"] as const) {
    const method = backend[name].bind(backend) as (...args: unknown[]) => Promise<unknown>;
    changes[name] = async (...args: unknown[]) => await (isCut ? never : method(...args));
  }
  return { backend: withChanges(backend, changes), cut: () => void (isCut = true) };
}

describe.each(await bothBackends())("on $name", ({ backend }) => {
  const client = new Client(backend);
  const take = async (id: string, leaseMs: number) =>
    await backend.claimPositions({ workerId: "dead", leaseMs, limit: 10, lanes: [], instanceId: id });

  describe("two runners of one instance at once", () => {
    test("move each position once between them, and report the same", async () => {
      const id = fresh("shared");
      const ran: string[] = [];
      const names = Array.from({ length: 12 }, (_, index) => `b${index}`);
      const wide = flow<null>("shared")
        .fork(
          names.map((name) =>
            branch(name, (b) =>
              b
                .then(`${name}-one`, async (_, { taskId }) => {
                  await new Promise((resolve) => setImmediate(resolve));
                  ran.push(taskId);
                  return name;
                })
                .delay(`${name}-rest`, 1)
                .then(`${name}-two`, (value, { taskId }) => {
                  ran.push(taskId);
                  return value;
                }),
            ),
          ),
        )
        .join("join", (outputs, { taskId }) => {
          ran.push(taskId);
          return Object.keys(outputs).length;
        })
        .build();
      const runners = [1, 2].map((n) => new Runner(backend, { pollInterval: 10, concurrency: 4, workerId: `w${n}` }));
      await runners[0]?.run(wide, id, null, neverRuns);

      const reports = await Promise.all(
        runners.map(async (runner) => await runner.resume(wide, id, { until: "ended" })),
      );

      expect(reports).toEqual([1, 2].map(() => ({ status: "completed", output: 12 })));
      expect(ran.toSorted()).toEqual(
        names
          .flatMap((name) => [`${name}-one`, `${name}-two`])
          .concat("join")
          .toSorted(),
      );
      const history = await client.history(id);
      expect(new Set(history.map((item) => item.taskId)).size).toBe(history.length);
    });

    test("resume: the one that finds nothing to do waits for what the other one is at", async () => {
      const [id, gate, probe] = [fresh("waits"), new Gate(), new Probe()];
      const held = flow<null>("waits")
        .then("hold", () => gate.passed.then(() => "held"))
        .build();
      const first = new Runner(backend, { ...short, observer: probe.observer }).run(held, id, null);
      await probe.first("task_started");
      const second = new Runner(backend, short).resume(held, id);
      expect(await client.status(id)).toMatchObject({ status: "in_progress", tasks: [{ state: "running" }] });
      gate.open();

      expect(await Promise.all([first, second])).toEqual([1, 2].map(() => ({ status: "completed", output: "held" })));
      expect(await client.history(id)).toHaveLength(1);
    });
  });

  describe("a position whose holder is dead", () => {
    const one = flow<null>("one")
      .then("work", (_, { attempt, idempotencyKey }) => ({ attempt, idempotencyKey }))
      .build();

    test("is taken over when its lease has run out, in the same attempt and with the same idempotency key", async () => {
      const id = fresh("dead");
      const runner = new Runner(backend, short);
      await runner.run(one, id, null, neverRuns);
      const [claim] = await take(id, 200);
      expect(await client.status(id)).toMatchObject({ tasks: [{ state: "running", workerId: "dead" }] });

      const report = await runner.resume(one, id);

      expect(report).toMatchObject({ status: "completed", output: { attempt: 1 } });
      expect(JSON.stringify(report)).toContain(id);
      const late = {
        claim: claim!,
        entries: [],
        move: { kind: "fail", failure: new Uint8Array(1), to: aStanding() },
        consumes: null,
      } as const;
      const fates = await backend.commitCheckpoints([late], { workerId: "dead", leaseMs: 200 });
      expect(fates).toEqual([{ kind: "fenced" }]);
    });

    test("does not begin a body when its answer to the claim comes after another has run it", async () => {
      const id = fresh("late");
      const ran: string[] = [];
      const lateOf = (who: string) =>
        flow<null>("late")
          .then("work", () => void ran.push(who))
          .build();
      const other = new Runner(backend, short);
      await other.run(lateOf("other"), id, null, neverRuns);
      const slow = withChanges(backend, {
        claimPositions: async (request) => {
          const claimed = await backend.claimPositions(request);
          if (claimed.length > 0) await other.resume(lateOf("other"), id, { until: "ended" });
          return claimed;
        },
      });

      const report = await new Runner(slow, short).resume(lateOf("slow"), id, { until: "ended" });

      expect(report).toMatchObject({ status: "completed" });
      expect(ran).toEqual(["other"]);
    });

    test("is taken over at a join, and in branches that are at different points", async () => {
      const id = fresh("dead-fork");
      let isDead = true;
      const ran: string[] = [];
      const forked = flow<number>("dead-fork")
        .fork([
          branch("a", (b) => b.then("a1", (n: number) => n + 1).then("a2", (n) => n + 1)),
          branch("b", (b) => b.then("b1", (n: number) => n + 10)),
        ])
        .join("join", ({ a, b }, { taskId }) => {
          ran.push(taskId);
          return a + b;
        })
        .then("after", (n) => n * 2)
        .build();
      const dying = withChanges(backend, {
        // Dies when it has closed the join.
        commitCheckpoints: async (checkpoints, holder) => {
          if (!isDead) return await never;
          const fates = await backend.commitCheckpoints(checkpoints, holder);
          const closed = fates.some((fate) => fate.kind === "accepted" && fate.granted.length > 0);
          if (closed) isDead = false;
          return closed ? await never : fates;
        },
        renewClaims: async () => await never,
      });
      void new Runner(dying, { ...short, concurrency: 1 }).run(forked, id, 1);
      await expect.poll(() => isDead).toBe(false);

      expect(await new Runner(backend, short).resume(forked, id)).toEqual({ status: "completed", output: 28 });
      expect(ran).toEqual(["join"]);
    });
  });

  describe("a lease", () => {
    test("is renewed while a body runs that takes much longer: nobody else gets the position", async () => {
      const [id, gate] = [fresh("long"), new Gate()];
      let [bodies, renewals] = [0, 0];
      const long = flow<null>("long")
        .then("work", async () => {
          bodies++;
          await gate.passed;
          return bodies;
        })
        .build();
      const counted = withChanges(backend, {
        renewClaims: async (claims, leaseMs) => {
          const answers = await backend.renewClaims(claims, leaseMs);
          // After this many thirds of a lease, an unrenewed one would have run out twice over.
          if (++renewals === 8) gate.open();
          return answers;
        },
      });
      const run = new Runner(counted, { leaseTtl: 300, pollInterval: 10 }).run(long, id, null);
      await expect.poll(() => bodies).toBe(1);
      const thief = new Runner(backend, { leaseTtl: 300, pollInterval: 10 }).resume(long, id);

      expect(await run).toEqual({ status: "completed", output: 1 });
      expect(await thief).toEqual({ status: "completed", output: 1 });
      expect(bodies).toBe(1);
    });

    test("that can't be renewed, because nobody answers, ends by itself: the body is told", async () => {
      const [id, probe] = [fresh("silence"), new Probe()];
      const wire = cuttable(backend);
      let reason: unknown;
      const told = flow<null>("silence")
        .then("work", async (_, { signal, attempt }) => {
          if (probe.of("task_started").length > 1) return `taken over in attempt ${attempt}`;
          await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
          ({ reason } = signal);
          throw reason;
        })
        .build();
      void new Runner(wire.backend, { ...short, observer: probe.observer }).run(told, id, null);
      await probe.first("task_started");
      wire.cut();

      await expect.poll(() => reason).toMatchObject({ code: "CLAIM_LOST", instanceId: id });
      expect(await new Runner(backend, { ...short, observer: probe.observer }).resume(told, id)).toEqual({
        status: "completed",
        output: "taken over in attempt 1",
      });
    });

    test("that can't be renewed, because every renewal fails, ends by itself too", async () => {
      const [id, probe] = [fresh("failing"), new Probe()];
      const reasons: unknown[] = [];
      const told = flow<null>("failing")
        .then("work", async (_, { signal }) => {
          if (reasons.length > 0) return "in the second go";
          await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
          reasons.push(signal.reason);
          throw signal.reason;
        })
        .build();
      const failing = withChanges(backend, { renewClaims: async () => unavailable() });
      const runner = new Runner(failing, { ...short, observer: probe.observer });

      expect(await runner.run(told, id, null)).toEqual({ status: "completed", output: "in the second go" });
      // Once at least; again where this process is so busy that a second lease runs out, too.
      expect(new Set(reasons.map((reason) => (reason as { code: string }).code))).toEqual(new Set(["CLAIM_LOST"]));
    });

    test("survives that this process was blocked for longer than it, if nobody has taken the position", async () => {
      let bodies = 0;
      const blocked = flow<null>("blocked")
        .then("work", async (_, { signal }) => {
          bodies++;
          for (const end = performance.now() + 250; performance.now() < end; );
          await new Promise((resolve) => setTimeout(resolve, 60));
          return signal.aborted;
        })
        .build();

      expect(
        await new Runner(backend, { leaseTtl: 100, pollInterval: 10 }).run(blocked, fresh("blocked"), null),
      ).toEqual({
        status: "completed",
        output: false,
      });
      expect(bodies).toBe(1);
    });
  });

  describe("the signal of a run", () => {
    test("stops it: bodies are told, claims given back at once, and resuming goes on from there", async () => {
      const [id, probe, stop] = [fresh("stopped"), new Probe(), new AbortController()];
      const reasons: unknown[] = [];
      const waits = async (signal: AbortSignal): Promise<never> => {
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
        reasons.push(signal.reason);
        throw signal.reason;
      };
      const two = flow<null>("stopped")
        .then("before", () => 1)
        .fork([
          branch("a", (b) =>
            b.then("a", async (n: number, { signal }) => (stop.signal.aborted ? n : await waits(signal))),
          ),
          branch("b", (b) =>
            b.then("b", async (n: number, { signal }) => (stop.signal.aborted ? n : await waits(signal))),
          ),
        ])
        .join("join", ({ a, b }) => a + b)
        .build();
      const runner = new Runner(backend, { leaseTtl: "1h", pollInterval: 10, observer: probe.observer });
      const run = runner.run(two, id, null, { signal: stop.signal });
      await expect.poll(() => probe.of("task_started").length).toBe(3);
      stop.abort(new Error("the process is shutting down"));

      expect(await run).toMatchObject({
        status: "in_progress",
        tasks: [
          { taskId: "a", attempt: 1, state: "ready" },
          { taskId: "b", attempt: 1, state: "ready" },
        ],
      });
      expect(reasons).toEqual([1, 2].map(() => stop.signal.reason as unknown));
      expect((await backend.findInstance(id))?.positions.every((position) => position.claim === null)).toBe(true);
      expect(await runner.resume(two, id)).toEqual({ status: "completed", output: 2 });
    });

    test("lets a body that finishes all the same be recorded, and starts nothing after it", async () => {
      const [id, probe, stop] = [fresh("finishes"), new Probe(), new AbortController()];
      const two = flow<null>("finishes")
        .then("first", async (_, { signal }) => {
          await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
          return "first";
        })
        .then("second", (text) => `${text} and second`)
        .build();
      const runner = new Runner(backend, { leaseTtl: "1h", pollInterval: 10, observer: probe.observer });
      const run = runner.run(two, id, null, { signal: stop.signal });
      await probe.first("task_started");
      stop.abort();

      expect(await run).toMatchObject({ status: "in_progress", tasks: [{ taskId: "second", state: "ready" }] });
      expect(probe.of("task_started")).toHaveLength(1);
      expect(await runner.resume(two, id)).toEqual({ status: "completed", output: "first and second" });
    });

    test("that has aborted before makes the instance and leaves it for others", async () => {
      const id = fresh("later");
      const one = flow<null>("later")
        .then("work", () => "worked")
        .build();

      expect(await new Runner(backend, short).run(one, id, null, neverRuns)).toMatchObject({ status: "in_progress" });
      expect(await new Runner(backend, short).resume(one, id)).toEqual({ status: "completed", output: "worked" });
    });

    test("ends the waiting of a run that stays with its instance", async () => {
      const [id, probe, stop] = [fresh("staying"), new Probe(), new AbortController()];
      const asleep = flow<null>("staying").delay("rest", "1h").build();
      const run = new Runner(backend, { pollInterval: "1h", observer: probe.observer }).run(asleep, id, null, {
        until: "ended",
        signal: stop.signal,
      });
      await expect.poll(async () => (await backend.findInstance(id)) !== null).toBe(true);
      stop.abort();

      expect(await run).toMatchObject({ status: "waiting" });
    });
  });
});
