import { beforeAll, describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { LoopResult } from "../../src/flow/loop-result.ts";
import { task } from "../../src/flow/task.ts";
import { Runner } from "../../src/runner/runner.ts";
import type { Transaction } from "../../src/transaction.ts";
import { fresh } from "../support/instance-ids.ts";
import { createTestDatabase } from "../support/postgres.ts";

const database = await createTestDatabase();
const backend = await database.connect({ migrate: false });
const client = new Client(backend);
const runner = new Runner(backend, { pollInterval: 10 });

beforeAll(async () => {
  await database.pool.query("CREATE TABLE paid (instance_id text NOT NULL, what text NOT NULL)");
});

/** What is in the table for an instance, in order. */
async function paid(id: string): Promise<string[]> {
  const { rows } = await database.pool.query<{ what: string }>(
    "SELECT what FROM paid WHERE instance_id = $1 ORDER BY what",
    [id],
  );
  return rows.map(({ what }) => what);
}

async function pay(tx: Transaction, id: string, what: string): Promise<void> {
  await tx.query("INSERT INTO paid VALUES ($1, $2)", [id, what]);
}

describe("a transactional task", () => {
  test("commits what it has written together with its output", async () => {
    const id = fresh("pay");
    const order = flow<number>("tx-order")
      .then(
        task.transactional("pay", async (tx, cents: number, { instanceId }) => {
          await pay(tx, instanceId, `${cents}`);
          const { rows, rowCount } = await tx.query<{ what: string }>("SELECT what FROM paid WHERE instance_id = $1", [
            instanceId,
          ]);
          return { rows, rowCount };
        }),
      )
      .then("after", ({ rows, rowCount }) => [rows[0]?.what, rowCount])
      .build();

    expect(await runner.run(order, id, 5)).toEqual({ status: "completed", output: ["5", 1] });
    expect(await paid(id)).toEqual(["5"]);
    expect((await client.history(id)).map(({ taskId, outcome }) => `${taskId} ${outcome}`)).toEqual([
      "pay completed",
      "after completed",
    ]);
  });

  test("leaves nothing of an attempt that fails, and is tried again as any task", async () => {
    const id = fresh("fails");
    const order = flow<null>("tx-fails")
      .then(
        task.transactional(
          "pay",
          async (tx, _: null, { instanceId, attempt }) => {
            await pay(tx, instanceId, `attempt ${attempt}`);
            if (attempt < 3) throw new Error("declined");
            return attempt;
          },
          { retry: { attempts: 3, initialDelay: 0 } },
        ),
      )
      .build();

    expect(await runner.run(order, id, null)).toEqual({ status: "completed", output: 3 });
    expect(await paid(id)).toEqual(["attempt 3"]);
  });

  test("may be anywhere: in branches, as a join, in a loop, in an inlined flow, at the end of a branch", async () => {
    const id = fresh("anywhere");
    const noted = <const Id extends string>(name: Id): ReturnType<typeof note<Id>> => note(name);
    const inner = flow<number>("tx-inner").then(noted("inner")).build();
    const everywhere = flow<number>("tx-everywhere")
      .then(noted("first"))
      .fork([
        branch("left", noted("left")),
        branch("right", (b) => b.thenFlow("in", inner).delay("rest", 0).then(noted("right"))),
      ])
      .join(
        task.transactional("both", async (tx, { left, right }: { left: number; right: number }, { instanceId }) => {
          await pay(tx, instanceId, "both");
          return left + right;
        }),
      )
      .loop(
        task.transactional("again", async (tx, n: number, { instanceId, taskId }) => {
          await pay(tx, instanceId, taskId);
          return taskId === "again[2]" ? LoopResult.done(n) : LoopResult.again(n + 1);
        }),
      )
      .waitForEvent("wait", "go", { timeout: 1, onTimeout: "continue" })
      .then(noted("last"))
      .build();

    expect((await runner.run(everywhere, id, 1)).status).toBe("completed");
    expect(await paid(id)).toEqual([
      "again[0]",
      "again[1]",
      "again[2]",
      "both",
      "first",
      "in/inner",
      "last",
      "left",
      "right",
    ]);
  });
});

function note<const Id extends string>(name: Id) {
  return task.transactional(name, async (tx, _: unknown, { instanceId, taskId }) => {
    await pay(tx, instanceId, taskId);
    return 1;
  });
}
