import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { CHILDREN_ID, type DefinitionHash } from "../ids.ts";
import type { CollectNode, FailureHandling, FlowNode, Sequence, TaskNode, WaitNode } from "./definition.ts";
import type { KeepTimes } from "./keep.ts";
import type { Limit, LimitedBy } from "./limit.ts";
import type { StandardSchema } from "./schema.ts";
import type { SharedState } from "./shared-state.ts";
import type { StartPolicy } from "./start-policy.ts";
import { taskOf } from "./task-of.ts";
import { toMermaid } from "./to-mermaid.ts";

const BRAND: unique symbol = Symbol.for("waymark.flow") as never;

/** What encloses a sequence of nodes. */
export type Container =
  | { readonly kind: "root" }
  | { readonly kind: "branch"; readonly fork: LocatedNode; readonly name: string }
  | { readonly kind: "routeBranch"; readonly route: LocatedNode; readonly key: string | null }
  /** Of a wait for an event, or for several. */
  | { readonly kind: "timeout"; readonly wait: LocatedNode }
  | { readonly kind: "subflow"; readonly subflow: LocatedNode }
  | { readonly kind: "iteration"; readonly loop: LocatedNode }
  | { readonly kind: "item"; readonly map: LocatedNode }
  /** Not one of several nodes in a row, but a part of another node. */
  | { readonly kind: "part"; readonly of: LocatedNode; readonly role: PartRole };

/** What a part is to its node. Stands behind the node's id in the part's address and task id: `resize~list`; but events have their numbers. */
export type PartRole = "list" | "item" | "until" | "count" | "event" | "start" | "fallback" | "undo" | "handler";

/** Task id at which an instance stands that is to end as failed or cancelled, as far as something is to be done before. */
export const UNDO_ID = "$undo";
/** Address of a flow's own failure handler, a part of the node with `UNDO_ID`. */
export const HANDLER_ID = "$onFailure";

/** Path and task id of the position that comes due when the instance's time is up. No branch has such a name. */
export const DEADLINE_ID = "$deadline";

/** A node and where it is. */
export interface LocatedNode {
  readonly node: FlowNode;
  /** Ids from the outermost scope to the node, e.g. `payment/charge`. Unique within the definition. */
  readonly address: string;
  /** How many scopes (inlined flows) enclose it. */
  readonly depth: number;
  readonly container: Container;
  readonly sequence: Sequence;
  /** Index in `sequence`. */
  readonly index: number;
}

/**
 * A built flow: an immutable graph with a hash. Made by the builder's `build()`, which has
 * validated it.
 *
 * @typeParam Input - what an instance is started with
 * @typeParam Output - what it ends with
 */
export class Flow<Input = unknown, Output = unknown> {
  readonly name: string;
  readonly hash: DefinitionHash;
  readonly description: string | null;
  readonly root: Sequence;
  readonly inputSchema: StandardSchema | null;
  /** How long an instance may take, in milliseconds, unless it was given another deadline; `null` for ever. Not in the hash. */
  readonly deadlineMs: number | null;
  /** How long its instances are kept after their end, as far as it says so. Not in the hash. */
  readonly keep: Partial<KeepTimes>;
  /** Runs before an instance fails; its `run` gets a FailedInstance. Its task ids are `$onFailure[0]`, `$onFailure[1]` … */
  readonly onFailure: TaskNode | null;
  /** What its tasks share; `null` if nothing. No part of the hash. */
  readonly state: SharedState | null;
  /** What its instances wait for before they begin; `null` for nothing. Not in the hash. */
  readonly limitedBy: LimitedBy | null;
  /** How submissions become instances; `null` for each its own. Not in the hash. */
  readonly startPolicy: StartPolicy | null;
  /** Whether a limit is named by it or in it. */
  readonly hasLimits: boolean;
  /** Exists for the type checker only. */
  declare readonly "~types"?: { readonly input: Input; readonly output: Output };
  readonly #located: ReadonlyMap<string, LocatedNode>;
  /** Not one of `nodes()`: no path comes to it. */
  readonly #deadline: LocatedNode;

  /** Use `flow(name)…build()`; the constructor doesn't validate. */
  constructor(parts: {
    readonly name: string;
    readonly hash: DefinitionHash;
    readonly description: string | null;
    readonly root: Sequence;
    readonly inputSchema: StandardSchema | null;
    readonly deadlineMs?: number | null;
    readonly keep?: Partial<KeepTimes>;
    readonly onFailure: TaskNode | null;
    readonly state: SharedState | null;
    readonly limitedBy?: LimitedBy | null;
    readonly startPolicy?: StartPolicy | null;
  }) {
    this.name = parts.name;
    this.hash = parts.hash;
    this.description = parts.description;
    this.root = parts.root;
    this.inputSchema = parts.inputSchema;
    this.deadlineMs = parts.deadlineMs ?? null;
    this.keep = parts.keep ?? {};
    this.onFailure = parts.onFailure;
    this.state = parts.state;
    const located = new Map<string, LocatedNode>();
    locate(parts.root, { kind: "root" }, "", 0, located);
    if (Array.from(located.values()).some(({ node }) => node.kind === "spawn" && node.onParentClose === "wait"))
      located.set(CHILDREN_ID, ofItsOwn({ kind: "children", id: CHILDREN_ID }));
    locateLast(parts.onFailure, located);
    this.#deadline = ofItsOwn({ kind: "delay", id: DEADLINE_ID, durationMs: null, until: null });
    this.#located = located;
    this.limitedBy = parts.limitedBy ?? null;
    this.startPolicy = parts.startPolicy ?? null;
    this.hasLimits = this.limits().length > 0;
    Object.defineProperty(this, BRAND, { value: true });
    Object.freeze(this);
  }

  /** Like `instanceof`, and also true for a flow of another installed copy of this package. */
  static is(value: unknown): value is Flow {
    return typeof value === "object" && value !== null && BRAND in value;
  }

  /** Same as `nodes()`. */
  [Symbol.iterator](): IterableIterator<LocatedNode> {
    return this.nodes();
  }

  /** Every node with its address, outer before inner, in the order of definition. */
  nodes(): IterableIterator<LocatedNode> {
    return this.#located.values();
  }

  /** The node at a static address (`payment/charge`), or `null`. */
  find(address: string): LocatedNode | null {
    return this.#located.get(address) ?? (address === DEADLINE_ID ? this.#deadline : null);
  }

  /** The limits that are named by it or in it, each once. */
  limits(): readonly Limit[] {
    const limits = new Set(this.limitedBy === null ? [] : [this.limitedBy.limit]);
    for (const { node } of this.nodes()) {
      const limitedBy = taskOf(node)?.limitedBy ?? null;
      if (limitedBy !== null) limits.add(limitedBy.limit);
    }
    return [...limits];
  }

  /** The flow as a Mermaid flowchart, for documents and reviews. Equal definitions give equal text. */
  toMermaid(): string {
    return toMermaid(this);
  }

  /**
   * The node at a static address.
   *
   * @throws {InvalidArgumentError} there is none
   */
  get(address: string): LocatedNode {
    const located = this.find(address);
    if (located === null)
      throw new InvalidArgumentError("address", `"${address}" is not a node of flow "${this.name}".`);
    return located;
  }
}

/** What stands beside the flow, rather than in it. */
function ofItsOwn(node: FlowNode): LocatedNode {
  return { node, address: node.id, depth: 0, container: { kind: "root" }, sequence: [node], index: 0 };
}

function locate(
  sequence: Sequence,
  container: Container,
  prefix: string,
  depth: number,
  located: Map<string, LocatedNode>,
): void {
  for (const [index, node] of sequence.entries()) {
    const here: LocatedNode = { node, address: prefix + node.id, depth, container, sequence, index };
    located.set(here.address, here);
    locateParts(here, located);
    locateWithin(here, prefix, located);
  }
}

/** What is done before an instance fails: nothing, in most flows. */
function locateLast(onFailure: TaskNode | null, located: Map<string, LocatedNode>): void {
  if (onFailure === null && ![...located.values()].some(({ node }) => undoOf(node) !== null)) return;
  const node = { kind: "undo", id: UNDO_ID } as const;
  const undo: LocatedNode = {
    ...{ node, address: UNDO_ID, depth: 0, container: { kind: "root" }, sequence: [node], index: 0 },
  };
  located.set(UNDO_ID, undo);
  if (onFailure === null) return;
  const container: Container = { kind: "part", of: undo, role: "handler" };
  located.set(HANDLER_ID, { ...undo, node: onFailure, address: HANDLER_ID, container });
}

/** What stands inside a node: beside it, or in scopes of its own. */
function locateWithin(here: LocatedNode, prefix: string, located: Map<string, LocatedNode>): void {
  const { node, depth } = here;
  const scope = `${here.address}/`;
  switch (node.kind) {
    case "fork":
      for (const { name, sequence } of node.branches) {
        const isScope = node.mode !== "all";
        const branchPrefix = isScope ? `${scope}${name}/` : prefix;
        locate(sequence, { kind: "branch", fork: here, name }, branchPrefix, depth + (isScope ? 1 : 0), located);
      }
      break;
    case "route":
      for (const { key, sequence } of node.branches) {
        locate(sequence, { kind: "routeBranch", route: here, key }, prefix, depth, located);
      }
      if (node.defaultBranch !== null)
        locate(node.defaultBranch, { kind: "routeBranch", route: here, key: null }, prefix, depth, located);
      break;
    case "wait":
    case "collect":
      if (node.timeoutBranch !== null)
        locate(node.timeoutBranch, { kind: "timeout", wait: here }, prefix, depth, located);
      break;
    case "subflow":
      locate(node.sequence, { kind: "subflow", subflow: here }, scope, depth + 1, located);
      break;
    case "loop":
      if (node.sequence !== null) locate(node.sequence, { kind: "iteration", loop: here }, scope, depth + 1, located);
      break;
    case "map":
      locate(node.sequence, { kind: "item", map: here }, scope, depth + 1, located);
      break;
    case "task":
    case "delay":
    case "item":
    case "continue":
    case "spawn":
    case "children":
    case "undo":
  }
}

function locateParts(of: LocatedNode, located: Map<string, LocatedNode>): void {
  for (const [role, node] of partsOf(of.node)) {
    const container: Container = { kind: "part", of, role };
    const part: LocatedNode = { ...of, node, address: `${of.address}~${role}`, container };
    located.set(part.address, part);
  }
}

function partsOf(node: FlowNode): [PartRole, FlowNode][] {
  switch (node.kind) {
    case "map":
      return [
        ["list", node.list],
        ["item", { kind: "item", id: node.id }],
      ];
    case "delay":
      return node.until === null ? [] : [["until", node.until]];
    case "collect":
      return [
        ...(node.counting === null ? [] : [["count", node.counting] as [PartRole, FlowNode]]),
        ["event", eachOf(node)],
      ];
    case "task":
    case "fork":
    case "loop":
    case "spawn": {
      const handling = failureHandlingOf(node);
      const undo = undoOf(node);
      return [
        ...(node.kind === "spawn" ? [["start", node.start] as [PartRole, FlowNode]] : []),
        ...(handling?.kind === "fallback" ? [["fallback", handling.task] as [PartRole, FlowNode]] : []),
        ...(undo === null ? [] : [["undo", undo] as [PartRole, FlowNode]]),
      ];
    }
    case "route":
    case "item":
    case "wait":
    case "subflow":
    case "continue":
    case "children":
    case "undo":
      return [];
  }
}

/** The wait for one of several events. What comes of it when its time is up is the whole's to say. */
function eachOf({ id, event, timeoutMs, onTimeout, schema }: CollectNode): WaitNode {
  return {
    kind: "wait",
    id,
    event,
    timeoutMs,
    onTimeout: onTimeout === "fail" ? "fail" : "branch",
    timeoutBranch: null,
    schema,
  };
}

/** What a node itself does about its failure; `null` if it leaves that to what encloses it. */
export function failureHandlingOf(node: FlowNode): FailureHandling | null {
  return workOf(node)?.onFailure ?? null;
}

/** What takes back what a node has done; `null` if nothing does. */
export function undoOf(node: FlowNode): TaskNode | null {
  return workOf(node)?.undo ?? null;
}

/** The task that a node is, or whose failure and undoing are the node's. */
function workOf(node: FlowNode): TaskNode | null {
  switch (node.kind) {
    case "task":
      return node;
    case "fork":
      return node.join;
    case "loop":
      return node.body;
    case "spawn":
      return node.start;
    case "map":
    case "route":
    case "delay":
    case "item":
    case "wait":
    case "collect":
    case "subflow":
    case "continue":
    case "children":
    case "undo":
      return null;
  }
}
