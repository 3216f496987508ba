import type { FlowNode, Sequence } from "./definition.ts";
import type { Container, Flow, LocatedNode } from "./flow-definition.ts";
import { failureHandlingOf, undoOf } from "./flow-definition.ts";
import { taskOf } from "./task-of.ts";

/** A definition as data, to be drawn without its code. */
export interface FlowGraph {
  readonly flow: string;
  readonly definitionHash: string;
  /** Outer before inner, in the order of definition. */
  readonly nodes: readonly FlowGraphNode[];
  readonly edges: readonly FlowGraphEdge[];
  /** Ids of the nodes at which an instance begins. */
  readonly starts: readonly string[];
  /** Ids of the nodes after which it ends. */
  readonly ends: readonly string[];
}

export type FlowGraphNodeKind = Exclude<FlowNode["kind"], "item" | "children" | "undo">;

/** A node. Its id is its address in the flow: `payment/charge`. */
export interface FlowGraphNode {
  readonly id: string;
  readonly kind: FlowGraphNodeKind;
  /** Its own id, without those of the scopes around it. */
  readonly name: string;
  /** The node within which it stands; `null` at the top. */
  readonly parent: string | null;
  /** In which part of that: a branch's name, a route's key ("*" for any other), "timeout", "item", "iteration", "flow"; `null` at the top. */
  readonly branch: string | null;
  readonly description: string | null;
  readonly timeoutMs: number | null;
  readonly tags: readonly string[];
  /** Name of the limit that its attempts wait for; `null` for none. */
  readonly limit: string | null;
  /** `null` where no user function is run. */
  readonly maxAttempts: number | null;
  /** What is particular to its kind. */
  readonly detail: Readonly<Record<string, string | number | boolean | null>>;
  readonly transactional: boolean;
  /** Whether something takes back what it has done. */
  readonly hasUndo: boolean;
}

export interface FlowGraphEdge {
  readonly from: string;
  readonly to: string;
  /** "enter": from a node to the first one within it; "leave": from the last one within it, back to it. */
  readonly kind: "next" | "enter" | "leave" | "again" | "timeout" | "failed";
  readonly label: string | null;
}

/** What stands for all keys of a route that have no branch of their own. */
const ANY_OTHER = "*";

/** The nodes and edges of a flow. Equal definitions give equal graphs, but for what is policy. */
export function flowGraph(flow: Flow): FlowGraph {
  const shown = [...flow.nodes()].filter(isShown);
  const addresses = new Map<FlowNode, string>(shown.map(({ node, address }) => [node, address] as const));
  const addressOf = (node: FlowNode | undefined): string[] => {
    const address = node === undefined ? undefined : addresses.get(node);
    return address === undefined ? [] : [address];
  };
  const last = flow.root.at(-1);
  return {
    flow: flow.name,
    definitionHash: flow.hash,
    nodes: shown.map((located) => graphNode(located)),
    edges: [...within(flow.root, addressOf), ...shown.flatMap((located) => edgesOf(located, addressOf))],
    starts: addressOf(flow.root[0]),
    ends: last?.kind === "continue" ? [] : addressOf(last),
  };
}

type AddressOf = (node: FlowNode | undefined) => string[];

interface Shown extends Omit<LocatedNode, "node"> {
  readonly node: Exclude<FlowNode, { readonly kind: "item" | "children" | "undo" }>;
}

/** Parts are shown with their node; what stands beside the flow is not shown. */
function isShown(located: LocatedNode): located is Shown {
  const { kind } = located.node;
  return located.container.kind !== "part" && kind !== "item" && kind !== "children" && kind !== "undo";
}

function graphNode({ node, address, container }: Shown): FlowGraphNode {
  const task = taskOf(node) ?? (node.kind === "spawn" ? node.start : null);
  const timeoutMs = node.kind === "wait" || node.kind === "collect" ? node.timeoutMs : task?.policy.timeoutMs;
  return {
    ...{ id: address, kind: node.kind, name: node.id, ...placeOf(container) },
    description: task?.policy.description ?? null,
    timeoutMs: timeoutMs ?? null,
    tags: task?.policy.tags ?? [],
    limit: task?.limitedBy?.limit.name ?? null,
    maxAttempts: task?.policy.retry.maxAttempts ?? null,
    detail: detailOf(node),
    transactional: node.kind === "task" && node.transaction !== null,
    hasUndo: undoOf(node) !== null,
  };
}

function placeOf(container: Container): Pick<FlowGraphNode, "parent" | "branch"> {
  switch (container.kind) {
    case "root":
      return { parent: null, branch: null };
    case "branch":
      return { parent: container.fork.address, branch: container.name };
    case "routeBranch":
      return { parent: container.route.address, branch: container.key ?? ANY_OTHER };
    case "timeout":
      return { parent: container.wait.address, branch: "timeout" };
    case "subflow":
      return { parent: container.subflow.address, branch: "flow" };
    case "iteration":
      return { parent: container.loop.address, branch: "iteration" };
    case "item":
      return { parent: container.map.address, branch: "item" };
    case "part":
      return { parent: container.of.address, branch: container.role };
  }
}

function detailOf(node: Shown["node"]): FlowGraphNode["detail"] {
  const handling = failureHandlingOf(node);
  return {
    ...ownDetailOf(node),
    ...(handling === null ? {} : { onFailure: handling.kind }),
    ...(handling?.kind === "fallback" ? { fallback: handling.task.id } : {}),
  };
}

function ownDetailOf(node: Shown["node"]): FlowGraphNode["detail"] {
  switch (node.kind) {
    case "task":
    case "continue":
      return {};
    case "fork":
      return { mode: node.mode };
    case "route":
      return { keys: node.keys.join(", "), hasDefault: node.defaultBranch !== null };
    case "loop":
      return { maxIterations: node.maxIterations, onMax: node.onMax };
    case "map":
      return { concurrency: node.concurrency, tolerated: node.tolerated };
    case "delay":
      return { durationMs: node.durationMs };
    case "wait":
      return { event: node.event, onTimeout: node.onTimeout };
    case "collect":
      return { event: node.event, onTimeout: node.onTimeout, count: node.count };
    case "subflow":
      return { flow: node.flow };
    case "spawn":
      return { flow: node.child.name, isAwaited: node.isAwaited, onParentClose: node.onParentClose };
  }
}

/** From each node of a sequence to the one behind it. */
function within(sequence: Sequence, addressOf: AddressOf): FlowGraphEdge[] {
  return sequence.flatMap((node, index) => {
    const [from] = addressOf(node);
    const [to] = addressOf(sequence[index + 1]);
    return from === undefined || to === undefined ? [] : [{ from, to, kind: "next" as const, label: null }];
  });
}

/** The sequences within a node, with what the way there is called. */
function partsOf(node: FlowNode): { readonly sequence: Sequence; readonly label: string | null }[] {
  switch (node.kind) {
    case "fork":
      return node.branches.map(({ name, sequence }) => ({ label: name, sequence }));
    case "route": {
      const branches = node.branches.map(({ key, sequence }) => ({ label: key, sequence }));
      return node.defaultBranch === null ? branches : [...branches, { label: ANY_OTHER, sequence: node.defaultBranch }];
    }
    case "wait":
    case "collect":
      return node.timeoutBranch === null ? [] : [{ label: "timeout", sequence: node.timeoutBranch }];
    case "loop":
      return node.sequence === null ? [] : [{ label: null, sequence: node.sequence }];
    case "map":
    case "subflow":
      return [{ label: node.kind === "map" ? "each item" : null, sequence: node.sequence }];
    case "task":
    case "delay":
    case "item":
    case "continue":
    case "spawn":
    case "children":
    case "undo":
      return [];
  }
}

/** The edges into, within and out of what a node holds, and those that it makes itself. */
function edgesOf({ node, address, sequence: siblings }: Shown, addressOf: AddressOf): FlowGraphEdge[] {
  const enter = node.kind === "wait" || node.kind === "collect" ? "timeout" : "enter";
  const edges = partsOf(node).flatMap(({ sequence, label }): FlowGraphEdge[] => [
    ...addressOf(sequence[0]).map((to) => ({ from: address, to, kind: enter, label }) as const),
    ...within(sequence, addressOf),
    ...addressOf(sequence.at(-1)).map((from) => ({ from, to: address, kind: "leave", label: null }) as const),
  ]);
  if (node.kind === "loop") {
    const [first = address] = addressOf(node.sequence?.[0]);
    edges.push({ from: address, to: first, kind: "again", label: `at most ${node.maxIterations} times` });
  }
  const handling = failureHandlingOf(node);
  if (handling?.kind === "goto") {
    const target = siblings.find(({ id }) => id === handling.id);
    edges.push(...addressOf(target).map((to) => ({ from: address, to, kind: "failed", label: null }) as const));
  }
  return edges;
}
