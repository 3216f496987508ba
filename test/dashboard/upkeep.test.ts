import { describe, expect, onTestFinished, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import type * as api from "../../src/dashboard/api-types.ts";
import { type DashboardOptions, dashboard } from "../../src/dashboard/index.ts";
import { flow } from "../../src/flow/flow.ts";
import { schedule } from "../../src/schedule/schedule.ts";
import { ApiCaller } from "../support/api-caller.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";
import { soon, workerStarter } from "../support/workers.ts";

const start = workerStarter();
const report = flow<number>("upkeep-report")
  .then("write", (n) => n)
  .build();

describe.each(await bothBackends())("looking after flows on $name", ({ backend }) => {
  const client = new Client(backend);

  function serverWith(options: DashboardOptions = {}): ApiCaller {
    const served = dashboard(backend, { flows: [report], ...options });
    onTestFinished(async () => await served.close());
    return new ApiCaller(served);
  }

  async function scheduled(): Promise<string> {
    const id = fresh("nightly");
    await client.schedules.put(schedule(id, report, { every: "1d", input: 4 }));
    return id;
  }

  test("lists and shows schedules, with their slots", async () => {
    const [server, id] = [serverWith(), await scheduled()];
    const page = await server.get<api.Page<api.Schedule>>(`/schedules?flow=${report.name}`);
    expect(page.items.find((one) => one.id === id)).toMatchObject({ everyMs: 86_400_000, cron: null, isPaused: false });
    expect(await server.get(`/schedules/${id}`)).toMatchObject({ id, flow: report.name, problem: null });
    const { slots } = await server.get<api.Slots>(`/schedules/${id}/slots?count=3`);
    expect(slots).toHaveLength(3);
    const range = "from=2026-01-01T00:00:00Z&to=2026-01-03T00:00:00Z&count=1000";
    expect(await server.get(`/schedules/${id}/slots?${range}`)).toEqual({
      slots: ["2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z", "2026-01-03T00:00:00.000Z"],
    });
    expect(await server.get(`/schedules/${id}/slots?from=soon`, 400)).toMatchObject({ field: "from" });
    expect(await server.get("/schedules/nobody", 404)).toMatchObject({ code: "SCHEDULE_NOT_FOUND" });
  });

  test("pauses, resumes, resets and deletes schedules, and records who did", async () => {
    const [server, id] = [serverWith(), await scheduled()];
    const paused = await server.patch(`/schedules/${id}`, { isPaused: true, reason: "stocktaking" });
    expect(paused).toMatchObject({ isPaused: true, pauseReason: "stocktaking" });
    expect(await server.patch(`/schedules/${id}`, { isPaused: false })).toMatchObject({ isPaused: false });
    expect(await server.patch(`/schedules/${id}`, { isPaused: "yes" }, 400)).toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    expect(await server.post(`/schedules/${id}/reset`, undefined)).toMatchObject({ isChanged: false });
    await server.delete(`/schedules/${id}`);
    expect(await server.delete(`/schedules/${id}`, 404)).toMatchObject({ code: "SCHEDULE_NOT_FOUND" });
    const { items } = await server.get<api.Page<api.AuditEntry>>("/audit");
    expect(items.filter(({ target, outcome }) => target === id && outcome === "done")).toHaveLength(4);
  });

  test("has schedules start what is asked for", async () => {
    const [server, id] = [serverWith(), await scheduled()];
    start(backend, { flows: [report], pollInterval: 20 });
    const one = await server.post<api.StartedSlots>(`/schedules/${id}/trigger`, undefined);
    const range = { from: "2026-01-01T00:00:00Z", to: "2026-01-02T12:00:00Z" };
    const some = await server.post<api.StartedSlots>(`/schedules/${id}/backfill`, range);
    expect([one.instanceIds.length, some.instanceIds.length]).toEqual([1, 2]);
    for (const instanceId of [...one.instanceIds, ...some.instanceIds])
      await expect
        .poll(async () => (await client.status(instanceId).catch(() => ({ status: "none" }))).status, soon)
        .toBe("completed");
    const wrong = { from: "2026-01-02T00:00:00Z", to: "yesterday" };
    expect(await server.post(`/schedules/${id}/backfill`, wrong, 400)).toMatchObject({ field: "to" });
  });

  test("holds flows back, and says so with the flow", async () => {
    const server = serverWith();
    const find = async (): Promise<api.Flow | undefined> =>
      (await server.get<api.Page<api.Flow>>("/flows")).items.find((one) => one.flow === report.name);
    await server.patch(`/flows/${report.name}`, { isPaused: true, reason: "<b>stocktaking</b>" }, 204);
    expect(await find()).toMatchObject({ paused: { reason: "<b>stocktaking</b>", by: "local" } });
    await server.patch(`/flows/${report.name}`, { isPaused: false }, 204);
    expect(await find()).toMatchObject({ paused: null });
    // One that nothing is known of yet.
    await server.patch("/flows/yet-to-come", { isPaused: true }, 204);
    expect((await server.get<api.Page<api.Flow>>("/flows")).items.map((one) => one.flow)).toContain("yet-to-come");
    await server.patch("/flows/yet-to-come", { isPaused: false }, 204);
    expect(await server.patch(`/flows/${report.name}`, {}, 400)).toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  test("tells and changes how long flows are kept, and removes what has ended", async () => {
    const server = serverWith();
    const changed = await server.patch(`/retention/${report.name}`, { completed: "7d", failed: "forever" });
    expect(changed).toMatchObject({ keep: { completed: 604_800_000, failed: null }, isChanged: true });
    expect((await server.get<api.Page<api.Retention>>("/retention")).items).toContainEqual(changed);
    expect(await server.patch(`/retention/${report.name}`, { completed: "a while" }, 400)).toMatchObject({
      field: "keep",
    });
    expect(await server.patch(`/retention/${report.name}`, {}, 400)).toMatchObject({ field: "body" });

    start(backend, { flows: [report], pollInterval: 20 });
    const id = fresh("old");
    await (await client.submit(report, id, 1)).result();
    const what = { flow: report.name, olderThan: "0s" };
    const counted = await server.post<api.Pruned>("/prune", { ...what, dryRun: true });
    expect(counted.instanceIds).toContain(id);
    expect(await client.status(id)).toMatchObject({ status: "completed" });
    expect(await server.post("/prune", what)).toMatchObject({ dryRun: false, pruned: counted.pruned });
    await expect(client.status(id)).rejects.toMatchObject({ code: "INSTANCE_NOT_FOUND" });
    await server.post(`/retention/${report.name}/reset`, undefined, 204);
    expect(await server.post("/retention/nobody/reset", undefined, 404)).toMatchObject({ code: "NOT_FOUND" });
  });

  test("keeps all of that from those who may only look", async () => {
    const token = "0123456789abcdef0123456789abcdef";
    const server = serverWith({ tokens: [{ token, role: "viewer" }] });
    const { actions } = await server.get<api.Session>("/session", 200, {
      headers: { authorization: `Bearer ${token}` },
    });
    const mine = ["pauseFlow", "runSchedules", "changeSchedules", "changeRetention", "prune"] as const;
    expect(mine.filter((name) => actions[name])).toEqual([]);
    for (const [method, path] of [
      ["PATCH", "/flows/a"],
      ["PATCH", "/schedules/a"],
      ["POST", "/schedules/a/trigger"],
      ["POST", "/prune"],
      ["PATCH", "/retention/a"],
    ] as const) {
      const response = await server.raw(method, path, {}, { headers: { authorization: `Bearer ${token}` } });
      expect(response.status).toBe(403);
    }
  });
});
