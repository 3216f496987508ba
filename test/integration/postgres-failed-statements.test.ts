import { expect, onTestFinished, test } from "vitest";
import { PostgresBackend } from "../../src/postgres/index.ts";
import { checkpoint, entry, holder, standing, startAndClaim } from "../support/positions.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

const database = await createTestDatabase();

/**
 * The server sends an error before it ends the failed transaction, and the driver tells of it at once. Whoever looked at a row
 * in between skipped it as locked: a renewal right after a refused checkpoint then left the lease as it was.
 */
test("a statement that has failed is told of when the server has ended its transaction, not before", async () => {
  const proxy = await TcpProxy.to(database.directUrl);
  const backend = await PostgresBackend.connect(proxy.through(database.directUrl), { migrate: false, notify: false });
  onTestFinished(async () => {
    await backend.close();
    await proxy.close();
  });
  const claim = await startAndClaim(backend, "i");
  const note = checkpoint(claim, { kind: "note" }, [entry("a/step", { kind: "step" })]);
  await backend.commitCheckpoints([note], holder);
  const failed = proxy.holdAfterError();
  let isTold = false;
  const again = backend.commitCheckpoints([note], holder).finally(() => (isTold = true));
  await failed;
  // A round trip on another connection: the error has been with the driver for long then.
  await backend.renewClaims([claim], holder.leaseMs);
  expect(isTold).toBe(false);
  proxy.pass();

  expect(await again).toEqual([{ kind: "recorded" }]);
  const move = { kind: "advance", to: standing("b") } as const;
  expect(await backend.commitCheckpoints([checkpoint(claim, move, [entry("a")])], holder)).toMatchObject([
    { kind: "accepted" },
  ]);
});

// The driver's pool forgets those who wait for a connection when it is ended: they would hear of it when their time is up.
test("a call that waits for a connection when the backend is closed is told so at once", async () => {
  const proxy = await TcpProxy.to(database.directUrl);
  const url = proxy.through(database.directUrl);
  const backend = await PostgresBackend.connect(url, { migrate: false, notify: false, poolSize: 2 });
  onTestFinished(async () => {
    proxy.pass();
    await proxy.close();
  });
  await backend.findInstance("nowhere");
  proxy.blackHole();
  const calls = ["a", "b", "c", "d"].map(async (id) => await backend.findInstance(id).catch((error: unknown) => error));
  await backend.close();

  for (const call of calls)
    expect(await call).toMatchObject({ code: expect.stringMatching(/^BACKEND_(CLOSED|UNAVAILABLE)$/) as unknown });
});
