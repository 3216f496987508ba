import { between } from "../../examples/order-fulfilment/seeded.ts";
import { type Flow, flow, task } from "../../src/index.ts";

const [LEAST_MS, MOST_MS] = [5, 60];

/**
 * Two tasks that each write a row: first a plain one, through whatever `insert` writes with, then a transactional one. Both take a
 * little time after that, in which their process may die.
 */
export function effectFlow(insert: (id: string) => Promise<unknown>): Flow<null, string> {
  const linger = (id: string, task_: string): Promise<void> =>
    new Promise((resolve) => setTimeout(resolve, between(LEAST_MS, MOST_MS, id, task_)));
  return flow<null>("effects")
    .then(
      "plain",
      async (_, { instanceId }) => {
        await insert(instanceId);
        await linger(instanceId, "plain");
      },
      // Its own pool loses its connections with the server.
      { retry: { attempts: 100, initialDelay: 50, maxDelay: 500 } },
    )
    .then(
      task.transactional("transactional", async (tx, _: unknown, { instanceId }) => {
        await tx.query("INSERT INTO transactional_effects VALUES ($1)", [instanceId]);
        await linger(instanceId, "transactional");
        return instanceId;
      }),
    )
    .build();
}
