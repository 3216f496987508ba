import type { DefinitionIssue } from "../errors/definition-errors.ts";
import { kindOf, nameIssue } from "../ids.ts";
import type { FlowNode, RouteBranch, Sequence } from "./definition.ts";
import { DEFAULT_SEGMENT, keySegment, pathSegment } from "./definition-path.ts";
import {
  type BranchBody,
  type FlowHead,
  type ForkDraft,
  type RouteDraft,
  type StepDraft,
  type StepList,
  stepsOf,
  type WaitDraft,
} from "./draft.ts";
import type { Flow } from "./flow-definition.ts";
import { listed, quoted, textOf, unknownName } from "./known-options.ts";
import { NO_TASK } from "./task-draft.ts";
import { MAX_DEPTH, MAX_NODES } from "./validate.ts";

/**
 * Turns what the builder has collected into nodes, and gathers what is wrong with each by itself.
 * The root is only of use if there are no issues, here or in `definitionIssues`.
 */
export function compile(head: FlowHead, steps: StepList | null): { root: Sequence; issues: DefinitionIssue[] } {
  const compilation = new Compilation(head);
  compilation.report(head.name, head.issues);
  if (steps === null) compilation.report(head.name, ["has no steps; add one with then()"]);
  return { root: compilation.sequence(stepsOf(steps), head.name, 0), issues: compilation.issues };
}

class Compilation {
  readonly issues: DefinitionIssue[] = [];
  // Branches can be shared, so a small program can describe a tree without end. One more node than
  // is allowed is enough for validation to refuse it.
  #nodesLeft = MAX_NODES + 1;
  #unnamedRoutes = 0;
  readonly #head: FlowHead;

  constructor(head: FlowHead) {
    this.#head = head;
  }

  report(path: string, messages: readonly string[]): void {
    for (const message of messages) this.issues.push({ path, message });
  }

  /** @param depth - how many branches and inlined flows enclose it */
  sequence(steps: readonly StepDraft[], path: string, depth: number): Sequence {
    const nodes: FlowNode[] = [];
    // One level more than is allowed, as with the nodes.
    if (depth > MAX_DEPTH + 1) return nodes;
    for (const [index, step] of steps.entries()) {
      if (this.#nodesLeft === 0) break;
      this.#nodesLeft--;
      nodes.push(this.#node(step, path, index + 1, depth));
    }
    return Object.freeze(nodes);
  }

  #node(step: StepDraft, path: string, ordinal: number, depth: number): FlowNode {
    switch (step.kind) {
      case "simple":
        this.report(`${path}/${pathSegment(step.node.id, "step", ordinal)}`, [
          ...step.issues,
          ...stateIssues(this.#head, step.inlined),
        ]);
        return step.node;
      case "fork":
        return this.#fork(step, `${path}/${pathSegment(step.join.node.id, "step", ordinal)}`, depth);
      case "route":
        return this.#route(step, path, ordinal, depth);
      case "wait":
        return this.#wait(step, `${path}/${pathSegment(step.node.id, "step", ordinal)}`, depth);
      case "bad":
        this.report(`${path}/(step ${ordinal})`, step.issues);
        // Keeps the place, so that the numbers of the other steps are right.
        return NO_TASK;
    }
  }

  #fork(draft: ForkDraft, path: string, depth: number): FlowNode {
    this.report(path, draft.issues);
    this.report(path, draft.join.issues);
    const names = new Set<unknown>();
    const branches = draft.branches.map(({ name, body }, index) => {
      const branchPath = `${path}/${pathSegment(name, "branch", index + 1)}`;
      const problem = nameIssue(name);
      if (problem !== null) this.report(branchPath, [`branch name ${problem}`]);
      else if (names.has(name)) this.report(branchPath, ["is the name of more than one branch of this fork"]);
      names.add(name);
      if (body.steps === null && body.issues.length === 0)
        this.report(branchPath, ["has no steps; a fork's branch needs one at least"]);
      return Object.freeze({ name: textOf(name), sequence: this.#body(body, branchPath, depth) });
    });
    return Object.freeze({
      kind: "fork",
      id: draft.join.node.id,
      mode: draft.mode,
      branches: Object.freeze(branches),
      join: draft.join.node,
    });
  }

  #route(draft: RouteDraft, path: string, ordinal: number, depth: number): FlowNode {
    const id = draft.unnamed ? `route-${++this.#unnamedRoutes}` : draft.select.id;
    const here = `${path}/${pathSegment(id, "step", ordinal)}`;
    this.report(here, draft.issues);
    this.report(here, keyIssues(draft));
    const branches: RouteBranch[] = draft.branches.map(({ key, body }, index) =>
      Object.freeze({ key: textOf(key), sequence: this.#body(body, `${here}/${keySegment(key, index + 1)}`, depth) }),
    );
    const [first] = draft.defaults;
    const defaultBranch = first === undefined ? null : this.#body(first, `${here}/${DEFAULT_SEGMENT}`, depth);
    const select = Object.freeze({ ...draft.select, id });
    const keys = Object.freeze([...draft.keys]);
    return Object.freeze({ kind: "route", id, select, keys, branches: Object.freeze(branches), defaultBranch });
  }

  #wait(draft: WaitDraft, path: string, depth: number): FlowNode {
    this.report(path, draft.issues);
    const { timeout } = draft;
    const branchPath = `${path}/(timeout)`;
    if (timeout.steps === null && timeout.issues.length === 0)
      this.report(branchPath, ['has no steps; to go on without any, say onTimeout: "continue"']);
    return Object.freeze({ ...draft.node, timeoutBranch: this.#body(timeout, branchPath, depth) });
  }

  #body(body: BranchBody, path: string, depth: number): Sequence {
    this.report(path, body.issues);
    return this.sequence(stepsOf(body.steps), path, depth + 1);
  }
}

/** Whatever stands in a flow shares its state. */
function stateIssues({ name, state }: FlowHead, inlined: Flow | null): string[] {
  if (inlined === null || inlined.state === null || inlined.state === state) return [];
  const remedy = `give both the same: flow(${quoted(name)}, { state })`;
  const problem = state === null ? "which this flow does not have" : "which is another one than that of this flow";
  return [`inlines flow ${quoted(inlined.name)} with a state, ${problem}; ${remedy}`];
}

function keyIssues(draft: RouteDraft): string[] {
  const issues: string[] = [];
  const keys = new Set(draft.keys);
  const used = new Set<unknown>();
  for (const { key } of draft.branches) {
    if (typeof key !== "string") issues.push(`has a branch whose key is ${kindOf(key)} instead of a string`);
    else if (used.has(key)) issues.push(`has more than one branch for key ${quoted(key)}`);
    // Without keys, that is what is reported.
    else if (!keys.has(key) && keys.size > 0)
      issues.push(`has a branch for a key that is none of its keys: ${unknownName(key, draft.keys)}`);
    used.add(key);
  }
  const missing = draft.keys.filter((key) => !used.has(key));
  if (draft.defaults.length > 1) issues.push("has more than one default branch");
  if (draft.defaults.length === 0 && missing.length > 0) {
    issues.push(`has no branch for ${listed(missing)}; add one for each, or a default branch`);
  }
  return issues;
}
