import { beforeAll, describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { MsgpackCodec } from "../../src/codec/msgpack-codec.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import type { Flow } from "../../src/flow/flow-definition.ts";
import { limit } from "../../src/flow/limit.ts";
import { eventNameIssue, idIssue } from "../../src/ids.ts";
import { InMemoryBackend } from "../../src/memory/memory-backend.ts";
import { fresh } from "../support/instance-ids.ts";
import { createTestDatabase, HEARS_OTHERS } from "../support/postgres.ts";
import { soon, workerStarter } from "../support/workers.ts";

const database = await createTestDatabase();
const backend = await database.connect({ migrate: false });
const client = new Client(backend);
const startWorker = workerStarter();
const { pool } = database;

const simple = flow<{ n: number }>("sql-simple")
  .then("double", ({ n }) => n * 2)
  .build();
const shapes: Flow<{ n: number }>[] = [
  simple,
  flow<{ n: number }>("sql-delay").delay("nap", "1h").build(),
  flow<{ n: number }>("sql-wait").waitForEvent("wait", "go", { timeout: "1h" }).build(),
  flow<{ n: number }>("sql-own")
    .then("own", ({ n }) => n, { priority: 1, tags: ["gpu", "eu"] })
    .build(),
  flow<{ n: number }>("sql-late", { deadline: "1h" })
    .then("tagged", ({ n }) => n, { tags: ["gpu"] })
    .build(),
  flow<{ n: number }>("sql-fork")
    .fork([
      branch("a", (b) => b.then("a", ({ n }) => n)),
      branch("b", (b) => b.delay("rest", "5m").then("c", ({ n }) => n)),
      branch("d", (b) => b.fork([branch("e", (c) => c.waitForEvent("f", "go"))]).join("g", () => 1)),
    ])
    .join("sum", () => 1)
    .build(),
];

beforeAll(async () => await client.publish(shapes));

/** All that there is of an instance, but for ids and times. */
async function rowsOf(id: string): Promise<unknown> {
  const text = `
    SELECT to_jsonb(i) - 'instance_id' - 'created_at' - 'deadline_at' - 'input' AS instance,
           round(extract(epoch FROM i.deadline_at - i.created_at))::int AS takes,
           convert_from(i.input, 'UTF8')::jsonb AS input,
           (SELECT count(*) FROM waymark.mailboxes AS m WHERE m.instance_id = i.instance_id) AS mailboxes,
           (SELECT jsonb_agg((to_jsonb(p) - '{instance_id,since,wake_at,available_at,order_key}'::text[]) || jsonb_build_object(
               'sleeps', round(extract(epoch FROM p.wake_at - p.since)),
               'available', CASE WHEN p.available_at = 'infinity' THEN 'never' ELSE round(extract(epoch FROM p.available_at - p.since))::text END,
               'rank', p.order_key - waymark.order_key(p.priority, p.since)) ORDER BY p.path)
            FROM waymark.positions AS p WHERE p.instance_id = i.instance_id) AS positions
    FROM waymark.instances AS i WHERE i.instance_id = $1`;
  return (await pool.query<object>(text, [id])).rows[0];
}

describe("waymark.submit", () => {
  test("takes a deadline instead of the flow's, from the start on", async () => {
    const id = fresh("sql");
    const call = "SELECT waymark.submit('sql-late', $1, '{}', p_start_after => '90 s', p_deadline => $2)";
    for (const wrong of ["0 s", "-1 s"]) await expect(pool.query(call, [id, wrong])).rejects.toThrow("p_deadline");
    expect(await client.list({ idPrefix: id })).toMatchObject({ instances: [] });
    await pool.query(call, [id, "1 day"]);

    expect(await rowsOf(id)).toMatchObject({ takes: 86_400 + 90 });
    await client.extendDeadline(id, null);
    expect(await client.status(id)).not.toHaveProperty("deadline");
  });

  test.each(shapes.map((one) => [one.name, one] as const))(
    "makes the rows of %s that a client makes",
    async (name, one) => {
      for (const startAfter of ["0 s", "90 s"]) {
        const [bySql, byClient] = [fresh("sql"), fresh("client")];
        const options = { priority: 2, tags: ["b", "a"], labels: { x: "y" } };
        await client.submit(one, byClient, { n: 4 }, { ...options, startAfter: startAfter === "0 s" ? 0 : "90s" });
        const made = await pool.query<{ made: boolean }>(
          "SELECT waymark.submit($1, $2, $3, 2, ARRAY['b', 'a'], '{\"x\": \"y\"}', $4) AS made",
          [name, bySql, { n: 4 }, startAfter],
        );

        expect(made.rows).toEqual([{ made: true }]);
        expect(await rowsOf(bySql)).toEqual(await rowsOf(byClient));
      }
    },
  );

  test("is run by a worker, which hears of it with the commit", async () => {
    const id = fresh("trigger");
    await pool.query(`
      CREATE TABLE orders (id text, n int);
      CREATE FUNCTION start_order() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM waymark.submit('sql-simple', NEW.id, jsonb_build_object('n', NEW.n));
        RETURN NEW;
      END $$;
      CREATE TRIGGER start_order AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION start_order();`);
    const pollInterval = HEARS_OTHERS ? "10m" : 50;
    startWorker(backend, { flows: [simple], pollInterval });
    const watch = backend.subscribe({});
    await expect.poll(() => watch.isLive || !HEARS_OTHERS, soon).toBe(true);
    watch.close();
    await pool.query("INSERT INTO orders VALUES ($1, 21)", [id]);

    await expect.poll(async () => (await client.status(id)).status, soon).toBe("completed");
    expect(await client.result(id)).toBe(42);
  });

  test("takes the definition that was published last, or the one whose hash is given", async () => {
    const [older, newer] = ["1", "2"].map((version) =>
      flow<null>("sql-versions")
        .then("a", () => version, { version })
        .build(),
    ) as [Flow<null>, Flow<null>];
    const hashOf = async (hash?: string): Promise<unknown> => {
      const id = fresh("version");
      await pool.query("SELECT waymark.submit('sql-versions', $1, p_definition_hash => $2)", [id, hash]);
      return (await backend.findInstance(id))?.instance.definitionHash;
    };
    startWorker(backend, { flows: [older] });
    await expect.poll(async () => await hashOf().catch(() => null), soon).toBe(older.hash);
    startWorker(backend, { flows: [newer] });
    await expect.poll(async () => await hashOf(), soon).toBe(newer.hash);

    expect(await hashOf(older.hash)).toBe(older.hash);
    await client.publish([older]);
    expect(await hashOf()).toBe(older.hash);
  });

  test("refuses a taken id, unless an existing instance will do", async () => {
    const id = fresh("taken");
    const call = "SELECT waymark.submit('sql-simple', $1, '{}', p_on_conflict => $2) AS made";
    await pool.query(call, [id, "fail"]);
    await expect(pool.query(call, [id, "fail"])).rejects.toMatchObject({ code: "23505" });
    expect((await pool.query(call, [id, "useExisting"])).rows).toEqual([{ made: false }]);
  });

  test.each([
    ["a flow that nobody has published", "'sql-unknown', 'x'", "42704"],
    ["a hash that nobody has published", "'sql-simple', 'x', p_definition_hash => 'y'", "42704"],
    ["an empty id", "'sql-simple', ''", "22023"],
    ["no id", "'sql-simple', NULL", "22023"],
    ["an id with control characters", "'sql-simple', E'a\\n'", "22023"],
    ["an id that begins with white space", "'sql-simple', E'\\u00A0x'", "22023"],
    ["a priority out of range", "'sql-simple', 'x', p_priority => 6", "22023"],
    ["a tag that is no name", "'sql-simple', 'x', p_tags => ARRAY['a b']", "22023"],
    ["no tag among tags", "'sql-simple', 'x', p_tags => ARRAY[NULL]", "22023"],
    ["labels that are no texts", "'sql-simple', 'x', p_labels => '{\"a\": 1}'", "22023"],
    ["a start in the past", "'sql-simple', 'x', p_start_after => '-1 s'", "22023"],
    ["an unknown policy", "'sql-simple', 'x', p_on_conflict => 'replace'", "22023"],
  ])("refuses %s", async (_, args, code) => {
    await expect(pool.query(`SELECT waymark.submit(${args})`)).rejects.toMatchObject({ code });
    expect(await backend.findInstance("x")).toBeNull();
  });

  test("says how to make a flow known", async () => {
    const call = pool.query("SELECT waymark.submit('sql-unknown', 'x')");
    await expect(call).rejects.toMatchObject({ hint: expect.stringContaining("client.publish") as unknown });
  });

  test("knows no flow of a backend that can't read what SQL writes", async () => {
    const other = await database.connect({ migrate: false, codec: new MsgpackCodec() });
    await new Client(other).publish([
      flow("sql-msgpack")
        .then("a", () => 1)
        .build(),
    ]);
    await expect(pool.query("SELECT waymark.submit('sql-msgpack', 'x')")).rejects.toMatchObject({ code: "42704" });
  });
});

test("client.publish does nothing in memory, and refuses what is no flow", async () => {
  await new Client(new InMemoryBackend()).publish([simple]);
  await expect(client.publish([{}] as never)).rejects.toMatchObject({ code: "INVALID_ARGUMENT", field: "flows[0]" });
});

describe("waymark.send_event with jsonb", () => {
  test("wakes an instance that waits, with the commit", async () => {
    const waiting = flow<null>("sql-event")
      .waitForEvent<{ a: number }>("wait", "go")
      .then("a", ({ a }) => a)
      .build();
    startWorker(backend, { flows: [waiting], pollInterval: HEARS_OTHERS ? "10m" : 50 });
    const watch = backend.subscribe({});
    await expect.poll(() => watch.isLive || !HEARS_OTHERS, soon).toBe(true);
    watch.close();
    const handle = await client.submit(waiting, fresh("event"), null);
    await expect.poll(async () => (await handle.status()).status, soon).toBe("awaiting_event");
    const send = "SELECT waymark.send_event($1, 'go', jsonb_build_object('a', 7), 'once') AS outcome";

    expect((await pool.query(send, [handle.instanceId])).rows).toEqual([{ outcome: "delivered" }]);
    expect(await handle.result()).toBe(7);
    await expect(pool.query(send, [handle.instanceId])).rejects.toMatchObject({ code: "55000" });
  });

  test("buffers, knows duplicates, and refuses empty names", async () => {
    const id = fresh("buffer");
    const send = "SELECT waymark.send_event($1, $2, 'null'::jsonb, 'k') AS outcome";
    expect((await pool.query(send, [id, "go"])).rows).toEqual([{ outcome: "buffered" }]);
    expect((await pool.query(send, [id, "go"])).rows).toEqual([{ outcome: "duplicate" }]);
    await expect(pool.query(send, [id, ""])).rejects.toMatchObject({ code: "22023" });
    expect(Buffer.from((await backend.consumeEvent(id, "go")) ?? []).toString()).toBe("null");
  });
});

/** Texts as ids, at each place of one and as the whole, for all that any rule about white space, control characters or lengths knows. */
function oddTexts(): readonly string[] {
  const points = [
    ...Array.from({ length: 0x0101 }, (_, point) => point + 1),
    ...[0x0600, 0x061c, 0x1680, 0x180e, ...Array.from({ length: 0x70 }, (_, offset) => 0x2000 + offset)],
    ...[0x2800, 0x3000, 0x3164, 0xd7ff, 0xe000, 0xfdd0, 0xfeff, 0xfff9, 0xfffd, 0xfffe, 0xffff],
    ...[0x10000, 0x1f600, 0x1fffe, 0xe0001, 0xe0020, 0x10fffe, 0x10ffff],
  ];
  const signs = points.map((point) => String.fromCodePoint(point));
  return [
    ...signs.flatMap((sign) => [sign, `${sign}a`, `a${sign}`, `a${sign}b`, `a\n${sign}`]),
    ...[
      "",
      "a b",
      "a\u00a0",
      "\ufeff\ufeff",
      "$child",
      "$child:a",
      "a$child",
      "^",
      "]",
      "\\",
      "x".repeat(255),
      "x".repeat(256),
    ],
    ...[
      "語".repeat(255),
      "語".repeat(256),
      "😀".repeat(127),
      "😀".repeat(128),
      `${"😀".repeat(127)}x`,
      ` ${"x".repeat(255)}`,
    ],
  ];
}

describe("ids from SQL", () => {
  const texts = oddTexts();
  const limited = flow<null>("sql-keyed", {
    limit: limit("sql-per-key", { perKey: { concurrency: 1 } }),
    limitKey: () => "k",
  })
    .then("a", () => 1)
    .build();
  beforeAll(async () => await client.publish([limited]));

  test("are refused where clients refuse them, for the same reason, and nowhere else", async () => {
    const found = await pool.query<{ text: string; problem: string | null }>(
      "SELECT t.text, waymark.id_problem(t.text) AS problem FROM unnest($1::text[]) WITH ORDINALITY AS t (text, n) ORDER BY t.n",
      [texts],
    );

    expect(found.rows).toEqual(texts.map((text) => ({ text, problem: idIssue(text) })));
    expect(found.rows.filter(({ problem }) => problem === null).length).toBeGreaterThan(1_000);
  });

  test.each([
    ["p_instance_id", "waymark.submit('sql-simple', $1, '{\"n\": 1}')"],
    ["p_limit_key", "waymark.submit('sql-keyed', 'keyed-' || gen_random_uuid(), p_limit_key => $1)"],
    ["p_instance_id", "waymark.send_event($1, 'go', 'null'::jsonb)"],
    ["p_name", "waymark.send_event('odd-names', $1, 'null'::jsonb)"],
    ["p_dedup_key", "waymark.send_event('odd-keys', 'go', 'null'::jsonb, $1)"],
  ])("are asked for as %s of %s", async (parameter, call) => {
    const issueOf = parameter === "p_name" ? eventNameIssue : idIssue;
    const odd = [
      "\u00a0a",
      "a\ufeff",
      "a\u2028b",
      "a\u0085b",
      "a\u0001",
      "",
      "😀".repeat(128),
      "$child:a",
      "a\u00a0b",
      "\u200ba",
    ];
    for (const text of odd) {
      const made = pool.query(`SELECT ${call}`, [text]).then(
        () => null,
        (error: unknown) => error,
      );
      const issue = issueOf(text);
      if (issue === null) expect(await made).toBeNull();
      else expect(await made).toMatchObject({ code: "22023", message: `${parameter} ${issue}` });
    }
  });

  test("that nobody could make any more are run, ended and deleted all the same", async () => {
    const name = fresh("sql-legacy");
    const legacy = flow<{ n: number }>(name, { deadline: "1h" })
      .then("double", ({ n }) => n * 2)
      .then("last", (n) => n)
      .build();
    const waiting = flow<null>(`${name}-waits`).waitForEvent("wait", "go").build();
    const odd = ["\u00a0a", "b\ufeff", "c\u2028d", "e\u0085f", "😀".repeat(200)];
    await client.publish([legacy, waiting]);
    for (const [index, text] of odd.entries())
      for (const one of [legacy, waiting]) {
        const id = fresh("plain");
        await pool.query("SELECT waymark.submit($1, $2, '{\"n\": 1}')", [one.name, id]);
        for (const table of ["instances", "positions", "mailboxes"])
          await pool.query(`UPDATE waymark.${table} SET instance_id = $2 WHERE instance_id = $1`, [
            id,
            one === legacy ? text : `${text}${index}\t`,
          ]);
      }
    const worker = startWorker(backend, { flows: [legacy, waiting], pollInterval: 20 });
    const statuses = async (flowName: string): Promise<readonly string[]> =>
      (await client.list({ flow: flowName })).instances.map(({ status }) => status);

    await expect.poll(async () => await statuses(name), soon).toEqual(odd.map(() => "completed"));
    const five = { matched: 5, changed: 5, refused: [] };
    expect(await client.terminateMany({ flow: waiting.name }, { batchSize: 1 })).toMatchObject(five);
    expect(await client.deleteMany({ flow: waiting.name }, { batchSize: 1 })).toMatchObject(five);
    expect(await client.deleteMany({ flow: name })).toMatchObject(five);
    await worker.stop();
  });
});
