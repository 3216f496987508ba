import type { JSX } from "preact";
import type { HistoryEntry, InstanceDetail, Page, PastState, Payload } from "../../../src/dashboard/api-types.ts";
import { pathOf } from "../api/client.ts";
import { useResource } from "../api/resource.ts";
import { DiffView } from "../parts/diff-view.tsx";
import { ProblemBox } from "../parts/problem-box.tsx";
import { absoluteTime, durationText } from "../parts/time-text.ts";

interface DiffPanelProps {
  readonly detail: InstanceDetail;
  /** Sequences of entries, in whichever order. */
  readonly from: string;
  readonly to: string;
  readonly onClose: () => void;
}

/** What differs between two points of a history: what was recorded, where the instance stood, what its tasks shared. */
export function DiffPanel({ detail, from, to, onClose }: DiffPanelProps): JSX.Element {
  const [first, last] = BigInt(from) <= BigInt(to) ? [from, to] : [to, from];
  const path = pathOf("instances", detail.instanceId, "state");
  const before = useResource<PastState>(detail.flowKnown ? path : null, { at: first });
  const after = useResource<PastState>(detail.flowKnown ? path : null, { at: last });
  const between = useResource<Page<HistoryEntry>>(pathOf("instances", detail.instanceId, "diff"), {
    from: first,
    to: last,
  });
  const problem = before.problem ?? after.problem ?? between.problem;
  return (
    <section class="card stack" aria-label="Comparison">
      <div class="spread">
        <h2>
          From entry {first} to {last}
        </h2>
        <button type="button" class="button is-small" onClick={onClose}>
          Close
        </button>
      </div>
      {problem !== null && <ProblemBox problem={problem} />}
      {between.value !== null && <p class="muted">{sentenceOf(between.value.items)}</p>}
      {before.value !== null && after.value !== null && (
        <>
          <p class="muted">
            {absoluteTime(Date.parse(before.value.at))} to {absoluteTime(Date.parse(after.value.at))}, in{" "}
            {durationText(Date.parse(after.value.at) - Date.parse(before.value.at))}.
          </p>
          <DiffView before={comparable(before.value)} after={comparable(after.value)} />
        </>
      )}
      {!detail.flowKnown && between.value !== null && (
        <>
          <p class="muted">
            Where it stood can't be told, because the flow is not among those that the handler was given. What was
            recorded:
          </p>
          <DiffView before={{}} after={Object.fromEntries(between.value.items.map(recorded))} />
        </>
      )}
    </section>
  );
}

function sentenceOf(entries: readonly HistoryEntry[]): string {
  if (entries.length === 0) return "Nothing was recorded between them.";
  const names = entries
    .slice(0, 12)
    .map(({ taskId, outcome }) => (outcome === "completed" ? taskId : `${taskId} (${outcome})`));
  return `Recorded: ${names.join(", ")}${entries.length > names.length ? ` and ${entries.length - names.length} more` : ""}.`;
}

/** A point as one value, whose parts have names that say where they are from. */
function comparable({ positions, outputs, state, ended }: PastState): unknown {
  return {
    positions: Object.fromEntries(
      positions.map(({ path, taskId, attempt }) => [path === "" ? "trunk" : path, `${taskId}, attempt ${attempt}`]),
    ),
    outputs: Object.fromEntries(outputs.map(({ taskId, value }) => [taskId, shown(value)])),
    ...(state === null ? {} : { state: shown(state) }),
    ...(ended === null ? {} : { ended }),
  };
}

function recorded({ taskId, attempt, output, failure }: HistoryEntry): readonly [string, unknown] {
  const value = failure === null ? (output === null ? null : shown(output)) : `${failure.name}: ${failure.message}`;
  return [attempt === 1 ? taskId : `${taskId}, attempt ${attempt}`, value];
}

function shown(payload: Payload): unknown {
  if (payload.kind === "value") return payload.value;
  return payload.kind === "folded" ? `${payload.preview}… (${payload.bytes} bytes)` : `(${payload.kind})`;
}
