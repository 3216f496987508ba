// oxlint-disable no-template-curly-in-string -- patches hold the placeholders of the sources that they change
import type { Mutant } from "./mutant.ts";

const QUERIES = "src/postgres/queries";
const FENCING = { files: ["test/integration/postgres-fencing.test.ts"] };
const RACES = { files: ["test/integration/postgres-races.test.ts"] };
const CONFORMANCE = { files: ["test/conformance/postgres.test.ts"] };
const HOLES = { files: ["test/worker/holes.test.ts"] };
const STORM = { files: ["test/chaos/storm.test.ts"] };
const STATEMENTS = { files: ["test/integration/postgres-failed-statements.test.ts"] };
const CLOCKS = { files: ["test/integration/postgres-late-holder.test.ts"] };

/** Bugs in the PostgreSQL backend, in its SQL for the most part. */
export const storeMutants: readonly Mutant[] = [
  {
    id: "M1",
    bug: "a checkpoint is written without a look at its token",
    breaks: "INV-5",
    patches: [
      {
        file: `${QUERIES}/checkpoint-columns.ts`,
        find: "p.path = d.path AND p.token = d.token AND p.worker_id IS NOT NULL\n        FOR NO KEY UPDATE",
        replace: "p.path = d.path AND p.worker_id IS NOT NULL\n        FOR NO KEY UPDATE",
      },
    ],
    narrow: FENCING,
    wide: HOLES,
  },
  {
    id: "M2",
    bug: "a checkpoint whose token holds is written, though the outcome has been recorded meanwhile (there is no version beside the token)",
    breaks: "INV-3",
    patches: [
      {
        file: `${QUERIES}/checkpoint-columns.ts`,
        // biome-ignore format: it is found as it stands there.
        find: "WHERE NOT ${hasOutcome(t, checkpoints)}`",
        replace: "WHERE true`",
      },
    ],
    narrow: CONFORMANCE,
    wide: { files: ["test/property/backends-agree.test.ts"] },
  },
  {
    id: "M3",
    bug: "a lease is counted by the clock of the process that claims",
    breaks: "INV-6",
    patches: [
      {
        file: "src/postgres/postgres-position-store.ts",
        find: "limit: request.limit,\n      now: this.#context.now(),",
        replace: "limit: request.limit,\n      now: this.#context.now() ?? new Date(),",
      },
    ],
    narrow: CLOCKS,
    wide: HOLES,
  },
  {
    id: "M4",
    bug: "a claim that has waited for a lock is given a lease from the beginning of its transaction on: now() instead of clock_timestamp()",
    breaks: "INV-6",
    patches: [
      {
        file: "src/postgres/migrations/0001-initial.sql",
        find: "CONTINUE WHEN v_limit.paused;\n    v_now := coalesce(p_now, clock_timestamp());",
        replace: "CONTINUE WHEN v_limit.paused;\n    v_now := coalesce(p_now, now());",
      },
    ],
    narrow: CLOCKS,
    wide: { files: ["test/limits"] },
  },
  {
    id: "M5",
    bug: "an event is taken in a transaction of its own, before the checkpoint that uses it",
    breaks: "INV-8",
    patches: [
      {
        file: "src/postgres/checkpoint-writer.ts",
        find: "rows = await db.run(`checkpoint-${shape}`, this.#statement(shape, group, holder));",
        replace: `const { tables } = this.#context;
      for (const { claim, consumes } of shape === "consume" ? group : [])
        await db.run("take", { text: \`DELETE FROM \${tables.events.sql} WHERE instance_id = $1 AND sequence = $2\`, values: [claim.instanceId, consumes] } as never);
      rows = await db.run(\`checkpoint-\${shape}\`, this.#statement(shape === "consume" ? "advance" : shape, group, holder));`,
      },
    ],
    narrow: STATEMENTS,
    wide: CONFORMANCE,
  },
  {
    id: "M7",
    bug: "an instance's end is written in a second transaction, after its last position is gone",
    breaks: "INV-13",
    patches: [
      {
        file: "src/postgres/checkpoint-writer.ts",
        find: "    for (const row of rows) {\n      const checkpoint = group[row.idx - 1];\n      if (checkpoint === undefined) continue;",
        replace: `    if (shape === "endInstance") {
      const { tables } = this.#context;
      for (const row of rows) {
        const { claim, move } = group[row.idx - 1] as Checkpoint;
        if (!row.accepted || (move.kind !== "complete" && move.kind !== "fail")) continue;
        const [status, output, failure] = move.kind === "complete" ? ["completed", move.output, null] : ["failed", null, move.failure];
        const text = \`UPDATE \${tables.instances.sql} SET status = $1::text, output = $2::bytea, failure = $3::bytea, ended_at = clock_timestamp() WHERE instance_id = $4\`;
        await db.run("end", { text, values: [status, output, failure, claim.instanceId] } as never);
      }
    }
    for (const row of rows) {
      const checkpoint = group[row.idx - 1];
      if (checkpoint === undefined) continue;`,
      },
      {
        file: `${QUERIES}/end-instance.ts`,
        find: "SET status = d.status, output = d.output, failure = d.failure, reason = NULL,",
        replace: "SET reason = NULL,",
      },
      {
        file: `${QUERIES}/end-instance.ts`,
        // biome-ignore format: it is found as it stands there.
        find: ",\n          ended_at = coalesce(${facts.now}::timestamptz, clock_timestamp())",
        replace: "",
      },
    ],
    narrow: STATEMENTS,
    wide: STORM,
  },
  {
    id: "M8",
    bug: "a cancel is left to a holder, also where there is none",
    breaks: "a cancel of what nobody runs takes effect at once",
    patches: [
      {
        file: "src/postgres/postgres-instance-store.ts",
        find: "if (asked.undo !== true && !instance.isHeld) {",
        replace: "if (asked.undo !== true && instance.positions.length === 0) {",
      },
    ],
    narrow: FENCING,
    wide: HOLES,
  },
  {
    id: "M9",
    bug: "what a claim can use is picked from the first ready rows, whatever these are: rows of others fill the window",
    breaks: "no row that a worker can't use keeps it from those that it can",
    patches: [
      {
        file: `${QUERIES}/claim-positions.ts`,
        find: "WHERE q.lane = l.lane AND q.order_key IS NOT NULL\n",
        replace:
          "WHERE q.lane = l.lane AND q.order_key <= (SELECT max(w.order_key) FROM (SELECT v.order_key FROM ${t.positions} AS v WHERE v.order_key IS NOT NULL ORDER BY v.order_key LIMIT 100) AS w)\n",
      },
    ],
    narrow: { ...HOLES, only: "H8" },
    wide: CONFORMANCE,
  },
  {
    id: "M10",
    bug: "one payload that can't be read fails the claim of all that were claimed with it",
    breaks: "INV-15",
    patches: [
      {
        file: "src/postgres/claimed-row.ts",
        find: "export function claimedFromRow(row: ClaimedRow): ClaimedPosition {\n",
        replace:
          'export function claimedFromRow(row: ClaimedRow): ClaimedPosition {\n  if (row.codec === "json" && row.input !== null) JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(row.input));\n',
      },
    ],
    narrow: { ...HOLES, only: "H9" },
    wide: { files: ["test/runner/unreadable.test.ts"] },
  },
  {
    id: "M11",
    bug: "a submit looks whether the id is free, and then writes",
    breaks: "INV-12",
    patches: [
      {
        file: `${QUERIES}/create-instances.ts`,
        find: "      CROSS JOIN clock\n      ORDER BY n.instance_id\n      ON CONFLICT (instance_id) DO NOTHING\n      RETURNING",
        replace:
          "      CROSS JOIN clock\n      WHERE NOT EXISTS (SELECT FROM ${t.instances} AS x WHERE x.instance_id = n.instance_id)\n      ORDER BY n.instance_id\n      ON CONFLICT (instance_id) DO UPDATE SET input = excluded.input\n      RETURNING",
      },
    ],
    narrow: FENCING,
    wide: HOLES,
  },
  {
    id: "M12",
    bug: "whoever looks for the oldest event passes over one that somebody has locked",
    breaks: "INV-8",
    patches: [
      {
        file: `${QUERIES}/events.ts`,
        find: "WHERE e.instance_id = ${p.instanceId}::text AND e.name = ${p.name}::text\n    ORDER BY e.sequence\n    LIMIT 1\n",
        replace:
          "WHERE e.instance_id = ${p.instanceId}::text AND e.name = ${p.name}::text\n    ORDER BY e.sequence\n    LIMIT 1\n    FOR UPDATE SKIP LOCKED\n",
      },
    ],
    narrow: RACES,
    wide: STORM,
  },
  {
    id: "M13",
    bug: "whoever makes ready what has come due goes by what it saw, and not by what the row is once it has it",
    breaks: "INV-6",
    patches: [
      {
        file: `${QUERIES}/promote-due.ts`,
        find: "LIMIT (SELECT ${p.limit}::int)\n        FOR NO KEY UPDATE SKIP LOCKED\n",
        replace: "LIMIT (SELECT ${p.limit}::int)\n",
      },
    ],
    narrow: RACES,
    wide: STORM,
  },
  {
    id: "M14",
    bug: "a renewal adds to a lease, instead of counting it from now on",
    breaks: "what a dead process held is taken over after one lease",
    patches: [
      {
        file: `${QUERIES}/renew-claims.ts`,
        find: "ELSE coalesce(${p.now}::timestamptz, clock_timestamp()) + ${p.leaseMs}",
        replace: "ELSE q.available_at + ${p.leaseMs}",
      },
    ],
    narrow: CONFORMANCE,
    wide: STORM,
  },
  {
    id: "M16",
    bug: "a claim is given back by the name of its position, whoever has it by now",
    breaks: "INV-5",
    patches: [
      {
        file: `${QUERIES}/release-claims.ts`,
        find: "      FROM held AS h\n      CROSS JOIN clock\n      WHERE q.instance_id = h.instance_id AND q.path = h.path\n",
        replace:
          "      FROM claim AS h\n      CROSS JOIN clock\n      WHERE q.instance_id = h.instance_id AND q.path = h.path AND q.worker_id IS NOT NULL\n",
      },
    ],
    narrow: CONFORMANCE,
    wide: { files: ["test/property/backends-agree.test.ts"] },
  },
  {
    id: "M17",
    bug: "a timer is set by the clock of the process that parks",
    breaks: "INV-10",
    patches: [
      {
        file: `${QUERIES}/park.ts`,
        find: "clock AS MATERIALIZED (SELECT coalesce(${facts.now}::timestamptz, clock_timestamp()) AS now)",
        replace:
          "clock AS MATERIALIZED (SELECT coalesce(${facts.now ?? new Date()}::timestamptz, clock_timestamp()) AS now)",
      },
    ],
    narrow: CLOCKS,
    wide: { files: ["test/worker/holes.test.ts"] },
  },
  {
    id: "M18",
    bug: "that a claim was lost is not counted when the position is taken again",
    breaks: "a task that ends its process each time fails its instance after maxLostLeases",
    patches: [
      {
        file: `${QUERIES}/promote-due.ts`,
        find: "SET lost = least(p.lost + CASE WHEN p.worker_id IS NULL THEN 0 ELSE 1 END, 32767),",
        replace: "SET lost = p.lost,",
      },
      {
        file: `${QUERIES}/claim-positions.ts`,
        find: "SET lost = least(p.lost + CASE WHEN p.worker_id IS NULL THEN 0 ELSE 1 END, 32767),",
        replace: "SET lost = p.lost,",
      },
    ],
    narrow: FENCING,
    wide: { files: ["test/worker/lost-leases.test.ts"] },
  },
  {
    id: "M19",
    bug: "a join is counted down from what was read, without a lock",
    breaks: "INV-9",
    patches: [
      {
        file: `${QUERIES}/end-branch.ts`,
        find: "SELECT p.instance_id, p.path\n        FROM ${t.positions} AS p\n        WHERE p.instance_id = e.instance_id AND p.path = e.join_path AND p.kind = 'join' AND p.pending >= e.branches\n        FOR NO KEY UPDATE OF p\n",
        replace:
          "SELECT p.instance_id, p.path, p.pending\n        FROM ${t.positions} AS p\n        WHERE p.instance_id = e.instance_id AND p.path = e.join_path AND p.kind = 'join' AND p.pending >= e.branches\n",
      },
      {
        file: `${QUERIES}/end-branch.ts`,
        find: "SELECT j.instance_id, j.path, e.branches, e.last_idx",
        replace: "SELECT j.instance_id, j.path, j.pending, e.branches, e.last_idx",
      },
      {
        file: `${QUERIES}/end-branch.ts`,
        find: "SET pending = p.pending - j.branches,",
        replace: "SET pending = j.pending - j.branches,",
      },
    ],
    narrow: RACES,
    wide: { files: ["test/integration/postgres-branch-races.test.ts"] },
  },
  {
    id: "M21",
    bug: "a statement of which nobody knows whether it was committed is sent again, guarded or not",
    breaks: "INV-8: an event is sent once",
    patches: [
      {
        file: "src/postgres/database.ts",
        find: 'const repeatable = repeat === "harmless" || effectOf(error) === "none";',
        replace: 'const repeatable = repeat === "harmless" || error.retryable;',
      },
    ],
    narrow: { files: ["test/integration/postgres-failed-statements.test.ts"] },
    wide: STORM,
  },
  {
    id: "M22",
    bug: "a listener that has lost its connection does not listen again",
    breaks: "work is found at once, also after the database was away",
    patches: [
      {
        file: "src/postgres/listener.ts",
        find: "if (hasWorked) delayMs = FIRST_RETRY_MS;",
        replace: "if (hasWorked) return;",
      },
    ],
    narrow: { files: ["test/worker/wakeups.test.ts"] },
    wide: { files: ["test/worker/listening.test.ts"] },
  },
  {
    id: "M26",
    bug: "a connection whose statement was given up goes back to the pool, busy as it is",
    breaks: "a statement that takes too long harms nobody who comes after it",
    patches: [
      {
        file: "src/postgres/database.ts",
        find: "failure = deadline.passed || !isInOrder ? asError(error) : undefined;",
        replace: "failure = !isInOrder && !deadline.passed ? asError(error) : undefined;",
      },
    ],
    narrow: { files: ["test/integration/postgres-failed-statements.test.ts"] },
    wide: { files: ["test/worker/listening.test.ts"] },
  },
  {
    id: "M27",
    bug: "rows of a batch are written in the order in which they come, not in that of their keys",
    breaks: "nobody waits in a circle",
    patches: [
      {
        file: `${QUERIES}/create-instances.ts`,
        find: "      CROSS JOIN clock\n      ORDER BY n.instance_id\n      ON CONFLICT (instance_id) DO NOTHING\n      RETURNING",
        replace: "      CROSS JOIN clock\n      ON CONFLICT (instance_id) DO NOTHING\n      RETURNING",
      },
    ],
    narrow: FENCING,
    wide: { files: ["test/property/backends-agree.test.ts"] },
  },
  {
    id: "M28",
    bug: "sessions do not wait until what they commit is safe: synchronous_commit is off, and the server crashes",
    breaks: "INV-1",
    patches: [
      {
        file: "src/postgres/prepared-statements.ts",
        find: 'const SESSION = "SET enable_seqscan = off; SET jit = off";',
        replace: 'const SESSION = "SET enable_seqscan = off; SET jit = off; SET synchronous_commit = off";',
      },
    ],
    narrow: { files: ["test/integration/postgres-connections.test.ts"] },
    wide: STORM,
  },
  {
    id: "M29",
    bug: "a slot of a schedule is started by whoever looks at it, without a look at whether somebody was faster",
    breaks: "each slot is started once",
    patches: [
      {
        file: `${QUERIES}/schedules.ts`,
        find: "WHERE s.schedule_id = ${scheduleId}::text AND s.version = ${version}::bigint",
        replace: "WHERE s.schedule_id = ${scheduleId}::text AND s.version >= ${version}::bigint",
      },
    ],
    narrow: CONFORMANCE,
    wide: { files: ["test/schedules/crashes.test.ts"] },
  },
];
