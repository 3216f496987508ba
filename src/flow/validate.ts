import type { DefinitionIssue } from "../errors/definition-errors.ts";
import { MAX_TASK_ID_BYTES, nameIssue } from "../ids.ts";
import type { ContinueNode, FlowNode, Sequence } from "./definition.ts";
import { DEFAULT_SEGMENT, keySegment, pathSegment } from "./definition-path.ts";
import { failureHandlingOf, undoOf } from "./flow-definition.ts";
import { listed, quoted } from "./known-options.ts";

/** How many branches and inlined flows may enclose a node. */
export const MAX_DEPTH = 64;
/** Most items of one map. */
export const MAX_ITEMS = 100_000;
/** Most events that one step waits for. */
export const MAX_EVENTS = 10_000;
/** Most nodes of a flow, those of inlined flows included. Leaves room for the widest fork. */
export const MAX_NODES = 20_000;

/** With what the task id begins under which the state of a branch or item is recorded. */
export const STATE_PREFIX = "$state:";

const NOTHING: ReadonlySet<string> = new Set();
const ENCODER = new TextEncoder();

/** What is wrong with a definition as a whole. Mistakes of single nodes are found when they are made. */
export function definitionIssues(flow: string, root: Sequence, hasState: boolean): DefinitionIssue[] {
  const walk = new Walk(flow, hasState);
  walk.sequence(root, {
    path: flow,
    depth: 0,
    prefix: "",
    ordinal: 0,
    isLast: false,
    aside: null,
    ids: new Map(),
    later: new Set(),
  });
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
  /** Whether it is the last of its sequence. */
  readonly isLast: boolean;
  /** Off the trunk of the instance: what encloses it, in words; `null` on the trunk. */
  readonly aside: string | null;
  /** Ids of the nodes that its path comes to later, in this scope. */
  readonly later: ReadonlySet<string>;
}

class Walk {
  readonly #flow: string;
  readonly #issues: DefinitionIssue[] = [];
  /** What ids that are made of paths begin with. */
  readonly #beforePaths: string;
  #nodes = 0;
  #tooDeep: string | null = null;
  #longest: { readonly path: string; readonly id: string; readonly bytes: number } | null = null;

  constructor(flow: string, hasState: boolean) {
    this.#flow = flow;
    this.#beforePaths = hasState ? STATE_PREFIX : "";
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
      const path = `${place.path}/${pathSegment(node.id, "step", ordinal)}`;
      const isLast = ordinal === sequence.length;
      this.#node(node, { ...place, path, ordinal, isLast, later: laterThan(sequence, index, place.later) });
    }
  }

  #node(node: FlowNode, here: Place): void {
    this.#checkId(node.id, here);
    this.#measure(longestId(node), here);
    switch (node.kind) {
      case "fork":
        for (const [index, { name, sequence }] of node.branches.entries()) {
          const branch = aside(within(here, pathSegment(name, "branch", index + 1)), "a branch of a fork or race");
          // Under this name the branch's path, and sometimes its output, is stored.
          this.#measure(`${node.id}/${name}`, branch, this.#beforePaths);
          this.sequence(sequence, node.mode === "all" ? branch : scoped(branch, `${node.id}/${name}/`));
        }
        this.#checkJump(node, here);
        break;
      case "route":
        for (const [index, { key, sequence }] of node.branches.entries()) {
          this.sequence(sequence, onPath(within(here, keySegment(key, index + 1)), here));
        }
        this.sequence(node.defaultBranch ?? [], onPath(within(here, DEFAULT_SEGMENT), here));
        break;
      case "subflow":
        this.sequence(node.sequence, scoped({ ...here, depth: here.depth + 1 }, `${node.id}/`));
        break;
      case "loop":
        this.sequence(
          node.sequence ?? [],
          aside(scoped(within(here, "(iteration)"), `${longestId(node)}/`), "the flow of a loop"),
        );
        this.#checkJump(node, here);
        break;
      case "map":
        this.#measure(`${node.id}[${MAX_ITEMS - 1}]`, here, this.#beforePaths);
        this.sequence(
          node.sequence,
          aside(scoped(within(here, "(item)"), `${node.id}[${MAX_ITEMS - 1}]/`), "the flow of a map"),
        );
        break;
      case "wait":
      case "collect":
        this.sequence(node.timeoutBranch ?? [], onPath(within(here, "(timeout)"), here));
        break;
      case "task":
      case "spawn":
        this.#checkJump(node, here);
        break;
      case "continue":
        this.#checkContinue(node, here);
        break;
      case "delay":
      case "item":
      case "children":
      case "undo":
        break;
    }
  }

  /** The instance begins anew as a whole: nothing else may be under way in it, and what follows would never run. */
  #checkContinue(node: ContinueNode, here: Place): void {
    if (!here.isLast)
      this.#report(here.path, "continueAsNew() ends the run, so it must be the last step of its flow or branch");
    if (here.aside === null) return;
    this.#report(
      here.path,
      `continueAsNew() begins the whole instance anew, so it can't stand in ${here.aside}, beside which other steps of the ` +
        "instance may be running or to come; hand a result on, and continue at the end of the flow",
    );
  }

  /** A task can only go on where its path comes by later: at nodes behind it, or behind the routes around it. */
  #checkJump(node: FlowNode, here: Place): void {
    const handling = failureHandlingOf(node);
    if (handling?.kind !== "goto" || here.later.has(handling.id)) return;
    const known = here.later.size === 0 ? "there is none" : `there are ${listed([...here.later])}`;
    this.#report(
      here.path,
      `has onFailure: { goto: ${quoted(handling.id)} }, which is no later step on its path; ${known}`,
    );
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

  #measure(id: string, here: Place, before: string = ""): void {
    const whole = before + here.prefix + id;
    const bytes = utf8Bytes(whole);
    if (this.#longest === null || bytes > this.#longest.bytes) this.#longest = { path: here.path, id: whole, bytes };
  }

  #report(path: string, message: string): void {
    this.#issues.push({ path, message });
  }
}

/** A place one level further in, on a path of its own. */
function within(here: Place, segment: string): Place {
  return { ...here, path: `${here.path}/${segment}`, depth: here.depth + 1, later: NOTHING };
}

/** The same, off the trunk of the instance. */
function aside(place: Place, inWhat: string): Place {
  return { ...place, aside: place.aside ?? inWhat };
}

/** The same, but on the path of what encloses it. */
function onPath(place: Place, { later }: Place): Place {
  return { ...place, later };
}

/** The same, in a scope of its own. */
function scoped(place: Place, segments: string): Place {
  return { ...place, prefix: `${place.prefix}${segments}`, ids: new Map(), later: NOTHING };
}

function laterThan(sequence: Sequence, index: number, outer: ReadonlySet<string>): ReadonlySet<string> {
  // Read by few nodes, and made for each: only where the node asks.
  const node = sequence[index];
  if (node === undefined || !asksWhatIsLater(node)) return NOTHING;
  return new Set([...sequence.slice(index + 1).map(({ id }) => id), ...outer]);
}

function asksWhatIsLater(node: FlowNode): boolean {
  return ["route", "wait", "collect"].includes(node.kind) || failureHandlingOf(node)?.kind === "goto";
}

/** The longest task id under which something of a node itself is recorded, in its scope. */
function longestId(node: FlowNode): string {
  const id = node.kind === "loop" ? `${node.id}[${node.maxIterations - 1}]` : node.id;
  if (node.kind === "map") return `${id}[${MAX_ITEMS - 1}]~item`;
  if (node.kind === "collect") return `${id}[${(node.count ?? MAX_EVENTS) - 1}]`;
  if (node.kind === "delay" && node.until !== null) return `${id}~until`;
  if (failureHandlingOf(node)?.kind === "fallback") return `${id}~fallback`;
  if (node.kind === "spawn") return `${id}~start`;
  return undoOf(node) === null ? id : `${id}~undo`;
}

function utf8Bytes(text: string): number {
  return ENCODER.encode(text).byteLength;
}
