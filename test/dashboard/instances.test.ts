import { describe, expect, onTestFinished, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { MsgpackCodec } from "../../src/codec/msgpack-codec.ts";
import type * as api from "../../src/dashboard/api-types.ts";
import { type DashboardOptions, dashboard } from "../../src/dashboard/index.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { state } from "../../src/flow/shared-state.ts";
import { query, update } from "../../src/flow/state-handlers.ts";
import { task } from "../../src/flow/task.ts";
import { ApiCaller } from "../support/api-caller.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";
import { soon, workerStarter } from "../support/workers.ts";

const start = workerStarter();

const shared = state({ approvals: 0 });
const order = flow<{ readonly cents: number }>("api-order", { state: shared })
  .then("check", (input) => input)
  .fork([
    branch(
      "mail",
      task("send", () => "sent"),
    ),
    branch("stock", (b) => b.waitForEvent("stock", "stocked")),
  ])
  .join("both", ({ mail }) => mail)
  .build();
const failing = flow<number>("api-failing")
  .then("break", (): number => {
    throw new RangeError("<img src=x onerror=alert(1)>");
  })
  .build();
const count = query("count", shared, ({ approvals }) => approvals);
const approve = update("approve", shared, ({ approvals }, by: number) => {
  if (by < 0) throw new Error("not by less than nothing");
  return { change: { approvals: approvals + by }, reply: approvals + by };
});

const GIVEN: DashboardOptions = { flows: [order, failing], queries: [count], updates: [approve] };
const idIn = (id: string): string => encodeURIComponent(id);

describe.each(await bothBackends())("reading on $name", ({ name, backend, open }) => {
  const client = new Client(backend);

  function serverWith(options: DashboardOptions = {}): ApiCaller {
    const served = dashboard(backend, { ...GIVEN, ...options });
    onTestFinished(async () => await served.close());
    return new ApiCaller(served);
  }

  test("lists what fits, newest first or by id, page by page", async () => {
    const api = serverWith();
    const prefix = `${fresh("list")}-`;
    const ids = ["b", "a", "c"].map((letter) => `${prefix}${letter}`);
    for (const id of ids) await client.submit(order, id, { cents: 1 }, { labels: { shop: id }, tags: ["x"] });

    const pages = async (more: string): Promise<string[]> => {
      const found: string[] = [];
      for (let after = ""; ; ) {
        const page = await api.get<api.Page<api.InstanceSummary>>(
          `/instances?idPrefix=${prefix}&limit=2${more}${after}`,
        );
        found.push(...page.items.map(({ instanceId }) => instanceId));
        if (page.next === null) return found;
        after = `&after=${encodeURIComponent(page.next)}`;
      }
    };
    expect(await pages("")).toEqual([...ids].reverse());
    expect(await pages("&order=id")).toEqual([...ids].sort());
    expect(await pages(`&label=shop%3D${prefix}a&tag=x`)).toEqual([`${prefix}a`]);
    expect(await pages("&status=completed&status=failed")).toEqual([]);
    const { items } = await api.get<api.Page<api.InstanceSummary>>(`/instances?idPrefix=${prefix}&limit=1`);
    expect(items[0]).toMatchObject({
      flow: order.name,
      definitionHash: order.hash,
      status: "in_progress",
      endedAt: null,
    });
  });

  test("refuses parameters that make no sense, by name", async () => {
    const api = serverWith();
    for (const [search, field] of [
      ["limit=0", "limit"],
      ["limit=201", "limit"],
      ["limit=1e2", "limit"],
      ["status=done", "status"],
      ["after=nonsense", "filter.before"],
      ["colour=red", "colour"],
      ["__proto__=1", "__proto__"],
      ["flow=a&flow=b", "flow"],
      ["label=shop", "label"],
    ] as const)
      expect(await api.get(`/instances?${search}`, 400)).toMatchObject({ code: "INVALID_ARGUMENT", field });
    expect(await api.get("/instances/x/history?after=-1", 400)).toMatchObject({ field: "after" });
    expect(await api.get("/instances/x/history?after=99999999999999999999", 400)).toMatchObject({ field: "after" });
  });

  test("shows an instance with where it stands, its history, graph, events and past", async () => {
    start(backend, { flows: [order] });
    const api = serverWith();
    const id = fresh("shown");
    await client.submit(order, id, { cents: 7 });
    await expect.poll(async () => (await client.status(id)).status, soon).toBe("awaiting_event");
    await client.sendEvent(id, "later", { big: 2n ** 70n });

    const detail = await api.get<api.InstanceDetail>(`/instances/${idIn(id)}`);
    expect(detail).toMatchObject({
      ...{ instanceId: id, flowKnown: true, codec: "json", queries: ["count"], updates: ["approve"], failure: null },
      input: { kind: "value", value: { cents: 7 } },
      state: { status: "awaiting_event", words: 'waiting for the event "stocked" at "stock"' },
    });
    expect(detail.positions.map(({ path, nodeId, kind }) => `${path} ${nodeId} ${kind}`)).toEqual([
      " both join",
      "both/stock stock wait",
    ]);
    const history = await api.get<api.Page<api.HistoryEntry>>(`/instances/${idIn(id)}/history?limit=1`);
    expect(history).toMatchObject({
      items: [{ taskId: "check", outcome: "completed", output: { value: { cents: 7 } } }],
    });
    const [first] = history.items;
    const rest = await api.get<api.Page<api.HistoryEntry>>(
      `/instances/${idIn(id)}/history?after=${history.next ?? ""}`,
    );
    expect(rest.items.map(({ taskId }) => taskId)).toContain("send");
    const diff = await api.get<api.Page<api.HistoryEntry>>(
      `/instances/${idIn(id)}/diff?from=0&to=${first?.sequence ?? ""}`,
    );
    expect(diff).toEqual({ items: [first], next: null });
    expect(await api.get(`/instances/${idIn(id)}/state?at=${first?.sequence ?? ""}`)).toMatchObject({
      outputs: [{ taskId: "check", value: { value: { cents: 7 } } }],
      state: { value: { approvals: 0 } },
    });
    const graph = await api.get<api.InstanceGraph>(`/instances/${idIn(id)}/graph`);
    expect(graph.graph?.nodes.map((node) => node.id)).toEqual(["check", "both", "send", "stock"]);
    expect(Object.fromEntries(graph.states.map(({ nodeId, state: at }) => [nodeId, at]))).toEqual({
      ...{ check: "completed", send: "completed", both: "joining", stock: "waiting" },
    });
    expect(await api.get(`/instances/${idIn(id)}/events`)).toMatchObject({
      items: [{ name: "later", payload: { value: { big: { $waymark: "bigint", value: String(2n ** 70n) } } } }],
    });
    expect(await api.get(`/instances/${idIn(id)}/children`)).toEqual({ items: [], next: null });
  });

  test("finds an instance whatever its id, and says where there is none", async () => {
    const api = serverWith();
    for (const id of [
      `${fresh("id")}/../x`,
      `${fresh("id")}?a=b#c`,
      `${fresh("id")}<script>`,
      `${fresh("id")} ü😀%2F`,
    ]) {
      await client.submit(order, id, { cents: 1 });
      expect(await api.get(`/instances/${idIn(id)}`)).toMatchObject({ instanceId: id });
    }
    for (const path of ["", "/history", "/graph", "/state?at=0", "/payloads/input"])
      expect(await api.get(`/instances/nobody${path}`, 404)).toMatchObject({ code: "INSTANCE_NOT_FOUND" });
    expect(await api.get("/instances/nobody/payloads/nonsense", 404)).toMatchObject({ code: "NOT_FOUND" });
    expect(await api.get("/instances/%E0%A4%A", 400)).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await api.get("/instances/a/nothing", 404)).toMatchObject({ code: "NOT_FOUND" });
    expect(await api.get("/instances/", 404)).toMatchObject({ code: "NOT_FOUND" });
  });

  test("folds what is large, and gives all of it as a download", async () => {
    const api = serverWith({ foldBytes: 1_000 });
    const id = fresh("large");
    const text = "é😀".repeat(5_000);
    await client.submit(order, id, { cents: 1, text } as never);

    const { input } = await api.get<api.InstanceDetail>(`/instances/${idIn(id)}`);
    expect(input).toMatchObject({ kind: "folded", href: `/api/v1/instances/${id}/payloads/input` });
    const { bytes, preview } = input as Extract<api.Payload, { kind: "folded" }>;
    expect(preview.startsWith('{"cents":1,"text":"é')).toBe(true);
    expect(preview.length).toBeLessThanOrEqual(1_000);
    const download = await api.raw("GET", `/instances/${idIn(id)}/payloads/input`, undefined);
    expect(download.headers.get("content-disposition")).toBe(`attachment; filename="${id}-input.json"`);
    const whole = await download.text();
    expect(Buffer.byteLength(whole)).toBe(bytes);
    expect(JSON.parse(whole)).toEqual({ cents: 1, text });
  });

  test("shows values of every codec, and those that can't be read for what they are", async () => {
    const packed = await open({ codec: new MsgpackCodec() });
    const id = fresh("packed");
    await new Client(packed).submit(order, id, { cents: 1, at: new Date(0) } as never);
    const served = dashboard(packed, GIVEN);
    onTestFinished(async () => await served.close());

    expect(await new ApiCaller(served).get(`/instances/${idIn(id)}`)).toMatchObject({
      ...{ codec: "msgpack", input: { value: { at: { $waymark: "Date", value: "1970-01-01T00:00:00.000Z" } } } },
    });
    if (name === "memory") return;
    // The other backend is on the same tables, without the codec.
    expect(await serverWith().get(`/instances/${idIn(id)}`)).toMatchObject({
      ...{ input: { kind: "unreadable" }, state: { status: "in_progress" } },
    });
  });

  test("shows nothing that it is told to hide", async () => {
    start(backend, { flows: [failing] });
    const api = serverWith({
      redact: (value, { kind, instanceId }) => {
        if (instanceId.startsWith("throws")) throw new Error("canary");
        return kind === "failure" ? { ...(value as object), message: "hidden" } : undefined;
      },
    });
    const [id, throwing] = [fresh("secret"), fresh("throws")];
    for (const one of [id, throwing])
      await client.submit(failing, one, 42).then((handle) => handle.result().catch(() => null));

    const shown = await api.get<api.InstanceDetail>(`/instances/${idIn(id)}`);
    expect(shown).toMatchObject({ input: { kind: "hidden" }, failure: { name: "RangeError", message: "hidden" } });
    expect(JSON.stringify(shown)).not.toContain("onerror");
    expect(await api.get(`/instances/${idIn(throwing)}`)).toMatchObject({
      ...{ input: { kind: "hidden" }, failure: { name: "Error", message: "(hidden)" } },
    });
    expect(await api.get(`/instances/${idIn(id)}/payloads/input`, 400)).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(JSON.stringify(await api.get("/failures"))).not.toContain("onerror");
    expect(JSON.stringify(await api.get("/failures/groups"))).not.toContain("onerror");
  });

  test("shows counts, workers, flows, series and what failed", async () => {
    const worker = start(backend, { flows: [failing, order] });
    const api = serverWith();
    const id = fresh("failed");
    await client.submit(failing, id, 1).then((handle) => handle.result().catch(() => null));
    await expect
      .poll(async () => (await client.workers()).workers.map(({ workerId }) => workerId), soon)
      .toContain(worker.workerId);

    const counts = await api.get<api.Counts>(`/counts?flow=${failing.name}`);
    expect(counts.byFlow).toMatchObject([{ flow: failing.name, byStatus: { completed: 0 } }]);
    expect(counts.byStatus.failed).toBeGreaterThan(0);
    const workers = await api.get<api.Page<api.Worker>>("/workers");
    expect(workers.items.find(({ workerId }) => workerId === worker.workerId)).toMatchObject({ alive: true });
    const flows = await api.get<api.Page<api.Flow>>("/flows");
    expect(flows.items.find(({ flow: of }) => of === failing.name)).toMatchObject({
      versions: [{ definitionHash: failing.hash, given: true, hasGraph: true }],
    });
    expect(await api.get(`/flows/${order.name}/versions/${order.hash}/graph`)).toMatchObject({ flow: order.name });
    expect(await api.get(`/flows/other/versions/${order.hash}/graph`, 404)).toMatchObject({ code: "NOT_FOUND" });
    const series = await api.get<api.Series>(`/series?flow=${failing.name}&range=1h&buckets=10`);
    expect(series.buckets).toHaveLength(10);
    expect(series.buckets.reduce((sum, { failed }) => sum + failed, 0)).toBeGreaterThan(0);
    expect(await api.get("/series?range=91d", 400)).toMatchObject({ field: "range" });
    expect(await api.get("/series?range=soon", 400)).toMatchObject({ field: "range" });
    const failures = await api.get<api.Page<api.FailedInstance>>(`/failures?flow=${failing.name}&limit=1`);
    // What looks like markup is text, and JSON.
    expect(failures.items).toMatchObject([{ failure: { message: "<img src=x onerror=alert(1)>", taskId: "break" } }]);
    expect(await api.get(`/failures/groups?flow=${failing.name}`)).toMatchObject({ groups: [{ taskId: "break" }] });
    expect(await api.get("/health")).toMatchObject({ ok: true, problem: null });
    expect(await api.get("/limits")).toMatchObject({ next: null });
    expect(await api.get("/audit")).toMatchObject({ items: expect.any(Array) as unknown });
    expect(await api.get("/session")).toMatchObject({ authenticated: true, role: "admin", actor: "local" });
  });

  test("pages through ten thousand instances with no more than a page in hand", async () => {
    const api = serverWith();
    const prefix = `${fresh("many")}-`;
    const ids = Array.from({ length: 10_000 }, (_, index) => `${prefix}${String(index).padStart(5, "0")}`);
    await client.submitMany(
      order,
      ids.map((instanceId) => ({ instanceId, input: { cents: 1 } })),
    );

    const seen = new Set<string>();
    let pages = 0;
    for (let after = ""; ; pages++) {
      const page = await api.get<api.Page<api.InstanceSummary>>(`/instances?idPrefix=${prefix}&limit=200${after}`);
      for (const { instanceId } of page.items) seen.add(instanceId);
      if (page.next === null) break;
      after = `&after=${encodeURIComponent(page.next)}`;
    }
    expect([seen.size, pages]).toEqual([10_000, 49]);
  });
});
