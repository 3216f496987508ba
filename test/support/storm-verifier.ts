import type { Evidence, HistoryRow, InstanceRow } from "./storm-evidence.ts";
import { type ExpectedCourse, type ExpectedTask, expectedCourse, LEAST_RETRY_MS } from "./storm-flows.ts";
import type { JournalLine } from "./storm-journal.ts";
import type { Acknowledged } from "./storm-submitter.ts";

/** Journals count whole milliseconds, and the database reads its clock more than once in a statement. */
const CLOCK_SLACK_MS = 5;
const CANCEL_NOTE = "$cancel";
/** Entries of these are written without that a body has run. */
const BODILESS: ReadonlySet<string> = new Set(["delay", "wait", "branch", "instance"]);

type Complain = (complaint: string) => void;

/** What is known of one instance. */
interface Case {
  readonly promised: Acknowledged;
  readonly course: ExpectedCourse;
  readonly row: InstanceRow;
  /** By sequence. */
  readonly history: readonly HistoryRow[];
  readonly begins: readonly JournalLine[];
  readonly complain: Complain;
}

/** Everything in which the evidence contradicts what was acknowledged, the model and the invariants; none is good. */
export function complaintsAbout(evidence: Evidence): readonly string[] {
  const complaints = evidence.leftovers.map((leftover) => `left over: ${leftover}`);
  const rows = new Map(evidence.instances.map((row) => [row.id, row]));
  const history = grouped(evidence.history);
  const begins = grouped(evidence.journal.filter(({ what }) => what === "begin"));
  for (const promised of evidence.acknowledged) {
    const { id, kind, input } = promised;
    const complain: Complain = (complaint) => complaints.push(`${id}: ${complaint}`);
    const row = rows.get(id);
    rows.delete(id);
    if (row === undefined) {
      complain("was acknowledged, and is not there (INV-1)");
      continue;
    }
    const course = expectedCourse(kind, input);
    checkInstance({ promised, course, row, history: history.get(id) ?? [], begins: begins.get(id) ?? [], complain });
  }
  for (const id of rows.keys()) complaints.push(`${id}: is there, and was never acknowledged`);
  return complaints;
}

function checkInstance(it: Case): void {
  const { promised, row, complain } = it;
  if (row.status === "completed") checkCompleted(it);
  else if (row.status === "cancelled") checkCancelled(it);
  else complain(`is ${row.status}: ${JSON.stringify(row.failure)}`);
  // Whoever was told "requested" may still see it complete: the last task was running then.
  const mustBeCancelled = promised.cancel === "applied" || promised.cancel === "unchanged";
  const mustBeCompleted = promised.cancel === null || promised.cancel === "ended";
  const lacksEvents = promised.cancel !== null && promised.kind === "event";
  if ((mustBeCancelled || lacksEvents) && row.status !== "cancelled")
    complain(`its cancel was acknowledged (${promised.cancel}), and it is ${row.status} (INV-11)`);
  if (mustBeCompleted && row.status !== "completed") complain(`should have completed, and is ${row.status}`);
  checkHistory(it);
  checkOrder(it);
  checkBegins(it);
  checkStopped(it);
}

function checkCompleted({ course, row, history, complain }: Case): void {
  if (row.output !== course.output) complain(`its output is ${String(row.output)}, not ${course.output}`);
  const recorded = new Set(history.map(({ task }) => task));
  for (const { taskId } of course.tasks) if (!recorded.has(taskId)) complain(`${taskId} has no outcome (INV-2)`);
  if (recorded.has(CANCEL_NOTE)) complain("has completed, and has a note of a cancel (INV-11)");
}

function checkCancelled({ history, complain }: Case): void {
  const notes = history.filter(({ task }) => task === CANCEL_NOTE);
  if (notes.length !== 1) complain(`was cancelled, and has ${notes.length} notes of it`);
  if (history.at(-1)?.task !== CANCEL_NOTE) complain("something was recorded after its cancel (INV-7)");
}

/** Each entry is one that the model has, with its output, and each task id has one outcome. */
function checkHistory({ course, history, complain }: Case): void {
  const expected = new Map(course.tasks.map((task) => [task.taskId, task]));
  const outcomes = new Map<string, HistoryRow>();
  for (const entry of history) {
    const { task, outcome, attempt } = entry;
    const model = expected.get(task);
    if (task === CANCEL_NOTE) continue;
    if (model === undefined) complain(`${task} is recorded, and is none of its tasks (INV-2)`);
    else if (outcome === "failed") {
      if (attempt > model.failures) complain(`attempt ${attempt} of ${task} has failed`);
    } else if (outcome !== "completed") complain(`${task} has the outcome ${outcome}`);
    else {
      if (outcomes.has(task)) complain(`${task} has more than one outcome (INV-3)`);
      outcomes.set(task, entry);
      checkOutcome(model, entry, complain);
    }
  }
}

function checkOutcome(model: ExpectedTask, entry: HistoryRow, complain: Complain): void {
  const { task, kind, attempt, output } = entry;
  if (kind !== model.kind) complain(`${task} is recorded as a ${kind}`);
  if ((output ?? undefined) !== model.output) complain(`${task} has the output ${JSON.stringify(output)}`);
  if (attempt !== model.failures + 1) complain(`${task} has its outcome from attempt ${attempt}`);
}

/** What depends on an entry has a higher sequence number (INV-4), and no timer was early (INV-10). */
function checkOrder({ course, history, complain }: Case): void {
  for (const { taskId, after, leastMs } of course.tasks) {
    const entries = history.filter(({ task }) => task === taskId);
    for (const [index, entry] of entries.entries()) {
      const before = after.map((task) => [task, outcomeOf(history, task)] as const);
      for (const [task, found] of before) {
        if (found === undefined) complain(`${taskId} is recorded without ${task} before it (INV-9)`);
        else if (found.sequence >= entry.sequence) complain(`${taskId} has a lower sequence than ${task} (INV-4)`);
        else if (entry.at - found.at < leastMs - CLOCK_SLACK_MS)
          complain(`${taskId} was over ${(entry.at - found.at).toFixed(1)} ms after ${task} (INV-10)`);
      }
      if (entry.attempt !== index + 1) complain(`attempts of ${taskId} are out of order: ${entry.attempt} (INV-4)`);
    }
  }
}

/** Bodies ran for what is recorded, and none before what it depends on was recorded. */
function checkBegins(it: Case): void {
  const { course, history, begins, complain } = it;
  const ran = new Set(begins.map(({ task, attempt, worker }) => `${task} ${attempt} ${worker}`));
  for (const { task, attempt, worker, kind } of history) {
    if (BODILESS.has(kind) || ran.has(`${task} ${attempt} ${String(worker)}`)) continue;
    complain(`attempt ${attempt} of ${task} is recorded by ${String(worker)}, which did not run it`);
  }
  const expected = new Map(course.tasks.map((task) => [task.taskId, task]));
  const keys = new Map<string, string>();
  for (const begin of begins) {
    const model = expected.get(begin.task);
    if (model === undefined) complain(`${begin.task} was run, and is none of its tasks (INV-2)`);
    else checkBegin(it, begin, model);
    const key = keys.get(begin.task) ?? begin.key;
    if (key !== begin.key) complain(`${begin.task} was run with the keys ${key} and ${begin.key}`);
    keys.set(begin.task, key);
  }
  if (new Set(keys.values()).size !== keys.size) complain("two of its tasks have the same idempotency key");
}

function checkBegin({ history, complain }: Case, begin: JournalLine, model: ExpectedTask): void {
  const { task, attempt, at, worker } = begin;
  if (attempt > model.failures + 1) complain(`${task} was run as attempt ${attempt}: a lost lease spends none`);
  for (const id of model.after) {
    const before = outcomeOf(history, id);
    if (before === undefined) complain(`${task} was run, and ${id} has no outcome (INV-9)`);
    else if (at < before.at - CLOCK_SLACK_MS)
      complain(`${worker} ran ${task} ${(before.at - at).toFixed(1)} ms before the outcome of ${id} (INV-9)`);
  }
  if (attempt === 1) return;
  const failed = history.find((entry) => entry.task === task && entry.attempt === attempt - 1);
  if (failed === undefined) complain(`${task} was run as attempt ${attempt}, and the one before is not recorded`);
  else if (at < failed.at + LEAST_RETRY_MS - CLOCK_SLACK_MS)
    complain(`${task} was tried again after ${(at - failed.at).toFixed(1)} ms (INV-10)`);
}

/** No task begins after one that was recorded when the cancel had been acknowledged already (INV-1). */
function checkStopped({ promised, course, history, begins, complain }: Case): void {
  const { cancel, cancelledAt } = promised;
  if (cancel === null || cancel === "ended") return;
  const isLater = (at: number): boolean => at > cancelledAt + CLOCK_SLACK_MS;
  for (const { task, at, worker } of begins) {
    const after = course.tasks.find(({ taskId }) => taskId === task)?.after ?? [];
    if (isLater(at) && after.some((id) => isLater(outcomeOf(history, id)?.at ?? 0)))
      complain(`${worker} went on with ${task} ${(at - cancelledAt).toFixed(0)} ms after its cancel was acknowledged`);
  }
}

function outcomeOf(history: readonly HistoryRow[], taskId: string): HistoryRow | undefined {
  return history.find(({ task, outcome }) => task === taskId && outcome === "completed");
}

function grouped<T extends { readonly instance: string }>(items: readonly T[]): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(item.instance);
    if (group === undefined) groups.set(item.instance, [item]);
    else group.push(item);
  }
  return groups;
}

/** Numbers that are worth knowing, and prove nothing. */
export interface Curiosities {
  /** Bodies that began more often than once for one attempt. */
  readonly runAgain: number;
  /** Of them, those that began when their outcome was recorded already: a zombie did that. */
  readonly runAfterOutcome: readonly string[];
  /** Checkpoints of zombies that were refused. */
  readonly fenced: number;
  /** A cancel was acknowledged as requested, and the instance completed all the same. */
  readonly cancelsLost: readonly string[];
  /** Which instance lived longest, and for how many milliseconds. */
  readonly longestLife: string;
}

export function curiositiesOf({ journal, history, acknowledged, instances }: Evidence): Curiosities {
  const [longest] = instances.toSorted((a, b) => b.endedAt - b.createdAt - (a.endedAt - a.createdAt));
  const begins = journal.filter(({ what }) => what === "begin");
  const attempts = new Set(begins.map(({ instance, task, attempt }) => `${instance} ${task} ${attempt}`));
  const recordedAt = new Map(history.map(({ instance, task, attempt, at }) => [`${instance} ${task} ${attempt}`, at]));
  const late = begins.flatMap(({ instance, task, attempt, at, worker }) => {
    const since = at - (recordedAt.get(`${instance} ${task} ${attempt}`) ?? Number.POSITIVE_INFINITY);
    return since > CLOCK_SLACK_MS ? [`${worker} ran ${task} of ${instance} ${since.toFixed(0)} ms after it`] : [];
  });
  const completed = new Set(instances.filter(({ status }) => status === "completed").map(({ id }) => id));
  const lost = acknowledged.filter(({ id, cancel }) => cancel === "requested" && completed.has(id));
  return {
    runAgain: begins.length - attempts.size,
    runAfterOutcome: late,
    fenced: journal.filter(({ what }) => what === "fenced").length,
    cancelsLost: lost.map(({ id }) => id),
    longestLife:
      longest === undefined ? "none" : `${longest.id}, ${(longest.endedAt - longest.createdAt).toFixed(0)} ms`,
  };
}
