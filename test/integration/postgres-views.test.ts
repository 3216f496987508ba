import { describe, expect, test } from "vitest";
import {
  branchAt,
  bytes,
  checkpoint,
  entry,
  holder,
  lane,
  newInstance,
  standing,
  startAndClaim,
} from "../support/positions.ts";
import { createTestDatabase } from "../support/postgres.ts";

const database = await createTestDatabase();

describe("views", () => {
  test("show JSON payloads as jsonb, and what isn't jsonb as text, without an error", async () => {
    const backend = await database.connect();
    await backend.createInstances([
      newInstance("plain", { input: bytes('{"cents":1999}') }),
      newInstance("nul", { input: bytes('"\\u0000"') }),
      newInstance("surrogate", { input: bytes('"\\ud800"') }),
      newInstance("not-json", { input: bytes("{") }),
      newInstance("not-utf8", { input: new Uint8Array([0xff, 0xfe]) }),
      newInstance("other-codec", {
        codec: "msgpack",
        input: new Uint8Array([0xc0]),
        positions: [branchAt("", "a", { standing: standing("a", { lane: { ...lane, codec: "msgpack" } }) })],
      }),
    ]);
    const { rows } = await database.pool.query<{ id: string; input: unknown }>(
      "SELECT instance_id AS id, input FROM waymark.instances_json ORDER BY instance_id",
    );

    expect(Object.fromEntries(rows.map((row) => [row.id, row.input]))).toEqual({
      plain: { cents: 1999 },
      nul: '"\\u0000"',
      surrogate: '"\\ud800"',
      "not-json": "{",
      "not-utf8": { hex: "fffe" },
      "other-codec": { codec: "msgpack", hex: "c0" },
    });
    const cents = await database.pool.query("SELECT FROM waymark.instances_json WHERE (input->>'cents')::int > 1000");
    expect(cents.rowCount).toBe(1);
  });

  test("have functions beside them that look back: outputs at an entry, and what was recorded between two", async () => {
    const backend = await database.connect();
    const claim = await startAndClaim(backend, "past");
    const tasks = ["a", "b", "c"];
    for (const [index, taskId] of tasks.entries()) {
      const facts = { decision: taskId === "b" ? "again" : null };
      const move = { kind: "advance", to: standing(tasks[index + 1] ?? "d") } as const;
      await backend.commitCheckpoints([checkpoint(claim, move, [entry(taskId, facts)])], holder);
    }
    const [first, second, third] = (await backend.readHistory("past")).map(({ sequence }) => sequence);

    const outputs = await database.pool.query("SELECT task_id, output FROM waymark.outputs_at('past', $1)", [second]);
    expect(outputs.rows).toEqual([
      { task_id: "a", output: "a" },
      { task_id: "b", output: "b" },
    ]);
    const diff = "SELECT task_id, decision, output FROM waymark.history_diff('past', $1, $2)";
    expect((await database.pool.query(diff, [first, third])).rows).toEqual([
      { task_id: "b", decision: "again", output: "b" },
      { task_id: "c", decision: null, output: "c" },
    ]);
    expect((await database.pool.query(diff, [third, third])).rows).toEqual([]);
  });

  test("show the history and where each instance stands", async () => {
    const backend = await database.connect();
    const claim = await startAndClaim(backend, "seen");
    const move = {
      kind: "await",
      to: standing("wait", { kind: "wait", event: "go", inputRef: "a" }),
      timeoutMs: null,
    } as const;
    await backend.commitCheckpoints([checkpoint(claim, move, [entry("a")])], holder);
    const history = await database.pool.query(
      "SELECT task_id, outcome, output FROM waymark.checkpoints_json WHERE instance_id = 'seen'",
    );
    const now = await database.pool.query(
      "SELECT task_id, state FROM waymark.positions_now WHERE instance_id = 'seen'",
    );

    expect(history.rows).toEqual([{ task_id: "a", outcome: "completed", output: "a" }]);
    expect(now.rows).toEqual([{ task_id: "wait", state: "awaiting go" }]);
  });

  test("name what is stuck, why, and what to do; and nothing else", async () => {
    const backend = await database.connect();
    const { pool } = database;
    await pool.query("DELETE FROM waymark.positions");
    const stuck = async (): Promise<Record<string, string>> => {
      const { rows } = await pool.query<{ id: string; reason: string; remedy: string }>(
        "SELECT instance_id AS id, reason, remedy FROM waymark.stuck_instances ORDER BY 1",
      );
      for (const { remedy } of rows) expect(remedy.length).toBeGreaterThan(10);
      return Object.fromEntries(rows.map(({ id, reason }) => [id, reason]));
    };
    await backend.createInstances(
      ["lapsed", "timer", "ready", "paused", "fresh", "waits", "joins"].map((id) => newInstance(id)),
    );
    await backend.keepWorker("somebody", [], 60_000, [lane]);
    // Somebody knows it, so it stands in a queue.
    await pool.query("UPDATE waymark.positions SET available_at = clock_timestamp() - interval '1 hour'");
    expect(await stuck()).toEqual({});

    await pool.query("UPDATE waymark.workers SET seen_at = clock_timestamp() - interval '1 hour'");
    await pool.query("UPDATE waymark.positions SET available_at = clock_timestamp() WHERE instance_id = 'fresh'");
    await pool.query("UPDATE waymark.positions SET order_key = NULL, worker_id = 'gone' WHERE instance_id = 'lapsed'");
    await pool.query("UPDATE waymark.positions SET order_key = NULL WHERE instance_id = 'timer'");
    await pool.query(
      "UPDATE waymark.positions SET order_key = NULL, kind = 'wait', event = 'e', available_at = 'infinity' WHERE instance_id = 'waits'",
    );
    await pool.query(
      "UPDATE waymark.positions SET order_key = NULL, kind = 'join', pending = 2, available_at = 'infinity' WHERE instance_id = 'joins'",
    );
    await backend.pauseFlow(lane.flow, {});
    expect(await stuck()).toEqual({
      lapsed: "the lease of gone has run out, and nobody takes over",
      timer: "its time has come, and nobody takes it",
      joins: "it waits for 2 branches, and there are none",
    });
    await backend.unpauseFlow(lane.flow);
    expect(Object.keys(await stuck())).toEqual(["joins", "lapsed", "paused", "ready", "timer"]);
    expect((await stuck())["ready"]).toContain("no worker that is alive knows version");
  });
});
