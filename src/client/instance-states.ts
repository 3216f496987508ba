import { checkOptions } from "../engine/call-options.ts";
import { codecOf, getState } from "../engine/instance-status.ts";
import { encodePayload, entryContext, eventContext } from "../engine/payloads.ts";
import type { Ports } from "../engine/ports.ts";
import { type StateOwner, type StateRecord, trunkValues } from "../engine/state-values.ts";
import { validate } from "../engine/validation.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { BackendError } from "../errors/backend-errors.ts";
import { InvalidTransitionError } from "../errors/instance-errors.ts";
import { applyChanges, checkChange, SharedState, shownValues } from "../flow/shared-state.ts";
import type { InputArgument, StateQuery, StateUpdate } from "../flow/state-handlers.ts";
import { type InstanceId, kindOf, parseEventName, parseInstanceId } from "../ids.ts";
import { type InstanceRecord, isTerminal, type NewEntry } from "../snapshot/snapshot.ts";
import { anonymousUpdateTaskId, STATE_ID, updateTaskId } from "../snapshot/state-ids.ts";
import type { Backend } from "../store/backend.ts";
import type { StateVersion, UpdateRequest } from "../store/state-store.ts";
import { pause } from "../time/timers.ts";
import { Overview } from "./overview.ts";
import { inTurn } from "./turns.ts";

/** Options of an update. */
export interface UpdateOptions {
  /**
   * Makes a repeated request harmless: per instance, the first update with an id counts, and what it replied is replied again. Kept
   * until the instance is deleted, also where it continues as new. 1 to 255 characters. Default: it can't be repeated.
   */
  readonly updateId?: string;
}

/** What an update is called with: its input, where it takes any, and options. */
export type UpdateArguments<Input> = [Input] extends [void]
  ? [input?: undefined, options?: UpdateOptions]
  : [input: Input, options?: UpdateOptions];

type Handler = StateQuery<never> | StateUpdate<never>;

/** How often in a row an update is tried whose state somebody else has changed meanwhile. */
const MOST_TRIES = 100;
const LONGEST_PAUSE_MS = 50;

/** Reads and changes what the tasks of instances share. What a `Client` has of it. */
export abstract class InstanceStates extends Overview {
  readonly #backend: Backend;
  readonly #ports: Ports;

  constructor(backend: Backend, ports: Ports) {
    super(backend);
    this.#backend = backend;
    this.#ports = ports;
  }

  /**
   * The state of an instance, running or ended, as its trunk has it: what a fork's branches or a map's items change is seen once
   * they have been joined.
   *
   * @param state - that of the instance's flow
   * @throws {InstanceNotFoundError}
   * @throws {InvalidArgumentError} an argument is not acceptable; `state` is that of another flow, as far as this process
   *   can tell
   * @throws {UnknownCodecError} its codec is not available here
   * @throws {CodecDecodeError} what is stored can't be read
   */
  async readState<Values extends object>(state: SharedState<Values>, instanceId: string): Promise<Readonly<Values>> {
    const id = parseInstanceId(instanceId);
    if (!SharedState.is(state))
      throw new InvalidArgumentError("state", `must be what state() has made, not ${kindOf(state)}.`);
    const { owner } = await this.#owner(id, state);
    const [version = null] = await this.#backend.loadStates(id, [STATE_ID]);
    return shownValues(state, await trunkValues(owner, version)) as Readonly<Values>;
  }

  /**
   * Asks a question about the state of an instance, running or ended. The handler runs here.
   *
   * @param input - what the query's handler gets
   * @returns what the handler returns
   * @throws {ValidationError} the input doesn't fit the query's schema
   * @throws as `readState`, and what the handler throws
   */
  async query<Input, Result>(
    instanceId: string,
    query: StateQuery<Input, Result>,
    ...[input]: InputArgument<Input>
  ): Promise<Result> {
    parseInstanceId(instanceId);
    checkHandler(query, "query");
    const valid = await validInput(query, input, `input of query "${query.name}"`);
    return (await query.run(await this.readState(query.state, instanceId), valid)) as Result;
  }

  /**
   * Changes the state of an instance by a request that is answered: validated, decided by the update's handler, which runs here,
   * and written in one transaction with its reply, and the event if it sends one. A task that is running merges what it changes
   * with that. The instance may be paused. Updates of one instance take turns in a process.
   *
   * @param input - what the update's handler gets
   * @returns what the handler replies, as the codec gives it back
   * @throws {InstanceNotFoundError}
   * @throws {InvalidTransitionError} the instance has ended
   * @throws {InvalidArgumentError} an argument, or what the handler returned, is not acceptable; `updateId` was used by another
   *   update. Nothing was written
   * @throws {ValidationError} the input doesn't fit the update's schema; nothing was written
   * @throws {CodecEncodeError | PayloadTooLargeError} the state, the reply or the event can't be stored; nothing was written
   * @throws {BackendError} the database failed; after BACKEND_UNAVAILABLE it may have been written: call again with the same
   *   `updateId`
   * @throws what the handler throws; nothing was written
   */
  async update<Input, Reply>(
    instanceId: string,
    update: StateUpdate<Input, Reply>,
    ...args: UpdateArguments<Input>
  ): Promise<Reply> {
    const id = parseInstanceId(instanceId);
    checkHandler(update, "update");
    const [input, options = {}] = args;
    checkOptions(options, ["updateId"]);
    const { updateId } = options;
    const taskId =
      updateId === undefined
        ? anonymousUpdateTaskId(this.#ports.random.uuid())
        : updateTaskId(parseEventName(updateId, "options.updateId"));
    const valid = await validInput(update, input, `input of update "${update.name}"`);
    // Side by side they would win against each other, one each time.
    return (await inTurn(this.#backend, id, this.#ports.timers, () =>
      this.#insist(id, update, valid, taskId),
    )) as Reply;
  }

  async #insist(id: InstanceId, update: StateUpdate<never>, input: unknown, taskId: string): Promise<unknown> {
    for (let tries = 1; ; tries++) {
      const reply = await this.#tryUpdate(id, update, input, taskId);
      if (reply !== null) return reply.value;
      if (tries === MOST_TRIES) throw contended(id);
      await pause(this.#ports.timers, Math.min(tries, LONGEST_PAUSE_MS) * this.#ports.random.next());
    }
  }

  /** @returns `null` if the state has changed meanwhile */
  async #tryUpdate(
    id: InstanceId,
    update: StateUpdate<never>,
    input: unknown,
    taskId: string,
  ): Promise<{ readonly value: unknown } | null> {
    const { instance, owner } = await this.#owner(id, update.state);
    const versions = await this.#backend.loadStates(id, [STATE_ID, taskId]);
    const recorded = versions.find((version) => version.taskId === taskId);
    if (recorded !== undefined) return await readReply(owner, update, recorded);
    if (isTerminal(instance.status)) throw new InvalidTransitionError(id, instance.status, "an update");
    const current = versions.find((version) => version.taskId === STATE_ID) ?? null;
    const values = await trunkValues(owner, current);
    const answer = checkAnswer(update, await update.run(shownValues(update.state, values), input));
    const request = await this.#request(owner, { update, taskId, current, answer });
    const outcome = await this.#backend.applyUpdate(request);
    if (outcome.kind !== "applied") return null;
    const { entry } = request;
    return await readReply(owner, update, { ...entry, version: entry.attempt });
  }

  async #request(
    owner: StateOwner,
    what: {
      readonly update: StateUpdate<never>;
      readonly taskId: string;
      readonly current: StateVersion | null;
      readonly answer: CheckedAnswer;
    },
  ): Promise<UpdateRequest> {
    const { instanceId, codec, state } = owner;
    const { update, taskId, current, answer } = what;
    const limit = this.#backend.maxPayloadBytes;
    const entry = noted({ taskId, attempt: 1, kind: "update", decision: update.name });
    const next = noted({ taskId: STATE_ID, attempt: (current?.version ?? 0) + 1, kind: "state", outputRef: taskId });
    const encoded = async (one: NewEntry, value: unknown): Promise<NewEntry> => ({
      ...one,
      output: await encodePayload(codec, value, entryContext(instanceId, one), limit),
    });
    const { change, reply, event } = answer;
    return {
      instanceId,
      codec: codec.id,
      entry: reply === undefined ? entry : await encoded(entry, reply),
      // Merged with a copy of its own: the handler has had the other one in its hands.
      state:
        change === null ? null : await encoded(next, applyChanges(state, await trunkValues(owner, current), [change])),
      event:
        event === null
          ? null
          : { name: event.name, payload: await encodePayload(codec, event.payload, eventContext(instanceId), limit) },
    };
  }

  async #owner(
    instanceId: InstanceId,
    state: SharedState,
  ): Promise<{ readonly instance: InstanceRecord; readonly owner: StateOwner }> {
    const { instance } = await getState(this.#backend, instanceId);
    if (!state.belongsTo(instance.flow)) {
      const { flow } = instance;
      const problem = `is not that of instance "${instanceId}": its flow "${flow}" declares another one, or none. A flow declares it as flow("${flow}", { state }).`;
      throw new InvalidArgumentError("state", problem);
    }
    return { instance, owner: { instanceId, codec: codecOf(this.#backend, instance.codec), state } };
  }
}

interface CheckedAnswer {
  /** `null` if it changes nothing. */
  readonly change: StateRecord | null;
  readonly reply: unknown;
  readonly event: { readonly name: string; readonly payload: unknown } | null;
}

function checkHandler(handler: Handler, maker: "query" | "update"): void {
  const given: unknown = handler;
  const isOne = typeof given === "object" && given !== null && "run" in given && "state" in given;
  if (!isOne || !SharedState.is(given.state))
    throw new InvalidArgumentError(maker, `must be what ${maker}() has made, not ${kindOf(given)}.`);
}

async function validInput({ inputSchema }: Handler, input: unknown, subject: string): Promise<unknown> {
  return inputSchema === null ? input : await validate(inputSchema, input, subject);
}

/** @throws {InvalidArgumentError} it isn't what a handler may return */
function checkAnswer({ name, state }: StateUpdate<never>, answer: unknown): CheckedAnswer {
  const field = `What update "${name}" returned`;
  checkOptions(answer, ["change", "reply", "event"], field);
  const { change, reply, event } = answer as { change?: unknown; reply?: unknown; event?: unknown };
  if (event !== undefined) checkOptions(event, ["name", "payload"], `${field}: event`);
  const { name: eventName, payload } = (event ?? {}) as { name?: unknown; payload?: unknown };
  const checked = change === undefined ? {} : checkChange(state, change, `${field}: change`);
  return {
    change: Object.keys(checked).length === 0 ? null : checked,
    reply,
    event: event === undefined ? null : { name: parseEventName(eventName, `${field}: event.name`), payload },
  };
}

async function readReply(
  { instanceId, codec }: StateOwner,
  { name }: StateUpdate<never>,
  { taskId, output, decision }: StateVersion,
): Promise<{ readonly value: unknown }> {
  if (decision !== name)
    throw new InvalidArgumentError(
      "options.updateId",
      `was used before, by update "${decision ?? ""}". Choose another one.`,
    );
  if (output === null) return { value: undefined };
  return { value: await codec.decode(output, entryContext(instanceId, { taskId, attempt: 1, kind: "update" })) };
}

function noted(facts: Pick<NewEntry, "taskId" | "attempt" | "kind"> & Partial<NewEntry>): NewEntry {
  const nothing = { output: null, outputRef: null, failure: null, durationMs: null, decision: null };
  return { outcome: "noted", ...nothing, ...facts };
}

function contended(instanceId: InstanceId): BackendError {
  const problem = `The state of instance "${instanceId}" has changed ${MOST_TRIES} times while the update was decided`;
  return new BackendError("BACKEND_CONFLICT", { queryName: "applyUpdate", problem });
}
