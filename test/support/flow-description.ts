/** No loop of a random flow goes further. */
export const LAST_ITERATION = 4;

/** What a random flow is made from: the flow itself and its expected course both follow from it. */
export interface FlowDescription {
  readonly name: string;
  readonly steps: readonly StepDescription[];
  /** Fails at its end, so that its tasks, those of kind "task", are undone, and its failure handler runs. Default: no. */
  readonly isUndone?: boolean;
  /** How often it continues as new before it ends; default never. */
  readonly restarts?: number;
  /** Each body that is told of notes itself in the state that they share (`trail`). Default: no. */
  readonly hasState?: boolean;
}

export type StepDescription =
  /** Throws on its first `failures` attempts, and has that many retries, without a wait. */
  | { readonly kind: "task"; readonly id: string; readonly failures: number }
  | { readonly kind: "fork"; readonly id: string; readonly branches: readonly NamedSteps[] }
  /** Branches by key; `otherwise` is for the keys without one. */
  | {
      readonly kind: "route";
      readonly id: string;
      readonly keys: readonly string[];
      readonly branches: readonly NamedSteps[];
      readonly otherwise: readonly StepDescription[] | null;
    }
  | {
      readonly kind: "loop";
      readonly id: string;
      readonly maxIterations: number;
      readonly onMax: "fail" | "exitWithLast";
    }
  /** A loop over a flow. */
  | { readonly kind: "rounds"; readonly id: string; readonly maxIterations: number; readonly flow: FlowDescription }
  /** A flow for each of `count` items. If failures are borne, that of every other item fails at its end. */
  | {
      readonly kind: "map";
      readonly id: string;
      readonly count: number;
      readonly concurrency: number | null;
      readonly bearsFailures: boolean;
      readonly flow: FlowDescription;
    }
  /** The first branch comes to its end; the others wait for ever, or fail if that is borne. */
  | {
      readonly kind: "first";
      readonly id: string;
      readonly mode: "any" | "race";
      readonly branches: readonly NamedSteps[];
    }
  /** Every other branch fails at its end. */
  | { readonly kind: "settled"; readonly id: string; readonly branches: readonly NamedSteps[] }
  /** Fails at every attempt. `goto` leads to a task `id-target`, past one that is never run. */
  | {
      readonly kind: "hopeless";
      readonly id: string;
      readonly failures: number;
      readonly handling: "skip" | "goto" | "fallback";
    }
  | { readonly kind: "delay"; readonly id: string; readonly durationMs: number }
  /** Until a time that is past. */
  | { readonly kind: "until"; readonly id: string }
  /**
   * Goes on after a timeout, if it has one: with a result that says so, or with these steps. Every wait of a flow has an event
   * name of its own.
   */
  | {
      readonly kind: "wait";
      readonly id: string;
      readonly event: string;
      readonly timeoutMs: number | null;
      readonly late: readonly StepDescription[] | null;
    }
  /** The same for several events, as many as a function says if they are `counted`. */
  | {
      readonly kind: "several";
      readonly id: string;
      readonly event: string;
      readonly count: number;
      readonly counted: boolean;
      readonly timeoutMs: number | null;
      readonly late: readonly StepDescription[] | null;
    }

  /** A child of a single task, which is waited for; one that fails is skipped. */
  | { readonly kind: "child"; readonly id: string; readonly fails: boolean; readonly onClose: "cancel" | "wait" }
  | { readonly kind: "subflow"; readonly id: string; readonly flow: FlowDescription };

export interface NamedSteps {
  readonly name: string;
  readonly steps: readonly StepDescription[];
}

export interface RandomFlowOptions {
  /** How deep branches and sub-flows are nested at most; default 4. */
  readonly maxDepth?: number;
  /** How often a task fails at most before it succeeds; default 0. */
  readonly maxFailures?: number;
  /** Lengths of delays; none, no delays. Default 0, 1 and 50. */
  readonly delaysMs?: readonly number[];
  /** Whether there are waits for events; default true. */
  readonly waits?: boolean;
  /** Time limits of waits, `null` for none; default just `null`. */
  readonly timeoutsMs?: readonly (number | null)[];
}
