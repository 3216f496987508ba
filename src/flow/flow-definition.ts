import { InvalidArgumentError } from "../errors/argument-errors.ts";
import type { DefinitionHash } from "../ids.ts";
import type { FlowNode, Sequence } from "./definition.ts";
import type { StandardSchema } from "./schema.ts";
import { toMermaid } from "./to-mermaid.ts";

const BRAND: unique symbol = Symbol.for("waymark.flow") as never;

/** What encloses a sequence of nodes. */
export type Container =
  | { readonly kind: "root" }
  | { readonly kind: "branch"; readonly fork: LocatedNode; readonly name: string }
  | { readonly kind: "routeBranch"; readonly route: LocatedNode; readonly key: string | null }
  | { readonly kind: "subflow"; readonly subflow: LocatedNode };

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
  /** Exists for the type checker only. */
  declare readonly "~types"?: { readonly input: Input; readonly output: Output };
  readonly #located: ReadonlyMap<string, LocatedNode>;

  /** Use `flow(name)…build()`; the constructor doesn't validate. */
  constructor(parts: {
    readonly name: string;
    readonly hash: DefinitionHash;
    readonly description: string | null;
    readonly root: Sequence;
    readonly inputSchema: StandardSchema | null;
  }) {
    this.name = parts.name;
    this.hash = parts.hash;
    this.description = parts.description;
    this.root = parts.root;
    this.inputSchema = parts.inputSchema;
    const located = new Map<string, LocatedNode>();
    locate(parts.root, { kind: "root" }, "", 0, located);
    this.#located = located;
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
    return this.#located.get(address) ?? null;
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
    if (node.kind === "fork") {
      for (const branch of node.branches) {
        locate(branch.sequence, { kind: "branch", fork: here, name: branch.name }, prefix, depth, located);
      }
    } else if (node.kind === "route") {
      for (const branch of node.branches) {
        locate(branch.sequence, { kind: "routeBranch", route: here, key: branch.key }, prefix, depth, located);
      }
      if (node.defaultBranch !== null) {
        locate(node.defaultBranch, { kind: "routeBranch", route: here, key: null }, prefix, depth, located);
      }
    } else if (node.kind === "subflow") {
      locate(node.sequence, { kind: "subflow", subflow: here }, `${here.address}/`, depth + 1, located);
    }
  }
}
