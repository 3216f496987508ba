import type { Chain, LastOutput, Linked, TaskOutputs } from "./chain.ts";
import type { FlowBuilder } from "./flow-builder.ts";
import type { Task } from "./task.ts";

/** Shown by the compiler where `done()` is called too early. */
export interface RouteIncomplete<Missing> {
  readonly "add a default branch, or one for each of these keys": Missing;
}

/**
 * A route whose branches are being written.
 *
 * @typeParam Unused - keys that have no branch yet
 * @typeParam Open - what the key function may return that no branch is for
 * @typeParam Output - union of what the branches so far hand on
 */
export interface RouteBuilder<
  Input,
  Current,
  Outputs extends object,
  Unused extends string,
  Open extends string,
  Output = never,
  BranchesOutputs extends object = Outputs,
  HasDefault extends boolean = false,
> {
  /** Adds the branch for a key, with the full builder. */
  branch<const Key extends Unused, BranchOutput, Added extends object>(
    key: Key,
    build: (builder: FlowBuilder<Input, Current, Outputs>) => Chain<BranchOutput, Added>,
  ): RouteBuilder<
    Input,
    Current,
    Outputs,
    Exclude<Unused, Key>,
    Exclude<Open, Key>,
    Output | BranchOutput,
    BranchesOutputs & Added,
    HasDefault
  >;
  /** Adds the branch for a key: tasks one after the other. Without any, the route's input passes through. */
  branch<const Key extends Unused, const Tasks extends readonly Task[]>(
    key: Key,
    ...tasks: Tasks & Linked<Current, Tasks>
  ): RouteBuilder<
    Input,
    Current,
    Outputs,
    Exclude<Unused, Key>,
    Exclude<Open, Key>,
    Output | LastOutput<Current, Tasks>,
    BranchesOutputs & TaskOutputs<Tasks>,
    HasDefault
  >;

  /** Adds the branch for every key without one of its own. */
  defaultBranch<BranchOutput, Added extends object>(
    this: RouteBuilder<Input, Current, Outputs, Unused, Open, Output, BranchesOutputs>,
    build: (builder: FlowBuilder<Input, Current, Outputs>) => Chain<BranchOutput, Added>,
  ): RouteBuilder<Input, Current, Outputs, Unused, Open, Output | BranchOutput, BranchesOutputs & Added, true>;
  defaultBranch<const Tasks extends readonly Task[]>(
    this: RouteBuilder<Input, Current, Outputs, Unused, Open, Output, BranchesOutputs>,
    ...tasks: Tasks & Linked<Current, Tasks>
  ): RouteBuilder<
    Input,
    Current,
    Outputs,
    Unused,
    Open,
    Output | LastOutput<Current, Tasks>,
    BranchesOutputs & TaskOutputs<Tasks>,
    true
  >;

  /** Ends the route; what follows gets what the branch that was taken hands on. Callable when no key is left. */
  readonly done: [HasDefault, Unused | Open] extends [true, unknown] | [boolean, never]
    ? () => FlowBuilder<Input, Output, BranchesOutputs>
    : RouteIncomplete<Unused | Open>;
}
