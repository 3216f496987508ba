import { describe, expect, test } from "vitest";
import type { BulkResult } from "../../src/client/bulk.ts";
import { Client } from "../../src/client/client.ts";
import { BackendError } from "../../src/errors/backend-errors.ts";
import { flow } from "../../src/flow/flow.ts";
import { bothBackends, withChanges } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";
import { workerStarter } from "../support/workers.ts";

const start = workerStarter();
const waiting = flow<number>("waiting-bulk").waitForEvent("wait", "news").build();

describe.each(await bothBackends())("calls for many on $name", ({ backend }) => {
  const client = new Client(backend);

  /** Waiting instances, of which the ids begin alike. */
  async function crowd(count: number): Promise<{ readonly idPrefix: string; readonly ids: readonly string[] }> {
    const idPrefix = `${fresh("bulk")}-`;
    const ids = Array.from({ length: count }, (_, n) => `${idPrefix}${String(n).padStart(4, "0")}`);
    await client.submitMany(
      waiting,
      ids.map((instanceId, input) => ({ instanceId, input })),
    );
    return { idPrefix, ids };
  }

  async function countOf(idPrefix: string, status: "in_progress" | "paused" | "cancelled" | "failed"): Promise<number> {
    return (await backend.listInstanceIds({ idPrefix, status: [status], limit: 1_000 })).length;
  }

  test("cancel what fits, over many batches, and leave the rest", async () => {
    const { idPrefix, ids } = await crowd(25);
    const others = await crowd(3);
    const progress: BulkResult[] = [];
    const onProgress = (seen: BulkResult): void => void progress.push(seen);

    const result = await client.cancelMany({ idPrefix }, { reason: "sold out", batchSize: 10, onProgress });

    expect(result).toEqual({ matched: 25, changed: 25, refusedCount: 0, refused: [], next: null, dryRun: false });
    expect(progress.map(({ matched, next }) => [matched, next])).toEqual([
      [10, ids[9]],
      [20, ids[19]],
      [25, null],
    ]);
    const page = await client.list({ idPrefix, status: ["cancelled"], limit: 100 });
    expect(page.instances.map(({ reason }) => reason)).toEqual(ids.map(() => "sold out"));
    expect(await countOf(others.idPrefix, "in_progress")).toBe(3);
    // Again: nothing is left to do.
    expect(await client.cancelMany({ idPrefix })).toMatchObject({ matched: 0, changed: 0 });
  });

  test("change nothing in a dry run", async () => {
    const { idPrefix } = await crowd(12);
    for (const call of ["cancelMany", "terminateMany", "pauseMany"] as const) {
      expect(await client[call]({ idPrefix }, { dryRun: true, batchSize: 5 })).toEqual({
        matched: 12,
        changed: 0,
        refusedCount: 0,
        refused: [],
        next: null,
        dryRun: true,
      });
    }
    expect(await countOf(idPrefix, "in_progress")).toBe(12);
  });

  test("pause, unpause, terminate and delete", async () => {
    const { idPrefix, ids } = await crowd(6);
    expect(await client.pauseMany({ idPrefix }, { reason: "stock-taking" })).toMatchObject({ changed: 6 });
    expect(await countOf(idPrefix, "paused")).toBe(6);
    expect(await client.unpauseMany({ idPrefix }, { limit: 2 })).toMatchObject({ matched: 2, next: ids[1] });
    expect(await countOf(idPrefix, "paused")).toBe(4);
    expect(await client.terminateMany({ idPrefix, status: ["paused"] })).toMatchObject({ changed: 4 });
    // What has not ended is only deleted where it is named.
    expect(await client.deleteMany({ idPrefix })).toMatchObject({ changed: 4 });
    expect(await backend.listInstanceIds({ idPrefix })).toEqual(ids.slice(0, 2));
    expect(await client.deleteMany({ idPrefix, status: ["in_progress"] })).toMatchObject({ changed: 2 });
    expect(await backend.listInstanceIds({ idPrefix })).toEqual([]);
  });

  test("retry what has failed, and it completes", async () => {
    let isBroken = true;
    const mendable = flow<number>("mendable-bulk")
      .then("work", (n) => {
        if (isBroken) throw new Error("It is broken.");
        return n;
      })
      .build();
    const idPrefix = `${fresh("mend")}-`;
    const ids = Array.from({ length: 8 }, (_, n) => `${idPrefix}${n}`);
    await client.submitMany(
      mendable,
      ids.map((instanceId, input) => ({ instanceId, input })),
    );
    start(backend, { flows: [mendable], pollInterval: 20 });
    for (const id of ids) await expect(client.result(id)).rejects.toMatchObject({ code: "INSTANCE_FAILED" });
    isBroken = false;

    const result = await client.retryMany({ flow: mendable.name, idPrefix }, { reason: "mended" });
    expect(result).toMatchObject({ matched: 8, changed: 8 });
    expect(await Promise.all(ids.map((id) => client.result(id)))).toEqual(ids.map((_, n) => n));
  });

  test("come back paused where that is asked for", async () => {
    const failing = flow<number>("failing-bulk")
      .then("work", () => {
        throw new Error("It is broken.");
      })
      .build();
    const id = fresh("failing");
    start(backend, { flows: [failing], pollInterval: 20 });
    await client.submit(failing, id, 1);
    await expect(client.result(id)).rejects.toThrow();

    await client.retryMany({ flow: failing.name }, { paused: true, reason: "look first" });
    expect(await client.status(id)).toEqual({ status: "paused", reason: "look first" });
  });

  test("go on where one instance can't be changed, and name it", async () => {
    const { idPrefix, ids } = await crowd(130);
    const contended = new BackendError("BACKEND_BUG", { queryName: "request-control", problem: "Something is odd" });
    const odd = withChanges(backend, {
      // The first one has been cancelled by somebody else meanwhile; the others can't be.
      requestControl: async (id, kind, request) => {
        if (id !== ids[0]) throw contended;
        await backend.requestControl(id, kind, request);
        return await backend.requestControl(id, kind, request);
      },
    });

    const result = await new Client(odd).cancelMany({ idPrefix });
    expect(result).toMatchObject({ matched: 130, changed: 0, refusedCount: 129, next: null });
    expect(result.refused).toHaveLength(100);
    expect(result.refused).toContainEqual({ instanceId: ids[1], code: "BACKEND_BUG", message: contended.message });
  });

  test("go on where instances vanish or end meanwhile", async () => {
    const { idPrefix, ids } = await crowd(9);
    const onProgress = async ({ matched }: BulkResult): Promise<void> => {
      if (matched > 3) return;
      await client.delete(ids[3] ?? "");
      await client.cancel(ids[4] ?? "");
      await client.delete(ids[0] ?? "");
    };
    expect(await client.pauseMany({ idPrefix }, { batchSize: 3, onProgress })).toMatchObject({
      matched: 7,
      changed: 7,
    });
    expect(await countOf(idPrefix, "paused")).toBe(6);
  });

  test("stop where the database fails, and can be called again", async () => {
    const { idPrefix, ids } = await crowd(20);
    const gone = new BackendError("BACKEND_UNAVAILABLE", { queryName: "request-control", problem: "It is away" });
    let calls = 0;
    const failing = withChanges(backend, {
      requestControl: async (...args) => {
        calls++;
        if (args[0] >= (ids[10] ?? "")) throw gone;
        return await backend.requestControl(...args);
      },
    });
    await expect(new Client(failing).cancelMany({ idPrefix }, { batchSize: 5 })).rejects.toBe(gone);
    expect(await countOf(idPrefix, "cancelled")).toBe(10);
    // Those that had begun, and no further ones.
    expect(calls).toBeLessThanOrEqual(14);

    expect(await client.cancelMany({ idPrefix })).toMatchObject({ matched: 10, changed: 10 });
  });

  test("stop when they are told to: by the signal, by the limit, by an error of the listener", async () => {
    const { idPrefix, ids } = await crowd(20);
    const stop = new AbortController();
    const reason = new Error("enough");
    const onProgress = (): void => stop.abort(reason);
    await expect(client.cancelMany({ idPrefix }, { batchSize: 4, signal: stop.signal, onProgress })).rejects.toBe(
      reason,
    );
    expect(await countOf(idPrefix, "cancelled")).toBe(4);
    const tooMuch = (): never => {
      throw reason;
    };
    await expect(client.cancelMany({ idPrefix }, { batchSize: 4, onProgress: tooMuch })).rejects.toBe(reason);
    expect(await countOf(idPrefix, "cancelled")).toBe(8);
    const limited = await client.cancelMany({ idPrefix }, { batchSize: 4, limit: 6 });
    expect(limited).toMatchObject({ matched: 6, changed: 6, next: ids[13] });
    const rest = await client.cancelMany({ idPrefix, after: limited.next ?? "" });
    expect(rest).toMatchObject({ matched: 6, changed: 6, next: null });
  });

  test("refuse a filter without conditions, unless it is meant", async () => {
    const nothing: Parameters<Client["cancelMany"]>[0][] = [
      {},
      { idPrefix: "" },
      { tags: [], labels: {} },
      { after: "a" },
    ];
    for (const filter of nothing) {
      await expect(client.pauseMany(filter)).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        field: "filter",
        message: expect.stringContaining("options.all") as string,
      });
    }
    expect(await client.pauseMany({}, { all: true, dryRun: true })).toMatchObject({ dryRun: true });
    await expect(client.pauseMany({ flow: "any" }, { all: true })).rejects.toMatchObject({ field: "options.all" });
  });

  test.each([
    ["filter", null, {}],
    ["filter", { limit: 5 }, {}],
    ["filter.status", { status: "paused" }, {}],
    ["filter.status", { status: ["completed"] }, {}],
    ["filter.flow", { flow: 7 }, {}],
    ["options", { flow: "f" }, null],
    ["options", { flow: "f" }, { dryrun: true }],
    ["options", { flow: "f" }, { paused: true }],
    ["options.dryRun", { flow: "f" }, { dryRun: "yes" }],
    ["options.all", {}, { all: 1 }],
    ["options.batchSize", { flow: "f" }, { batchSize: 0 }],
    ["options.batchSize", { flow: "f" }, { batchSize: 1_001 }],
    ["options.limit", { flow: "f" }, { limit: 0.5 }],
    ["options.signal", { flow: "f" }, { signal: {} }],
    ["options.onProgress", { flow: "f" }, { onProgress: 7 }],
    ["options.reason", { flow: "f" }, { reason: "x".repeat(1_001) }],
  ])("refuse %s where it makes no sense: %j, %j", async (field, filter, options) => {
    await expect(client.cancelMany(filter as never, options as never)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      field,
    });
  });
});
