import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runFlow } from "../../src/run-flow.ts";
import { mermaidProblems } from "./mermaid-problems.ts";
import { eventsOf, flowFrom, isNever, mix, randomDescription, randomFlow } from "./random-flow.ts";

const RUNS = 150;

describe("a random flow", () => {
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
        const drawn = [...flow].filter(
          ({ container, node }) => container.kind !== "part" && node.kind !== "undo" && node.kind !== "children",
        );
        for (const { node } of drawn) expect(chart).toContain(`"${node.id}`);
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
    expect([...kinds].sort()).toEqual([
      "children",
      "collect",
      "delay",
      "fork",
      "item",
      "loop",
      "map",
      "route",
      "spawn",
      "subflow",
      "task",
      "undo",
      "wait",
    ]);
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
      fc.property(randomFlow(), ({ flow }) => {
        const events = [...flow].flatMap(({ node }) =>
          node.kind === "wait" && !isNever(node.event) ? [node.event] : [],
        );
        expect(new Set(events).size).toBe(events.length);
      }),
      { numRuns: RUNS },
    );
  });

  test("tells of each attempt", async () => {
    const attempts: string[] = [];
    const steps = [{ kind: "task", id: "a", failures: 2 } as const];
    const flow = flowFrom({ name: "f", steps }, (taskId, number) => attempts.push(`${taskId} ${number}`));
    await runFlow(flow, 1);
    expect(attempts).toEqual(["a 1", "a 2", "a 3"]);
  });
});

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
