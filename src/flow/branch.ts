import type { Chain, LastOutput, Linked, Merged, Sink, TaskInput, TaskOutputs } from "./chain.ts";
import { BranchDraft } from "./draft.ts";
import type { FlowBuilder } from "./flow-builder.ts";
import { branchBody } from "./flow-draft.ts";
import type { Task } from "./task.ts";

/**
 * One branch of a fork, made by `branch()`. Immutable.
 *
 * @typeParam Input - what it accepts
 * @typeParam Output - what it hands to the join
 * @typeParam Outer - outputs of the flow around it that its functions use
 * @typeParam Outputs - what its own steps record
 */
export interface Branch<
  out Name extends string = string,
  in Input = never,
  out Output = unknown,
  in Outer extends object = never,
  out Outputs extends object = object,
> {
  /** Exists for the type checker only. */
  readonly "~types": {
    readonly name: Name;
    readonly input: (input: Input) => void;
    readonly output: Output;
    readonly outer: (outer: Outer) => void;
    readonly outputs: Outputs;
  };
}

/** Any branch that can stand where the flow has a `Current` and these outputs. */
export type AnyBranch<Current = never, Outputs extends object = never> = Branch<string, Current, unknown, Outputs>;

/** What a join gets: the outputs of its branches by name. */
export type BranchInputs<Branches extends readonly AnyBranch[]> = {
  [B in Branches[number] as B["~types"]["name"]]: B["~types"]["output"];
};

/** What comes of the first of several branches to end: its name, and what it hands on. */
export type FirstOf<Branches extends readonly AnyBranch[]> = {
  [B in Branches[number] as B["~types"]["name"]]: {
    readonly branch: B["~types"]["name"];
    readonly output: B["~types"]["output"];
  };
}[Branches[number]["~types"]["name"]];

/** What all branches have recorded. */
export type BranchOutputs<Branches extends readonly AnyBranch[]> = Merged<
  { [I in keyof Branches]: Sink<Branches[I]["~types"]["outputs"]> }[number]
>;

/**
 * A branch of a fork: tasks one after the other, or whatever the full builder can make.
 *
 * @param name - the join finds the branch's output under it; part of the definition hash
 *
 * @example
 * ```ts
 * import { branch, flow, task } from "waymark";
 *
 * const reserve = task("reserve", (order: { sku: string }) => ({ reserved: order.sku }));
 *
 * export const order = flow<{ sku: string }>("order")
 *   .fork([
 *     branch("stock", reserve),
 *     branch("price", (b) => b.then("look-up", (o) => o.sku.length * 100).delay("settle", "1s")),
 *   ])
 *   .join("offer", ({ stock, price }) => ({ sku: stock.reserved, cents: price }))
 *   .build();
 * ```
 */
export function branch<const Name extends string, Input, Output, Outer extends object, Outputs extends object>(
  name: Name,
  build: (builder: FlowBuilder<Input, Input, Outer>) => Chain<Output, Outputs>,
): Branch<Name, Input, Output, Outer, Outputs>;
export function branch<const Name extends string, const Tasks extends readonly [Task, ...Task[]]>(
  name: Name,
  ...tasks: Tasks & Linked<never, Tasks>
): Branch<Name, TaskInput<Tasks[0]>, LastOutput<never, Tasks>, object, TaskOutputs<Tasks>>;
export function branch(name: string, ...steps: readonly unknown[]): Branch {
  return new BranchDraft(name, branchBody(steps)) as unknown as Branch;
}
