import type { CollectNode, FlowNode, ForkMode, TaskNode, WaitNode } from "./definition.ts";
import type { Flow } from "./flow-definition.ts";
import type { KeepTimes } from "./keep.ts";
import type { LimitedBy } from "./limit.ts";
import type { StandardSchema } from "./schema.ts";
import type { SharedState } from "./shared-state.ts";
import type { StartPolicy } from "./start-policy.ts";
import type { TaskDraft } from "./task-draft.ts";

/**
 * One call of a builder's method, checked as far as it can be by itself. `issues` says what is
 * wrong with it; the rest holds stand-ins then, and never gets into a flow.
 */
export type StepDraft = SimpleDraft | ForkDraft | RouteDraft | WaitDraft | BadCall;

/** A step without branches. */
export interface SimpleDraft {
  readonly kind: "simple";
  readonly node: FlowNode;
  /** The flow that stands in it, if one does. */
  readonly inlined: Flow | null;
  readonly issues: readonly string[];
}

export interface ForkDraft {
  readonly kind: "fork";
  readonly mode: ForkMode;
  readonly branches: readonly BranchDraft[];
  readonly join: TaskDraft;
  readonly issues: readonly string[];
}

export interface RouteDraft {
  readonly kind: "route";
  /** Its id is to be replaced if `unnamed`. */
  readonly select: TaskNode;
  readonly unnamed: boolean;
  readonly keys: readonly string[];
  readonly branches: readonly { readonly key: unknown; readonly body: BranchBody }[];
  readonly defaults: readonly BranchBody[];
  readonly issues: readonly string[];
}

/** A wait, for one event or several, whose time limit leads into a branch. */
export interface WaitDraft {
  readonly kind: "wait";
  readonly node: WaitNode | CollectNode;
  readonly timeout: BranchBody;
  readonly issues: readonly string[];
}

/** A call whose arguments don't say which step was meant. */
export interface BadCall {
  readonly kind: "bad";
  readonly issues: readonly string[];
}

/** Steps, last first: builders that go on from a common beginning share it. */
export interface StepList {
  readonly step: StepDraft;
  readonly before: StepList | null;
}

/** What stands in a branch. */
export interface BranchBody {
  readonly steps: StepList | null;
  readonly issues: readonly string[];
}

/** What `flow()` was given. */
export interface FlowHead {
  readonly name: string;
  readonly description: string | null;
  readonly inputSchema: StandardSchema | null;
  readonly deadlineMs: number | null;
  readonly keep: Partial<KeepTimes>;
  readonly onFailure: TaskNode | null;
  readonly state: SharedState | null;
  readonly limitedBy: LimitedBy | null;
  readonly startPolicy: StartPolicy | null;
  readonly issues: readonly string[];
}

/** What `branch()` makes. */
export class BranchDraft {
  readonly name: unknown;
  readonly body: BranchBody;

  constructor(name: unknown, body: BranchBody) {
    this.name = name;
    this.body = body;
    Object.freeze(this);
  }
}

/** The steps in their order. */
export function stepsOf(list: StepList | null): StepDraft[] {
  const steps: StepDraft[] = [];
  for (let rest = list; rest !== null; rest = rest.before) steps.push(rest.step);
  return steps.reverse();
}
