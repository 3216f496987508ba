import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import type { Flow } from "../../src/flow/flow-definition.ts";
import { task } from "../../src/flow/task.ts";

/** The builder as JavaScript sees it: every method, any arguments. */
export interface UntypedBuilder {
  then(...args: readonly unknown[]): UntypedBuilder;
  fork(...args: readonly unknown[]): UntypedBuilder;
  race(...args: readonly unknown[]): UntypedBuilder;
  map(...args: readonly unknown[]): UntypedBuilder;
  delayUntil(...args: readonly unknown[]): UntypedBuilder;
  join(...args: readonly unknown[]): UntypedBuilder;
  route(...args: readonly unknown[]): UntypedBuilder;
  branch(...args: readonly unknown[]): UntypedBuilder;
  defaultBranch(...args: readonly unknown[]): UntypedBuilder;
  done(): UntypedBuilder;
  loop(...args: readonly unknown[]): UntypedBuilder;
  delay(...args: readonly unknown[]): UntypedBuilder;
  waitForEvent(...args: readonly unknown[]): UntypedBuilder;
  waitForEvents(...args: readonly unknown[]): UntypedBuilder;
  waitForAny(...args: readonly unknown[]): UntypedBuilder;
  continueAsNew(...args: readonly unknown[]): UntypedBuilder;
  thenFlow(...args: readonly unknown[]): UntypedBuilder;
  build(): Flow;
}

type Untyped<Result> = (...args: readonly unknown[]) => Result;

/** The functions that make flows, without their types. */
export const untyped = {
  flow: flow as unknown as Untyped<UntypedBuilder>,
  task: task as unknown as Untyped<unknown>,
  branch: branch as unknown as Untyped<unknown>,
};
