import type { GraphNode as ApiNode, Graph } from "../../../src/dashboard/api-types.ts";
import type { GraphEdge, GraphNode } from "./layout.ts";
import { wordsOfNode } from "./node-words.ts";

/** What is drawn for a definition. */
export interface Drawing {
  readonly nodes: readonly DrawnNode[];
  readonly edges: readonly GraphEdge[];
}

/** A box for a node of the flow, a dot where ways part or meet, or a frame around what belongs together. */
export interface DrawnNode extends GraphNode {
  readonly look: "box" | "dot" | "frame";
  /** Of the flow; `null` where it begins and ends. */
  readonly node: ApiNode | null;
  readonly title: string;
  readonly words: string;
}

const CHARACTER = 7.2;
const SMALL_CHARACTER = 6;
const NARROWEST = 110;
const WIDEST = 250;
const PADDING = 40;
const START = ":start";
const END = ":end";

/** Where edges into and out of a node begin and end, once what only encloses others is taken away. */
export function drawingOf(graph: Graph): Drawing {
  return new Drawer(graph).drawing();
}

class Drawer {
  readonly #graph: Graph;
  readonly #byId: ReadonlyMap<string, ApiNode>;
  readonly #hasInside: ReadonlySet<string>;
  readonly #edges: GraphEdge[] = [];
  readonly #seen = new Set<string>();

  constructor(graph: Graph) {
    this.#graph = graph;
    this.#byId = new Map(graph.nodes.map((node) => [node.id, node]));
    this.#hasInside = new Set(graph.nodes.flatMap(({ parent }) => (parent === null ? [] : [parent])));
  }

  drawing(): Drawing {
    const { nodes, edges, starts, ends } = this.#graph;
    for (const start of starts) this.#connect([START], this.#into(start), null);
    for (const edge of edges) this.#draw(edge);
    for (const end of ends) this.#connect(this.#outOf(end), [END], null);
    const drawn = [dot(START, null, null), ...nodes.flatMap((node) => this.#shapes(node)), dot(END, null, null)];
    const known = new Set(drawn.map(({ id }) => id));
    return { nodes: drawn, edges: this.#edges.filter(({ from, to }) => known.has(from) && known.has(to)) };
  }

  /** A node that is not drawn itself, or as more than a box. */
  #isFramed({ id, kind }: ApiNode): boolean {
    return this.#hasInside.has(id) && (kind === "map" || kind === "loop" || kind === "subflow");
  }

  #shapes(node: ApiNode): readonly DrawnNode[] {
    const { id, kind } = node;
    const outside = this.#frameOf(node);
    const isFramed = this.#isFramed(node);
    const frame = isFramed ? [frameShape(node, outside)] : [];
    const inside = isFramed ? frameId(id) : outside;
    if (kind === "subflow" && isFramed) return frame;
    if (kind === "loop" && isFramed) return [...frame, dot(inId(id), node, inside), box(node, inside)];
    if (kind === "map" && isFramed) return [box(node, outside), ...frame, dot(outId(id), node, outside)];
    if (kind === "fork") return [dot(inId(id), node, outside), box(node, outside)];
    return [box(node, outside)];
  }

  /** The frame that a node stands in. */
  #frameOf({ parent }: ApiNode): string | null {
    if (parent === null) return null;
    const outer = this.#byId.get(parent);
    if (outer === undefined) return null;
    return this.#isFramed(outer) ? frameId(parent) : this.#frameOf(outer);
  }

  #draw({ from, to, kind, label }: Graph["edges"][number]): void {
    const outer = this.#byId.get(kind === "leave" ? to : from);
    if (outer === undefined) return;
    switch (kind) {
      case "next":
        for (const start of this.#outOf(from))
          this.#connect([start], this.#into(to), label ?? (start === from ? this.#passingKeys(outer) : null));
        return;
      case "enter":
        if (outer.kind === "subflow") return;
        return this.#connect([this.#begin(outer)], this.#into(to), label);
      case "leave": {
        const target = outer.kind === "map" ? outId(to) : to;
        if (outer.kind !== "fork" && outer.kind !== "loop" && outer.kind !== "map") return;
        return this.#connect(this.#outOf(from), [target], label);
      }
      case "again":
        // How often a loop of one task runs stands in its box.
        if (this.#isFramed(outer)) this.#connect([from], [inId(from)], label ?? "again", true);
        return;
      case "timeout":
      case "failed":
        return this.#connect([from], this.#into(to), label ?? kind);
    }
  }

  /** Where the ways into what a node encloses begin. */
  #begin({ id, kind }: ApiNode): string {
    return kind === "fork" || kind === "loop" ? inId(id) : id;
  }

  #into(id: string): readonly string[] {
    const node = this.#byId.get(id);
    if (node === undefined || this.#seen.has(id)) return [id];
    if (node.kind === "fork" || (node.kind === "loop" && this.#isFramed(node))) return [inId(id)];
    if (node.kind !== "subflow") return [id];
    return this.#once(id, () =>
      this.#graph.edges.filter(({ kind, from }) => kind === "enter" && from === id).flatMap(({ to }) => this.#into(to)),
    );
  }

  #outOf(id: string): readonly string[] {
    const node = this.#byId.get(id);
    if (node === undefined || this.#seen.has(id)) return [id];
    if (node.kind === "map" && this.#isFramed(node)) return [outId(id)];
    const isPassed =
      node.kind === "subflow" || node.kind === "route" || node.kind === "wait" || node.kind === "collect";
    if (!isPassed) return [id];
    const leaving = this.#once(id, () =>
      this.#graph.edges
        .filter(({ kind, to, from }) => kind === "leave" && to === id && from !== id)
        .flatMap(({ from }) => this.#outOf(from)),
    );
    const goesOn =
      node.kind === "wait" || node.kind === "collect" || this.#passingKeys(node) !== null || leaving.length === 0;
    return goesOn ? [id, ...leaving] : leaving;
  }

  /** The keys of a route for which nothing is run: its input goes on as it is. `null` if there are none. */
  #passingKeys({ id, kind, detail: { keys } }: ApiNode): string | null {
    if (kind !== "route" || typeof keys !== "string") return null;
    const entered = new Set(
      this.#graph.edges.filter((edge) => edge.kind === "enter" && edge.from === id).map(({ label }) => label),
    );
    const passing = keys.split(", ").filter((key) => !entered.has(key));
    return passing.length === 0 ? null : passing.join(", ");
  }

  /** Definitions hold no circles of nodes that enclose each other; if one does, it is not followed for ever. */
  #once(id: string, find: () => readonly string[]): readonly string[] {
    this.#seen.add(id);
    const found = find();
    this.#seen.delete(id);
    return found;
  }

  #connect(from: readonly string[], to: readonly string[], label: string | null, isBack = false): void {
    for (const start of from)
      for (const end of to) if (start !== end) this.#edges.push({ from: start, to: end, label, isBack });
  }
}

function inId(id: string): string {
  return `${id}:in`;
}

function outId(id: string): string {
  return `${id}:out`;
}

function frameId(id: string): string {
  return `${id}:frame`;
}

function box(node: ApiNode, parent: string | null): DrawnNode {
  const words = wordsOfNode(node);
  const wanted = Math.max(node.name.length * CHARACTER, words.length * SMALL_CHARACTER) + PADDING;
  return {
    id: node.id,
    look: "box",
    node,
    title: node.name,
    words,
    parent,
    isFrame: false,
    width: Math.min(WIDEST, Math.max(NARROWEST, wanted)),
    height: words === "" ? 32 : 44,
  };
}

function dot(id: string, node: ApiNode | null, parent: string | null): DrawnNode {
  return { id, look: "dot", node, title: "", words: "", parent, isFrame: false, width: 12, height: 12 };
}

function frameShape(node: ApiNode, parent: string | null): DrawnNode {
  const title = node.kind === "subflow" ? node.name : "";
  return { id: frameId(node.id), look: "frame", node, title, words: "", parent, isFrame: true, width: 0, height: 0 };
}
