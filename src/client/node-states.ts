import { getState } from "../engine/instance-status.ts";
import type { InstanceId, TaskId } from "../ids.ts";
import { isDeadline } from "../snapshot/deadline.ts";
import type { Position } from "../snapshot/position.ts";
import type { TraceEntry } from "../snapshot/trace-entry.ts";
import type { Backend } from "../store/backend.ts";

/** What goes on at a node, or how it last ended. */
export type NodeCondition =
  | "running"
  | "retrying"
  | "ready"
  | "waiting"
  | "sleeping"
  | "joining"
  | "completed"
  | "failed"
  | "tolerated"
  | "timed_out"
  | "undone";

/** What has become of a node in one run of an instance, over all of its iterations and items. */
export interface NodeState {
  /** Its address in the flow: `payment/charge`. */
  readonly nodeId: string;
  /** The most urgent of what is going on there; where nothing is, how it last ended. */
  readonly state: NodeCondition;
  /** How often it has ended with an outcome that stands. */
  readonly completed: number;
  readonly failedAttempts: number;
  /** When something was last recorded of it; `null` for never. */
  readonly lastAt: Date | null;
  /** Task ids of the positions that stand there; at most 100. */
  readonly taskIds: readonly TaskId[];
}

const MOST_TASK_IDS = 100;
/** The most urgent one first. */
const URGENCY: readonly NodeCondition[] = ["running", "retrying", "ready", "waiting", "sleeping", "joining"];
const PART_OR_INDEX = /\[\d+\]|~\w+$/g;

/** The address of the node to which something belongs that occurred under this task id. */
export function nodeIdOf(taskId: TaskId): string {
  const [task = ""] = taskId.split(">", 1);
  return task
    .split("/")
    .map((segment) => segment.replaceAll(PART_OR_INDEX, ""))
    .join("/");
}

/** As `Client.nodeStates`. */
export async function nodeStates(backend: Backend, id: InstanceId): Promise<readonly NodeState[]> {
  const { positions, now } = await getState(backend, id);
  const tallies = new Map<string, Tally>();
  const tallyOf = (nodeId: string): Tally => {
    const known = tallies.get(nodeId) ?? new Tally(nodeId);
    tallies.set(nodeId, known);
    return known;
  };
  for (const entry of await backend.readTrace(id)) {
    // A branch's end is its join's concern; what is noted of the instance is no node's.
    if (entry.kind !== "branch" && entry.kind !== "item" && !entry.taskId.startsWith("$"))
      tallyOf(nodeIdOf(entry.taskId)).add(entry);
  }
  for (const position of positions)
    if (!isDeadline(position)) tallyOf(nodeIdOf(position.taskId)).stand(position.taskId, conditionOf(position, now));
  return [...tallies.values()].map((tally) => tally.result());
}

function conditionOf(position: Position, now: number): NodeCondition {
  const { claim, ready, wakeAt, kind, pending } = position;
  if (kind === "join" && pending > 0) return "joining";
  if (claim !== null && (claim.expiresAt === null || claim.expiresAt > now)) return "running";
  if (ready || claim !== null) return "ready";
  if (kind === "wait") return "waiting";
  if (kind === "delay") return "sleeping";
  return wakeAt !== null && wakeAt > now ? "retrying" : "ready";
}

/** Adds up what is known of a node. */
class Tally {
  readonly #nodeId: string;
  #completed = 0;
  #failedAttempts = 0;
  #last: NodeCondition = "completed";
  #lastAt: number | null = null;
  readonly #standing: TaskId[] = [];
  #now: NodeCondition | null = null;

  constructor(nodeId: string) {
    this.#nodeId = nodeId;
  }

  add({ taskId, kind, outcome, at }: TraceEntry): void {
    this.#lastAt = at;
    // A step and a part are on the way to the node's own outcome.
    if (kind === "step" || outcome === "noted") return;
    if (outcome === "failed") this.#failedAttempts++;
    if (taskId.endsWith("~undo")) {
      this.#last = outcome === "failed" ? "failed" : "undone";
      return;
    }
    if (outcome !== "failed" && !taskId.includes("~", taskId.lastIndexOf("/"))) this.#completed++;
    this.#last = outcome;
  }

  stand(taskId: TaskId, condition: NodeCondition): void {
    if (this.#standing.length < MOST_TASK_IDS) this.#standing.push(taskId);
    if (this.#now === null || URGENCY.indexOf(condition) < URGENCY.indexOf(this.#now)) this.#now = condition;
  }

  result(): NodeState {
    return {
      nodeId: this.#nodeId,
      state: this.#now ?? this.#last,
      completed: this.#completed,
      failedAttempts: this.#failedAttempts,
      lastAt: this.#lastAt === null ? null : new Date(this.#lastAt),
      taskIds: this.#standing,
    };
  }
}
