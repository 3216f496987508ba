import { describe, expect, onTestFinished, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { type Dashboard, dashboard } from "../../src/dashboard/index.ts";
import { flow } from "../../src/flow/flow.ts";
import { limit } from "../../src/flow/limit.ts";
import { bothBackends, withChanges } from "../support/both-backends.ts";
import { type StreamedEvent, StreamReader } from "../support/event-stream.ts";
import { fresh } from "../support/instance-ids.ts";
import { workerStarter } from "../support/workers.ts";

const start = workerStarter();
const waiting = flow("changing").waitForEvent("wait", "news").build();

describe.each(await bothBackends())("changes on $name", ({ backend }) => {
  const client = new Client(backend);

  function served(): Dashboard {
    const made = dashboard(backend, { pollInterval: 20 });
    onTestFinished(async () => await made.close());
    return made;
  }

  async function open(
    made: Dashboard,
    search: string = "",
    headers: Record<string, string> = {},
  ): Promise<StreamReader> {
    const response = await made.fetch(new Request(`http://localhost/api/v1/changes${search}`, { headers }));
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream; charset=utf-8"]);
    const reader = new StreamReader(response);
    onTestFinished(async () => await reader.cancel());
    return reader;
  }

  const naming =
    (id: string) =>
    ({ event, data }: StreamedEvent): boolean =>
      event === "change" && (data as { instanceIds: string[] }).instanceIds.includes(id);

  test("are told one by one of what is watched, from its beginning to its end", async () => {
    const id = fresh("watched");
    const reader = await open(served(), `?instance=${id}`);
    const [first] = await reader.until(({ event }) => event === "reset");
    expect(first?.id).toMatch(/^[0-9a-f]{32}-0$/);
    await client.submit(waiting, id, undefined);
    await reader.until(naming(id));
    start(backend, { flows: [waiting] });
    await reader.until(naming(id));
    await client.sendEvent(id, "news");
    await client.result(id);
    await reader.until(naming(id));
    await client.delete(id);
    await reader.until(naming(id));
  });

  test("tell of instances, workers and limits that nobody watches", async () => {
    const reader = await open(served());
    await reader.until(({ event }) => event === "reset");
    const telling =
      (topic: string) =>
      ({ data }: StreamedEvent): boolean =>
        (data as { topics?: string[] }).topics?.includes(topic) === true;
    await client.submit(waiting, fresh("any"), undefined);
    await reader.until(telling("instances"));
    await backend.registerWorker(fresh("worker"), []);
    await reader.until(telling("workers"));
    await backend.declareLimits([limit(fresh("limit"), { concurrency: 1 })]);
    await reader.until(telling("limits"));
  });

  test("are caught up on by who comes back, and reset for who can't", async () => {
    const made = served();
    const id = fresh("resumed");
    await client.submit(waiting, id, undefined);
    const reader = await open(made, `?instance=${id}`);
    await reader.until(({ event }) => event === "reset");
    await client.pause(id);
    const seen = await reader.until(naming(id));
    const lastId = seen.at(-1)?.id ?? "";
    await reader.cancel();
    await client.unpause(id);
    // Somebody else has heard of it by the time that the first one is back.
    const other = await open(made, `?instance=${id}`);
    await other.until(({ event }) => event === "reset");

    const back = await open(made, `?instance=${id}`, { "last-event-id": lastId });
    await client.pause(id);
    const missed = await back.until(naming(id));
    expect(missed.filter(({ event }) => event === "reset")).toEqual([]);
    const numbers = missed.map(({ id: eventId = "" }) => Number(eventId.split("-")[1]));
    const from = Number(lastId.split("-")[1]);
    expect(numbers).toEqual(numbers.map((_, index) => from + 1 + index));
    for (const strange of ["nonsense", `${"0".repeat(32)}-1`, `${lastId.split("-")[0] ?? ""}-999999`]) {
      const reset = await open(made, `?instance=${id}`, { "last-event-id": strange });
      await reset.until(({ event }) => event === "reset");
    }
  });

  test("cost one look, however many listen, and none when nobody does", async () => {
    let looks = 0;
    const counting = withChanges(backend, {
      overview: withChanges(
        backend.overview as never,
        {
          readActivity: (ids: readonly string[]) => {
            looks++;
            return backend.overview.readActivity(ids);
          },
        } as never,
      ) as never,
    });
    const made = dashboard(counting, { pollInterval: "1h" });
    onTestFinished(async () => await made.close());
    const readers = await Promise.all(Array.from({ length: 10 }, () => open(made)));
    await Promise.all(readers.map((reader) => reader.until(({ event }) => event === "reset")));
    expect(looks).toBeLessThanOrEqual(3);
    const before = looks;
    await client.submit(waiting, fresh("one-look"), undefined);
    const told = await Promise.all(readers.map((reader) => reader.until(({ event }) => event === "change")));
    expect(new Set(told.map((events) => events.at(-1)?.id)).size).toBe(1);
    expect(looks - before).toBeLessThanOrEqual(2);
    await made.close();
    await Promise.all(readers.map(async (reader) => await reader.ended()));
    const after = looks;
    await client.submit(waiting, fresh("no-look"), undefined);
    expect(looks).toBe(after);
  });

  test("are refused for ids that are none, and for too many", async () => {
    const made = served();
    const status = async (search: string): Promise<number> =>
      (await made.fetch(new Request(`http://localhost/api/v1/changes${search}`))).status;
    expect(await status("?instance=")).toBe(400);
    expect(await status(`?${Array.from({ length: 21 }, (_, index) => `instance=${index}`).join("&")}`)).toBe(400);
    await made.close();
    expect(await status("")).toBe(503);
  });

  test("let go of who does not read", async () => {
    const made = served();
    const ids = Array.from({ length: 20 }, (_, index) => `${"x".repeat(230)}-${index}-${fresh("slow")}`.slice(-250));
    for (const id of ids) await client.submit(waiting, id, undefined);
    const search = `?${ids.map((id) => `instance=${id}`).join("&")}`;
    const response = await made.fetch(new Request(`http://localhost/api/v1/changes${search}`));
    const slow = response.body?.getReader();
    const quick = await open(made, search);
    await quick.until(({ event }) => event === "reset");
    // Each change names all of them: some 5 KB, of which 64 KiB are kept.
    for (let round = 0; round < 20; round++) {
      for (const id of ids) await (round % 2 === 0 ? client.pause(id) : client.unpause(id));
      await quick.until(naming(ids.at(-1) ?? ""));
    }
    let unread = 0;
    for (;;) {
      const next = await slow?.read();
      if (next === undefined || next.done) break;
      unread += next.value.byteLength;
    }
    expect(unread).toBeLessThan(80_000);
  });
});
