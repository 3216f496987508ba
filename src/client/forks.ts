import type { Codec, PayloadContext } from "../codec/codec.ts";
import { checkFlow, checkOptions } from "../engine/call-options.ts";
import { bodyOf } from "../engine/interpret-output.ts";
import { encodePayload, entryContext } from "../engine/payloads.ts";
import { awaitsEvents, type StartOptions } from "../engine/start-instance.ts";
import { validate } from "../engine/validation.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { MigrationRefusedError } from "../errors/definition-errors.ts";
import { WaymarkError } from "../errors/waymark-error.ts";
import { spawnsChildren } from "../flow/child-flows.ts";
import { intoRouteBranch, standpoint } from "../flow/continuation.ts";
import type { Flow } from "../flow/flow-definition.ts";
import { listed } from "../flow/known-options.ts";
import { type NodeNames, Renaming } from "../flow/renaming.ts";
import { type InstanceId, parseInstanceId, parseTaskId, type TaskId } from "../ids.ts";
import type { NewPosition } from "../snapshot/checkpoint.ts";
import type { DerivedState } from "../snapshot/history-fold.ts";
import { atUndo, isHandler } from "../snapshot/plan-undo.ts";
import type { Bytes, HistoryEntry, InstanceRecord } from "../snapshot/snapshot.ts";
import { standing } from "../snapshot/standing.ts";
import { type Course, stateAt, stateBefore } from "../snapshot/state-at.ts";
import type { StoodPosition } from "../snapshot/stood-position.ts";
import type { TraceEntry } from "../snapshot/trace-entry.ts";
import { requireRecord } from "../store/argument-shapes.ts";
import { parseDeadline, parseLabels, parsePriority, parseTags } from "../store/arguments.ts";
import type { Backend } from "../store/backend.ts";
import type { InstanceFork, NewInstance, RenamedEntry, ReplacedPayloads } from "../store/instance-store.ts";
import { translate } from "./fork-target.ts";
import { derived, type FoundCourse, findCourse, requireSequence } from "./look-back.ts";

/**
 * Where a fork begins, and in what it differs. Priority, tags and labels are those of the other one unless named. It has no
 * deadline unless one is named; a span counts from now on.
 */
export interface InstanceForkOptions<Input = unknown> extends StartOptions {
  /**
   * After which entry of the history, by its sequence (0 for the beginning of its run); or a task id: right before anything was
   * recorded of that task, which the fork then runs anew.
   */
  readonly at: bigint | string;
  /** In place of the other one's input, where tasks that are still to run read it. */
  readonly input?: Input;
  /** In place of what was recorded up to there, by task id: what tasks that are still to run get of it. */
  readonly outputs?: Readonly<Record<string, unknown>>;
  /**
   * The definition by which the new one goes on, instead of `flow`: the history up to there must be one of it, too. Then the
   * input and outputs are validated as it says. Default: the other one's.
   */
  readonly to?: Flow<Input>;
  /**
   * What nodes of `flow` are called in `to`, by address: `{ "payment/charge": "payment/collect" }`. The copied history has the
   * new names; `at` and `outputs` go by the old ones. Only with `to`. Default: as before.
   */
  readonly map?: NodeNames;
}

const KEYS = ["at", "input", "outputs", "to", "map", "priority", "tags", "labels", "deadline"];
/** How often a history is read anew that goes on while it is being copied. */
const MOST_TRIES = 10;
const PAGE = 1_000;
/** How many tasks a refusal names. */
const MOST_PLACES = 10;

/** As `Client.fork`. */
export async function forkFrom(
  backend: Backend,
  flow: Flow,
  sourceId: InstanceId,
  newId: InstanceId,
  options: InstanceForkOptions,
): Promise<void> {
  checkOptions(options, KEYS);
  if (typeof options.at === "string") parseTaskId(options.at, "options.at");
  else requireSequence(options.at, "options.at");
  const outputs = options.outputs === undefined ? {} : requireRecord(options.outputs, "options.outputs");
  const goal = goalOf(flow, options);
  for (let tries = 1; ; tries++) {
    const found = await findCourse(backend, flow, sourceId);
    const fork = await new Forking(backend, { flow, ...goal }, found, newId, { ...options, outputs }).plan();
    try {
      return await backend.forkInstance(fork);
    } catch (error) {
      const hasMoved = WaymarkError.is(error) && error.code === "BACKEND_CONFLICT";
      if (!hasMoved || tries === MOST_TRIES) throw error;
    }
  }
}

/** By which definition the new instance goes on. */
interface Goal {
  readonly to: Flow;
  readonly renaming: Renaming;
}

/** @throws {InvalidArgumentError} `to` or `map` is not acceptable */
function goalOf(flow: Flow, { to, map }: InstanceForkOptions): Goal {
  checkFlow(flow);
  if (to !== undefined) checkFlow(to, "options.to");
  if (map === undefined) return { to: to ?? flow, renaming: new Renaming(flow, flow, {}, "options.map") };
  const names = requireRecord(map, "options.map") as NodeNames;
  if (to === undefined) throw new InvalidArgumentError("options.map", "goes with options.to, whose names it gives.");
  return { to, renaming: new Renaming(flow, to, names, "options.map") };
}

/** Whether something can be run anew there. */
function standsAt({ positions }: DerivedState, at: TaskId): boolean {
  return positions.some(({ taskId, pending }) => taskId === at && pending === 0);
}

/** Some of the tasks at which a fork could begin, the last ones first, as a sentence. */
function placesIn(flow: Flow, course: Course, last: DerivedState): string {
  const places = last.positions.filter(({ pending }) => pending === 0).map(({ taskId }) => taskId);
  const recorded = course.trace.map(({ taskId }) => taskId).toReversed();
  // Each of them takes a look at the whole history.
  const tried = [...new Set([...places, ...recorded])].slice(0, MOST_PLACES);
  const fitting = tried.filter((taskId) => standsAt(stateBefore(flow, course, taskId), taskId));
  return fitting.length === 0 ? "Name an entry by its sequence." : `It has come to ${listed(fitting)}.`;
}

/** What is known of it before its history has been looked at. */
type Facts = Pick<NewInstance, "priority" | "tags" | "labels" | "deadline"> & { readonly options: InstanceForkOptions };

/** What is to be written for a fork. Nothing is by then. */
class Forking {
  readonly #backend: Backend;
  readonly #flow: Flow;
  /** The definition of the new one, and how it calls things. */
  readonly #to: Flow;
  readonly #renaming: Renaming;
  readonly #found: FoundCourse;
  readonly #newId: InstanceId;
  readonly #options: InstanceForkOptions;

  constructor(
    backend: Backend,
    { flow, to, renaming }: Goal & { readonly flow: Flow },
    found: FoundCourse,
    newId: InstanceId,
    options: InstanceForkOptions,
  ) {
    this.#backend = backend;
    this.#flow = flow;
    this.#to = to;
    this.#renaming = renaming;
    this.#found = found;
    this.#newId = newId;
    this.#options = options;
  }

  async plan(): Promise<InstanceFork> {
    const { instance: source, course } = this.#found;
    const state = this.#state();
    const { after, renamed } = this.#translated(state);
    const { options, priority, tags, labels, deadline } = this.#facts(source);
    const patched = await this.#patched(state, options.outputs ?? {});
    const isBound = this.#found.codec.bindsContext !== false;
    return {
      instance: {
        ...{ instanceId: this.#newId, flow: this.#to.name, definitionHash: this.#to.hash, codec: source.codec },
        ...{ priority, tags, labels, deadline },
        input: await this.#input(isBound),
        positions: after.positions.map((position) => this.#position(position, after, priority)),
        awaitsEvents: awaitsEvents(this.#to),
        spawns: spawnsChildren(this.#to),
      },
      from: { instanceId: source.instanceId, sequence: state.sequence },
      entries: course.trace.filter(({ sequence }) => sequence <= state.sequence).length,
      replaced: isBound ? await this.#encodedAnew(state, patched) : [...patched.values()],
      renamed,
    };
  }

  /** @throws {MigrationRefusedError} the history is none of the other definition */
  #translated(state: DerivedState): { readonly after: DerivedState; readonly renamed: readonly RenamedEntry[] } {
    const { instance, course } = this.#found;
    if (this.#to === this.#flow) return { after: state, renamed: [] };
    const { fit, renamed } = translate(this.#to, this.#renaming, course, state);
    if (fit.misfit === null && fit.after !== null) return { after: fit.after, renamed };
    throw new MigrationRefusedError(instance.instanceId, fit.misfit?.message ?? "");
  }

  /** @throws {InvalidArgumentError} there is no such point, or nothing stands there */
  #state(): DerivedState {
    const { at } = this.#options;
    const { instance, course } = this.#found;
    const last = course.trace.at(-1)?.sequence ?? 0n;
    if (typeof at === "bigint" && at > last)
      throw new InvalidArgumentError(
        "options.at",
        `is ${at}, but the history of the instance ends with entry ${last}.`,
      );
    const state = derived(instance.instanceId, () =>
      typeof at === "string" ? stateBefore(this.#flow, course, at) : stateAt(this.#flow, course, at),
    );
    if (typeof at === "string" && !standsAt(state, at)) {
      const places = derived(instance.instanceId, () => placesIn(this.#flow, course, state));
      const problem = `"${at}" is not a task to which the instance has come. ${places}`;
      throw new InvalidArgumentError("options.at", problem);
    }
    if (state.positions.length > 0) return state;
    throw new InvalidArgumentError("options.at", "is where the instance had completed. Name an earlier entry.");
  }

  #facts({ priority, tags, labels }: InstanceRecord): Facts {
    const options = this.#options;
    const { deadline = null } = options;
    return {
      options,
      priority: parsePriority(options.priority ?? priority, "options.priority"),
      tags: parseTags(options.tags ?? tags, "options.tags"),
      labels: parseLabels(options.labels ?? labels, "options.labels"),
      deadline: deadline === null ? null : parseDeadline(deadline, "options.deadline"),
    };
  }

  async #input(isBound: boolean): Promise<Bytes> {
    const { instance, codec } = this.#found;
    const { inputSchema, name } = this.#to;
    const context = { instanceId: this.#newId, taskId: "", kind: "input" } as const;
    if (!Object.hasOwn(this.#options, "input"))
      return isBound
        ? await this.#moved(instance.input, { ...context, instanceId: instance.instanceId }, context)
        : instance.input;
    const { input } = this.#options;
    const valid = inputSchema === null ? input : await validate(inputSchema, input, `input of flow "${name}"`);
    return await encodePayload(codec, valid, context, this.#backend.maxPayloadBytes);
  }

  /** Delays have as long to go as they had then; until a time, as that says; what waits or is to be tried again is up at once. */
  #position(
    { path, taskId, inputRef, attempt, pending, items, kind, wakeAt }: StoodPosition,
    state: DerivedState,
    instancePriority: number,
  ): NewPosition {
    const at = standpoint(this.#to, taskId);
    const from = { path, inputRef, instancePriority, codec: this.#found.instance.codec };
    // The handler of the new one has a task id of its own: from here it follows which.
    if (isHandler(at)) return { path, standing: atUndo(this.#to, from, inputRef), wakeAfterMs: 0, claimed: false };
    const { node } = at.located;
    const sleepsFrom = node.kind === "delay" && node.until !== null ? this.#found.now : state.at;
    const sleepMs = kind === "delay" && wakeAt !== null ? Math.max(0, wakeAt - sleepsFrom) : 0;
    return {
      path,
      standing: { ...standing(this.#to, at, from, attempt), pending, items },
      wakeAfterMs: pending > 0 ? null : sleepMs,
      claimed: false,
    };
  }

  /** What the caller wants to have been recorded, by the entry that it is for. */
  async #patched(
    state: DerivedState,
    outputs: Readonly<Record<string, unknown>>,
  ): Promise<ReadonlyMap<bigint, ReplacedPayloads>> {
    const entries = new Map(state.results.map((entry) => [entry.taskId, entry]));
    const patched = new Map<bigint, ReplacedPayloads>();
    for (const [taskId, value] of Object.entries(outputs)) {
      const field = `options.outputs["${taskId}"]`;
      const entry = entries.get(taskId);
      if (entry === undefined)
        throw new InvalidArgumentError(field, "is for a task of which nothing is recorded by then.");
      const output = await this.#patch(entry, value, field);
      patched.set(entry.sequence, { sequence: entry.sequence, output, failure: null });
    }
    return patched;
  }

  async #patch(entry: TraceEntry, value: unknown, field: string): Promise<Bytes> {
    const { taskId, kind, outcome, outputRef } = entry;
    if (outcome !== "completed" || kind === "branch" || kind === "delay" || outputRef !== null)
      throw new InvalidArgumentError(field, "is for a task that has no output of its own.");
    if (kind === "step" || kind === "item") return await this.#encode(value, this.#contextOf(entry));
    const { node, container } = standpoint(this.#to, this.#renaming.of(taskId)).located;
    if (container.kind === "part" && container.role !== "fallback" && container.role !== "event")
      throw new InvalidArgumentError(
        field,
        "has been acted on: items have begun, or a time has been set. Fork before it.",
      );
    if (node.kind === "route") this.#requireSameWay(entry, value, field);
    const schema = node.kind === "wait" ? node.schema : bodyOf(node).outputSchema;
    const valid = schema === null ? value : await validate(schema, value, `output of task "${taskId}"`);
    // What a wait has recorded is validated whenever it is read.
    return await this.#encode(node.kind === "wait" ? value : valid, this.#contextOf(entry));
  }

  /** @throws {InvalidArgumentError} the key leads elsewhere than where the instance went */
  #requireSameWay({ taskId, decision }: TraceEntry, value: unknown, field: string): void {
    const known = this.#found.course.decisions.get(taskId);
    const key = decision ?? (known?.kind === "key" ? known.key : "");
    const renamed = this.#renaming.of(taskId);
    const { node } = standpoint(this.#to, renamed).located;
    const isBranch = (one: string): boolean =>
      node.kind === "route" && node.branches.some((branch) => branch.key === one);
    const isSame =
      typeof value === "string" &&
      (value === key || (!isBranch(value) && !isBranch(key) && intoRouteBranch(this.#to, renamed, value) !== null));
    if (!isSame)
      throw new InvalidArgumentError(field, `leads another way than "${key}", which was taken. Fork before it.`);
  }

  /** All payloads up to there, for a codec that binds them to their instance. */
  async #encodedAnew(state: DerivedState, patched: ReadonlyMap<bigint, ReplacedPayloads>): Promise<ReplacedPayloads[]> {
    const { instanceId } = this.#found.instance;
    const all: ReplacedPayloads[] = [];
    for (let after = 0n; after < state.sequence; ) {
      const page = await this.#backend.readHistory(instanceId, { after, limit: PAGE });
      for (const entry of page.filter(({ sequence }) => sequence <= state.sequence))
        all.push(patched.get(entry.sequence) ?? (await this.#anew(entry)));
      after = page.at(-1)?.sequence ?? state.sequence;
    }
    return all.filter(({ output, failure }) => output !== null || failure !== null);
  }

  async #anew(entry: HistoryEntry): Promise<ReplacedPayloads> {
    const { sequence, output, failure } = entry;
    const from = entryContext(this.#found.instance.instanceId, entry);
    const failureContext = { ...from, taskId: "", kind: "failure" } as const;
    return {
      sequence,
      output: output === null ? null : await this.#moved(output, from, this.#contextOf(entry)),
      failure:
        failure === null
          ? null
          : await this.#moved(failure, failureContext, { ...failureContext, instanceId: this.#newId }),
    };
  }

  /** The same value, for the new instance. */
  async #moved(bytes: Bytes, from: PayloadContext, to: PayloadContext): Promise<Bytes> {
    const { codec } = this.#found;
    return await codec.encode(await codec.decode(bytes, from), to);
  }

  async #encode(value: unknown, context: PayloadContext): Promise<Bytes> {
    const codec: Codec = this.#found.codec;
    return await encodePayload(codec, value, context, this.#backend.maxPayloadBytes);
  }

  #contextOf(entry: TraceEntry): PayloadContext {
    const isRenamed = entry.kind !== "state" && entry.kind !== "update";
    return entryContext(this.#newId, isRenamed ? { ...entry, taskId: this.#renaming.of(entry.taskId) } : entry);
  }
}

/** Both ids, if they are acceptable. */
export function forkIds(sourceId: unknown, newId: unknown): readonly [InstanceId, InstanceId] {
  return [parseInstanceId(sourceId, "sourceId"), parseInstanceId(newId, "newId")];
}
