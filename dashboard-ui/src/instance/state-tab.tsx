import type { JSX } from "preact";
import type { InstanceDetail, PastState } from "../../../src/dashboard/api-types.ts";
import { pathOf } from "../api/client.ts";
import type { Interest } from "../api/live.ts";
import { useResource } from "../api/resource.ts";
import { Empty } from "../parts/empty.tsx";
import { PayloadView } from "../parts/payload-view.tsx";
import { ProblemBox } from "../parts/problem-box.tsx";
import { useHistory } from "./use-history.ts";

/** What the instance's tasks share, and what each has given by now. */
export function StateTab({ detail, interest }: { detail: InstanceDetail; interest: Interest }): JSX.Element {
  const { instanceId, flowKnown, run } = detail;
  const { entries, isFresh } = useHistory(instanceId, run, interest);
  const at = entries.at(-1)?.sequence ?? "0";
  const path = flowKnown && !isFresh ? pathOf("instances", instanceId, "state") : null;
  const { value, problem, refresh } = useResource<PastState>(path, { at });
  if (!flowKnown)
    return (
      <Empty title="The flow is not known here">
        <p>
          Give the flow to the handler (<code>flows</code>) to see its state. Outputs are in the history.
        </p>
      </Empty>
    );
  if (problem !== null) return <ProblemBox problem={problem} retry={refresh} />;
  if (value === null) return <p class="muted">Reading …</p>;
  return (
    <div class="halves">
      <section class="stack">
        <h2>State</h2>
        {value.state === null ? (
          <p class="muted">The flow has no state that its tasks share.</p>
        ) : (
          <PayloadView payload={value.state} name={`${instanceId}-state`} />
        )}
      </section>
      <section class="stack">
        <h2>Outputs</h2>
        {value.outputs.length === 0 && <p class="muted">Nothing has been recorded yet.</p>}
        {value.outputs.slice(-200).map(({ taskId, value: payload }) => (
          <div key={taskId} class="stack is-tight">
            <code>{taskId}</code>
            <PayloadView payload={payload} name={`${instanceId}-${taskId}`} />
          </div>
        ))}
      </section>
    </div>
  );
}
