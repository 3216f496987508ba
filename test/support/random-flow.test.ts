import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { FlowNode, Sequence, TaskNode } from "../../src/flow/definition.ts";
import type { LoopResult } from "../../src/flow/loop-result.ts";
import { mermaidProblems } from "./mermaid-problems.ts";
import { eventsOf, expectedRun, flowFrom, mix, randomDescription, randomFlow } from "./random-flow.ts";

const RUNS = 150;
const payloadOf = (event: string): unknown => ({ event });

/** Runs a definition in the plainest way: no engine, nothing kept. */
function run(sequence: Sequence, input: unknown, prefix: string, outputs: Map<string, unknown>): unknown {
  return sequence.reduce((value, node) => runNode(node, value, prefix, outputs), input);
}

function runNode(node: FlowNode, input: unknown, prefix: string, outputs: Map<string, unknown>): unknown {
  const taskId = prefix + node.id;
  const record = (output: unknown): unknown => {
    outputs.set(taskId, output);
    return output;
  };
  switch (node.kind) {
    case "task":
      return record(attempt(node, taskId, input));
    case "fork": {
      const branches = node.branches.map(
        ({ name, sequence }) => [name, run(sequence, input, prefix, outputs)] as const,
      );
      return record(attempt(node.join, taskId, Object.fromEntries(branches)));
    }
    case "route": {
      const key = record(attempt(node.select, taskId, input));
      const taken = node.branches.find((it) => it.key === key)?.sequence ?? node.defaultBranch;
      if (taken === null) throw new Error(`No branch for ${String(key)}`);
      return run(taken, input, prefix, outputs);
    }
    case "loop": {
      let value = input;
      for (let iteration = 0; ; iteration++) {
        const result = attempt(node.body, `${taskId}[${iteration}]`, value) as LoopResult<unknown, unknown>;
        value = result.value;
        outputs.set(`${taskId}[${iteration}]`, value);
        if (result.decision === "done") return value;
        if (iteration + 1 < node.maxIterations) continue;
        if (node.onMax === "exitWithLast") return value;
        throw new Error(`${taskId} is not done`);
      }
    }
    case "delay":
      return input;
    case "wait":
      return record(node.onTimeout === "continue" ? { timedOut: true } : payloadOf(node.event));
    case "subflow":
      return run(node.sequence, input, `${taskId}/`, outputs);
  }
}

/** Calls a body until it succeeds, as often as its policy allows. */
function attempt(node: TaskNode, taskId: string, input: unknown): unknown {
  for (let number = 1; ; number++) {
    try {
      return node.run(input, { taskId, attempt: number } as never);
    } catch (error) {
      if (number >= node.policy.retry.maxAttempts) throw error;
    }
  }
}

describe("a random flow", () => {
  test("builds, and takes its expected course", () => {
    const options = { maxFailures: 3, timeoutsMs: [null, 1_000] };
    fc.assert(
      fc.property(randomFlow(options), fc.integer(), ({ flow, description }, input) => {
        const outputs = new Map<string, unknown>();
        const output = run(flow.root, input, "", outputs);
        const expected = expectedRun(description, input, (event) =>
          isTimed(event, flow) ? undefined : payloadOf(event),
        );
        expect({ output, outputs }).toEqual(expected);
      }),
      { numRuns: RUNS },
    );
  });

  test("has the same hash each time that it is built, and another if anything is added", () => {
    fc.assert(
      fc.property(randomDescription(), (description) => {
        const { hash } = flowFrom(description);
        expect(flowFrom(description).hash).toBe(hash);
        const longer = {
          ...description,
          steps: [...description.steps, { kind: "task", id: "more", failures: 0 } as const],
        };
        expect(flowFrom(longer).hash).not.toBe(hash);
      }),
      { numRuns: RUNS },
    );
  });

  test("has a well-formed flowchart with each of its nodes", () => {
    fc.assert(
      fc.property(randomFlow(), ({ flow }) => {
        const chart = flow.toMermaid();
        expect(mermaidProblems(chart)).toEqual([]);
        for (const { node } of flow) expect(chart).toContain(`"${node.id}`);
      }),
      { numRuns: RUNS },
    );
  });

  test("covers all kinds of nodes, at all depths", () => {
    const kinds = new Set<string>();
    let deepest = 0;
    for (const { flow } of fc.sample(randomFlow(), { numRuns: 300, seed: 1 })) {
      for (const { node, depth } of flow) {
        kinds.add(node.kind);
        deepest = Math.max(deepest, depth);
      }
    }
    expect([...kinds].sort()).toEqual(["delay", "fork", "loop", "route", "subflow", "task", "wait"]);
    expect(deepest).toBeGreaterThanOrEqual(3);
  });

  test("has no waits, delays or failures where none are wanted", () => {
    fc.assert(
      fc.property(randomDescription({ waits: false, delaysMs: [] }), (description) => {
        expect(eventsOf(description.steps)).toEqual([]);
        const nodes = [...flowFrom(description)].map(({ node }) => node);
        expect(nodes.filter(({ kind }) => kind === "delay")).toEqual([]);
        expect(nodes.filter((node) => node.kind === "task" && node.policy.retry.maxAttempts > 1)).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  });

  test("waits for each event at one place only", () => {
    fc.assert(
      fc.property(randomDescription(), ({ steps }) => {
        const events = eventsOf(steps);
        expect(new Set(events).size).toBe(events.length);
      }),
      { numRuns: RUNS },
    );
  });

  test("tells of each attempt", () => {
    const attempts: string[] = [];
    const steps = [{ kind: "task", id: "a", failures: 2 } as const];
    const flow = flowFrom({ name: "f", steps }, (taskId, number) => attempts.push(`${taskId} ${number}`));
    run(flow.root, 1, "", new Map());
    expect(attempts).toEqual(["a 1", "a 2", "a 3"]);
  });
});

function isTimed(event: string, flow: Iterable<{ readonly node: FlowNode }>): boolean {
  return [...flow].some(({ node }) => node.kind === "wait" && node.event === event && node.timeoutMs !== null);
}

describe("mix", () => {
  test("doesn't depend on the order of keys, but on everything else", () => {
    expect(mix("t", { a: 1, b: [2, null] })).toBe(mix("t", { b: [2, null], a: 1 }));
    const values = [
      mix("t", 1),
      mix("u", 1),
      mix("t", 2),
      mix("t[1]", 1),
      mix("t", "1"),
      mix("t", [1]),
      mix("t", undefined),
      mix("t", null),
    ];
    expect(new Set(values).size).toBe(values.length);
  });

  test("gives whole numbers that every codec can write", () => {
    fc.assert(
      fc.property(fc.string(), fc.jsonValue(), (taskId, input) => {
        const value = mix(taskId, input);
        expect(Number.isInteger(value) && value >= 0 && value < 2 ** 32).toBe(true);
      }),
      { numRuns: RUNS },
    );
  });
});

test("mermaidProblems finds what is wrong", () => {
  const good = 'flowchart TD\n  n1(("a"))\n  n2["b"]\n  n1 --> n2\n';
  expect(mermaidProblems(good)).toEqual([]);
  expect(mermaidProblems(good.replace("TD", "LR"))).toEqual(["begins with: flowchart LR"]);
  expect(mermaidProblems(good.replace('"b"]', '"b"'))).toContain('not understood: n2["b"');
  expect(mermaidProblems(good.replace('"b"', '"<b>"'))).toContain('unsafe label: n2["<b>"]');
  expect(mermaidProblems(`${good}  n1 -->|"#x"| n2\n`)).toContain('unsafe label: n1 -->|"#x"| n2');
  expect(mermaidProblems(`${good}  n2 --> n3\n`)).toContain("an arrow at n3, which is nowhere");
  expect(mermaidProblems(`${good}  n3["c"]\n`)).toContain("not reached: n3");
  expect(mermaidProblems(`${good}  n2["c"]\n`)).toContain("defined twice: n2");
  expect(mermaidProblems(`${good}  subgraph n9["x"]\n`)).toContain("a subgraph without an end");
  expect(mermaidProblems(`${good}  end\n`)).toContain("an end without a subgraph");
});
