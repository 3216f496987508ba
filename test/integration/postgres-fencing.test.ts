import { beforeEach, describe, expect, test } from "vitest";
import {
  branchAt,
  bytes,
  checkpoint,
  claimOne,
  commit,
  commitUntilDone,
  entry,
  holder,
  inSession,
  lane,
  newInstance,
  standing,
  startAndClaim,
} from "../support/positions.ts";
import { createTestDatabase } from "../support/postgres.ts";

const database = await createTestDatabase();
const [backend, other] = [await database.connect(), await database.connect()];

beforeEach(() => database.truncate());

describe("a control request and a checkpoint at the same time", () => {
  test("a pause is never missed: nothing is ready afterwards, and unpausing lets it go on", async () => {
    for (let round = 0; round < 50; round++) {
      const id = `pause-${round}`;
      const claim = await startAndClaim(backend, id);
      const park = { kind: "park", to: standing("b", { inputRef: "a" }), wakeAfterMs: 0 } as const;
      const [fate] = await Promise.all([
        commitUntilDone(backend, checkpoint(claim, park, [entry("a")])),
        other.requestControl(id, "pause", {}),
      ]);

      expect(fate).toMatchObject({ kind: "accepted" });
      expect(await backend.claimPositions({ ...holder, limit: 1, lanes: [], instanceId: id })).toEqual([]);
      await backend.unpause(id);
      expect((await claimOne(backend, id)).taskId).toBe("b");
    }
  });

  test("a cancel beside the last checkpoint: one of them wins, and the other is told", async () => {
    const statuses = new Set<string>();
    for (let round = 0; round < 60; round++) {
      const id = `cancel-${round}`;
      const claim = await startAndClaim(backend, id);
      const completing = checkpoint(claim, { kind: "complete", output: bytes("1"), codec: "json" }, [entry("a")]);
      const [fate, control] = await Promise.all([
        commitUntilDone(backend, completing),
        other.requestControl(id, "cancel", {}).catch((error: unknown) => (error as { code: string }).code),
      ]);
      if (control === "requested") await backend.settleInterrupt(id, "a");
      const status = (await backend.findInstance(id))?.instance.status ?? "gone";
      statuses.add(status);

      expect({ status, fate: fate.kind }).toEqual({ status: "completed", fate: "accepted" });
      expect(["requested", "INVALID_TRANSITION"]).toContain(control);
      const { rows } = await database.pool.query(
        "SELECT (SELECT count(*)::int FROM waymark.positions WHERE instance_id = $1) AS positions, (SELECT count(*)::int FROM waymark.signals WHERE instance_id = $1) AS signals",
        [id],
      );
      expect(rows).toEqual([{ positions: 0, signals: 0 }]);
    }
    expect([...statuses]).toEqual(["completed"]);
  });

  test("a cancel of an instance that nobody runs takes effect at once, and everybody else is fenced", async () => {
    const claim = await startAndClaim(backend, "idle");
    await backend.releaseClaims([claim]);

    expect(await other.requestControl("idle", "cancel", { reason: "changed my mind" })).toBe("applied");
    expect(await commit(backend, checkpoint(claim, { kind: "complete", output: bytes("1"), codec: "json" }))).toEqual({
      kind: "fenced",
    });
    expect((await backend.findInstance("idle"))?.instance).toMatchObject({
      status: "cancelled",
      reason: "changed my mind",
    });
  });

  test("a pending cancel comes up by itself if whoever asked for it died", async () => {
    const claim = await startAndClaim(backend, "orphaned");
    await backend.storeSignal("orphaned", "cancel", {});
    const move = { kind: "park", to: standing("b"), wakeAfterMs: null } as const;
    expect(await commit(backend, checkpoint(claim, move))).toMatchObject({ kind: "accepted", interrupt: "cancel" });

    await expect
      .poll(() => backend.claimPositions({ ...holder, limit: 1, lanes: [], instanceId: "orphaned" }), {
        timeout: 5_000,
      })
      .toMatchObject([{ taskId: "b", interrupt: "cancel" }]);
  });
});

describe("zombies", () => {
  test("whose lease was taken over are fenced", async () => {
    const old = await startAndClaim(backend, "z");
    await database.pool.query("UPDATE waymark.positions SET available_at = now() - interval '1 s'");
    const current = await claimOne(other, "z", "worker-b");

    expect(current.lost).toBe(1);
    expect(
      await commit(backend, checkpoint(old, { kind: "complete", output: bytes("1"), codec: "json" }, [entry("a")])),
    ).toEqual({
      kind: "fenced",
    });
    expect(await backend.renewClaims([old, current], 1_000)).toMatchObject([{ held: false }, { held: true }]);
    expect(
      await commit(backend, checkpoint(current, { kind: "complete", output: bytes("2"), codec: "json" }, [entry("a")])),
    ).toMatchObject({
      kind: "accepted",
    });
    expect((await backend.findInstance("z"))?.instance.output).toEqual(bytes("2"));
  });

  test("of the same worker name are fenced, too", async () => {
    const old = await startAndClaim(backend, "z");
    await database.pool.query("UPDATE waymark.positions SET available_at = now() - interval '1 s'");
    await claimOne(backend, "z");

    expect(await commit(backend, checkpoint(old, { kind: "complete", output: bytes("1"), codec: "json" }))).toEqual({
      kind: "fenced",
    });
  });

  test("whose position was deleted and made anew are fenced", async () => {
    const old = await startAndClaim(backend, "z");
    await backend.deleteSnapshot("z");
    const current = await startAndClaim(backend, "z");

    expect(current.token).toBeGreaterThan(old.token);
    expect(await commit(backend, checkpoint(old, { kind: "complete", output: bytes("1"), codec: "json" }))).toEqual({
      kind: "fenced",
    });
    expect(
      await commit(backend, checkpoint(current, { kind: "complete", output: bytes("2"), codec: "json" })),
    ).toMatchObject({
      kind: "accepted",
    });
  });

  test("of an instance that was replaced are fenced", async () => {
    const old = await startAndClaim(backend, "z");
    await other.replaceInstance(newInstance("z"));

    expect(await commit(backend, checkpoint(old, { kind: "complete", output: bytes("1"), codec: "json" }))).toEqual({
      kind: "fenced",
    });
    expect(await backend.readHistory("z")).toEqual([]);
  });
});

describe("batches", () => {
  test("one row that can't be written takes no other with it", async () => {
    const claims = await Promise.all(["p", "q", "r"].map((id) => startAndClaim(backend, id)));
    // Recorded behind the worker's back: the history refuses a second outcome with an error.
    await other.saveTaskResult("q", "a", bytes("1"));
    const batch = claims.map((claim) => checkpoint(claim, { kind: "advance", to: standing("b") }, [entry("a")]));
    const fates = await backend.commitCheckpoints(batch, holder);

    expect(fates.map((fate) => fate.kind)).toEqual(["accepted", "recorded", "accepted"]);
  });

  test("a locked position is reported as busy, and the others are written", async () => {
    const claims = await Promise.all(["p", "q", "r"].map((id) => startAndClaim(backend, id)));
    await inSession(database.pool, async (session) => {
      await session.query("BEGIN");
      await session.query("SELECT FROM waymark.positions WHERE instance_id = 'q' FOR UPDATE");
      const fates = await backend.commitCheckpoints(
        claims.map((claim) => checkpoint(claim, { kind: "advance", to: standing("b") }, [entry("a")])),
        holder,
      );
      const renewals = await backend.renewClaims(claims, 60_000);
      await session.query("ROLLBACK");

      expect(fates.map((fate) => fate.kind)).toEqual(["accepted", "busy", "accepted"]);
      expect(renewals.map((renewal) => renewal.held)).toEqual([true, true, true]);
    });
  });

  test("no order of batches, sends and control requests deadlocks", async () => {
    const backends = [backend, other, await database.connect(), await database.connect()];
    for (let round = 0; round < 6; round++) {
      const ids = Array.from({ length: 12 }, (_, index) => `dead-${round}-${index}`);
      await backend.createInstances(ids.map((id) => newInstance(id)));
      const trunks = await backend.claimPositions({ ...holder, limit: 100, lanes: [standing("a").lane] });
      const join = standing("j", { kind: "join", pending: 3 });
      const names = ["x", "y", "z"];
      const forks = trunks.map((trunk) =>
        checkpoint(trunk, { kind: "fork", join, branches: names.map((name) => branchAt(`j/${name}`, name)) }),
      );
      await backend.commitCheckpoints(forks, holder);
      const branches = await backend.claimPositions({ ...holder, limit: 100, lanes: [standing("a").lane] });
      const ends = branches.map((branch) =>
        checkpoint(branch, { kind: "endBranch", joinPath: "" }, [entry(branch.taskId)]),
      );
      const work = backends.map(async (on, index) => {
        // Each in an order of its own, forwards, backwards and interleaved, over the same instances.
        const mine = index % 2 === 0 ? ends : ends.toReversed();
        await Promise.all([
          on.commitCheckpoints(
            mine.filter((_, at) => at % backends.length === index),
            holder,
          ),
          ...ids.map((id, at) =>
            (at % 4 === index
              ? on.requestControl(id, index % 2 === 0 ? "pause" : "cancel", {})
              : on.sendEvent(id, "go", bytes("1"))
            ).catch(() => null),
          ),
        ]);
      });
      await Promise.all(work);
    }
    const { rows } = await database.pool.query<{ deadlocks: string }>(
      "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
    );

    expect(rows).toEqual([{ deadlocks: "0" }]);
  });
});

describe("creating", () => {
  test("takes a batch in the order given, also where an id occurs twice (found with seed -2083409525)", async () => {
    const created = await backend.createInstances(["c", "b", "c"].map((id) => newInstance(id)));
    const claimed = await backend.claimPositions({ ...holder, limit: 10, lanes: [lane] });

    expect(created.map((result) => result.created)).toEqual([true, true, false]);
    expect(claimed.map((position) => position.instanceId)).toEqual(["c", "b"]);
  });

  test("a hundred submits of one id over two connections make one instance", async () => {
    const results = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        (index % 2 === 0 ? backend : other).createInstances([newInstance("one", { input: bytes(String(index)) })]),
      ),
    );

    expect(results.flat().filter((result) => result.created)).toHaveLength(1);
    expect(await backend.listSnapshots()).toEqual(["one"]);
  });
});
