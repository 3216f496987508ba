import { DefinitionError } from "../errors/definition-errors.ts";
import { compile } from "./compile.ts";
import type { Sequence } from "./definition.ts";
import { definitionHash } from "./definition-hash.ts";
import type { BranchBody, FlowHead, RouteDraft, StepDraft, StepList } from "./draft.ts";
import { anyEventFrom, collectFrom } from "./events-draft.ts";
import { Flow } from "./flow-definition.ts";
import { type ForkHead, forkFrom, mapFrom, raceFrom } from "./many-draft.ts";
import { spawnFrom } from "./spawn-draft.ts";
import {
  continueFrom,
  delayFrom,
  delayUntilFrom,
  loopFrom,
  routeFrom,
  stepFrom,
  subflowFrom,
  taskFrom,
  waitFrom,
  whatIs,
} from "./step-draft.ts";
import { Task } from "./task.ts";
import { NO_TASK } from "./task-draft.ts";
import { definitionIssues } from "./validate.ts";

const AWAITED =
  "a flow builder was awaited or returned from an async function; call .build() on it (and don't await it: use the flow that build() returns)";

/**
 * What is behind `FlowBuilder`: takes every call as it comes, because callers without a compiler
 * may pass anything, and keeps what is wrong with it for `build()`. Immutable.
 */
export class FlowDraft {
  readonly #head: FlowHead | null;
  /** The builder that this one was continued from, at the beginning. */
  readonly #origin: FlowDraft;
  readonly #steps: StepList | null;

  /** @param head - `null` for the builder that a branch's callback gets */
  constructor(head: FlowHead | null, from?: { origin: FlowDraft; steps: StepList }) {
    this.#head = head;
    this.#origin = from?.origin ?? this;
    this.#steps = from?.steps ?? null;
    Object.freeze(this);
  }

  then(...args: readonly unknown[]): FlowDraft {
    refuseAwait(this.#name(), args);
    return this.add(stepFrom("then", args));
  }

  fork(...args: readonly unknown[]): ForkStage {
    return new ForkStage(this, this.#name(), forkFrom(args));
  }

  race(...args: readonly unknown[]): FlowDraft {
    return this.add(raceFrom(args));
  }

  map(...args: readonly unknown[]): FlowDraft {
    return this.add(mapFrom(args));
  }

  route(...args: readonly unknown[]): RouteStage {
    return new RouteStage(this, this.#name(), routeFrom(args));
  }

  loop(...args: readonly unknown[]): FlowDraft {
    return this.add(loopFrom(args));
  }

  delay(...args: readonly unknown[]): FlowDraft {
    return this.add(delayFrom(args));
  }

  delayUntil(...args: readonly unknown[]): FlowDraft {
    return this.add(delayUntilFrom(args));
  }

  waitForEvent(...args: readonly unknown[]): FlowDraft {
    return this.add(waitFrom(args, branchBody));
  }

  waitForEvents(...args: readonly unknown[]): FlowDraft {
    return this.add(collectFrom(args, branchBody));
  }

  waitForAny(...args: readonly unknown[]): FlowDraft {
    return this.add(anyEventFrom(args));
  }

  continueAsNew(...args: readonly unknown[]): FlowDraft {
    return this.add(continueFrom(args));
  }
  spawn(...args: readonly unknown[]): FlowDraft {
    return this.add(spawnFrom(args));
  }

  thenFlow(...args: readonly unknown[]): FlowDraft {
    return this.add(subflowFrom(args));
  }

  build(): Flow {
    const head = this.#head;
    if (head === null)
      throw misuse(this.#name(), "build() was called in a branch's callback; return the builder instead");
    const { root, issues } = compile(head, this.#steps);
    const { name, description, inputSchema, deadlineMs, keep, onFailure, state, limitedBy, startPolicy } = head;
    const all = [...issues, ...definitionIssues(name, root, state !== null)];
    if (limitedBy !== null && beginsSideBySide(root))
      all.push({ path: name, message: "has a limit, and begins with a fork; put a task before it" });
    if (all.length > 0) throw new DefinitionError(name, all);
    state?.addFlow(name);
    const hash = definitionHash(name, root, onFailure);
    const policy = { deadlineMs, keep, onFailure, state, limitedBy, startPolicy };
    return new Flow({ name, description, inputSchema, ...policy, root, hash });
  }

  /** This builder with one more step. */
  add(step: StepDraft): FlowDraft {
    return new FlowDraft(this.#head, { origin: this.#origin, steps: { step, before: this.#steps } });
  }

  /** The steps added since `origin`; `null` if this builder doesn't go back to it. */
  since(origin: FlowDraft): { readonly steps: StepList | null } | null {
    return this.#origin === origin ? { steps: this.#steps } : null;
  }

  #name(): string {
    return this.#head?.name ?? "(branch)";
  }
}

/** Whether an instance stands at more than one position from the start. */
function beginsSideBySide([first]: Sequence): boolean {
  if (first?.kind === "subflow") return beginsSideBySide(first.sequence);
  return first?.kind === "fork";
}

/** Refuses, with a reason, whatever a fork or route must not be followed by. */
abstract class UnfinishedStage {
  readonly #flow: string;

  constructor(flow: string) {
    this.#flow = flow;
  }

  /** What has to be called first, e.g. `a fork must be followed by join()`. */
  protected abstract readonly unfinished: string;

  then(...args: readonly unknown[]): never {
    refuseAwait(this.#flow, args);
    return this.#refuse("then");
  }

  fork(): never {
    return this.#refuse("fork");
  }

  race(): never {
    return this.#refuse("race");
  }

  map(): never {
    return this.#refuse("map");
  }

  route(): never {
    return this.#refuse("route");
  }

  loop(): never {
    return this.#refuse("loop");
  }

  delay(): never {
    return this.#refuse("delay");
  }

  delayUntil(): never {
    return this.#refuse("delayUntil");
  }

  waitForEvent(): never {
    return this.#refuse("waitForEvent");
  }

  waitForEvents(): never {
    return this.#refuse("waitForEvents");
  }

  waitForAny(): never {
    return this.#refuse("waitForAny");
  }

  continueAsNew(): never {
    return this.#refuse("continueAsNew");
  }
  spawn(): never {
    return this.#refuse("spawn");
  }

  thenFlow(): never {
    return this.#refuse("thenFlow");
  }

  build(): never {
    return this.#refuse("build");
  }

  #refuse(method: string): never {
    throw misuse(this.#flow, `${this.unfinished} before ${method}()`);
  }
}

/** What is behind `ForkBuilder`. */
export class ForkStage extends UnfinishedStage {
  protected readonly unfinished = "a fork must be followed by join(id, fn)";
  readonly #before: FlowDraft;
  readonly #head: ForkHead;

  constructor(before: FlowDraft, flow: string, head: ForkHead) {
    super(flow);
    this.#before = before;
    this.#head = head;
    Object.freeze(this);
  }

  join(...args: readonly unknown[]): FlowDraft {
    const join = taskFrom("join", args);
    const known = "kind" in join ? { node: NO_TASK, issues: join.issues } : join;
    return this.#before.add({ kind: "fork", ...this.#head, join: known });
  }
}

/** What is behind `RouteBuilder`. */
export class RouteStage extends UnfinishedStage {
  protected readonly unfinished = "a route must be followed by branch() for each key, and done(),";
  readonly #before: FlowDraft;
  readonly #flow: string;
  readonly #draft: RouteDraft;

  constructor(before: FlowDraft, flow: string, draft: RouteDraft) {
    super(flow);
    this.#before = before;
    this.#flow = flow;
    this.#draft = draft;
    Object.freeze(this);
  }

  branch(key: unknown, ...steps: readonly unknown[]): RouteStage {
    const branches = [...this.#draft.branches, { key, body: branchBody(steps) }];
    return new RouteStage(this.#before, this.#flow, { ...this.#draft, branches });
  }

  defaultBranch(...steps: readonly unknown[]): RouteStage {
    const defaults = [...this.#draft.defaults, branchBody(steps)];
    return new RouteStage(this.#before, this.#flow, { ...this.#draft, defaults });
  }

  done(): FlowDraft {
    return this.#before.add(this.#draft);
  }
}

/** What a branch was given: a callback that continues a builder, or tasks. */
export function branchBody(given: readonly unknown[]): BranchBody {
  const [first] = given;
  if (given.length === 1 && typeof first === "function")
    return bodyFromCallback(first as (builder: FlowDraft) => unknown);
  const issues: string[] = [];
  let steps: StepList | null = null;
  for (const [index, step] of given.entries()) {
    if (Task.is(step)) steps = { step: stepFrom("branch", [step]), before: steps };
    else
      issues.push(
        `step ${index + 1} must be a task, not ${whatIs(step)}; for anything else give one callback: (b) => b.then(…)`,
      );
  }
  return { steps, issues };
}

function bodyFromCallback(callback: (builder: FlowDraft) => unknown): BranchBody {
  const origin = new FlowDraft(null);
  const returned = callback(origin);
  if (returned instanceof Promise) {
    // It may reject because the builder was awaited; that is what the issue says already.
    returned.catch(() => undefined);
    return {
      steps: null,
      issues: ["the callback returned a Promise; it must return the builder, so it must not be async"],
    };
  }
  if (returned instanceof FlowDraft) {
    const added = returned.since(origin);
    if (added !== null) return { steps: added.steps, issues: [] };
    return { steps: null, issues: ["the callback returned a builder that doesn't continue the one it was given"] };
  }
  if (returned instanceof UnfinishedStage) {
    return { steps: null, issues: ["the callback returned an unfinished fork or route; end it with join() or done()"] };
  }
  return { steps: null, issues: [`the callback must return the builder that it continued, not ${whatIs(returned)}`] };
}

function refuseAwait(flow: string, args: readonly unknown[]): void {
  // `await x` and `resolve(x)` call x.then(resolve, reject). No step is given by two functions.
  if (typeof args[0] === "function" && typeof args[1] === "function") throw misuse(flow, AWAITED);
}

function misuse(flow: string, message: string): DefinitionError {
  return new DefinitionError(flow, [{ path: flow, message }]);
}
