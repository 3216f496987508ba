/** An entry of a history, as far as a timeline shows it. */
export interface TimedEntry {
  readonly sequence: string;
  readonly taskId: string;
  readonly attempt: number;
  readonly kind: string;
  readonly outcome: string;
  readonly at: string;
  readonly durationMs: number | null;
  readonly workerId: string | null;
}

/** A point at which a live instance stands, as far as a timeline shows it. */
export interface TimedPosition {
  readonly taskId: string;
  readonly attempt: number;
  readonly state: string;
  readonly workerId: string | null;
}

export interface Bar {
  readonly look: "completed" | "failed" | "running" | "waited";
  /** ms since the epoch. */
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** All that happened at one task. */
export interface TimelineRow {
  readonly taskId: string;
  readonly bars: readonly Bar[];
}

export interface Timeline {
  readonly from: number;
  readonly to: number;
  readonly rows: readonly TimelineRow[];
}

/** Kinds of entries of which nothing is run: what passes is a wait. */
const WAITS: ReadonlySet<string> = new Set(["wait", "delay", "event", "collect", "child", "spawn", "children"]);

/**
 * What happened when, a row for each task, in the order in which each began. The history says when something ended, and how
 * long it was run; a wait, which is not run, is shown from what was recorded before it.
 *
 * @param began - when the instance was made, in ms since the epoch
 * @param now - up to when what still goes on is shown
 */
export function timelineOf(
  entries: readonly TimedEntry[],
  positions: readonly TimedPosition[],
  { began, now }: { readonly began: number; readonly now: number },
): Timeline {
  const rows = new Map<string, Bar[]>();
  const add = (taskId: string, bar: Bar): void => {
    const bars = rows.get(taskId);
    if (bars === undefined) rows.set(taskId, [bar]);
    else bars.push(bar);
  };
  let before = began;
  for (const entry of entries) {
    add(entry.taskId, barOf(entry, before));
    before = Math.max(before, Date.parse(entry.at));
  }
  for (const { taskId, attempt, state, workerId } of positions) {
    const isRunning = state === "running";
    const words = [`attempt ${attempt}`, state.replaceAll("_", " "), ...(workerId === null ? [] : [workerId])];
    add(taskId, { look: isRunning ? "running" : "waited", from: before, to: now, text: words.join(", ") });
  }
  const all = [...rows].map(([taskId, bars]) => ({ taskId, bars }));
  const ends = all.flatMap(({ bars }) => bars.map(({ to }) => to));
  return {
    from: Math.min(began, ...all.flatMap(({ bars }) => bars.map(({ from }) => from))),
    to: Math.max(began + 1, ...ends),
    rows: all,
  };
}

function barOf({ kind, outcome, attempt, at, durationMs, workerId }: TimedEntry, before: number): Bar {
  const to = Date.parse(at);
  const isWait = durationMs === null && WAITS.has(kind);
  const from = durationMs === null ? (isWait ? before : to) : to - durationMs;
  const words = [`attempt ${attempt}`, outcome, ...(workerId === null ? [] : [workerId])];
  const look = outcome === "failed" || outcome === "tolerated" ? "failed" : isWait ? "waited" : "completed";
  return { look, from: Math.min(from, to), to, text: words.join(", ") };
}
