import type {
  CollectNode,
  DelayNode,
  FailureHandling,
  FlowNode,
  ForkNode,
  LoopNode,
  MapNode,
  RouteNode,
  Sequence,
  SpawnNode,
  SubflowNode,
  WaitNode,
} from "./definition.ts";
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
export function toMermaid(flow: {
  readonly name: string;
  readonly root: Sequence;
  readonly onFailure: { readonly id: string } | null;
}): string {
  const chart = new Chart();
  const start = chart.node(`((${text(flow.name)}))`);
  chart.start = start;
  const exits = chart.sequence(flow.root, [{ from: start, label: null }]);
  if (exits.length > 0) chart.connect(exits, chart.node(`((${text("end")}))`));
  if (flow.onFailure !== null)
    chart.connect([{ from: start, label: "failed" }], chart.node(`[${text(flow.onFailure.id)}]`));
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
  /** Arrows to nodes that have yet to be drawn, by their ids. */
  #jumps = new Map<string, readonly Exit[]>();
  #count = 0;
  /** Where a run of an instance begins. */
  start = "";
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
    let exits = entries;
    for (const node of sequence) exits = this.#draw(node, exits.concat(this.#jumpsTo(node.id)));
    return exits;
  }

  /** A sequence in a scope of its own, whose ids mean nothing outside. */
  #scope(sequence: Sequence, entries: readonly Exit[]): readonly Exit[] {
    const outer = this.#jumps;
    this.#jumps = new Map();
    const exits = this.sequence(sequence, entries);
    this.#jumps = outer;
    return exits;
  }

  #jumpsTo(id: string): readonly Exit[] {
    const jumps = this.#jumps.get(id) ?? [];
    this.#jumps.delete(id);
    return jumps;
  }

  /** Where it goes on when a task has failed, drawn beside where it goes on otherwise. */
  #recover(node: { readonly id: string }, handling: FailureHandling | null, exits: readonly Exit[]): readonly Exit[] {
    const failed = exits.map(({ from }) => ({ from, label: "failed" }));
    if (handling?.kind === "goto") {
      this.#jumps.set(handling.id, [...(this.#jumps.get(handling.id) ?? []), ...failed]);
      return exits;
    }
    if (handling?.kind !== "fallback") return exits;
    return [...exits, ...this.#plain(`[${text(`${handling.task.id}, fallback of ${node.id}`)}]`, failed)];
  }

  #draw(node: FlowNode, entries: readonly Exit[]): readonly Exit[] {
    switch (node.kind) {
      case "task":
        return this.#recover(node, node.onFailure, this.#plain(`[${text(node.id)}]`, entries));
      case "delay":
        return this.#plain(`[/${text(delayText(node))}/]`, entries);
      case "wait":
      case "collect":
        return this.#wait(node, entries);
      case "continue": {
        const [exit] = this.#plain(`[/${text(`${node.id}: as new`)}/]`, entries);
        if (exit !== undefined) this.#edge(exit.from, this.start, "next run");
        return [];
      }
      case "loop":
        return this.#loop(node, entries);
      case "map":
        return this.#map(node, entries);
      case "spawn":
        return this.#recover(node, node.start.onFailure, this.#plain(`[[${text(spawnText(node))}]]`, entries));
      case "item":
      case "children":
      case "undo":
        return entries;
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

  #wait(node: WaitNode | CollectNode, entries: readonly Exit[]): readonly Exit[] {
    const exits = this.#plain(`{{${text(waitText(node))}}}`, entries);
    if (node.timeoutBranch === null) return exits;
    const late = exits.map(({ from }) => ({ from, label: "timeout" }));
    return [...exits, ...this.sequence(node.timeoutBranch, late)];
  }

  #map(node: MapNode, entries: readonly Exit[]): readonly Exit[] {
    const list = this.node(`((${text("map")}))`);
    this.connect(entries, list);
    const ends = this.#group(node.id, () => this.#scope(node.sequence, [{ from: list, label: "each item" }]));
    return this.#plain(`[[${text(node.id)}]]`, ends);
  }

  #loop(node: LoopNode, entries: readonly Exit[]): readonly Exit[] {
    if (node.sequence !== null) return this.#flowLoop(node, node.sequence, entries);
    const exits = this.#plain(`([${text(node.id)}])`, entries);
    for (const { from } of exits) this.#edge(from, from, `again, at most ${node.maxIterations} times`);
    return exits;
  }

  #flowLoop(node: LoopNode, sequence: Sequence, entries: readonly Exit[]): readonly Exit[] {
    const begin = this.node(`((${text("loop")}))`);
    this.connect(entries, begin);
    const ends = this.#group(node.id, () => this.#scope(sequence, [{ from: begin, label: null }]));
    const exits = this.#plain(`([${text(node.id)}])`, ends);
    for (const { from } of exits) this.#edge(from, begin, `again, at most ${node.maxIterations} times`);
    return exits;
  }

  #fork(node: ForkNode, entries: readonly Exit[]): readonly Exit[] {
    const fork = this.node(`((${text(node.mode === "all" ? "fork" : node.mode)}))`);
    this.connect(entries, fork);
    const ends = node.branches.flatMap(({ name, sequence }) => this.#scope(sequence, [{ from: fork, label: name }]));
    return this.#recover(node, node.join.onFailure, this.#plain(`[[${text(node.id)}]]`, ends));
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
    return this.#group(title, () => this.#scope(node.sequence, entries));
  }

  #group(title: string, draw: () => readonly Exit[]): readonly Exit[] {
    const outer = this.#indent;
    this.#nodes.push(`${outer}subgraph ${this.#nextId()}[${text(title)}]`);
    this.#indent = `${outer}  `;
    const exits = draw();
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

function delayText({ id, durationMs }: DelayNode): string {
  return durationMs === null ? `${id}: until a time` : `${id}: ${duration(durationMs)}`;
}

function spawnText({ id, child, isAwaited }: SpawnNode): string {
  return `${id}: starts ${child.name}${isAwaited ? " and awaits it" : ""}`;
}

function waitText(node: WaitNode | CollectNode): string {
  const limit = node.timeoutMs === null ? "" : `, ${duration(node.timeoutMs)} at most`;
  const count = node.kind === "wait" ? "event" : node.count === null ? "some of event" : `${node.count} of event`;
  return `${node.id}: ${count} ${node.event}${limit}`;
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
