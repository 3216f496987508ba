import { describe, expect, test } from "vitest";
import type { Evidence, HistoryRow } from "./storm-evidence.ts";
import { expectedCourse, STORM_KINDS, type StormKind } from "./storm-flows.ts";
import type { JournalLine } from "./storm-journal.ts";
import { complaintsAbout, curiositiesOf } from "./storm-verifier.ts";

const INPUT = 7;
const WORKER = "w001";
/** Longer than any delay of the flows. */
const STEP_MS = 400;

/** What is left of one instance that nothing has happened to. */
function sound(kind: StormKind): Evidence {
  const { output, tasks } = expectedCourse(kind, INPUT);
  const history: HistoryRow[] = [];
  const journal: JournalLine[] = [];
  for (const { taskId: task, kind: entryKind, failures, output: recorded } of tasks) {
    for (let attempt = 1; attempt <= failures + 1; attempt++) {
      const sequence = history.length + 1;
      const outcome = attempt > failures ? "completed" : "failed";
      const at = sequence * STEP_MS;
      const entry = { instance: "it", task, attempt, worker: WORKER };
      history.push({
        ...entry,
        sequence,
        kind: entryKind,
        outcome,
        at,
        output: outcome === "failed" ? null : recorded,
      });
      const hasBody = !["delay", "wait", "branch"].includes(entryKind);
      if (hasBody) journal.push({ ...entry, what: "begin", pid: 1, key: `it#${task}`, at: at - 20 });
    }
  }
  return {
    acknowledged: [{ id: "it", kind, input: INPUT, events: 0, cancel: null, cancelledAt: 0 }],
    instances: [{ id: "it", status: "completed", output, failure: null, createdAt: 0, endedAt: 1 }],
    history,
    journal,
    leftovers: [],
  };
}

function withEntry(task: string, change: Partial<HistoryRow>, evidence: Evidence = sound("linear")): Evidence {
  return { ...evidence, history: evidence.history.map((it) => (it.task === task ? { ...it, ...change } : it)) };
}

function withBegin(task: string, change: Partial<JournalLine>, evidence: Evidence = sound("linear")): Evidence {
  return { ...evidence, journal: evidence.journal.map((it) => (it.task === task ? { ...it, ...change } : it)) };
}

/** Cancelled while `t3` ran, as far as the answer says. */
function cancelled(cancelledAt: number): Evidence {
  const evidence = sound("linear");
  const note = { instance: "it", task: "$cancel", attempt: 1, sequence: 4, kind: "instance", outcome: "noted" };
  return {
    ...evidence,
    acknowledged: evidence.acknowledged.map((it) => ({ ...it, cancel: "requested", cancelledAt })),
    instances: evidence.instances.map((it) => ({ ...it, status: "cancelled", output: null })),
    history: [...evidence.history.slice(0, 3), { ...note, output: null, worker: null, at: 4 * STEP_MS }],
    journal: evidence.journal.slice(0, 3),
  };
}

describe("complaintsAbout", () => {
  test.each(STORM_KINDS)("has none about an instance of the flow %s that took its course", (kind) => {
    expect(complaintsAbout(sound(kind))).toEqual([]);
  });

  test("has none about one that was cancelled on its way", () => {
    expect(complaintsAbout(cancelled(3 * STEP_MS - 10))).toEqual([]);
  });

  const good = sound("linear");
  const tampered: readonly (readonly [string, RegExp, Evidence])[] = [
    ["an instance that is gone", /is not there/, { ...good, instances: [] }],
    ["one that nobody submitted", /never acknowledged/, { ...good, acknowledged: [] }],
    ["a wrong output", /its output is 1,/, { ...good, instances: good.instances.map((it) => ({ ...it, output: 1 })) }],
    ["a failure", /is failed/, { ...good, instances: good.instances.map((it) => ({ ...it, status: "failed" })) }],
    ["a missing task", /t3 has no outcome/, { ...good, history: good.history.filter(({ task }) => task !== "t3") }],
    [
      "a second outcome",
      /t3 has more than one outcome/,
      { ...good, history: good.history.flatMap((it) => (it.task === "t3" ? [it, { ...it, attempt: 2 }] : [it])) },
    ],
    ["a task of another flow", /other is recorded/, withEntry("t3", { task: "other" })],
    ["a wrong recorded output", /t3 has the output 1$/, withEntry("t3", { output: 1 })],
    ["an attempt that failed and should not", /attempt 1 of t3 has failed/, withEntry("t3", { outcome: "failed" })],
    ["an order that is no order", /t3 has a lower sequence than t2/, withEntry("t3", { sequence: 1 })],
    ["an outcome without a body", /did not run it/, withEntry("t3", { worker: "w002" })],
    ["a body that was too early", /ran t3 .* before the outcome of t2/, withBegin("t3", { at: STEP_MS })],
    ["a body of no task", /other was run/, withBegin("t3", { task: "other" })],
    ["an attempt that nothing has spent", /a lost lease spends none/, withBegin("t3", { attempt: 2 })],
    [
      "another key at another attempt",
      /was run with the keys/,
      { ...good, journal: [...good.journal, ...withBegin("t3", { key: "it#other" }).journal] },
    ],
    ["the same key for two tasks", /the same idempotency key/, withBegin("t3", { key: "it#t2" })],
    ["something left over", /left over/, { ...good, leftovers: ["it: position"] }],
    ["a delay that was too short", /rest was over/, withEntry("rest", { at: STEP_MS + 10 }, sound("delayed"))],
    ["a retry that was too early", /tried again after/, withBegin("flaky", { at: 3 * STEP_MS + 1 }, sound("delayed"))],
    ["a swapped event", /second has the output/, withEntry("second", { output: 1 }, sound("event"))],
    [
      "a cancel that was applied, and lost",
      /its cancel was acknowledged/,
      { ...good, acknowledged: good.acknowledged.map((it) => ({ ...it, cancel: "applied", cancelledAt: 1 })) },
    ],
    ["a cancel that nobody heard", /went on with t3/, cancelled(STEP_MS)],
    [
      "an entry after the cancel",
      /after its cancel/,
      withEntry("$cancel", { sequence: 0 }, reordered(cancelled(1_190))),
    ],
  ];

  test.each(tampered)("finds %s", (_what, complaint, evidence) => {
    expect(complaintsAbout(evidence)).toEqual(expect.arrayContaining([expect.stringMatching(complaint)]));
  });
});

function reordered(evidence: Evidence): Evidence {
  return {
    ...evidence,
    history: evidence.history.toSorted((a, b) => Number(b.task === "$cancel") - Number(a.task === "$cancel")),
  };
}

describe("curiositiesOf", () => {
  test("counts bodies that ran again, and those that did so in vain", () => {
    const good = sound("linear");
    const again = good.journal.filter(({ task }) => task === "t3").map((it) => ({ ...it, at: it.at + 1_000 }));
    const { runAgain, runAfterOutcome } = curiositiesOf({ ...good, journal: [...good.journal, ...again] });
    expect({ runAgain, inVain: runAfterOutcome.length }).toEqual({ runAgain: 1, inVain: 1 });
  });
});
