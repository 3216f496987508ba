import { expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { flow } from "../../src/flow/flow.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";
import { Standstill } from "../support/standstill.ts";
import { soon, workerStarter } from "../support/workers.ts";

const start = workerStarter();

test.each(await bothBackends())(
  "the result of what was handed over and has ended since is there at once, on $name",
  async ({ backend }) => {
    const still = new Standstill();
    const quick = flow<number>("quick")
      .then("work", (n) => n + 1)
      .build();
    start(backend, { ports: still.ports, flows: [quick], leaseTtl: "1h" });
    const client = new Client(backend, { ports: still.ports });
    const handle = await client.submit(quick, fresh("quick"), 1);
    await expect.poll(async () => (await handle.status()).status, soon).toBe("completed");

    // No timer fires any more: nothing that looks after a while would find it.
    expect(await handle.result()).toBe(2);
    still.thaw();
  },
);
