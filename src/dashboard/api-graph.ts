/** What the HTTP API tells of definitions. No runtime code. */

export type NodeKind =
  | "task"
  | "fork"
  | "route"
  | "loop"
  | "map"
  | "delay"
  | "wait"
  | "collect"
  | "continue"
  | "subflow"
  | "spawn";

/** A node of a definition. Its id is its address in the flow: `payment/charge`. */
export interface GraphNode {
  readonly id: string;
  readonly kind: NodeKind;
  /** Its own id, without those of the scopes around it. */
  readonly name: string;
  /** The node within which it is drawn; `null` at the top. */
  readonly parent: string | null;
  /** In which part of that: a branch's name, a route's key, "timeout", "item", "iteration", "flow"; `null` at the top. */
  readonly branch: string | null;
  readonly description: string | null;
  readonly timeoutMs: number | null;
  readonly tags: readonly string[];
  readonly limit: string | null;
  readonly maxAttempts: number | null;
  /** What is particular to its kind: `event`, `durationMs`, `mode`, `concurrency`, `maxIterations`, `flow`, `count` … */
  readonly detail: Readonly<Record<string, string | number | boolean | null>>;
  readonly transactional: boolean;
  /** Whether something takes back what it has done. */
  readonly hasUndo: boolean;
}

export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  /** "next": after it. "enter": into a branch or body. "leave": out of one, back to the node that encloses it (a join). */
  readonly kind: "next" | "enter" | "leave" | "again" | "timeout" | "failed";
  readonly label: string | null;
}

/** `GET /api/v1/flows/{flow}/versions/{hash}/graph`. */
export interface Graph {
  readonly flow: string;
  readonly definitionHash: string;
  /** Outer before inner, in the order of definition. */
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  /** Ids of the nodes at which an instance begins. */
  readonly starts: readonly string[];
  /** Ids of the nodes after which it ends. */
  readonly ends: readonly string[];
}

/** What has become of a node in one instance, over all of its occurrences. */
export interface NodeState {
  readonly nodeId: string;
  /** The most urgent of what is going on there; else how it last ended. A node that is not named was not reached. */
  readonly state:
    | "running"
    | "retrying"
    | "ready"
    | "waiting"
    | "sleeping"
    | "joining"
    | "completed"
    | "failed"
    | "tolerated"
    | "timed_out"
    | "undone";
  readonly completed: number;
  readonly failedAttempts: number;
  readonly lastAt: string | null;
  /** Task ids of the positions that stand there now. */
  readonly taskIds: readonly string[];
}

/** `GET /api/v1/instances/{instanceId}/graph`. */
export interface InstanceGraph {
  /** `null`: neither the server nor the database knows the definition. */
  readonly graph: Graph | null;
  /** By node id. */
  readonly states: readonly NodeState[];
}
