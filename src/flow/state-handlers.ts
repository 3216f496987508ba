import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { kindOf, nameIssue } from "../ids.ts";
import { readOptions } from "./known-options.ts";
import type { SchemaInput, SchemaOutput, StandardSchema } from "./schema.ts";
import { SharedState, type StateChange } from "./shared-state.ts";
import { resolveSchema } from "./task-options.ts";

/**
 * Reads the state of an instance from outside, made by `query()`.
 *
 * @typeParam Input - what the caller gives; `void` for nothing
 * @typeParam Result - what the caller gets
 */
export interface StateQuery<Input = unknown, Result = unknown> {
  readonly name: string;
  readonly state: SharedState;
  readonly inputSchema: StandardSchema | null;
  run(values: object, input: unknown): unknown;
  /** Exists for the type checker only. */
  readonly "~types"?: { readonly input: (input: Input) => void; readonly result: Result };
}

/**
 * Changes the state of an instance from outside, made by `update()`.
 *
 * @typeParam Input - what the caller gives; `void` for nothing
 * @typeParam Reply - what the caller gets
 */
export interface StateUpdate<Input = unknown, Reply = unknown> {
  readonly name: string;
  readonly state: SharedState;
  readonly inputSchema: StandardSchema | null;
  run(values: object, input: unknown): unknown;
  /** Exists for the type checker only. */
  readonly "~types"?: { readonly input: (input: Input) => void; readonly reply: Reply };
}

/** What an update does. All of it happens, or nothing. */
export interface UpdateAnswer<Values, Reply = unknown> {
  /** What is changed; default: nothing. */
  readonly change?: StateChange<Values>;
  /** What the caller gets; any value that the codec can store. */
  readonly reply?: Reply;
  /** Is sent to the instance, as by `client.sendEvent`, so that what waits for it goes on. */
  readonly event?: { readonly name: string; readonly payload?: unknown };
}

/** Options of a query or an update. */
export interface HandlerOptions<Schema extends StandardSchema> {
  /** Checks (and may transform) the input before the handler gets it. */
  readonly input: Schema;
}

/** What a handler takes besides the values: `void` for nothing. */
export type InputFrom<Arguments> = Arguments extends [infer Input] ? Input : void;

/** What is passed for an input: nothing where there is none. */
export type InputArgument<Input> = [Input] extends [void] ? [input?: undefined] : [input: Input];

/**
 * A question about an instance's state, for `client.query`. Its handler runs in the process that asks, with the state as the
 * trunk has it: what a fork's branches or a map's items change is seen once they have been joined.
 *
 * @param name - letters, digits, `_`, `-`, `.` and `:`; at most 100 characters
 * @param state - that of the flow
 * @param handler - gets the values and the input; may be asynchronous, and should have no side effects
 * @throws {InvalidArgumentError} an argument is not acceptable
 */
export function query<Values extends object, Result, Schema extends StandardSchema>(
  name: string,
  state: SharedState<Values>,
  handler: (values: Readonly<NoInfer<Values>>, input: SchemaOutput<Schema>) => Result,
  options: HandlerOptions<Schema>,
): StateQuery<SchemaInput<Schema>, Awaited<Result>>;
export function query<Values extends object, Result, Input extends [] | [unknown] = []>(
  name: string,
  state: SharedState<Values>,
  handler: (values: Readonly<NoInfer<Values>>, ...input: Input) => Result,
): StateQuery<InputFrom<Input>, Awaited<Result>>;
export function query(name: unknown, state: unknown, handler: unknown, options?: unknown): StateQuery<never> {
  return handlerFrom(name, state, handler, options);
}

/**
 * A request to an instance that changes its state and is answered, for `client.update`.
 *
 * The handler runs in the process that asks. It decides on the state as it is: when that has changed before the answer is
 * written, it runs again, so it must have no side effects. What it throws is the caller's, and nothing is written.
 *
 * @param name - letters, digits, `_`, `-`, `.` and `:`; at most 100 characters. Stands in the history
 * @param state - that of the flow
 * @param handler - gets the values and the input, and says what is changed, replied and sent
 * @throws {InvalidArgumentError} an argument is not acceptable
 *
 * @example
 * ```ts
 * import { type Client, flow, merged, state, update } from "waymark";
 *
 * const cart = state({ open: true, items: merged<readonly string[]>([], (all, more) => [...all, ...more]) });
 * export const order = flow("order", { state: cart }).waitForEvent("closed", "closed").build();
 *
 * const addItem = update("add-item", cart, ({ open, items }, sku: string) => {
 *   if (!open) throw new Error("the order is closed");
 *   return { change: { items: [sku] }, reply: items.length + 1 };
 * });
 *
 * export async function add(client: Client, instanceId: string, sku: string): Promise<number> {
 *   return await client.update(instanceId, addItem, sku);
 * }
 * ```
 */
export function update<Values extends object, Reply, Schema extends StandardSchema>(
  name: string,
  state: SharedState<Values>,
  handler: (
    values: Readonly<Values>,
    input: SchemaOutput<Schema>,
  ) => UpdateAnswer<NoInfer<Values>, Reply> | Promise<UpdateAnswer<NoInfer<Values>, Reply>>,
  options: HandlerOptions<Schema>,
): StateUpdate<SchemaInput<Schema>, Reply>;
export function update<Values extends object, Reply, Input extends [] | [unknown] = []>(
  name: string,
  state: SharedState<Values>,
  handler: (
    values: Readonly<Values>,
    ...input: Input
  ) => UpdateAnswer<NoInfer<Values>, Reply> | Promise<UpdateAnswer<NoInfer<Values>, Reply>>,
): StateUpdate<InputFrom<Input>, Reply>;
export function update(name: unknown, state: unknown, handler: unknown, options?: unknown): StateUpdate<never> {
  return handlerFrom(name, state, handler, options);
}

interface Handler {
  readonly name: string;
  readonly state: SharedState;
  readonly inputSchema: StandardSchema | null;
  run(values: object, input: unknown): unknown;
}

function handlerFrom(name: unknown, state: unknown, handler: unknown, given: unknown): Handler {
  const issue = nameIssue(name);
  if (issue !== null) throw new InvalidArgumentError("name", `${issue}.`);
  if (!SharedState.is(state))
    throw new InvalidArgumentError("state", `must be what state() has made, not ${kindOf(state)}.`);
  if (typeof handler !== "function")
    throw new InvalidArgumentError("handler", `must be a function, not ${kindOf(handler)}.`);
  const issues: string[] = [];
  const options = readOptions(given, "options", ["input"], issues);
  const inputSchema = resolveSchema(options.input, "input", issues);
  const [first] = issues;
  if (first !== undefined) throw new InvalidArgumentError("options", `are not acceptable: ${first}.`);
  const run = handler as Handler["run"];
  return Object.freeze({
    name: name as string,
    state,
    inputSchema,
    run: (values: object, input: unknown) => run(values, input),
  });
}
