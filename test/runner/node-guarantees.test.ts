import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { bothBackends } from "../support/both-backends.ts";
import { memoryWorld, postgresWorld, type World } from "../support/crash-run.ts";
import { type NodeCase, nodeCases } from "../support/node-cases.ts";
import { disturbEverywhere, runNode } from "../support/node-run.ts";

const DOC = readFileSync(new URL("../../docs/nodes.md", import.meta.url), "utf8");

/** The cells of docs/nodes.md, by row and column. */
function documented(): Map<string, Map<string, string>> {
  const [head = [], , ...rows] = DOC.split("\n")
    .filter((line) => line.startsWith("|"))
    .map((line) =>
      line
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim()),
    );
  const cells = rows.map(([name = "", ...texts]) => {
    const byColumn = texts.map((text, index): [string, string] => [head[index + 1] ?? "", text]);
    return [name, new Map(byColumn)] as const;
  });
  return new Map(cells);
}

/** What a column promises, checked. */
const columns: Readonly<Record<string, (node: NodeCase, world: World) => Promise<void>>> = {
  "when a process dies": async ({ good }, world) => {
    for (const kind of ["killedBefore", "killedAfter"] as const)
      await disturbEverywhere(good, world, kind, ({ report }) =>
        expect(report).toMatchObject({ status: "completed", output: good.output }),
      );
  },

  "when it is cancelled": async ({ good }, world) => {
    const statuses = new Set<string>();
    await disturbEverywhere(good, world, "cancel", ({ report, history }) => {
      statuses.add(report.status);
      const notes = history.filter(({ taskId }) => taskId === "$cancel");
      // Before it was made, or after its end, there was nothing to cancel.
      expect([report.status, notes.length]).toEqual(
        report.status === "cancelled" ? ["cancelled", 1] : ["completed", 0],
      );
    });
    expect(statuses).toContain("cancelled");
  },

  "when it is paused": async ({ good }, world) => {
    await disturbEverywhere(good, world, "pause", ({ report }) =>
      expect(report).toMatchObject({ status: "completed", output: good.output }),
    );
  },

  "when it fails or its time is up": async ({ bad }, world) => {
    const { report } = await runNode(bad, world, null);
    expect(report).toMatchObject(bad.report as object);
    for (const kind of ["killedBefore", "killedAfter"] as const)
      await disturbEverywhere(bad, world, kind, (outcome) =>
        expect(outcome.report).toMatchObject(bad.report as object),
      );
  },
};

test("docs/nodes.md and these tests name the same nodes, and the same that can happen to them", () => {
  const doc = documented();
  expect([...doc.keys()].sort()).toEqual(Object.keys(nodeCases).sort());
  for (const [name, cells] of doc) {
    expect([name, [...cells.keys()]]).toEqual([name, Object.keys(columns)]);
    for (const text of cells.values()) expect(text).not.toBe("");
  }
});

const [, postgres] = await bothBackends();
if (postgres === undefined) throw new TypeError("PostgreSQL was expected.");
const onPostgres = postgresWorld(postgres.backend);

describe.each<[string, () => World]>([
  ["memory", memoryWorld],
  ["PostgreSQL", () => onPostgres],
])("on %s", (_, world) => {
  const cells = [...documented()].flatMap(([name, texts]) =>
    Array.from(texts, ([column, text]) => ({ name, column, text })),
  );
  test.concurrent.each(cells)("$name, $column: $text", { timeout: 240_000 }, async ({ name, column }) => {
    const node = nodeCases[name];
    if (node === undefined) throw new TypeError(`There is no node "${name}".`);
    await columns[column]?.(node, world());
  });
});
