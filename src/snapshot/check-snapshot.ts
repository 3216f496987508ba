import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { DEADLINE_ID } from "../flow/flow-definition.ts";
import { isDeadline } from "./deadline.ts";
import { isTerminal, type Snapshot } from "./snapshot.ts";

/**
 * Refuses a snapshot that contradicts itself: no instance could ever be in this state.
 *
 * @throws {InvalidArgumentError} naming the part at fault
 */
export function checkSnapshot(snapshot: Snapshot): void {
  const { status } = snapshot;
  const require = (holds: boolean, field: string, problem: string): void => {
    if (!holds) throw new InvalidArgumentError(`snapshot.${field}`, problem);
  };
  require(["in_progress", "paused", "completed", "failed", "cancelled"].includes(
    status,
  ), "status", `is unknown: "${status}".`);
  require(isTerminal(status) ===
    (snapshot.positions.length === 0), "positions", "must be empty if and only if the status is terminal.");
  require((status === "completed") ===
    (snapshot.output !== null), "output", "must be set if and only if the status is completed.");
  require((status === "failed") ===
    (snapshot.failure !== null), "failure", "must be set if and only if the status is failed.");
  require(isTerminal(status) ===
    (snapshot.endedAt !== null), "endedAt", "must be set if and only if the status is terminal.");
  const paths = new Set(snapshot.positions.map((position) => position.path));
  require(paths.size === snapshot.positions.length, "positions", "must not have the same path twice.");
  if (!isTerminal(status)) {
    const hasDeadline = snapshot.deadlineAt !== null;
    require(snapshot.positions.some(isDeadline) ===
      hasDeadline, "deadlineAt", 'must be set if and only if there is a position "$deadline".');
    require(!snapshot.positions.every(isDeadline), "positions", "must not be of the deadline alone.");
  }
  const taskIds = new Set(snapshot.results.map((result) => result.taskId));
  require(taskIds.size === snapshot.results.length, "results", "must not have the same task id twice.");
  require(!taskIds.has(DEADLINE_ID), "results", 'must not have one of "$deadline", which is no task.');
  for (const [index, position] of snapshot.positions.entries()) {
    const field = `positions[${index}]`;
    require(isDeadline(position) ===
      isDeadline({ path: position.taskId }), `${field}.path`, 'is "$deadline" if and only if the task is.');
    require(!isDeadline(position) ||
      position.kind === "delay", `${field}.kind`, 'must be "delay" where it is the deadline.');
    require(!position.ready ||
      position.availableAt !== null, `${field}.availableAt`, "must be set where the position is ready.");
    require(!(
      position.ready &&
      position.kind === "join" &&
      position.pending > 0
    ), `${field}.ready`, "can't be while branches are pending.");
    // A cancel that waits for a running body outlasts a pause.
    const interrupts = status === "paused" ? ["paused", "cancel", "undo"] : [null, "pause", "cancel", "undo"];
    require(interrupts.includes(
      position.interrupt,
    ), `${field}.interrupt`, `can't be "${position.interrupt ?? "none"}" while the instance is ${status}.`);
    require(!(status === "paused" && position.ready), `${field}.ready`, "can't be while the instance is paused.");
  }
}
