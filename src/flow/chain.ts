import type { Task } from "./task.ts";

/**
 * How far a chain of steps has come: what every builder is, seen from outside.
 *
 * @typeParam Current - what the last step hands on
 * @typeParam Outputs - what the steps so far have recorded, by id
 */
export interface Chain<out Current, out Outputs extends object> {
  /** Exists for the type checker only. */
  readonly "~chain": { readonly current: Current; readonly outputs: Outputs };
}

/** What a step adds to the outputs. An id that is only known to be a string adds nothing. */
export type Recorded<Id extends string, Output> = string extends Id ? object : { readonly [K in Id]: Output };

export type TaskInput<T extends Task> = T["~types"]["input"] extends (input: infer Input) => void ? Input : never;
export type TaskOutput<T extends Task> = T["~types"]["output"];

/**
 * What each of several tasks in a row must be: one that accepts what the one before hands on.
 *
 * @typeParam Start - what the first must accept
 */
export type Linked<Start, Tasks extends readonly Task[]> = {
  readonly [I in keyof Tasks]: Task<string, Handed<Start, Tasks>[I & keyof Handed<Start, Tasks>]>;
};

/** What the last of several tasks in a row hands on; `Start` if there is none. */
export type LastOutput<Start, Tasks extends readonly Task[]> = Tasks extends readonly [
  ...unknown[],
  infer Last extends Task,
]
  ? TaskOutput<Last>
  : Start;

/** What several tasks record. */
export type TaskOutputs<Tasks extends readonly Task[]> = Merged<
  { [I in keyof Tasks]: Sink<Recorded<Tasks[I]["~types"]["id"], TaskOutput<Tasks[I]>>> }[number]
>;

/** Something that takes outputs. A union of sinks can only take what is all of theirs at once. */
export type Sink<Outputs extends object> = (outputs: Outputs) => void;
/** All outputs of a union of sinks together. */
export type Merged<Sinks> = [Sinks] extends [never] ? object : [Sinks] extends [Sink<infer Outputs>] ? Outputs : never;

/** What is handed to each task in a row, and at the end what the last one hands on. */
type Handed<Start, Tasks extends readonly Task[]> = [Start, ...{ [I in keyof Tasks]: TaskOutput<Tasks[I]> }];
