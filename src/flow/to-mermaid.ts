import type { FlowNode, ForkNode, LoopNode, RouteNode, Sequence, SubflowNode, WaitNode } from "./definition.ts";
import { DEFAULT_SEGMENT } from "./definition-path.ts";

const LONGEST_LABEL = 60;
/** Whatever else a label holds is written as a character reference, so that no label can end early or be markup. */
// ("1. x" and "- x" would be taken for lists.)
const UNSAFE = /[^\p{L}\p{N}\p{M} _.:,/()+-]|[.+-](?= )/gu;
const UNITS: readonly (readonly [string, number])[] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
  ["ms", 1],
];

/** A flow as a Mermaid flowchart, top down. */
export function toMermaid(flow: { readonly name: string; readonly root: Sequence }): string {
  const chart = new Chart();
  const start = chart.node(`((${text(flow.name)}))`);
  const exits = chart.sequence(flow.root, [{ from: start, label: null }]);
  chart.connect(exits, chart.node(`((${text("end")}))`));
  return chart.print();
}

/** Where an arrow to whatever comes next begins. */
interface Exit {
  readonly from: string;
  readonly label: string | null;
}

class Chart {
  readonly #nodes: string[] = [];
  readonly #edges: string[] = [];
  #count = 0;
  #indent = "  ";

  print(): string {
    return ["flowchart TD", ...this.#nodes, ...this.#edges, ""].join("\n");
  }

  /** Adds a node with this shape and text. */
  node(shape: string): string {
    const id = this.#nextId();
    this.#nodes.push(`${this.#indent}${id}${shape}`);
    return id;
  }

  connect(exits: readonly Exit[], to: string): void {
    for (const { from, label } of exits) this.#edge(from, to, label);
  }

  /** Draws nodes one after the other; gives where the arrows out of the last one begin. */
  sequence(sequence: Sequence, entries: readonly Exit[]): readonly Exit[] {
    return sequence.reduce((exits, node) => this.#draw(node, exits), entries);
  }

  #draw(node: FlowNode, entries: readonly Exit[]): readonly Exit[] {
    switch (node.kind) {
      case "task":
        return this.#plain(`[${text(node.id)}]`, entries);
      case "delay":
        return this.#plain(`[/${text(`${node.id}: ${duration(node.durationMs)}`)}/]`, entries);
      case "wait":
        return this.#plain(`{{${text(waitText(node))}}}`, entries);
      case "loop":
        return this.#loop(node, entries);
      case "fork":
        return this.#fork(node, entries);
      case "route":
        return this.#route(node, entries);
      case "subflow":
        return this.#subflow(node, entries);
    }
  }

  #plain(shape: string, entries: readonly Exit[]): readonly Exit[] {
    const id = this.node(shape);
    this.connect(entries, id);
    return [{ from: id, label: null }];
  }

  #loop(node: LoopNode, entries: readonly Exit[]): readonly Exit[] {
    const exits = this.#plain(`([${text(node.id)}])`, entries);
    for (const { from } of exits) this.#edge(from, from, `again, at most ${node.maxIterations} times`);
    return exits;
  }

  #fork(node: ForkNode, entries: readonly Exit[]): readonly Exit[] {
    const fork = this.node(`((${text("fork")}))`);
    this.connect(entries, fork);
    const ends = node.branches.flatMap(({ name, sequence }) => this.sequence(sequence, [{ from: fork, label: name }]));
    return this.#plain(`[[${text(node.id)}]]`, ends);
  }

  #route(node: RouteNode, entries: readonly Exit[]): readonly Exit[] {
    const route = this.node(`{${text(node.id)}}`);
    this.connect(entries, route);
    const ends = node.branches.flatMap(({ key, sequence }) => this.sequence(sequence, [{ from: route, label: key }]));
    if (node.defaultBranch === null) return ends;
    return [...ends, ...this.sequence(node.defaultBranch, [{ from: route, label: DEFAULT_SEGMENT }])];
  }

  #subflow(node: SubflowNode, entries: readonly Exit[]): readonly Exit[] {
    const title = node.id === node.flow ? node.id : `${node.id}: ${node.flow}`;
    const outer = this.#indent;
    this.#nodes.push(`${outer}subgraph ${this.#nextId()}[${text(title)}]`);
    this.#indent = `${outer}  `;
    const exits = this.sequence(node.sequence, entries);
    this.#indent = outer;
    this.#nodes.push(`${outer}end`);
    return exits;
  }

  #edge(from: string, to: string, label: string | null): void {
    this.#edges.push(`  ${from} -->${label === null ? "" : `|${text(label)}|`} ${to}`);
  }

  #nextId(): string {
    this.#count++;
    return `n${this.#count}`;
  }
}

function waitText(node: WaitNode): string {
  const limit = node.timeoutMs === null ? "" : `, ${duration(node.timeoutMs)} at most`;
  return `${node.id}: event ${node.event}${limit}`;
}

/** In quotes, with everything that could mean something to Mermaid or HTML written as a reference. */
function text(label: string): string {
  const cut = label.length > LONGEST_LABEL ? `${label.slice(0, LONGEST_LABEL - 1).toWellFormed()}…` : label;
  return `"${cut.replaceAll(UNSAFE, (character) => `#${String(character.codePointAt(0))};`)}"`;
}

/** `5400000` as `1h 30m`. */
function duration(ms: number): string {
  if (ms === 0) return "0s";
  const parts: string[] = [];
  let rest = ms;
  for (const [unit, size] of UNITS) {
    const amount = Math.floor(rest / size);
    if (amount > 0) parts.push(`${amount}${unit}`);
    rest -= amount * size;
  }
  return parts.join(" ");
}
