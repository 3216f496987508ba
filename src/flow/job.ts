import type { Duration } from "../time/duration.ts";
import { flow } from "./flow.ts";
import type { Flow } from "./flow-definition.ts";
import type { KeepOptions } from "./keep.ts";
import type { StandardSchema } from "./schema.ts";
import type { StartPolicyOptions } from "./start-policy.ts";
import { type Accepted, type Parsed, type TaskFunction, type TaskResult, task } from "./task.ts";
import type { TaskOptions } from "./task-options.ts";

/** Options of a job: those of its task, but for what makes sense among other tasks only. */
export interface JobOptions<
  Input extends StandardSchema | undefined,
  Output extends StandardSchema | undefined,
  Given = unknown,
> extends Omit<TaskOptions<Input, Output, Given>, "onFailure" | "undo">,
    StartPolicyOptions<Given> {
  /** How long a job may take from its start on, waiting included; default as long as it takes. */
  readonly deadline?: Duration;
  /** As of a flow: how long jobs are kept after their end. */
  readonly keep?: KeepOptions;
}

/**
 * A flow of one task, spelled short: what goes into a queue. `client.enqueue(job, input)` puts one in, a `Worker` with it among its flows
 * runs it. One whose last attempt has failed is a failed instance, with the reason, until it is retried or deleted.
 *
 * Like `flow()`, for which it is short, it throws where `build()` would.
 *
 * @param name - of the flow and its task
 * @throws {DefinitionError} saying all that is wrong
 *
 * @example
 * ```ts
 * import { job } from "waymark";
 *
 * export const resize = job("resize", async (image: { url: string }) => ({ done: image.url }), {
 *   retries: 5,
 *   timeout: "1m",
 * });
 * ```
 */
export function job<
  Input,
  Returned,
  InputSchema extends StandardSchema | undefined = undefined,
  OutputSchema extends StandardSchema | undefined = undefined,
>(
  name: string,
  run: TaskFunction<Parsed<InputSchema, Input>, Returned, OutputSchema>,
  options: JobOptions<InputSchema, OutputSchema, Accepted<InputSchema, Input>> = {},
): Flow<Accepted<InputSchema, Input>, TaskResult<Returned, OutputSchema>> {
  const { deadline, keep, singleton, debounce, throttle, rateLimit, batch, ...own } = options;
  const ofFlow = { deadline, keep, singleton, debounce, throttle, rateLimit, batch };
  const given = Object.fromEntries(Object.entries(ofFlow).filter(([, value]) => value !== undefined));
  const make = task as unknown as (id: string, run: unknown, options: object) => never;
  const built: unknown = flow(name, given)
    .then(make(name, run, own))
    .build();
  return built as Flow<Accepted<InputSchema, Input>, TaskResult<Returned, OutputSchema>>;
}
