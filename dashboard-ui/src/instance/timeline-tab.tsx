import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import type { InstanceDetail } from "../../../src/dashboard/api-types.ts";
import type { Interest } from "../api/live.ts";
import { Empty } from "../parts/empty.tsx";
import { ProblemBox } from "../parts/problem-box.tsx";
import { useNow } from "../parts/time.tsx";
import { changeQuery } from "../route/place.ts";
import { timelineOf } from "../timeline/model.ts";
import { TimelineView } from "../timeline/timeline-view.tsx";
import { stateOf } from "./positions-tab.tsx";
import { useHistory } from "./use-history.ts";

/** When each task ran, waited and failed, and who ran it. */
export function TimelineTab({ detail, interest }: { detail: InstanceDetail; interest: Interest }): JSX.Element {
  const history = useHistory(detail.instanceId, detail.run, interest);
  const ticking = useNow();
  // What has ended does not change any more.
  const now = detail.endedAt === null ? ticking : Date.parse(detail.endedAt);
  const positions = useMemo(
    () =>
      detail.positions
        .filter(({ path }) => path !== "$deadline")
        .map((position) => ({
          taskId: position.taskId,
          attempt: position.attempt,
          state: stateOf(position),
          workerId: position.claim?.workerId ?? null,
        })),
    [detail.positions],
  );
  if (history.isFresh) return <p class="muted">Reading …</p>;
  if (history.entries.length === 0 && positions.length === 0)
    return (
      <Empty title="Nothing has happened yet">
        <p>It shows up here as soon as a task has ended.</p>
      </Empty>
    );
  const timeline = timelineOf(history.entries, positions, { began: Date.parse(detail.createdAt), now });
  return (
    <div class="stack">
      {history.problem !== null && <ProblemBox problem={history.problem} retry={history.refresh} />}
      <div class="card">
        <TimelineView timeline={timeline} onOpen={(taskId) => changeQuery({ tab: "history", task: taskId })} />
      </div>
      <Legend />
      {history.hasMore && (
        <button type="button" class="button" onClick={history.readMore}>
          Read more
        </button>
      )}
    </div>
  );
}

const LEGEND = [
  ["t-bar", "ran"],
  ["t-bar is-failed", "failed"],
  ["t-bar is-running", "runs now"],
  ["t-wait", "waited"],
] as const;

function Legend(): JSX.Element {
  return (
    <div class="legend">
      {LEGEND.map(([look, text]) => (
        <span key={look} class="row">
          <svg width="14" height="10" aria-hidden="true" class="timeline">
            <rect class={look} x="0.5" y="0.5" width="13" height="9" rx="2" />
          </svg>
          {text}
        </span>
      ))}
    </div>
  );
}
