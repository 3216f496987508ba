import type { JSX } from "preact";
import type { InstanceDetail } from "../../../src/dashboard/api-types.ts";
import type { Interest } from "../api/live.ts";
import { ProblemBox } from "../parts/problem-box.tsx";
import { countText } from "../parts/time-text.ts";
import { changeQuery, usePlace } from "../route/place.ts";
import { DiffPanel } from "./diff-panel.tsx";
import { EntryList } from "./entry-list.tsx";
import { useHistory } from "./use-history.ts";

/** What has been recorded, in order; two entries can be compared. */
export function HistoryTab({ detail, interest }: { detail: InstanceDetail; interest: Interest }): JSX.Element {
  const history = useHistory(detail.instanceId, detail.run, interest);
  const { query } = usePlace();
  const [from, to, task] = [query.get("from"), query.get("to"), query.get("task")];
  const entries = task === null ? history.entries : history.entries.filter(({ taskId }) => taskId === task);
  if (history.isFresh) return <p class="muted">Reading …</p>;
  return (
    <div class="stack">
      {history.problem !== null && <ProblemBox problem={history.problem} retry={history.refresh} />}
      <div class="spread">
        <p class="muted">
          {countText(history.entries.length)}
          {history.hasMore && "+"} entries. Choose two to see what came between them: the left mark is where to begin.
        </p>
        {task !== null && (
          <span class="row">
            Only <code>{task}</code>
            <button type="button" class="link" onClick={() => changeQuery({ task: undefined }, { replace: true })}>
              Show all
            </button>
          </span>
        )}
      </div>
      {from !== null && to !== null && (
        <DiffPanel
          detail={detail}
          from={from}
          to={to}
          onClose={() => changeQuery({ from: undefined, to: undefined }, { replace: true })}
        />
      )}
      <div class="card is-flush">
        <EntryList
          detail={detail}
          entries={entries}
          empty="Nothing has been recorded yet: no task has ended."
          compare={{ from, to, onChoose: (side, sequence) => changeQuery({ [side]: sequence }, { replace: true }) }}
        />
      </div>
      {history.hasMore && (
        <button type="button" class="button" onClick={history.readMore}>
          Read more
        </button>
      )}
    </div>
  );
}
