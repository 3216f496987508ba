import { describe, expect, test } from "vitest";
import type { Graph, GraphEdge, GraphNode, NodeKind } from "../../../src/dashboard/api-types.ts";
import { drawingOf } from "./drawing.ts";
import { layOut } from "./layout.ts";

function node(id: string, kind: NodeKind, parent: string | null = null, branch: string | null = null): GraphNode {
  return {
    id,
    kind,
    name: id.split("/").at(-1) ?? id,
    parent,
    branch,
    description: null,
    timeoutMs: null,
    tags: [],
    limit: null,
    maxAttempts: 1,
    detail: {},
    transactional: false,
    hasUndo: false,
  };
}

function graph(nodes: readonly GraphNode[], edges: readonly string[], starts: string[], ends: string[]): Graph {
  return { flow: "f", definitionHash: "h", nodes, edges: edges.map(edge), starts, ends };
}

/** `a>b next label` */
function edge(text: string): GraphEdge {
  const [ends = "", kind = "next", label = null] = text.split(" ");
  const [from = "", to = ""] = ends.split(">");
  return { from, to, kind: kind as GraphEdge["kind"], label };
}

/** The edges that are drawn, as `a>b`. */
function drawn(of: Graph): readonly string[] {
  return drawingOf(of).edges.map(({ from, to, isBack }) => `${from}>${to}${isBack ? " back" : ""}`);
}

describe("drawingOf", () => {
  test("draws a fork from where its ways part to the join", () => {
    const fork = graph(
      [node("a", "task"), node("join", "fork"), node("x", "task", "join", "one"), node("y", "task", "join", "two")],
      ["a>join", "join>x enter one", "join>y enter two", "x>join leave", "y>join leave"],
      ["a"],
      ["join"],
    );
    expect(drawn(fork)).toEqual([":start>a", "a>join:in", "join:in>x", "join:in>y", "x>join", "y>join", "join>:end"]);
  });

  test("leads from the ends of a route's ways to what comes next", () => {
    const route = graph(
      [{ ...node("way", "route"), detail: { keys: "one, none" } }, node("x", "task", "way", "one"), node("z", "task")],
      ["way>x enter one", "x>way leave", "way>z"],
      ["way"],
      ["z"],
    );
    expect(drawingOf(route).edges.find(({ from, to }) => from === "way" && to === "z")?.label).toBe("none");
    expect(drawn(route)).toEqual([":start>way", "way>x", "way>z", "x>z", "z>:end"]);
  });

  test("puts what a map, a loop and an inlined flow run into frames, and leads through them", () => {
    const inner = graph(
      [
        node("sub", "subflow"),
        node("sub/images", "map", "sub", "flow"),
        node("sub/images/resize", "task", "sub/images", "item"),
        node("poll", "loop"),
        node("poll/ask", "task", "poll", "iteration"),
      ],
      [
        "sub>sub/images enter",
        "sub/images>sub/images/resize enter",
        "sub/images/resize>sub/images leave",
        "sub/images>sub leave",
        "sub>poll",
        "poll>poll/ask enter",
        "poll/ask>poll leave",
        "poll>poll/ask again",
      ],
      ["sub"],
      ["poll"],
    );
    expect(drawn(inner)).toEqual([
      ":start>sub/images",
      "sub/images>sub/images/resize",
      "sub/images/resize>sub/images:out",
      "sub/images:out>poll:in",
      "poll:in>poll/ask",
      "poll/ask>poll",
      "poll>poll:in back",
      "poll>:end",
    ]);
    const parents = drawingOf(inner).nodes.map(({ id, parent }) => [id, parent]);
    expect(Object.fromEntries(parents)).toMatchObject({
      "sub/images": "sub:frame",
      "sub/images:frame": "sub:frame",
      "sub/images/resize": "sub/images:frame",
      "poll/ask": "poll:frame",
      poll: "poll:frame",
    });
  });

  test("leads on from a wait both when the event has come and when it has not", () => {
    const wait = graph(
      [node("w", "wait"), node("late", "task", "w", "timeout"), node("z", "task")],
      ["w>late timeout", "late>w leave", "w>z"],
      ["w"],
      ["z"],
    );
    expect(drawn(wait)).toEqual([":start>w", "w>late", "w>z", "late>z", "z>:end"]);
  });
});

test("layOut places every node, those in frames inside of them", async () => {
  const { nodes, edges } = drawingOf(
    graph(
      [node("m", "map"), node("m/x", "task", "m", "item"), node("m/y", "task", "m", "item")],
      ["m>m/x enter", "m/x>m/y", "m/y>m leave"],
      ["m"],
      ["m"],
    ),
  );
  const { boxes, lines } = await layOut(nodes, edges);
  const [frame, inside] = [boxes.get("m:frame"), boxes.get("m/x")];
  expect(lines).toHaveLength(edges.length);
  expect(frame!.y).toBeLessThan(inside!.y);
  expect(frame!.y + frame!.height).toBeGreaterThan(inside!.y + inside!.height);
});
