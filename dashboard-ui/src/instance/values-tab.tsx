import type { JSX } from "preact";
import type { InstanceDetail } from "../../../src/dashboard/api-types.ts";
import { PayloadView } from "../parts/payload-view.tsx";

/** What the instance was started with, and what it has ended with. */
export function ValuesTab({ detail: { instanceId, input, output, codec } }: { detail: InstanceDetail }): JSX.Element {
  return (
    <div class="halves">
      <section class="stack">
        <div class="spread">
          <h2>Input</h2>
          <span class="muted">codec {codec}</span>
        </div>
        <PayloadView payload={input} name={`${instanceId}-input`} />
      </section>
      <section class="stack">
        <h2>Output</h2>
        {output === null ? (
          <p class="muted">It has none: only what has completed does.</p>
        ) : (
          <PayloadView payload={output} name={`${instanceId}-output`} />
        )}
      </section>
    </div>
  );
}
