import { flow } from "../../src/flow/flow.ts";
import type { Flow } from "../../src/flow/flow-definition.ts";
import { task } from "../../src/flow/task.ts";
import type { TaskContext } from "../../src/flow/task-context.ts";
import type { TransactionalOptions } from "../../src/flow/transactional-task.ts";
import type { Transaction } from "../../src/transaction.ts";
import type { TestDatabase } from "./postgres.ts";

export type Body = (tx: Transaction, input: null, context: TaskContext) => unknown;

/** A flow of one transactional task, named "work". */
export function flowOf(body: Body, options: TransactionalOptions<undefined, undefined> = {}): Flow<null> {
  return flow<null>("transactional")
    .then(task.transactional("work", body, options))
    .build();
}

/** Writes one effect for the instance. */
export async function write(tx: Transaction, { instanceId }: TaskContext): Promise<void> {
  await tx.query("INSERT INTO effects VALUES ($1)", [instanceId]);
}

/** Makes the table that `write` writes to. */
export async function makeEffects({ pool }: TestDatabase): Promise<void> {
  await pool.query("CREATE TABLE effects (id text NOT NULL)");
}

/** How many effects an instance has had. */
export async function countEffects({ pool }: TestDatabase, id: string): Promise<number> {
  const { rowCount } = await pool.query("SELECT FROM effects WHERE id = $1", [id]);
  return rowCount ?? 0;
}
