import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import type { Flow } from "../../src/flow/flow-definition.ts";
import { LoopResult } from "../../src/flow/loop-result.ts";
import type { TaskContext } from "../../src/flow/task-context.ts";
import type { EntryKind } from "../../src/snapshot/snapshot.ts";
import { stormKey, stormLimits } from "./storm-limits.ts";

export const STORM_KINDS = ["linear", "fork", "loop", "delayed", "event"] as const;
export type StormKind = (typeof STORM_KINDS)[number];
export type StormFlow = Flow<number, number>;

/** The event that the flow "event" waits for, as often as this. */
export const EVENT = "go";
export const EVENTS = 2;

const LINEAR = ["t1", "t2", "t3", "t4", "t5", "t6"] as const;
const ROUNDS = 5;
const REST_MS = 300;
const RETRY_MS = 100;
const BRANCH_REST_MS = 50;

/** Does what bodies do, and gives `computed` of what it was given; or throws, where that attempt is to fail. */
export type StormWork = (input: unknown, context: TaskContext, fails: boolean) => Promise<number>;

/** The flows of the storm. Their bodies do nothing but `work`, so that test and workers can build the same definitions. */
export function stormFlows(work: StormWork): Readonly<Record<StormKind, StormFlow>> {
  const body = (input: unknown, context: TaskContext): Promise<number> => work(input, context, false);
  const flaky = (input: unknown, context: TaskContext): Promise<number> => work(input, context, context.attempt === 1);
  const round = async (input: number, context: TaskContext): Promise<LoopResult<number, number>> => {
    const value = await body(input, context);
    return context.taskId === `round[${ROUNDS - 1}]` ? LoopResult.done(value) : LoopResult.again(value);
  };
  const limited = { limit: stormLimits.tasks, limitKey: stormKey };
  return {
    linear: flow<number>("storm-linear")
      .then("t1", body)
      .then("t2", body)
      .then("t3", body, limited)
      .then("t4", body)
      .then("t5", body)
      .then("t6", body)
      .build(),
    fork: flow<number>("storm-fork", { limit: stormLimits.flows })
      .then("prepare", body)
      .fork([
        branch("a", (b) => b.then("a1", body, limited).then("a2", body)),
        branch("b", (b) => b.then("b1", body)),
        // Ends without an output of its own, so that the branch needs an entry.
        branch("c", (b) => b.then("c1", body).delay("c-rest", BRANCH_REST_MS)),
        branch("d", (b) => b.then("d1", body)),
      ])
      .join("gather", body)
      .then("finish", body)
      .build(),
    loop: flow<number>("storm-loop").loop("round", round, { maxIterations: ROUNDS }).then("after", body).build(),
    delayed: flow<number>("storm-delayed")
      .then("before", body)
      .delay("rest", REST_MS)
      .then("flaky", flaky, { retry: { attempts: 3, initialDelay: RETRY_MS, jitter: 0 }, ...limited })
      .then("last", body)
      .build(),
    event: flow<number>("storm-event")
      .then("ask", body)
      .waitForEvent<number, "first">("first", EVENT)
      .then("use-first", body)
      .waitForEvent<number, "second">("second", EVENT)
      .then("use-second", body)
      .build(),
  };
}

/** One entry of the history, as it has to be. */
export interface ExpectedTask {
  readonly taskId: string;
  readonly kind: EntryKind;
  /** What has to be recorded before it begins. */
  readonly after: readonly string[];
  /** At least so long after that, by the database's clock (INV-10). */
  readonly leastMs: number;
  /** How many attempts fail before the one that succeeds. */
  readonly failures: number;
  /** `undefined` where it passes on another's. */
  readonly output: unknown;
}

export interface ExpectedCourse {
  readonly output: number;
  readonly tasks: readonly ExpectedTask[];
}

/** What a body makes of its input. Another task or input gives, practically always, another number. */
export function computed(taskId: string, input: unknown): number {
  let hash = 0x811c9dc5;
  for (const unit of new TextEncoder().encode(`${taskId}|${canonical(input)}`))
    hash = Math.imul(hash ^ unit, 0x01000193);
  return hash >>> 0;
}

/** What is sent as the event number `index` to an instance with this input. */
export function payloadOf(index: number, input: number): number {
  return computed(`${EVENT}#${index}`, input);
}

/** Computes, without any of the engine, what an instance must do. */
export function expectedCourse(kind: StormKind, input: number): ExpectedCourse {
  const course = new Course();
  return { output: COURSES[kind](course, input), tasks: course.tasks };
}

const COURSES: Readonly<Record<StormKind, (course: Course, input: number) => number>> = {
  linear: (course, input) => LINEAR.reduce((value, id) => course.next(id, value), input),
  fork: (course, input) => {
    const start = course.next("prepare", input);
    const inBranch = { after: ["prepare"] };
    course.next("a1", start, inBranch);
    const a = course.next("a2", computed("a1", start), { after: ["a1"] });
    const b = course.next("b1", start, inBranch);
    const c = course.next("c1", start, inBranch);
    course.passes("c-rest", "delay", BRANCH_REST_MS);
    course.passes("gather/c", "branch", 0);
    const d = course.next("d1", start, inBranch);
    const joined = course.next("gather", { a, b, c, d }, { kind: "join", after: ["a2", "b1", "gather/c", "d1"] });
    return course.next("finish", joined);
  },
  loop: (course, input) => {
    let value = input;
    for (let n = 0; n < ROUNDS; n++) value = course.next(`round[${n}]`, value, { kind: "loop" });
    return course.next("after", value);
  },
  delayed: (course, input) => {
    const before = course.next("before", input);
    course.passes("rest", "delay", REST_MS);
    return course.next("last", course.next("flaky", before, { failures: 1 }));
  },
  event: (course, input) => {
    course.next("ask", input);
    course.receives("first", payloadOf(0, input));
    course.next("use-first", payloadOf(0, input));
    course.receives("second", payloadOf(1, input));
    return course.next("use-second", payloadOf(1, input));
  },
};

/** Least time between a failed attempt of a task and the beginning of the next one. */
export const LEAST_RETRY_MS = RETRY_MS;

class Course {
  readonly tasks: ExpectedTask[] = [];

  /** A body; after the one before, unless it is said otherwise. */
  next(taskId: string, input: unknown, facts: Partial<ExpectedTask> = {}): number {
    const output = computed(taskId, input);
    this.#add({ taskId, output, ...facts });
    return output;
  }

  passes(taskId: string, kind: EntryKind, leastMs: number): void {
    this.#add({ taskId, kind, leastMs });
  }

  receives(taskId: string, output: number): void {
    this.#add({ taskId, kind: "wait", output });
  }

  #add(facts: Partial<ExpectedTask> & { readonly taskId: string }): void {
    const last = this.tasks.at(-1)?.taskId;
    const after = last === undefined ? [] : [last];
    this.tasks.push({ kind: "task", after, leastMs: 0, failures: 0, output: undefined, ...facts });
  }
}

function canonical(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "undefined";
  return JSON.stringify(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
