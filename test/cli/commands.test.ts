import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { NonRetryableError } from "../../src/errors/task-errors.ts";
import { flow } from "../../src/flow/flow.ts";
import { limit } from "../../src/flow/limit.ts";
import { type Ran, startWaymark, waymark } from "../support/command-line.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { soon, workerStarter } from "../support/workers.ts";

const database = await createTestDatabase();
const backend = await database.connect({ migrate: false });
const client = new Client(backend);
const start = workerStarter();

const one = limit("one", { concurrency: 1, perKey: { concurrency: 1 } });
const slow = flow<string>("slow")
  .then(
    "hold",
    async (_, { signal }) => await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve())),
    {
      limit: one,
      limitKey: (key) => key,
    },
  )
  .build();
const asking = flow<number>("asking").waitForEvent("answer", "answered").build();
const doomed = flow<number>("doomed")
  .then("work", () => {
    throw new NonRetryableError("no such \u001B[31mprinter");
  })
  .build();
const unknown = flow<number>("unknown")
  .then("work", (n) => n)
  .build();

const run = async (...args: readonly string[]): Promise<Ran> => await waymark(database.url, ...args);
const json = async (...args: readonly string[]): Promise<unknown> => {
  const { code, out, err } = await run("--json", ...args);
  expect([code, err]).toEqual([0, ""]);
  return JSON.parse(out) as unknown;
};

describe("show says in words", { timeout: 60_000 }, () => {
  test("that it waits for an event, which event can be sent", async () => {
    start(backend, { flows: [asking], pollInterval: 20 });
    await client.submit(asking, "asking-1", 1);
    await expect.poll(async () => (await client.status("asking-1")).status, soon).toBe("awaiting_event");
    expect((await run("show", "asking-1")).out).toContain(
      'It waits for the event "answered" at answer, without a time limit.',
    );
    expect(await run("event", "asking-1", "answered", '{"by":"ada"}')).toMatchObject({ code: 0 });
    expect(await client.result("asking-1")).toEqual({ by: "ada" });

    expect(await json("show", "asking-1")).toMatchObject({
      words: ["It has completed."],
      summary: { status: "completed" },
    });
  });

  test("that it has failed, with what, and without what a terminal would act on", async () => {
    start(backend, { flows: [doomed], pollInterval: 20 });
    await (await client.submit(doomed, "doomed-1", 1)).result().catch(() => undefined);
    const { out } = await run("show", "doomed-1");

    expect(out).toContain("It has failed: NonRetryableError: no such \\u{1b}[31mprinter");
    expect(out).not.toContain("\u001B");
    expect(await run("retry", "doomed-1")).toMatchObject({ code: 0, out: "doomed-1  done\n" });
  });

  test("that no worker knows its definition, that its flow is paused, that it is paused itself", async () => {
    await client.submit(unknown, "unknown-1", 1);
    expect((await run("show", "unknown-1")).out).toMatch(
      /work is ready, and no worker knows this definition of unknown/,
    );
    await client.flows.pause("unknown", { reason: "stocktaking" });
    expect((await run("show", "unknown-1")).out).toContain("the flow is paused: stocktaking");
    expect(await run("flows", "unpause", "unknown")).toMatchObject({ code: 0, out: "unknown  goes on\n" });
    expect(await run("pause", "unknown-1", "--reason", "lunch")).toMatchObject({ code: 0, out: "unknown-1  done\n" });

    expect((await run("show", "unknown-1")).out).toContain("It is paused: lunch. resume lets it go on.");
  });

  test("that its worker's lease has ended", async () => {
    await client.submit(unknown, "lost-1", 1);
    const lane = { flow: unknown.name, definitionHash: unknown.hash, codec: "json", tags: [] };
    await backend.claimPositions({ workerId: "gone", leaseMs: 1, limit: 1, lanes: [lane], instanceId: "lost-1" });
    const { out } = await run("show", "lost-1");

    expect(out).toMatch(/work was run by gone, whose lease ended .* ago/);
  });

  test("for which limit it waits; limits are shown and changed", async () => {
    start(backend, { flows: [slow], pollInterval: 20 });
    await client.submit(slow, "slow-1", "acme");
    await expect.poll(async () => (await client.limits.get("one")).running, soon).toBe(1);
    await client.submit(slow, "slow-2", "acme");
    expect((await run("show", "slow-2")).out).toContain("hold waits for the limit one, key acme.");
    expect(await json("limits")).toMatchObject([{ name: "one", running: 1, waiting: 1 }]);
    expect((await run("limits", "show", "one")).out).toMatch(/acme +1 +1/);
    expect(await json("limits", "change", "one", "--concurrency", "none", "--key-rate", "5/1m")).toMatchObject({
      concurrency: null,
      perKey: { rate: { count: 5, perMs: 60_000 } },
      isChanged: true,
    });
    expect(await json("limits", "pause", "one")).toMatchObject({ isPaused: true });
    expect(await json("limits", "unpause", "one")).toMatchObject({ isPaused: false });
    expect(await run("limits", "weigh", "one", "acme", "3")).toMatchObject({ code: 0 });
    expect(await json("limits", "reset", "one")).toMatchObject({ isChanged: false });
    expect(await run("limits", "show", "none")).toMatchObject({ code: 3 });
  });
});

describe("commands", { timeout: 60_000 }, () => {
  test("list by filter and by pages", async () => {
    await client.submitMany(
      unknown,
      ["list-1", "list-2", "list-3"].map((instanceId) => ({ instanceId, input: 1, labels: { of: "list" } })),
    );
    const first = await run("list", "--label", "of=list", "--limit", "2");
    expect(first.out).toMatch(/list-1 .*\n.*list-2/);
    expect(first.err).toContain('--after "list-2"');

    expect(await json("list", "--label", "of=list", "--after", "list-2", "--status", "in_progress")).toMatchObject({
      instances: [{ instanceId: "list-3" }],
      next: null,
    });
  });

  test("change many by a filter, after a dry run, and only with --yes where nobody can be asked", async () => {
    await client.submitMany(
      unknown,
      ["many-1", "many-2"].map((instanceId) => ({ instanceId, input: 1 })),
    );
    const filter = ["--id-prefix", "many-"];
    expect(await run("cancel", ...filter, "--dry-run")).toMatchObject({
      code: 0,
      out: "2 instances fit; nothing was changed.\n",
    });
    const unasked = await run("cancel", ...filter);
    expect(unasked).toMatchObject({ code: 2, out: "" });
    expect(unasked.err).toContain("pass --yes");
    expect(await run("cancel", ...filter, "--yes", "--reason", "a mistake")).toMatchObject({
      code: 0,
      out: "2 of 2 instances changed, 0 refused.\n",
    });
    expect(await client.status("many-1")).toEqual({ status: "cancelled", reason: "a mistake" });
    expect(await run("cancel", "--yes")).toMatchObject({ code: 2 });
    expect(await run("delete", "many-1", "many-2", "--yes")).toMatchObject({ code: 0 });

    expect(await run("show", "many-1")).toMatchObject({ code: 3 });
  });

  test("start an instance whose flow is published, and complete its task by hand", async () => {
    await client.publish([unknown]);
    expect(await run("submit", "unknown", "by-hand", "7")).toMatchObject({ code: 0, out: "by-hand  started\n" });
    expect(await run("submit", "unknown", "by-hand", "7")).toMatchObject({ code: 4 });
    expect(await run("submit", "nowhere", "x", "7")).toMatchObject({ code: 3 });
    expect(await run("submit", "unknown", "x", "seven")).toMatchObject({ code: 2 });
    expect(await run("complete-task", "by-hand", "work", "[1]")).toMatchObject({ code: 0 });
    start(backend, { flows: [unknown], pollInterval: 20 });

    expect(await client.result("by-hand")).toEqual([1]);
  });

  test("say what is wrong in a line, as JSON where that is asked for, and never a password", async () => {
    const nowhere = await waymark("postgresql://ada:geheim@127.0.0.1:1/x", "--json", "list");
    expect(nowhere).toMatchObject({ code: 5, out: "" });
    expect(JSON.parse(nowhere.err)).toMatchObject({ error: { code: "BACKEND_UNAVAILABLE" } });
    expect(nowhere.err).not.toContain("geheim");
    expect(await waymark(null, "list")).toMatchObject({ code: 2 });
    expect(await run("lisst")).toMatchObject({ code: 2 });
    expect(await run("list", "--limit", "0")).toMatchObject({ code: 2 });
    expect(await run("list", "--status", "sleeping")).toMatchObject({ code: 2 });
    const { err } = await run("resume", "asking-1");
    expect(err.split("\n")).toHaveLength(2);
    expect(err).not.toContain("    at ");
  });

  test("run the flows of a file, until they are told to stop", async () => {
    const folder = await mkdtemp(join(tmpdir(), "waymark-cli-"));
    afterAll(async () => await rm(folder, { recursive: true }));
    const file = join(folder, "flows.mjs");
    const entry = new URL("../../src/index.ts", import.meta.url).href;
    writeFileSync(
      file,
      `import { flow } from ${JSON.stringify(entry)}; export default flow("unknown").then("work", (n) => n).build();`,
    );
    await client.submit(unknown, "by-worker", 5);
    const running = startWaymark(database.url, "worker", file);
    onTestFinished(() => running.stop());
    expect(await client.result("by-worker")).toBe(5);
    running.stop();

    expect(await running.ended).toMatchObject({ code: 0, out: expect.stringContaining("runs unknown") as unknown });
    expect(await run("worker", join(folder, "none.mjs"))).toMatchObject({ code: 2 });
  });

  test("change nothing in a dry run of ids, and refuse ids beside a filter", async () => {
    await client.submitMany(
      unknown,
      ["dry-1", "dry-2"].map((instanceId) => ({ instanceId, input: 1 })),
    );
    for (const deed of ["pause", "cancel", "delete"]) {
      const { code, out } = await run(deed, "dry-1", "dry-2", "--dry-run");
      expect([code, out]).toEqual([
        0,
        "dry-1  in_progress; nothing was changed\ndry-2  in_progress; nothing was changed\n",
      ]);
    }
    for (const filter of [["--flow", "other"], ["--all"]])
      expect(await run("cancel", "dry-1", ...filter, "--yes")).toMatchObject({ code: 2, out: "" });
    expect(await run("delete", "nowhere", "--dry-run")).toMatchObject({ code: 3 });

    expect(await client.status("dry-1")).toMatchObject({ status: "in_progress" });
  });

  test("say what was done where one of several ids can't be", async () => {
    await client.submitMany(
      unknown,
      ["part-1", "part-2"].map((instanceId) => ({ instanceId, input: 1 })),
    );
    const { code, out, err } = await run("delete", "part-1", "nowhere", "part-2", "--yes");
    expect([code, out]).toEqual([3, "part-1  done\npart-2  done\n"]);
    expect(err).toContain("nowhere");
  });

  test("say usage errors, as JSON where that is asked for", async () => {
    const label = await run("list", "--label", "bogus");
    expect(label).toMatchObject({ code: 2, out: "" });
    expect(label.err).toContain("--label must be name=value");
    for (const args of [["lisst"], ["list", "--limit", "0"], ["list", "--label", "bogus"]]) {
      const { code, err } = await run("--json", ...args);
      expect(code).toBe(2);
      expect(JSON.parse(err)).toMatchObject({ error: { code: "USAGE" } });
    }
  });

  test("serve the dashboard, until they are told to stop, and to nobody else without a token", async () => {
    const open = await run("dashboard", "--host", "0.0.0.0", "--port", "0");
    expect(open).toMatchObject({ code: 2, out: "" });
    expect(open.err).toContain("tokens");
    await client.submit(unknown, "shown", 1);
    const running = startWaymark(database.url, "--json", "dashboard", "--port", "0", "--read-only");
    onTestFinished(() => running.stop());
    const { url } = JSON.parse(await running.firstOutput) as { url: string };
    const response = await fetch(`${url}/api/v1/instances?limit=1`);
    expect(await response.json()).toMatchObject({ items: [{ instanceId: expect.any(String) as unknown }] });
    running.stop();

    expect(await running.ended).toMatchObject({ code: 0, err: "" });
  });
});
