import { beforeEach, expect, onTestFinished, test } from "vitest";
import type { Checkpoint, ClaimRef, LeaveBranch } from "../../src/snapshot/checkpoint.ts";
import type { Backend } from "../../src/store/backend.ts";
import type { CheckpointFate, ClaimedPosition } from "../../src/store/position-store.ts";
import {
  branchAt,
  bytes,
  checkpoint,
  commit,
  commitUntilDone,
  entry,
  holder,
  standing,
  startAndClaim,
} from "../support/positions.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { soon } from "../support/workers.ts";

const database = await createTestDatabase();
const [backend, other] = [await database.connect(), await database.connect()];

beforeEach(() => database.truncate());

const ROUNDS = 30;

function leaving(path: string, facts: Partial<LeaveBranch> = {}): LeaveBranch {
  return { kind: "leaveBranch", path, joinPath: "", within: "j/", closes: false, mostFailed: null, ...facts };
}

function failureOf(path: string): ReturnType<typeof entry> {
  return entry(path, { kind: "branch", outcome: "tolerated", output: null, failure: bytes("{}") });
}

/** Forks what `claim` holds into branches named by their paths; gives the claims on them, in order. */
async function forked(claim: ClaimRef, join: string, paths: readonly string[]): Promise<ClaimedPosition[]> {
  const to = standing(join, { kind: "join", pending: paths.length });
  await commit(
    backend,
    checkpoint(claim, { kind: "fork", join: to, branches: paths.map((path) => branchAt(path, path)) }),
  );
  const { instanceId } = claim;
  const claims = await backend.claimPositions({ ...holder, limit: 100, lanes: [], instanceId });
  return paths.map((path) => {
    const found = claims.find((one) => one.path === path);
    if (found === undefined) throw new Error(`Nobody holds "${path}".`);
    return found;
  });
}

function forking(claim: ClaimedPosition): Checkpoint {
  const { taskId, path } = claim;
  const join = standing(`${taskId}+`, { kind: "join", pending: 2 });
  const branches = [branchAt(`${path}/k/1`, "deep-1"), branchAt(`${path}/k/2`, "deep-2")];
  return checkpoint(claim, { kind: "fork", join, branches }, [entry(taskId)]);
}

/** Writes all at the same time, over two pools. */
async function atOnce(checkpoints: readonly Checkpoint[]): Promise<CheckpointFate[]> {
  const stores: readonly Backend[] = [backend, other];
  return await Promise.all(checkpoints.map((one, index) => commitUntilDone(stores[index % 2] ?? backend, one)));
}

async function pathsOf(instanceId: string): Promise<string[]> {
  const state = await backend.findInstance(instanceId);
  return state?.positions.map(({ path }) => path) ?? [];
}

test("a branch that is left while others in it fork and end leaves nothing behind", async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const id = `left-${round}`;
    const [a, b] = await forked(await startAndClaim(backend, id), "j", ["j/a", "j/b"]);
    const [p, q, r] = await forked(a!, "j/a/i", ["j/a/i/p", "j/a/i/q", "j/a/i/r"]);
    const fates = await atOnce([
      checkpoint(p!, leaving("j/a"), [failureOf("j/a")]),
      forking(q!),
      checkpoint(r!, { kind: "endBranch", joinPath: "j/a" }, [entry("r")]),
      forking(b!),
    ]);

    expect(fates[0]).toMatchObject({ kind: "accepted", granted: [] });
    expect(fates[3]).toMatchObject({ kind: "accepted" });
    expect(await pathsOf(id)).toEqual(["", "j/b", "j/b/k/1", "j/b/k/2"]);
    expect((await backend.findInstance(id))?.positions[0]).toMatchObject({ kind: "join", pending: 1 });
  }
});

test("of branches that end a race in the same instant one wins, while others fork", async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const id = `race-${round}`;
    const paths = ["j/a", "j/b", "j/c", "j/d"];
    const [a, b, c, d] = await forked(await startAndClaim(backend, id), "j", paths);
    const ending = [a, b].map((claim) =>
      checkpoint(claim!, leaving(claim!.path, { closes: true }), [entry(claim!.path, { kind: "branch" })]),
    );
    const fates = await atOnce([...ending, forking(c!), checkpoint(d!, { kind: "advance", to: standing("next") })]);

    expect(
      fates
        .slice(0, 2)
        .map((fate) => fate.kind)
        .sort(),
    ).toEqual(["accepted", "fenced"]);
    const granted = fates.flatMap((fate) => (fate.kind === "accepted" ? fate.granted : []));
    expect(granted.map(({ path }) => path)).toEqual([""]);
    const positions = (await backend.findInstance(id))?.positions;
    expect(positions).toMatchObject([{ path: "", pending: 0, claim: { token: granted[0]?.token } }]);
  }
});

test("branches that are left and branches that end close their join once", async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const id = `both-${round}`;
    const paths = ["j/a", "j/b", "j/c", "j/d"];
    const claims = await forked(await startAndClaim(backend, id), "j", paths);
    const fates = await atOnce(
      claims.map((claim, index) =>
        index % 2 === 0
          ? checkpoint(claim, leaving(claim.path), [failureOf(claim.path)])
          : checkpoint(claim, { kind: "endBranch", joinPath: "" }, [entry(claim.path)]),
      ),
    );

    expect(fates.map((fate) => fate.kind)).toEqual(paths.map(() => "accepted"));
    const granted = fates.flatMap((fate) => (fate.kind === "accepted" ? fate.granted : []));
    expect(granted.map(({ path }) => path)).toEqual([""]);
    expect((await backend.findInstance(id))?.positions).toMatchObject([{ path: "", pending: 0 }]);
  }
});

test("items that end, fail and fork at the same time each have one successor, until the map closes", async () => {
  for (let round = 0; round < 10; round++) {
    const id = `map-${round}`;
    const trunk = await startAndClaim(backend, id);
    const total = 24;
    const join = standing("m", { kind: "join", pending: total, items: { total, started: 6, failed: 0 } });
    const items = Array.from({ length: 6 }, (_, index) =>
      branchAt(`m[${index}]`, `m[${index}]~item`, { claimed: true }),
    );
    let fates = await atOnce([checkpoint(trunk, { kind: "fork", join, branches: items })]);
    const begun: string[] = [];
    for (let step = 0; !begun.includes(""); step++) {
      const claims = fates
        .flatMap((fate) => (fate.kind === "accepted" ? fate.granted : []))
        .map((granted): ClaimRef => ({ instanceId: id, ...granted }));
      begun.push(...claims.map(({ path }) => path));
      fates = await atOnce(
        claims
          .filter(({ path }) => path !== "")
          .map((claim, index) =>
            (index + step) % 3 === 0
              ? checkpoint(claim, leaving(claim.path, { within: "m[", mostFailed: total }), [failureOf(claim.path)])
              : checkpoint(claim, { kind: "endItem", joinPath: "" }, [entry(`${claim.path}/work`)]),
          ),
      );
    }

    expect(begun).toHaveLength(total + 1);
    expect(new Set(begun).size).toBe(total + 1);
    expect((await backend.findInstance(id))?.positions).toMatchObject([
      { path: "", pending: 0, items: { total, started: total } },
    ]);
  }
});

test("a map that too many failures close takes away items that begin or fork at that moment", async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const id = `closed-${round}`;
    const trunk = await startAndClaim(backend, id);
    const join = standing("m", { kind: "join", pending: 20, items: { total: 20, started: 4, failed: 0 } });
    const items = Array.from({ length: 4 }, (_, index) => branchAt(`m[${index}]`, `m[${index}]~item`));
    await commit(backend, checkpoint(trunk, { kind: "fork", join, branches: items }));
    const [a, b, c, d] = await backend.claimPositions({ ...holder, limit: 4, lanes: [], instanceId: id });
    const failing = [a, b].map((claim) =>
      checkpoint(claim!, leaving(claim!.path, { within: "m[", mostFailed: 1 }), [failureOf(claim!.path)]),
    );
    const fates = await atOnce([
      ...failing,
      checkpoint(c!, { kind: "endItem", joinPath: "" }, [entry("c")]),
      forking(d!),
    ]);

    expect(fates.slice(0, 2).map((fate) => fate.kind)).toEqual(["accepted", "accepted"]);
    expect(await pathsOf(id)).toEqual([""]);
    expect((await backend.findInstance(id))?.positions).toMatchObject([
      { pending: 0, items: { total: 20, failed: 2 } },
    ]);
  }
});

test("leaving waits for who holds a position in the branch, and goes by what has become of it", async () => {
  const [a] = await forked(await startAndClaim(backend, "i"), "j", ["j/a", "j/b"]);
  const [p] = await forked(a!, "j/a/i", ["j/a/i/p", "j/a/i/q"]);
  const session = await database.pool.connect();
  try {
    await session.query("BEGIN");
    await session.query("SELECT FROM waymark.positions WHERE path = 'j/a/i/q' FOR UPDATE");
    const leave = commit(backend, checkpoint(p!, leaving("j/a"), [failureOf("j/a")]));
    await session.query("COMMIT");

    expect(await leave).toMatchObject({ kind: "accepted" });
    expect(await pathsOf("i")).toEqual(["", "j/b"]);
  } finally {
    session.release();
  }
});

/** How many sessions wait for what `pid` has locked, or, with no `pid`, for any lock. */
async function waitingFor(pid: number | null = null): Promise<number> {
  const text = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
    AND ($1::int IS NULL OR $1 = ANY (pg_blocking_pids(pid)))`;
  return (await database.pool.query(text, [pid])).rowCount ?? 0;
}

/** Locks the position at a path until it is let go of. */
async function holding(path: string): Promise<{ readonly pid: number; letGo(): Promise<unknown> }> {
  const session = await database.pool.connect();
  onTestFinished(async () => {
    await session.query("ROLLBACK");
    session.release();
  });
  await session.query("BEGIN");
  await session.query("SELECT FROM waymark.positions WHERE path = $1 FOR UPDATE", [path]);
  const { rows } = await session.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  return { pid: rows[0]?.pid ?? 0, letGo: () => session.query("COMMIT") };
}

test("a join that closes while its instance is being locked, and ends its own branch, waits for nobody who waits for it", async () => {
  const [a, b] = await forked(await startAndClaim(backend, "i"), "j", ["j/a", "j/b"]);
  await forked(a!, "j/a/i", ["j/a/i/p", "j/a/i/q"]);
  const [last] = await forked(b!, "j/b/i", ["j/b/i/p"]);
  // Whoever locks all positions has looked at them, and waits for the first one.
  const [leaf, inner] = [await holding("j/a/i/p"), await holding("j/a")];
  const pausing = backend.requestControl("i", "pause", {});
  await expect.poll(() => waitingFor(leaf.pid), soon).toBe(1);
  const closed = await commit(other, checkpoint(last!, { kind: "endBranch", joinPath: "j/b" }, [entry("p")]));
  expect(closed).toMatchObject({ kind: "accepted", granted: [{ path: "j/b" }] });
  const granted = closed.kind === "accepted" ? closed.granted : [];
  const join = { instanceId: "i", path: "j/b", token: granted[0]?.token ?? 0n };
  // Now it has the leaves and some joins, and waits for one of them.
  await leaf.letGo();
  await expect.poll(() => waitingFor(inner.pid), soon).toBe(1);
  let busy = 0;
  const ending = (async (): Promise<CheckpointFate> => {
    for (;;) {
      const fate = await commit(other, checkpoint(join, { kind: "endBranch", joinPath: "" }, [entry("j/b/i")]));
      if (fate.kind !== "busy") return fate;
      busy++;
    }
  })();
  await expect.poll(async () => busy > 0 || (await waitingFor()) === 2, soon).toBe(true);
  await inner.letGo();

  expect(await pausing).toBe("applied");
  expect(await ending).toMatchObject({ kind: "accepted" });
  expect(busy).toBeGreaterThan(0);
});

test("no two of these wait for each other in a circle", async () => {
  const { rows } = await database.pool.query<{ deadlocks: string }>(
    "SELECT deadlocks::text AS deadlocks FROM pg_stat_database WHERE datname = current_database()",
  );
  expect(rows).toEqual([{ deadlocks: "0" }]);
});
