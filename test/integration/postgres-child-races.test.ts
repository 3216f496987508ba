import { beforeEach, describe, expect, test } from "vitest";
import { CHILD_EVENT } from "../../src/ids.ts";
import type { ClaimRef } from "../../src/snapshot/checkpoint.ts";
import type { NewChild } from "../../src/store/child-store.ts";
import {
  bytes,
  checkpoint,
  claimOne,
  commitUntilDone,
  inSession,
  newInstance,
  standing,
  startAndClaim,
} from "../support/positions.ts";
import { createTestDatabase } from "../support/postgres.ts";

const database = await createTestDatabase();
const [backend, other] = [await database.connect(), await database.connect()];

beforeEach(() => database.truncate());

const parks = {
  kind: "await",
  to: standing("ship", { kind: "wait", event: `${CHILD_EVENT}ship` }),
  timeoutMs: "keep",
} as const;
const completes = { kind: "complete", output: bytes("1"), codec: "json" } as const;

function childOf({ instanceId, path, token }: ClaimRef, childId: string, facts: Partial<NewChild> = {}): NewChild {
  const claim = { instanceId, path, token };
  return { instance: newInstance(childId), claim, taskId: "ship", isAwaited: true, onClose: "cancel", ...facts };
}

async function parentOf(round: number): Promise<ClaimRef> {
  const at = standing("ship~start");
  const positions = [{ path: "", standing: at, wakeAfterMs: 0, claimed: false }];
  return await startAndClaim(backend, `parent-${round}`, { spawns: true, positions });
}

describe("a child's end", () => {
  test("is not missed by a parent that parks in the same instant", async () => {
    const seen = new Set<string>();
    for (let round = 0; round < 40; round++) {
      const parent = await parentOf(round);
      const childId = `child-${round}`;
      expect(await backend.createChildren([childOf(parent, childId)])).toEqual(["created"]);
      const child = await claimOne(other, childId);
      const ended = async (): Promise<void> => {
        await commitUntilDone(other, checkpoint(child, completes));
        // What is left is left because the mailbox is locked by who parks.
        while (await other.settleEndings());
      };
      const [parked] = await Promise.all([commitUntilDone(backend, checkpoint(parent, parks)), ended()]);
      expect(parked.kind).toBe("accepted");
      const isKept = parked.kind === "accepted" && parked.kept;
      seen.add(isKept ? "kept" : "woken");
      // Either it holds its position on, or somebody can take it.
      if (!isKept) expect(await claimOne(backend, `parent-${round}`)).toMatchObject({ taskId: "ship" });
      expect(await backend.peekEvent(`parent-${round}`, `${CHILD_EVENT}ship`)).not.toBeNull();
    }
    expect(seen.size).toBeGreaterThan(0);
  });

  test("of a hundred siblings, in several processes at once, is told to each of their tasks once", async () => {
    const trunk = await startAndClaim(backend, "parent", { spawns: true });
    const names = Array.from({ length: 100 }, (_, index) => `b${index}`);
    const branches = names.map((name) => {
      return { path: `join/${name}`, standing: standing(`${name}~start`), wakeAfterMs: 0, claimed: true };
    });
    const join = standing("join", { kind: "join", pending: names.length });
    const forked = await commitUntilDone(backend, checkpoint(trunk, { kind: "fork", join, branches }));
    const claims = forked.kind === "accepted" ? forked.granted : [];
    expect(claims).toHaveLength(100);
    const children = claims.map(({ path, token }) => {
      const task = path.slice("join/".length);
      return childOf({ instanceId: "parent", path, token }, `child-${task}`, { taskId: task });
    });
    expect(new Set(await backend.createChildren(children))).toEqual(new Set(["created"]));
    const parkAll = claims.map(async ({ path, token }) => {
      const task = path.slice("join/".length);
      const to = standing(task, { kind: "wait", event: CHILD_EVENT + task });
      const claim = { instanceId: "parent", path, token };
      await commitUntilDone(backend, checkpoint(claim, { kind: "await", to, timeoutMs: "keep" }));
    });
    const endAll = names.map(async (name, index) => {
      const store = index % 2 === 0 ? backend : other;
      await commitUntilDone(store, checkpoint(await claimOne(store, `child-${name}`), completes));
      while (await store.settleEndings());
    });
    await Promise.all([...parkAll, ...endAll]);

    const { rows } = await database.pool.query(
      `SELECT (SELECT count(*)::int FROM waymark.events) AS events, (SELECT count(*)::int FROM waymark.endings) AS endings,
              (SELECT count(*)::int FROM waymark.positions WHERE kind = 'wait' AND worker_id IS NULL AND order_key IS NULL) AS asleep`,
    );
    expect(rows).toEqual([{ events: 100, endings: 0, asleep: 0 }]);
  });

  test("waits for nobody: neither for a locked mailbox of the parent, nor for its row", async () => {
    const parent = await parentOf(1);
    await backend.createChildren([childOf(parent, "child")]);
    await commitUntilDone(backend, checkpoint(parent, parks));
    const child = await claimOne(backend, "child");
    await inSession(database.pool, async (session) => {
      await session.query("BEGIN");
      await session.query("SELECT FROM waymark.mailboxes WHERE instance_id = 'parent-1' FOR UPDATE");
      await session.query("SELECT FROM waymark.instances WHERE instance_id = 'parent-1' FOR UPDATE");
      expect(await commitUntilDone(backend, checkpoint(child, completes))).toMatchObject({ kind: "accepted" });
      expect(await backend.settleEndings()).toBe(true);
      await session.query("ROLLBACK");
    });
    expect(await backend.settleEndings()).toBe(false);
    expect(await claimOne(backend, "parent-1")).toMatchObject({ taskId: "ship" });
  });
});

describe("a parent's end", () => {
  test("leaves no child behind that is started in the same instant", async () => {
    const seen = new Set<string>();
    for (let round = 0; round < 40; round++) {
      const parent = await parentOf(round);
      const childId = `child-${round}`;
      const create = async (): Promise<string> => {
        for (;;) {
          const [fate = "fenced"] = await backend.createChildren([childOf(parent, childId)]);
          if (fate !== "busy") return fate;
        }
      };
      const end = async (): Promise<unknown> => {
        if (round % 2 === 0) return await other.terminateInstance(`parent-${round}`, {});
        const fate = await commitUntilDone(other, checkpoint(parent, completes));
        await other.settleEndings();
        return fate;
      };
      const [fate] = await Promise.all([create(), end()]);
      seen.add(fate);
      await other.settleEndings();
      const [child] = await backend.findChildren([childId]);
      expect([fate, child?.status]).toEqual(fate === "created" ? ["created", "cancelled"] : ["fenced", undefined]);
    }
    expect(seen.size).toBeGreaterThan(0);
  });
});
