import type { DefinitionIssue } from "../errors/definition-errors.ts";
import { MAX_TASK_ID_BYTES, nameIssue } from "../ids.ts";
import type { FlowNode, Sequence } from "./definition.ts";
import { DEFAULT_SEGMENT, keySegment, pathSegment } from "./definition-path.ts";

/** How many branches and inlined flows may enclose a node. */
export const MAX_DEPTH = 64;
/** Most nodes of a flow, those of inlined flows included. Leaves room for the widest fork. */
export const MAX_NODES = 20_000;

const ENCODER = new TextEncoder();

/** What is wrong with a definition as a whole. Mistakes of single nodes are found when they are made. */
export function definitionIssues(flow: string, root: Sequence): DefinitionIssue[] {
  const walk = new Walk(flow);
  walk.sequence(root, { path: flow, depth: 0, prefix: "", ordinal: 0, ids: new Map() });
  return walk.finish();
}

/** Where a walk is. */
interface Place {
  /** For issues. */
  readonly path: string;
  readonly depth: number;
  /** What task ids in this scope begin with. */
  readonly prefix: string;
  /** Counted from 1, in its sequence. */
  readonly ordinal: number;
  /** The scope's ids so far, with where they are. */
  readonly ids: Map<string, Place>;
}

class Walk {
  readonly #flow: string;
  readonly #issues: DefinitionIssue[] = [];
  #nodes = 0;
  #tooDeep: string | null = null;
  #longest: { readonly path: string; readonly id: string; readonly bytes: number } | null = null;

  constructor(flow: string) {
    this.#flow = flow;
  }

  finish(): DefinitionIssue[] {
    if (this.#nodes > MAX_NODES)
      this.#report(this.#flow, `has more than ${MAX_NODES} nodes, those of inlined flows included`);
    if (this.#tooDeep !== null) {
      this.#report(this.#tooDeep, `is nested too deeply: more than ${MAX_DEPTH} branches and inlined flows enclose it`);
    }
    // One issue, for the longest: the ids that make it long are those of the scopes, which the others share.
    if (this.#longest !== null && this.#longest.bytes > MAX_TASK_ID_BYTES) {
      const { path, id, bytes } = this.#longest;
      this.#report(
        path,
        `has a task id of up to ${bytes} bytes, "${id.slice(0, 40)}…"; the limit is ${MAX_TASK_ID_BYTES}`,
      );
    }
    return this.#issues;
  }

  sequence(sequence: Sequence, place: Place): void {
    if (place.depth > MAX_DEPTH && sequence.length > 0) {
      this.#tooDeep ??= place.path;
      return;
    }
    for (const [index, node] of sequence.entries()) {
      this.#nodes++;
      if (this.#nodes > MAX_NODES) return;
      const ordinal = index + 1;
      this.#node(node, { ...place, path: `${place.path}/${pathSegment(node.id, "step", ordinal)}`, ordinal });
    }
  }

  #node(node: FlowNode, here: Place): void {
    this.#checkId(node.id, here);
    this.#measure(node.kind === "loop" ? `${node.id}[${node.maxIterations - 1}]` : node.id, here);
    switch (node.kind) {
      case "fork":
        for (const [index, { name, sequence }] of node.branches.entries()) {
          const branch = within(here, pathSegment(name, "branch", index + 1));
          // Under this name the branch's path, and sometimes its output, is stored.
          this.#measure(`${node.id}/${name}`, branch);
          this.sequence(sequence, branch);
        }
        break;
      case "route":
        for (const [index, { key, sequence }] of node.branches.entries()) {
          this.sequence(sequence, within(here, keySegment(key, index + 1)));
        }
        this.sequence(node.defaultBranch ?? [], within(here, DEFAULT_SEGMENT));
        break;
      case "subflow": {
        const scope = { prefix: `${here.prefix}${node.id}/`, ids: new Map<string, Place>() };
        this.sequence(node.sequence, { ...here, ...scope, depth: here.depth + 1 });
        break;
      }
      case "task":
      case "loop":
      case "delay":
      case "wait":
        break;
    }
  }

  #checkId(id: string, here: Place): void {
    // What is wrong with the id itself has been reported.
    if (nameIssue(id) !== null) return;
    const first = here.ids.get(id);
    if (first === undefined) {
      here.ids.set(id, here);
      return;
    }
    const other = first.path === here.path ? `step ${first.ordinal} beside it` : first.path;
    this.#report(here.path, `has the id of ${other}; ids are unique within a flow`);
  }

  #measure(id: string, here: Place): void {
    const whole = here.prefix + id;
    const bytes = utf8Bytes(whole);
    if (this.#longest === null || bytes > this.#longest.bytes) this.#longest = { path: here.path, id: whole, bytes };
  }

  #report(path: string, message: string): void {
    this.#issues.push({ path, message });
  }
}

function within(here: Place, segment: string): Place {
  return { ...here, path: `${here.path}/${segment}`, depth: here.depth + 1 };
}

function utf8Bytes(text: string): number {
  return ENCODER.encode(text).byteLength;
}
