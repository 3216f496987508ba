import { kindOf, nameIssue } from "../ids.ts";
import type { Duration } from "../time/duration.ts";
import type { Recorded } from "./chain.ts";
import type { FlowHead } from "./draft.ts";
import type { FlowBuilder } from "./flow-builder.ts";
import type { Flow } from "./flow-definition.ts";
import { FlowDraft } from "./flow-draft.ts";
import { type KeepOptions, resolveKeep } from "./keep.ts";
import { type RawOptions, readOptions, textOf } from "./known-options.ts";
import { type Limit, resolveLimitedBy } from "./limit.ts";
import { checked, resolveSpan } from "./option-values.ts";
import type { SchemaInput, SchemaOutput, StandardSchema } from "./schema.ts";
import { SharedState } from "./shared-state.ts";
import { resolveStartPolicy, START_POLICY_KEYS, type StartPolicyOptions } from "./start-policy.ts";
import type { Accepted, Parsed, Task, TaskFunction, TaskResult } from "./task.ts";
import { resolveHandler } from "./task-draft.ts";
import { type FailureHandler, resolveDescription, resolveSchema, type TaskOptions } from "./task-options.ts";

/**
 * Options of a flow.
 *
 * @typeParam Input - what its first step gets
 */
export interface FlowOptions<Input = unknown> extends StartPolicyOptions<Input> {
  /** For people; at most 1,000 characters. Doesn't change the definition hash. */
  readonly description?: string;
  /**
   * How long an instance may take from its start on, by the database's clock: if it has not ended by then, it fails with
   * `DeadlineExceededError`. Of a flow that is inlined in another one, that one's counts. Default: as long as it takes. Doesn't
   * change the definition hash.
   */
  readonly deadline?: Duration;
  /**
   * How long its instances are kept after their end: `{ completed: "30d", failed: "90d", cancelled: "30d" }` is what is not said, unless
   * workers say something else; `"forever"` keeps them (docs/retention.md). Doesn't change the definition hash.
   */
  readonly keep?: KeepOptions;
  /**
   * Runs before an instance fails, when all has been undone that can be; the instance then fails as it would have without. Not
   * run for cancelled instances. Whether there is one is part of the definition hash. A flow that has one can't be inlined.
   */
  readonly onFailure?: FailureHandler<Input>;
  /**
   * Made by `limit()`: an instance waits before its first step until it allows one more, and takes its place until it ends. Of a flow
   * that is inlined in another one, that one's counts. Doesn't change the definition hash.
   */
  readonly limit?: Limit;
  /** Whose share of the limit an instance takes, 1 to 255 characters. Gets the input, as its schema gives it back. Default: all share one. */
  readonly limitKey?: (input: Input) => string;
  /** What its tasks share, made by `state()`. Flows that are inlined in it have none, or the same. */
  readonly state?: SharedState;
}

/**
 * A flow without a step, whose input type is not given: a first step that says what it accepts
 * decides it. With any other first step the input is `unknown`; say `flow<Input>(name)` then.
 */
export type FlowStart = FirstStep & FlowBuilder<unknown, unknown>;

/** First steps from which the flow's input type is inferred. */
export interface FirstStep {
  then<const Id extends string, Input, Output>(
    task: Task<Id, Input, Output>,
  ): FlowBuilder<Input, Output, Recorded<Id, Output>>;
  then<
    const Id extends string,
    Input,
    Returned,
    InputSchema extends StandardSchema | undefined = undefined,
    OutputSchema extends StandardSchema | undefined = undefined,
  >(
    id: Id,
    run: TaskFunction<Parsed<InputSchema, Input>, Returned, OutputSchema>,
    options?: TaskOptions<InputSchema, OutputSchema>,
  ): FlowBuilder<
    Accepted<InputSchema, Input>,
    TaskResult<Returned, OutputSchema>,
    Recorded<Id, TaskResult<Returned, OutputSchema>>
  >;
  thenFlow<Input, Output>(child: Flow<Input, Output>): FlowBuilder<Input, Output>;
  thenFlow<Input, Output>(id: string, child: Flow<Input, Output>): FlowBuilder<Input, Output>;
}

/**
 * Begins a flow. Continue it with the builder's methods and finish it with `build()`.
 *
 * The input's type is that of `flow<Input>(name)`, or follows from the `input` schema, or from the
 * first task.
 *
 * @param name - letters, digits, `_`, `-`, `.` and `:`; at most 100 characters. Instances find their
 *   definition by it and by the hash of the flow's shape
 *
 * @example
 * ```ts
 * import { flow } from "waymark";
 *
 * interface Signup {
 *   readonly email: string;
 * }
 *
 * export const signup = flow<Signup>("signup", { description: "From the form to the first login" })
 *   .then("send-mail", async ({ email }) => ({ sentTo: email }), { retries: 5 })
 *   .waitForEvent("confirmed", "mail-confirmed", { timeout: "2d", onTimeout: "continue" })
 *   .route((answer) => (answer.timedOut ? "late" : "in-time"), ["late", "in-time"])
 *   .branch("late", (b) => b.then("forget", () => "expired"))
 *   .branch("in-time", (b) =>
 *     b.delay("cool-off", "10m").then("welcome", async (_, context) => {
 *       const mail = await context.output("send-mail");
 *       return `welcome, ${mail.sentTo}`;
 *     }),
 *   )
 *   .done()
 *   .build();
 * ```
 */
export function flow(name: string, options?: FlowOptions & { readonly input?: undefined }): FlowStart;
/** @typeParam Input - what an instance is started with */
export function flow<Input>(
  name: string,
  options?: FlowOptions<Input> & { readonly input?: undefined },
): FlowBuilder<Input, Input>;
/** @param options.input - checks (and may transform) the input; the first step gets what it gives back */
export function flow<InputSchema extends StandardSchema>(
  name: string,
  options: FlowOptions<SchemaOutput<InputSchema>> & { readonly input: InputSchema },
): FlowBuilder<SchemaInput<InputSchema>, SchemaOutput<InputSchema>>;
export function flow(name: unknown, options?: unknown): FlowStart {
  return new FlowDraft(headFrom(name, options)) as unknown as FlowStart;
}

const OWN_KEYS = ["description", "input", "deadline", "keep", "onFailure", "state", "limit", "limitKey"] as const;
type FlowKey = (typeof OWN_KEYS)[number] | (typeof START_POLICY_KEYS)[number];
const FLOW_KEYS: readonly FlowKey[] = [...OWN_KEYS, ...START_POLICY_KEYS];

function headFrom(name: unknown, given: unknown): FlowHead {
  const issues: string[] = [];
  const problem = nameIssue(name);
  if (problem !== null) issues.push(`name ${problem}`);
  const options = readOptions(given, "options", FLOW_KEYS, issues);
  return {
    name: problem === null ? textOf(name) : "(flow)",
    description: resolveDescription(options.description, issues),
    inputSchema: resolveSchema(options.input, "input", issues),
    deadlineMs: resolveSpan(options.deadline, "deadline", issues),
    keep: resolveKeep(options.keep, "keep", issues),
    onFailure: options.onFailure === undefined ? null : resolveHandler(options.onFailure, issues),
    state: checked<SharedState | null>(options.state, "state", null, stateIssue, issues),
    ...startsFrom(options, problem === null ? textOf(name) : "", issues),
    issues,
  };
}

function startsFrom(
  options: RawOptions<FlowKey>,
  name: string,
  issues: string[],
): Pick<FlowHead, "limitedBy" | "startPolicy"> {
  const limitedBy = resolveLimitedBy(options, issues);
  const { policy: startPolicy, queued } = resolveStartPolicy(options, name, issues);
  if (queued !== null && limitedBy !== null)
    issues.push('singleton can\'t queue beside a limit; give that limit "perKey: { concurrency: 1 }" instead');
  return { limitedBy: queued ?? limitedBy, startPolicy };
}

function stateIssue(value: unknown): string | null {
  return SharedState.is(value) ? null : `must be what state() has made, not ${kindOf(value)}`;
}
