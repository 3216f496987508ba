import { expect } from "vitest";
import { anEntry, aTaskResult, bytesOf } from "../builders.ts";
import { listCompletedTests } from "./collapse.suite.ts";
import { highestAttemptTests } from "./ending.suite.ts";
import { expectRefusal } from "./errors.ts";
import type { Given } from "./given.ts";
import type { ConformanceSuite, ConformanceTests } from "./suite.ts";
import { lastFailureTests } from "./tolerated.suite.ts";

/** An instance with so many entries: `step[0]`, `step[1]` … */
async function withHistory(given: Given, entries: number): Promise<void> {
  const claim = await given.held();
  for (let index = 0; index < entries; index++) {
    await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: `step[${index + 1}]` }) }, [
      anEntry({ taskId: `step[${index}]`, kind: "loop" }),
    ]);
  }
}

const readHistoryTests: ConformanceTests = {
  "gives entries in the order of their sequence, which grows (INV-4)": async ({ backend, given }) => {
    await withHistory(given, 12);
    const entries = await backend.readHistory("order-1");

    expect(entries.map((entry) => entry.taskId)).toEqual(Array.from({ length: 12 }, (_, index) => `step[${index}]`));
    for (const [index, entry] of entries.entries()) {
      if (index > 0) expect(entry.sequence).toBeGreaterThan(entries[index - 1]?.sequence ?? entry.sequence);
    }
  },

  "gives what depends on an entry a greater sequence: a join after its branches (INV-4)": async ({
    backend,
    given,
  }) => {
    const names = ["a", "b", "c"];
    const { branches } = await given.forked(names);
    const fates = await Promise.all(
      names.map((name) =>
        given.accepted(branches[name]!, { kind: "endBranch", joinPath: "" }, [anEntry({ taskId: name })]),
      ),
    );
    const token = fates.flatMap((fate) => fate.granted)[0]?.token ?? 0n;
    await given.accepted(
      { instanceId: "order-1", path: "", token },
      { kind: "complete", output: bytesOf("2"), codec: "json" },
      [anEntry({ taskId: "both", kind: "join" })],
    );

    const sequences = new Map((await backend.readHistory("order-1")).map((entry) => [entry.taskId, entry.sequence]));
    for (const name of names) expect(sequences.get("both")).toBeGreaterThan(sequences.get(name) ?? 0n);
  },

  "pages by the last sequence": async ({ backend, given }) => {
    await withHistory(given, 10);
    const first = await backend.readHistory("order-1", { limit: 4 });
    const second = await backend.readHistory("order-1", { limit: 4, after: first.at(-1)?.sequence ?? 0n });
    const third = await backend.readHistory("order-1", { limit: 4, after: second.at(-1)?.sequence ?? 0n });
    const fourth = await backend.readHistory("order-1", { limit: 4, after: third.at(-1)?.sequence ?? 0n });

    expect([first.length, second.length, third.length, fourth.length]).toEqual([4, 4, 2, 0]);
    expect([...first, ...second, ...third]).toEqual(await backend.readHistory("order-1"));
  },

  "gives all that is greater than a sequence that no entry has": async ({ backend, given }) => {
    await withHistory(given, 3);

    expect(await backend.readHistory("order-1", { after: 0n })).toHaveLength(3);
    expect(await backend.readHistory("order-1", { after: 9_000_000_000_000_000_000n })).toEqual([]);
  },

  "gives at most 1,000 unless asked for more": async ({ backend, given }) => {
    const results = Array.from({ length: 1_100 }, (_, index) => aTaskResult({ taskId: `t${index}` }));
    await backend.saveSnapshot(given.snapshot({ results }));

    expect(await backend.readHistory("order-1")).toHaveLength(1_000);
    expect(await backend.readHistory("order-1", { limit: 10_000 })).toHaveLength(1_101);
  },

  "gives nothing for an unknown instance": async ({ backend }) => {
    expect(await backend.readHistory("nowhere")).toEqual([]);
  },

  "gives an instance's own entries only": async ({ backend, given }) => {
    await given.ended("completed", { instanceId: "order-2" });
    await given.ended("failed");

    expect(await given.historyOf("order-1")).toEqual(["first#1 failed"]);
    expect(await backend.readHistory("order-2")).toEqual([]);
  },

  "gives failed attempts with their failures": async ({ given }) => {
    await given.ended("failed");

    expect(await given.entryOf("order-1", "first")).toMatchObject({
      outcome: "failed",
      output: null,
      failure: bytesOf("3"),
    });
  },

  "keeps entries as they were when an instance ends": async ({ backend, given }) => {
    await withHistory(given, 3);
    const before = await backend.readHistory("order-1");
    given.after(60_000);
    await backend.requestControl("order-1", "cancel", {});

    expect((await backend.readHistory("order-1")).slice(0, 3)).toEqual(before);
  },

  "refuses pages that make no sense": async ({ backend }) => {
    const wrong: unknown[] = [
      { limit: 0 },
      { limit: 10_001 },
      { limit: 1.5 },
      { limit: "5" },
      { after: 5 },
      { after: "5" },
      null,
      [],
    ];
    for (const page of wrong)
      await expectRefusal(backend.readHistory("order-1", page as { limit: number }), "INVALID_ARGUMENT");
  },
};

const readTraceTests: ConformanceTests = {
  "gives the whole history in order, without payloads": async ({ backend, given }) => {
    await withHistory(given, 12);
    await backend.requestControl("order-1", "cancel", {});
    const entries = await backend.readHistory("order-1");

    expect(await backend.readTrace("order-1")).toEqual(
      entries.map((entry) => ({ ...entry, output: undefined, failure: undefined })),
    );
  },

  "gives more than a page of the history": async ({ backend, given }) => {
    const results = Array.from({ length: 1_100 }, (_, index) => aTaskResult({ taskId: `t${index}` }));
    await backend.saveSnapshot(given.snapshot({ results }));

    expect(await backend.readTrace("order-1")).toHaveLength(1_101);
  },

  "gives nothing for an unknown instance, and an instance's own entries only": async ({ backend, given }) => {
    await given.ended("completed");

    expect(await backend.readTrace("nowhere")).toEqual([]);
    await expectRefusal(backend.readTrace(""), "INVALID_ARGUMENT");
  },
};

const loadResultsTests: ConformanceTests = {
  "gives the recorded outcomes of these tasks, as far as there are any": async ({ backend, given }) => {
    await backend.saveSnapshot(
      given.snapshot({
        results: [aTaskResult(), aTaskResult({ taskId: "second", kind: "loop", output: bytesOf("5") })],
      }),
    );

    expect(await backend.loadResults("order-1", ["second"])).toEqual([
      aTaskResult({ taskId: "second", kind: "loop", output: bytesOf("5") }),
    ]);
    expect(
      (await backend.loadResults("order-1", ["first", "gone", "second"])).map((result) => result.taskId).sort(),
    ).toEqual(["first", "second"]);
    expect(await backend.loadResults("order-1", [])).toEqual([]);
    expect(await backend.loadResults("nowhere", ["first"])).toEqual([]);
  },

  "gives each once, however often it is asked for": async ({ backend, given }) => {
    await backend.saveSnapshot(given.snapshot({ results: [aTaskResult()] }));

    expect(await backend.loadResults("order-1", ["first", "first"])).toHaveLength(1);
  },

  "takes no failed attempt and no note for an outcome": async ({ backend, given }) => {
    await given.ended("failed");
    await given.ended("cancelled", { instanceId: "order-2" });

    expect(await backend.loadResults("order-1", ["first"])).toEqual([]);
    expect(await backend.loadResults("order-2", ["$cancel"])).toEqual([]);
  },

  "gives a timed-out wait without an output": async ({ backend, given }) => {
    const timedOut = aTaskResult({ taskId: "payment", kind: "wait", outcome: "timed_out", output: null });
    await backend.saveSnapshot(given.snapshot({ results: [timedOut] }));

    expect(await backend.loadResults("order-1", ["payment"])).toEqual([timedOut]);
  },

  "gives the output that one passes on, also over several": async ({ backend, given }) => {
    const results = [
      aTaskResult({ output: bytesOf("8") }),
      aTaskResult({ taskId: "rest", kind: "delay", output: null, outputRef: "first" }),
      aTaskResult({ taskId: "both/a", kind: "branch", output: null, outputRef: "rest" }),
    ];
    await backend.saveSnapshot(given.snapshot({ results }));

    const loaded = await backend.loadResults("order-1", ["rest", "both/a"]);
    expect(loaded.map((result) => [result.taskId, result.output, result.outputRef])).toEqual([
      ["rest", bytesOf("8"), "first"],
      ["both/a", bytesOf("8"), "rest"],
    ]);
  },

  "gives the instance's input where that is passed on": async ({ backend, given }) => {
    const rest = aTaskResult({ taskId: "rest", kind: "delay", output: null, outputRef: null });
    await backend.saveSnapshot(given.snapshot({ input: bytesOf("7"), results: [rest] }));

    expect((await backend.loadResults("order-1", ["rest"]))[0]?.output).toEqual(bytesOf("7"));
  },

  "gives the outcomes of many tasks at once": async ({ backend, given }) => {
    const results = Array.from({ length: 500 }, (_, index) => aTaskResult({ taskId: `t${index}` }));
    await backend.saveSnapshot(given.snapshot({ results }));

    expect(
      await backend.loadResults(
        "order-1",
        results.map((result) => result.taskId),
      ),
    ).toHaveLength(500);
  },
};

const findLastIterationTests: ConformanceTests = {
  "gives the iteration with the greatest index, by number": async ({ backend, given }) => {
    await withHistory(given, 11);

    expect(await backend.findLastIteration("order-1", "step")).toBe("step[10]");
  },

  "gives null if none has an outcome": async ({ backend, given }) => {
    const claim = await given.held();
    const failed = anEntry({ taskId: "step[0]", kind: "loop", outcome: "failed", output: null, failure: bytesOf("3") });
    await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "step[0]", attempt: 2 }) }, [failed]);

    expect(await backend.findLastIteration("order-1", "step")).toBeNull();
    expect(await backend.findLastIteration("nowhere", "step")).toBeNull();
  },

  "goes by the index, not by when it was recorded": async ({ backend, given }) => {
    const results = ["step[2]", "step[10]", "step[9]"].map((taskId) => aTaskResult({ taskId, kind: "loop" }));
    await backend.saveSnapshot(given.snapshot({ results }));

    expect(await backend.findLastIteration("order-1", "step")).toBe("step[10]");
  },

  "takes nothing for an iteration that only looks like one": async ({ backend, given }) => {
    const taskIds = ["step[1]", "step2[7]", "steps[8]", "step[5]/inner", "step", "outer/step[6]", "ste%[9]"];
    await backend.saveSnapshot(
      given.snapshot({ results: taskIds.map((taskId) => aTaskResult({ taskId, kind: "loop" })) }),
    );

    expect(await backend.findLastIteration("order-1", "step")).toBe("step[1]");
    expect(await backend.findLastIteration("order-1", "outer/step")).toBe("outer/step[6]");
    expect(await backend.findLastIteration("order-1", "ste_")).toBeNull();
  },
};

const loadStepsTests: ConformanceTests = {
  "gives the steps of one task, in order": async ({ backend, given }) => {
    const claim = await given.held();
    const taskIds = [
      "first>z",
      "first>a",
      "first2>b",
      "first",
      "first>a:1",
      "first>é",
      "x/first>c",
      "first?",
      "first[1]>d",
    ];
    for (const taskId of taskIds) {
      const kind = taskId.includes(">") ? "step" : "task";
      await given.accepted(claim, { kind: "note" }, [anEntry({ taskId, kind, output: bytesOf(taskId) })]);
    }

    const steps = await backend.loadSteps("order-1", "first");
    expect(steps.map(({ taskId }) => taskId)).toEqual(["first>z", "first>a", "first>a:1", "first>é"]);
    expect(steps[0]).toEqual(aTaskResult({ taskId: "first>z", kind: "step", output: bytesOf("first>z") }));
    expect(await backend.loadSteps("order-1", "first[1]")).toMatchObject([{ taskId: "first[1]>d" }]);
  },

  "gives none where there are none": async ({ backend, given }) => {
    await given.instance();

    expect(await backend.loadSteps("order-1", "first")).toEqual([]);
    expect(await backend.loadSteps("nowhere", "first")).toEqual([]);
  },
};

const sinceAttemptTests: ConformanceTests = {
  "gives how long ago an attempt began": async ({ backend, clock, given }) => {
    const claim = await given.held();
    const failed = anEntry({ outcome: "failed", output: null, failure: bytesOf("3"), durationMs: 250 });
    await given.accepted(claim, { kind: "advance", to: given.standing({ attempt: 2 }) }, [failed]);
    clock.advance(4_000);

    expect(await backend.sinceAttempt("order-1", failed.taskId, 1)).toBe(4_250);
  },

  "gives null for what has not been recorded": async ({ backend, given }) => {
    await given.instance();

    expect(await backend.sinceAttempt("order-1", "first", 1)).toBeNull();
    expect(await backend.sinceAttempt("nowhere", "first", 1)).toBeNull();
  },

  "refuses what is no attempt": async ({ backend }) => {
    for (const attempt of [0, 1.5, -1, 2 ** 31, Number.NaN])
      await expectRefusal(backend.sinceAttempt("order-1", "first", attempt), "INVALID_ARGUMENT");
  },
};

export const historyStoreSuite: ConformanceSuite = {
  name: "HistoryStore",
  methods: {
    readHistory: readHistoryTests,
    readTrace: readTraceTests,
    loadResults: loadResultsTests,
    findLastIteration: findLastIterationTests,
    loadSteps: loadStepsTests,
    sinceAttempt: sinceAttemptTests,
    lastFailure: lastFailureTests,
    highestAttempt: highestAttemptTests,
    listCompleted: listCompletedTests,
  },
};
