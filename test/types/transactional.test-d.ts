import type { Kysely, Transaction as KyselyTransaction } from "kysely";
import type { Pool, PoolClient } from "pg";
import { expectTypeOf, test } from "vitest";
import { flow, LoopResult, type Transaction, task } from "waymark";
import { kyselyTransactions, pgTransactions } from "waymark/adapters";

interface Shop {
  orders: { id: string };
}

declare const db: Kysely<Shop>;
declare const pool: Pool;

test("task.transactional gives a task like any other, and its function a transaction", () => {
  const pay = task.transactional("pay", async (tx, cents: number) => {
    expectTypeOf(tx).toEqualTypeOf<Transaction>();
    return { cents };
  });
  expectTypeOf(pay["~types"].output).toEqualTypeOf<{ cents: number }>();
  flow<number>("f")
    .then(pay)
    .then("next", ({ cents }) => cents)
    .loop(task.transactional("again", async (_tx, n: number) => LoopResult.done(n)));
  // @ts-expect-error a string is not what the task accepts
  flow<string>("f").then(pay);
});

test("with an adapter, the function gets the library's own transaction", () => {
  task.transactional("kysely", async (trx) => expectTypeOf(trx).toEqualTypeOf<KyselyTransaction<Shop>>(), {
    with: kyselyTransactions(db),
  });
  task.transactional("pg", async (client) => expectTypeOf(client).toEqualTypeOf<PoolClient>(), {
    with: pgTransactions(pool),
  });
  // @ts-expect-error without an adapter it is not Kysely's
  task.transactional("wrong", async (trx: KyselyTransaction<Shop>) => trx.isTransaction);
});
