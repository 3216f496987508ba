import { AsyncLocalStorage } from "node:async_hooks";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import type { TaskContext } from "../flow/task-context.ts";

const current = new AsyncLocalStorage<TaskContext>();

/** Runs a body so that `getTaskContext` finds its context, however deep below. */
export function runInContext<T>(context: TaskContext, body: () => T): T {
  return current.run(context, body);
}

/**
 * The context of the task that is running, for code that it calls.
 *
 * @throws {InvalidArgumentError} no task is running here
 */
export function getTaskContext(): TaskContext {
  const context = current.getStore();
  if (context === undefined) {
    throw new InvalidArgumentError(
      "getTaskContext()",
      "was called outside a task. Call it from a task's function, or from what that calls.",
    );
  }
  return context;
}
