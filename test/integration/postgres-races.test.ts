import { beforeEach, describe, expect, test } from "vitest";
import type { ClaimRef } from "../../src/snapshot/checkpoint.ts";
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
  newInstance,
  standing,
  startAndClaim,
} from "../support/positions.ts";
import { createTestDatabase } from "../support/postgres.ts";

const database = await createTestDatabase();
const [backend, other] = [await database.connect(), await database.connect()];

beforeEach(() => database.truncate());

const waitMove = {
  kind: "await",
  to: standing("wait", { kind: "wait", event: "go", inputRef: "a" }),
  timeoutMs: null,
} as const;

const send = "SELECT waymark.send_event($1, 'go', '\\x31'::bytea) AS outcome";

/** What a worker does that comes to a wait: it parks, or finds the event. */
async function whatTheWaitSees(instanceId: string): Promise<unknown> {
  const claim = await claimOne(backend, instanceId);
  return claim.recorded?.output ?? (await backend.peekEvent(instanceId, "go"))?.payload ?? null;
}

describe("joins", () => {
  test("branches that end in the same instant close their join once", async () => {
    for (let round = 0; round < 40; round++) {
      const id = `fork-${round}`;
      const trunk = await startAndClaim(backend, id);
      const paths = ["j/x", "j/y", "j/z"];
      const join = standing("j", { kind: "join", pending: paths.length });
      await commit(
        backend,
        checkpoint(trunk, { kind: "fork", join, branches: paths.map((path) => branchAt(path, path.slice(2))) }),
      );
      const branches = await backend.claimPositions({ ...holder, limit: 10, lanes: [], instanceId: id });
      const ends = branches.map((branch) =>
        checkpoint(branch, { kind: "endBranch", joinPath: "" }, [entry(branch.taskId)]),
      );
      const fates = await Promise.all(
        ends.map((end, index) => commitUntilDone(index % 2 === 0 ? backend : other, end)),
      );

      expect(fates.filter((fate) => fate.kind === "accepted")).toHaveLength(3);
      const granted = fates.flatMap((fate) => (fate.kind === "accepted" ? fate.granted : []));
      expect(granted.map(({ path }) => path)).toEqual([""]);
      const { rows } = await database.pool.query(
        "SELECT path, pending, token::text FROM waymark.positions WHERE instance_id = $1",
        [id],
      );
      expect(rows).toEqual([{ path: "", pending: 0, token: String(granted[0]?.token) }]);
    }
  });

  test("a branch that fails while another one forks leaves no position behind", async () => {
    for (let round = 0; round < 30; round++) {
      const id = `failing-${round}`;
      const trunk = await startAndClaim(backend, id);
      const join = standing("j", { kind: "join", pending: 2 });
      await commit(
        backend,
        checkpoint(trunk, { kind: "fork", join, branches: [branchAt("j/x", "x"), branchAt("j/y", "y")] }),
      );
      const [x, y] = await backend.claimPositions({ ...holder, limit: 2, lanes: [], instanceId: id });
      if (x === undefined || y === undefined) throw new Error("Two branches were expected.");
      const inner = standing("k", { kind: "join", pending: 2 });
      const forking = checkpoint(
        y,
        { kind: "fork", join: inner, branches: [branchAt("k/p", "p"), branchAt("k/q", "q")] },
        [entry("y")],
      );
      const failing = checkpoint(x, { kind: "fail", failure: bytes("{}"), to: standing("x", { attempt: 2 }) }, [
        entry("x", { outcome: "failed", output: null, failure: bytes("{}") }),
      ]);
      const [, failed] = await Promise.all([commitUntilDone(other, forking), commitUntilDone(backend, failing)]);

      expect(failed).toMatchObject({ kind: "accepted" });
      const { rows } = await database.pool.query("SELECT path FROM waymark.positions WHERE instance_id = $1", [id]);
      expect(rows).toEqual([]);
      expect((await backend.findInstance(id))?.instance.status).toBe("failed");
    }
  });
});

describe("a send and a parking checkpoint lose no wakeup", () => {
  test("sent and committed first: the checkpoint stays", async () => {
    const claim = await startAndClaim(backend, "i");
    await backend.sendEvent("i", "go", bytes("1"));

    expect(await commit(backend, checkpoint(claim, waitMove, [entry("a")]))).toMatchObject({
      kind: "accepted",
      kept: true,
    });
  });

  test("parked first: the event is delivered", async () => {
    const claim = await startAndClaim(backend, "i");
    expect(await commit(backend, checkpoint(claim, waitMove, [entry("a")]))).toMatchObject({
      kind: "accepted",
      kept: false,
    });

    expect(await backend.sendEvent("i", "go", bytes("1"))).toBe("delivered");
    expect(await whatTheWaitSees("i")).toEqual(bytes("1"));
  });

  test("sent in a transaction that is open while the checkpoint is written: busy until it ends, then found", async () => {
    const claim = await startAndClaim(backend, "i");
    await inSession(database.pool, async (session) => {
      await session.query("BEGIN");
      await session.query(send, ["i"]);
      const parking = checkpoint(claim, waitMove, [entry("a")]);
      expect(await commit(backend, parking)).toEqual({ kind: "busy" });
      await session.query("COMMIT");

      expect(await commit(backend, parking)).toMatchObject({ kind: "accepted", kept: true });
      expect((await backend.peekEvent("i", "go"))?.payload).toEqual(bytes("1"));
    });
  });

  test("sent in a transaction that is rolled back: nothing is found, nothing is missed later", async () => {
    const claim = await startAndClaim(backend, "i");
    await inSession(database.pool, async (session) => {
      await session.query("BEGIN");
      await session.query(send, ["i"]);
      await session.query("ROLLBACK");
    });
    expect(await commit(backend, checkpoint(claim, waitMove, [entry("a")]))).toMatchObject({
      kind: "accepted",
      kept: false,
    });
    expect(await backend.sendEvent("i", "go", bytes("1"))).toBe("delivered");
  });

  test("sent in a transaction that opened before the instance existed", async () => {
    await inSession(database.pool, async (session) => {
      await session.query("BEGIN");
      await session.query(send, ["early"]);
      const made = backend.createInstances([
        newInstance("early", {
          positions: [branchAt("", "wait", { standing: standing("wait", { kind: "wait", event: "go" }) })],
        }),
      ]);
      await session.query("COMMIT");
      await made;
    });

    expect(await whatTheWaitSees("early")).toEqual(bytes("1"));
  });

  test("at the same time, over and over: the event is seen each time", async () => {
    for (let round = 0; round < 100; round++) {
      const id = `both-${round}`;
      const claim = await startAndClaim(backend, id);
      const [fate, outcome] = await Promise.all([
        commitUntilDone(backend, checkpoint(claim, waitMove, [entry("a")])),
        other.sendEvent(id, "go", bytes(String(round))),
      ]);
      const seen =
        fate.kind === "accepted" && fate.kept
          ? (await backend.peekEvent(id, "go"))?.payload
          : await whatTheWaitSees(id);

      expect({ outcome, seen }).toEqual({ outcome, seen: bytes(String(round)) });
    }
  });

  test("one open send holds up its own instance and no other in the batch", async () => {
    const claims: ClaimRef[] = [];
    for (let index = 0; index < 20; index++) claims.push(await startAndClaim(backend, `many-${index}`));
    await inSession(database.pool, async (session) => {
      await session.query("BEGIN");
      await session.query(send, ["many-7"]);
      const fates = await backend.commitCheckpoints(
        claims.map((claim) => checkpoint(claim, waitMove, [entry("a")])),
        holder,
      );
      await session.query("ROLLBACK");

      expect(fates.map((fate) => fate.kind)).toEqual(claims.map((_, index) => (index === 7 ? "busy" : "accepted")));
    });
  });
});
