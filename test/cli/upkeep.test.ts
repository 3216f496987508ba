import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { NonRetryableError } from "../../src/errors/task-errors.ts";
import { flow } from "../../src/flow/flow.ts";
import { schedule } from "../../src/schedule/schedule.ts";
import { type Ran, startWaymark, waymark } from "../support/command-line.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { soon, workerStarter } from "../support/workers.ts";

const database = await createTestDatabase();
const backend = await database.connect({ migrate: false });
const client = new Client(backend);
const start = workerStarter();
const folder = mkdtempSync(join(tmpdir(), "waymark-cli-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const double = flow<number>("double")
  .then("twice", (n) => 2 * n)
  .then("more", (n) => n + 1)
  .build();
const nightly = schedule("nightly", double, { every: "1d", input: 4 });

const run = async (...args: readonly string[]): Promise<Ran> => await waymark(database.url, ...args);
const json = async (...args: readonly string[]): Promise<unknown> => {
  const { code, out, err } = await run("--json", ...args);
  expect([code, err]).toEqual([0, ""]);
  return JSON.parse(out) as unknown;
};

const statusOf = async (id: string): Promise<string> => {
  const page = await client.list({ idPrefix: id });
  return page.instances.find(({ instanceId }) => instanceId === id)?.status ?? "gone";
};

/** A file that exports the same flow, by the sources of this project. */
const flowFile = join(folder, "flows.ts");
writeFileSync(join(folder, "package.json"), '{"type":"module"}');
const FLOWS = `import { flow } from ${JSON.stringify(resolve("src/index.ts"))};
export const double = flow<number>("double").then("twice", (n) => 2 * n).then("more", (n) => n + 1).build();
export const other = flow<number>("other").then("work", (n) => n).build();
`;
writeFileSync(flowFile, FLOWS);

describe("schedules", { timeout: 60_000 }, () => {
  beforeAll(async () => await client.schedules.put(nightly));

  test("are listed and shown, with what comes next", async () => {
    expect((await run("schedules")).out).toMatch(/nightly\s+double\s+every 1 d 0 h/);
    const { code, out } = await run("schedules", "show", "nightly", "--next", "2");
    expect([code, out.match(/^next /gm)?.length]).toEqual([0, 2]);
    expect(await json("schedules", "list")).toMatchObject({
      schedules: [{ id: "nightly", isPaused: false }],
      next: null,
    });
  });

  test("are paused with a reason, and go on", async () => {
    expect(await run("schedules", "pause", "nightly", "--reason", "stocktaking")).toMatchObject({ code: 0 });
    expect((await run("schedules")).out).toContain("paused: stocktaking");
    expect(await run("schedules", "unpause", "nightly")).toMatchObject({ code: 0, out: "nightly  goes on\n" });
  });

  test("start what is asked for by hand", async () => {
    const { out } = await run("schedules", "trigger", "nightly");
    const { instanceIds } = (await json(
      ...["schedules", "backfill", "nightly", "--from", "2026-01-01T00:00:00Z", "--to", "2026-01-03T12:00:00Z"],
    )) as { readonly instanceIds: readonly string[] };
    expect(instanceIds).toHaveLength(3);
    start(backend, { flows: [double], pollInterval: 20 });
    for (const id of [out.trim(), ...instanceIds])
      await expect.poll(async () => await statusOf(id), soon).toBe("completed");
  });

  test("say what can't be done, and exit by what that is", async () => {
    expect(await run("schedules", "show", "nobody")).toMatchObject({ code: 3 });
    expect(await run("schedules", "backfill", "nightly", "--from", "soon", "--to", "later")).toMatchObject({ code: 2 });
    expect(await run("schedules", "delete", "nightly")).toMatchObject({ code: 2 });
    expect(await run("schedules", "delete", "nightly", "--yes")).toMatchObject({ code: 0, out: "nightly  deleted\n" });
    expect((await run("schedules")).out).toBe("There are no schedules.\n");
  });
});

describe("prune and retention", { timeout: 60_000 }, () => {
  test("say what would go, remove it when told to, and only what is meant", async () => {
    start(backend, { flows: [double], pollInterval: 20 });
    for (const id of ["old-1", "old-2"]) await (await client.submit(double, id, 1)).result();
    const args = ["prune", "--flow", "double", "--status", "completed", "--older-than", "0s"];
    expect((await run(...args, "--dry-run")).out).toMatch(/would be removed\n$/);
    expect(await run(...args)).toMatchObject({ code: 2 });
    expect(await statusOf("old-1")).toBe("completed");
    expect(await run(...args, "--limit", "1", "--yes")).toMatchObject({ code: 0 });
    expect((await run(...args, "--yes")).out).toMatch(/removed\n$/);
    expect(await statusOf("old-1")).toBe("gone");
    expect(await run("prune", "--older-than", "never", "--yes")).toMatchObject({ code: 2 });
  });

  test("change how long a flow is kept, until reset", async () => {
    expect(await run("retention", "keep", "double", "--completed", "7d", "--failed", "forever")).toMatchObject({
      code: 0,
    });
    const { out } = await run("retention");
    expect(out).toMatch(/double\s+7 d 0 h\s+for ever\s+.*changed by hand/);
    expect(await run("retention", "reset", "double")).toMatchObject({ code: 0 });
    expect(await run("retention", "reset", "nobody")).toMatchObject({ code: 3 });
    expect(await run("retention", "keep", "double", "--completed", "a while")).toMatchObject({ code: 2 });
  });
});

describe("watch", { timeout: 60_000 }, () => {
  test("follows an instance until it completes, as text and line by line as JSON", async () => {
    const waits = flow<number>("waits").waitForEvent("answer", "answered").build();
    start(backend, { flows: [waits], pollInterval: 20 });
    await client.submit(waits, "watched-1", 1);
    const watching = startWaymark(database.url, "--json", "watch", "watched-1", "--interval", "50");
    await watching.firstOutput;
    await client.sendEvent("watched-1", "answered", 7);
    const { code, out } = await watching.ended;
    const lines = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect([code, lines.at(-1)]).toEqual([0, { instanceId: "watched-1", status: "completed" }]);
    expect(lines).toContainEqual(expect.objectContaining({ taskId: "answer", outcome: "completed" }));
  });

  test("exits with 1 if it fails, and says with what", async () => {
    const fails = flow<number>("fails")
      .then("work", () => {
        throw new NonRetryableError("no paper");
      })
      .build();
    start(backend, { flows: [fails], pollInterval: 20 });
    await (await client.submit(fails, "watched-2", 1)).result().catch(() => undefined);
    const { code, out, err } = await run("watch", "watched-2");
    expect([code, err]).toEqual([1, "watched-2 has failed: no paper\n"]);
    expect(out).toContain("NonRetryableError: no paper");
    expect(await run("watch", "nobody")).toMatchObject({ code: 3 });
  });
});

describe("fork", { timeout: 60_000 }, () => {
  test("starts another one from where one has been, with other values", async () => {
    start(backend, { flows: [double], pollInterval: 20 });
    await (await client.submit(double, "first", 4)).result();
    const args = ["fork", "first", "second", "--flows", flowFile, "--at", "more", "--output", "twice=100"];
    expect(await run(...args)).toMatchObject({ err: "", code: 0, out: "second  started from first at more\n" });
    expect(await client.result("second")).toBe(101);
    expect(await run("fork", "first", "third", "--flows", flowFile, "--at", "0", "--input", "5")).toMatchObject({
      code: 0,
    });
    expect(await client.result("third")).toBe(11);
    expect(await run("fork", "nobody", "fourth", "--flows", flowFile, "--at", "0")).toMatchObject({ code: 3 });
    expect(await run(...args, "--output", "twice")).toMatchObject({ code: 2 });
  });

  test("says so where the file brings another copy of this package", async () => {
    const commonJs = mkdtempSync(join(folder, "common-js-"));
    writeFileSync(join(commonJs, "package.json"), "{}");
    const other = join(commonJs, "flows.ts");
    writeFileSync(other, FLOWS);
    start(backend, { flows: [double], pollInterval: 20 });
    await (await client.submit(double, "copied", 4)).result();
    const { code, err } = await run("fork", "copied", "copied-2", "--flows", other, "--at", "0");
    expect([code, err]).toEqual([2, expect.stringContaining("another copy of waymark")]);
  });
});

describe("graph", { timeout: 60_000 }, () => {
  test("draws a flow of a file", async () => {
    expect((await waymark(null, "graph", flowFile, "double")).out).toBe(double.toMermaid());
    const { code, err } = await waymark(null, "graph", flowFile);
    expect([code, err]).toEqual([2, `Say which flow of ${flowFile} is meant: double, other.\n`]);
    expect(await waymark(null, "graph", flowFile, "nobody")).toMatchObject({ code: 3 });
    expect(await waymark(null, "graph", join(folder, "missing.ts"))).toMatchObject({ code: 2 });
  });
});

describe("completion", { timeout: 60_000 }, () => {
  test("has bash complete commands, sub-commands and options", async () => {
    const { out } = await waymark(null, "completion", "bash");
    const complete = (...words: readonly string[]): readonly string[] => {
      const call = `COMP_WORDS=(waymark ${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length}; _waymark; echo "\${COMPREPLY[@]}"`;
      return execFileSync("bash", ["-c", `${out}\n${call}`], { encoding: "utf8" })
        .trim()
        .split(" ");
    };
    expect(complete("sch")).toEqual(["schedules"]);
    expect(complete("limits", "p")).toEqual(["pause"]);
    expect(complete("schedules", "backfill", "--f")).toEqual(["--from"]);
    expect(complete("list", "--")).toContain("--status");
  });

  test("is written for zsh and fish, too, and for nothing else", async () => {
    expect((await waymark(null, "completion", "zsh")).out).toContain("bashcompinit");
    expect((await waymark(null, "completion", "fish")).out).toContain("complete -c waymark -n");
    expect(await waymark(null, "completion", "dos")).toMatchObject({ code: 2 });
  });
});

describe("the address of the database", { timeout: 60_000 }, () => {
  test.each([["list"], ["doctor"], ["migrate", "status"], ["show", "x"], ["submit", "double", "x"], ["schedules"]])(
    "is refused by %s where it is none, alike, and not shown",
    async (...args) => {
      for (const url of ["secret@host/db", "mysql://root:secret@host/db", "postgresql://"]) {
        const { code, out, err } = await waymark(null, "--database-url", url, ...args);
        if (url === "postgresql://") continue;
        expect([code, out]).toEqual([2, ""]);
        expect(err).toContain("must be like postgresql://");
        expect(err).not.toContain("secret");
      }
    },
  );

  test("is said to be missing, and what to do", async () => {
    const { code, err } = await waymark(null, "list");
    expect([code, err]).toEqual([2, expect.stringContaining("DATABASE_URL")]);
  });
});

describe("submit and a missing schema", { timeout: 60_000 }, () => {
  test("say that the instance is there already, and what mends the other", async () => {
    expect((await run("submit", "double", "again-1", "3")).out).toBe("again-1  started\n");
    expect(await run("submit", "double", "again-1", "3")).toMatchObject({ code: 4, out: "" });
    const { code, err } = await run("--schema", "elsewhere", "list");
    expect([code, err]).toEqual([1, expect.stringContaining("waymark migrate")]);
  });
});

describe("at its start", { timeout: 60_000 }, () => {
  test("the program loads neither the driver nor the engine", () => {
    const code = `
      const { programOf } = await import(${JSON.stringify(resolve("src/cli/program.ts"))});
      programOf();
      const { readFileSync } = await import("node:fs");
      await new Promise((resolve) => setTimeout(resolve, 100));
      console.log(JSON.stringify([...globalThis.__loaded]));`;
    const hooks = join(folder, "hooks.mjs");
    writeFileSync(
      hooks,
      `import { register } from "node:module"; import { MessageChannel } from "node:worker_threads";
       const { port1, port2 } = new MessageChannel(); globalThis.__loaded = new Set();
       port1.on("message", (url) => globalThis.__loaded.add(url)); port1.unref();
       register("data:text/javascript," + encodeURIComponent("let port; export const initialize = (p) => { port = p; }; export const load = (url, context, next) => { port.postMessage(url); return next(url, context); };"), { data: port2, transferList: [port2] });`,
    );
    const out = execFileSync(
      process.execPath,
      ["--import", hooks, "--import", "tsx", "--input-type=module", "-e", code],
      { encoding: "utf8" },
    );
    const loaded = JSON.parse(out) as readonly string[];
    expect(loaded.some((url) => url.includes("/src/cli/program.ts"))).toBe(true);
    expect(
      loaded.filter((url) => /\/(?:src\/(?:engine|client|postgres|worker|flow)|node_modules\/pg)\//.test(url)),
    ).toEqual([]);
  });

  test("the version is that of the package", async () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { readonly version: string };
    expect(await waymark(null, "--version")).toMatchObject({ code: 0, out: `${version}\n` });
  });
});
