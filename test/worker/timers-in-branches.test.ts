import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";
import { workerStarter } from "../support/workers.ts";

const raced = flow<null>("timer-raced")
  .then("before", () => 1)
  .race("race", [
    branch("event", (b) => b.waitForEvent("news", "news")),
    branch("time", (b) => b.delay("short", "100ms")),
  ])
  .build();
const awaited = flow<null>("timer-awaited")
  .then("before", () => 1)
  .waitForAny<{ a: 1; b: 1 }>("wait", { a: "a", b: "b" }, { timeout: "100ms" })
  .build();
const forked = flow<null>("timer-forked")
  .then("before", () => 1)
  .fork([branch("one", (b) => b.delay("first", "200ms")), branch("two", (b) => b.delay("second", "100ms"))])
  .join("join", () => 1)
  .build();
const again = flow<number>("timer-again")
  .delay("short", "100ms")
  .then("count", (n) => n + 1)
  .route((n) => (n < 2 ? "on" : "done"), ["on", "done"])
  .branch("on", (b) => b.continueAsNew("next", (n) => n))
  .branch("done", (b) => b.then("end", (n) => n))
  .done()
  .build();

describe.each(await bothBackends())("on $name", ({ backend }) => {
  const start = workerStarter();

  test.each([
    ["a race", raced, null],
    ["a wait for any", awaited, null],
    ["branches", forked, null],
    ["a run that continues as new", again, 0],
  ])("a worker that looks once an hour knows when what begins in %s comes due", async (_, definition, input) => {
    start(backend, { flows: [definition], pollInterval: "1h" });
    const handle = await new Client(backend).submit(definition as typeof raced, fresh("timer"), input as null);

    await expect(handle.result({ timeout: "20s" })).resolves.toBeDefined();
  });
});
