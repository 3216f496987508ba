import { describe, expect, onTestFinished, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import type * as api from "../../src/dashboard/api-types.ts";
import { type DashboardOptions, dashboard, type PerformedAction } from "../../src/dashboard/index.ts";
import { flow } from "../../src/flow/flow.ts";
import { limit } from "../../src/flow/limit.ts";
import { state } from "../../src/flow/shared-state.ts";
import { query, update } from "../../src/flow/state-handlers.ts";
import { ApiCaller } from "../support/api-caller.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";
import { soon, workerStarter } from "../support/workers.ts";

const start = workerStarter();

const shared = state({ approvals: 0 });
const waiting = flow<{ readonly cents: number }>("acting-wait", { state: shared })
  .then("check", ({ cents }) => {
    if (cents < 0) throw new RangeError("negative");
    return cents;
  })
  .waitForEvent("payment", "paid")
  .build();
const count = query("count", shared, ({ approvals }) => approvals);
const approve = update("approve", shared, ({ approvals }, by: number) => {
  if (by < 0) throw new Error("not by less than nothing");
  return { change: { approvals: approvals + by }, reply: approvals + by };
});

describe.each(await bothBackends())("acting on $name", ({ backend }) => {
  const client = new Client(backend);

  function serverWith(options: DashboardOptions = {}): ApiCaller {
    const given = { flows: [waiting], queries: [count], updates: [approve], ...options };
    const served = dashboard(backend, given);
    onTestFinished(async () => await served.close());
    return new ApiCaller(served);
  }

  async function submitted(name: string, cents: number = 1): Promise<string> {
    const id = fresh(name);
    await client.submit(waiting, id, { cents });
    return id;
  }

  test("cancel, terminate, pause, unpause and delete", async () => {
    const api = serverWith();
    const [first, second] = [await submitted("act"), await submitted("act")];
    expect(await api.post(`/instances/${first}/pause`, { reason: "stock-taking" })).toEqual({ outcome: "applied" });
    expect(await api.get(`/instances/${first}`)).toMatchObject({ status: "paused", reason: "stock-taking" });
    expect(await api.post(`/instances/${first}/pause`, {})).toEqual({ outcome: "unchanged" });
    expect(await api.post(`/instances/${first}/unpause`, {})).toEqual({ outcome: "applied" });
    expect(await api.post(`/instances/${first}/unpause`, {}, 409)).toMatchObject({ code: "INVALID_TRANSITION" });
    expect(await api.post(`/instances/${first}/cancel`, { reason: "no", undo: false })).toEqual({ outcome: "applied" });
    expect(await api.post(`/instances/${second}/terminate`, {})).toEqual({ outcome: "applied" });
    await api.delete(`/instances/${second}`);
    expect(await api.delete(`/instances/${second}`, 404)).toMatchObject({ code: "INSTANCE_NOT_FOUND" });
  });

  test("submit, send an event, complete a task, retry, fork, and set a deadline", async () => {
    start(backend, { flows: [waiting] });
    const api = serverWith();
    const id = fresh("submitted");
    const request: api.SubmitRequest = {
      flow: waiting.name,
      instanceId: id,
      input: { cents: 5 },
      labels: { shop: "x" },
    };
    expect(await api.post("/instances", request, 201)).toEqual({ instanceId: id });
    expect(await api.post("/instances", request, 409)).toMatchObject({ code: "INSTANCE_EXISTS" });
    expect(await api.post("/instances", { ...request, flow: "other" }, 409)).toMatchObject({ code: "FLOW_UNKNOWN" });
    await expect.poll(async () => (await client.status(id)).status, soon).toBe("awaiting_event");
    expect(await api.post(`/instances/${id}/deadline`, { deadline: "2h" })).toEqual({ outcome: "applied" });
    expect(await api.post(`/instances/${id}/deadline`, { deadline: "2026-99-99" }, 400)).toMatchObject({
      field: "deadline",
    });
    const when = { $waymark: "Date", value: "2026-01-01T00:00:00.000Z" };
    expect(await api.post(`/instances/${id}/events`, { name: "paid", payload: { when } })).toEqual({
      outcome: "delivered",
    });
    expect(await client.result(id)).toEqual({ when: new Date(when.value) });

    const [failed, forked] = [await submitted("failing", -1), fresh("forked")];
    await client.result(failed).catch(() => null);
    const fork = { newId: forked, at: { task: "check" }, input: { cents: 9 } };
    expect(await api.post(`/instances/${failed}/fork`, fork, 201)).toEqual({ instanceId: forked });
    await expect.poll(async () => (await client.status(forked)).status, soon).toBe("awaiting_event");
    expect(await api.post(`/instances/${failed}/retry`, { paused: true })).toEqual({ outcome: "applied" });
    const complete = { taskId: "check", output: 3 };
    expect(await api.post(`/instances/${failed}/complete-task`, complete)).toEqual({ outcome: "applied" });
    expect(await api.post(`/instances/${failed}/complete-task`, { taskId: "nowhere" }, 400)).toMatchObject({
      field: "taskId",
    });
  });

  test("ask and change the state", async () => {
    const api = serverWith();
    const id = await submitted("state");
    const reply = { reply: { kind: "value", value: 2, bytes: 1 } };
    expect(await api.post(`/instances/${id}/updates/approve`, { input: 2, updateId: "once" })).toEqual(reply);
    expect(await api.post(`/instances/${id}/updates/approve`, { input: 2, updateId: "once" })).toEqual(reply);
    expect(await api.post(`/instances/${id}/queries/count`, {})).toEqual(reply);
    expect(await api.post(`/instances/${id}/updates/approve`, { input: -1 }, 422)).toMatchObject({
      ...{ code: "HANDLER_FAILED", detail: "Error: not by less than nothing" },
    });
    expect(await api.post(`/instances/${id}/queries/other`, {}, 404)).toMatchObject({ code: "NOT_FOUND" });
  });

  test("many at once, by filter or by ids, and none in a dry run", async () => {
    const api = serverWith();
    const prefix = `${fresh("bulk")}-`;
    const ids = ["a", "b", "c"].map((letter) => `${prefix}${letter}`);
    for (const id of ids) await client.submit(waiting, id, { cents: 1 });
    const all = { action: "cancel", filter: { idPrefix: prefix }, reason: "sold out" };

    expect(await api.post("/bulk", { ...all, dryRun: true })).toMatchObject({ matched: 3, changed: 0, dryRun: true });
    expect(await api.post("/bulk", { ...all, limit: 2 })).toMatchObject({ matched: 2, changed: 2, next: ids[1] });
    expect(await api.post("/bulk", { action: "cancel", ids: [...ids, "nobody"] })).toMatchObject({
      ...{ matched: 3, changed: 1, refusedCount: 1, refused: [{ instanceId: "nobody", code: "INSTANCE_NOT_FOUND" }] },
    });
    expect(await api.post("/bulk", { action: "cancel" }, 400)).toMatchObject({ field: "filter" });
    expect(await api.post("/bulk", { ...all, ids }, 400)).toMatchObject({ field: "ids" });
    expect(await api.post("/bulk", { ...all, limit: 10_001 }, 400)).toMatchObject({ field: "limit" });
    expect(await api.post("/bulk", { ...all, action: "explode" }, 400)).toMatchObject({ field: "action" });
  });

  test("change limits", async () => {
    const api = serverWith();
    const name = fresh("limit");
    await backend.declareLimits([limit(name, { concurrency: 5 })]);
    expect(await api.patch(`/limits/${name}`, { concurrency: 2, isPaused: true })).toMatchObject({
      ...{ name, concurrency: 2, isPaused: true, isChanged: true },
    });
    expect(await api.post(`/limits/${name}/reset`, undefined)).toMatchObject({ isChanged: false });
    await api.patch(`/limits/${name}/keys/eu`, { weight: 3 }, 204);
    expect(await api.get(`/limits/${name}/keys`)).toMatchObject({ items: [{ key: "eu", weight: 3 }] });
    expect(await api.patch(`/limits/${name}`, { concurrency: -1 }, 400)).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await api.patch(`/limits/${name}`, {}, 400)).toMatchObject({ field: "body" });
    expect(await api.get("/limits/nothing", 404)).toMatchObject({ code: "LIMIT_NOT_FOUND" });
  });

  test("leave a record of who did what, whatever came of it", async () => {
    const told: PerformedAction[] = [];
    const token = "t".repeat(32);
    const served = dashboard(backend, {
      tokens: [{ token, role: "admin", actor: "kim" }],
      onAction: (action) => {
        told.push(action);
        throw new Error("the hook is broken");
      },
    });
    onTestFinished(async () => await served.close());
    const api = new ApiCaller(served, { authorization: `Bearer ${token}` });
    const id = await submitted("audited");
    await api.post(`/instances/${id}/cancel`, { reason: "sold out" });
    await api.post(`/instances/${id}/retry`, {}, 409);

    const { items } = await api.get<api.Page<api.AuditEntry>>(`/audit?target=${id}`);
    expect(items).toMatchObject([
      { actor: "kim", action: "retry", outcome: "refused", code: "INVALID_TRANSITION", detail: null },
      { actor: "kim", action: "cancel", outcome: "done", code: null, detail: "reason: sold out" },
    ]);
    expect(told.map(({ action, outcome }) => `${action} ${outcome}`)).toEqual(["cancel done", "retry refused"]);
    expect(await client.status(id)).toMatchObject({ status: "cancelled", reason: "sold out" });
  });

  test("refuse bodies that are not what the description says, before anything is done", async () => {
    const api = serverWith();
    const id = await submitted("bodies");
    const path = `/instances/${id}/cancel`;
    for (const [body, field] of [
      [[], "body"],
      [{ reason: 7 }, "reason"],
      [{ undo: "yes" }, "undo"],
      [{ colour: "red" }, "body"],
      [null, "body"],
    ] as const)
      expect(await api.post(path, body, 400)).toMatchObject({ code: "INVALID_ARGUMENT", field });
    const raw: readonly [string, Record<string, string>, number, string][] = [
      ["{", {}, 400, "INVALID_ARGUMENT"],
      ['{"__proto__": {"undo": true}}', {}, 400, "INVALID_ARGUMENT"],
      ['{"constructor": 1}', {}, 400, "INVALID_ARGUMENT"],
      [`{"reason": ${"[".repeat(100_000)}`, {}, 400, "INVALID_ARGUMENT"],
      ["{}", { "content-type": "text/plain" }, 415, "UNSUPPORTED_MEDIA_TYPE"],
      ["reason=x", { "content-type": "application/x-www-form-urlencoded" }, 415, "UNSUPPORTED_MEDIA_TYPE"],
      [`{"reason": "${"x".repeat(10_000_000)}"}`, {}, 413, "BODY_TOO_LARGE"],
    ];
    for (const [rawBody, headers, status, code] of raw)
      expect(await api.post(path, undefined, status, { rawBody, headers })).toMatchObject({ code });
    expect(await client.status(id)).toMatchObject({ status: "in_progress" });
    expect(({} as Record<string, unknown>)["undo"]).toBeUndefined();
    expect(
      await api.post(`/instances/${id}/events`, { name: "paid", payload: { $waymark: "Function" } }, 400),
    ).toMatchObject({
      field: "payload",
    });
  });
});
