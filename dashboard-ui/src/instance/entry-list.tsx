import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { HistoryEntry, InstanceDetail } from "../../../src/dashboard/api-types.ts";
import { useMay } from "../api/session.ts";
import { FailureView } from "../parts/failure-view.tsx";
import { Icon } from "../parts/icon.tsx";
import { PayloadView } from "../parts/payload-view.tsx";
import { StatusBadge } from "../parts/status.tsx";
import { Time } from "../parts/time.tsx";
import { durationText } from "../parts/time-text.ts";
import { ForkDialog } from "./fork-dialog.tsx";

const CHUNK = 100;

interface EntryListProps {
  readonly detail: InstanceDetail;
  readonly entries: readonly HistoryEntry[];
  /** Said where there are none. */
  readonly empty: string;
  /** Marks for comparing; `null` where nothing is compared. */
  readonly compare?: {
    readonly from: string | null;
    readonly to: string | null;
    readonly onChoose: (side: "from" | "to", sequence: string) => void;
  };
}

/** Entries of a history, each of which can be unfolded. */
export function EntryList({ detail, entries, empty, compare }: EntryListProps): JSX.Element {
  const [shown, setShown] = useState(CHUNK);
  const [forkAt, setForkAt] = useState<HistoryEntry | null>(null);
  if (entries.length === 0) return <p class="muted">{empty}</p>;
  return (
    <div>
      <ol class="entries">
        {entries.slice(0, shown).map((entry) => (
          <Entry key={entry.sequence} detail={detail} entry={entry} compare={compare} onFork={setForkAt} />
        ))}
      </ol>
      {entries.length > shown && (
        <button type="button" class="link" onClick={() => setShown(shown + CHUNK * 5)}>
          show more of {entries.length} entries
        </button>
      )}
      {forkAt !== null && <ForkDialog detail={detail} entry={forkAt} onClose={() => setForkAt(null)} />}
    </div>
  );
}

interface EntryProps {
  readonly detail: InstanceDetail;
  readonly entry: HistoryEntry;
  readonly compare: EntryListProps["compare"];
  readonly onFork: (entry: HistoryEntry) => void;
}

function Entry({ detail, entry, compare, onFork }: EntryProps): JSX.Element {
  const { sequence, taskId, attempt, kind, outcome, at, durationMs, workerId, decision } = entry;
  const [isOpen, setOpen] = useState(false);
  return (
    <li class="entry" data-sequence={sequence} data-task={taskId}>
      <div class="entry-line">
        {compare === undefined ? <span /> : <Marks sequence={sequence} compare={compare} />}
        <button type="button" class="fold entry-name" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          <Icon name={isOpen ? "down" : "right"} size={11} /> <code>{taskId}</code>
          {attempt > 1 && <span class="muted"> attempt {attempt}</span>}
          {decision !== null && <span class="muted"> → {decision}</span>}
        </button>
        <StatusBadge state={outcome} />
        <span class="muted number nowrap">{durationMs === null ? kind : durationText(durationMs)}</span>
        <Time at={at} />
      </div>
      {isOpen && (
        <div class="entry-inner stack">
          <div class="muted">
            Entry {sequence}, {kind}
            {workerId !== null && (
              <>
                {" "}
                by <code>{workerId}</code>
              </>
            )}
          </div>
          <EntryContent entry={entry} name={`${detail.instanceId}-${sequence}`} />
          <ForkButton detail={detail} onFork={() => onFork(entry)} />
        </div>
      )}
    </li>
  );
}

function EntryContent({ entry, name }: { entry: HistoryEntry; name: string }): JSX.Element | null {
  const { failure, output, outputRef } = entry;
  if (failure !== null) return <FailureView failure={failure} />;
  if (output !== null) return <PayloadView payload={output} name={name} />;
  return outputRef === null ? null : (
    <p class="muted">
      It passes on what <code>{outputRef}</code> has given.
    </p>
  );
}

function ForkButton({ detail, onFork }: { detail: InstanceDetail; onFork: () => void }): JSX.Element | null {
  if (!useMay("fork")) return null;
  return (
    <div>
      <button
        type="button"
        class="button is-small"
        disabled={!detail.flowKnown}
        title={detail.flowKnown ? undefined : "Give the flow to the handler, so that it can be forked here."}
        onClick={onFork}
      >
        <Icon name="fork" size={13} /> Fork from here …
      </button>
    </div>
  );
}

/** Which two entries are compared. */
function Marks({
  sequence,
  compare,
}: {
  sequence: string;
  compare: NonNullable<EntryListProps["compare"]>;
}): JSX.Element {
  const { from, to, onChoose } = compare;
  return (
    <span class="marks">
      <input
        type="radio"
        name="from"
        aria-label={`Compare from entry ${sequence}`}
        title="Compare from"
        checked={from === sequence}
        onChange={() => onChoose("from", sequence)}
      />
      <input
        type="radio"
        name="to"
        aria-label={`Compare to entry ${sequence}`}
        title="Compare to"
        checked={to === sequence}
        onChange={() => onChoose("to", sequence)}
      />
    </span>
  );
}
