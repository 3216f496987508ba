import type { JSX } from "preact";
import { useId, useState } from "preact/hooks";
import type { Page, Pruned, Retention } from "../../../src/dashboard/api-types.ts";
import { pathOf, send } from "../api/client.ts";
import { tellHint } from "../api/live.ts";
import { useResource } from "../api/resource.ts";
import { useMay } from "../api/session.ts";
import { Confirm } from "../parts/dialog.tsx";
import { countText, durationText } from "../parts/time-text.ts";
import { tell } from "../shell/notices.ts";

const ENDS = ["completed", "failed", "cancelled"] as const;

/** How long a flow's instances are kept after their end. */
export function RetentionCard({ flow }: { flow: string }): JSX.Element | null {
  const { value: page, refresh } = useResource<Page<Retention>>("retention");
  const mayChange = useMay("changeRetention");
  const mayPrune = useMay("prune");
  const [open, setOpen] = useState<"change" | "prune" | null>(null);
  const rule = page?.items.find((one) => one.flow === flow);
  if (rule === undefined) return null;
  const close = (): void => {
    setOpen(null);
    refresh();
  };
  return (
    <section class="card stack" aria-label="Kept">
      <div class="spread">
        <h2>Kept after the end</h2>
        <div class="row">
          {mayPrune && (
            <button type="button" class="button is-small" onClick={() => setOpen("prune")}>
              Remove now …
            </button>
          )}
          {mayChange && (
            <button type="button" class="button is-small" onClick={() => setOpen("change")}>
              Change …
            </button>
          )}
        </div>
      </div>
      <dl class="fact-line">
        {ENDS.map((end) => (
          <div key={end}>
            <dt>{end}</dt>
            <dd>{keepText(rule.keep[end])}</dd>
          </div>
        ))}
        {rule.archives && (
          <div>
            <dt>Before</dt>
            <dd>archived by workers</dd>
          </div>
        )}
        {rule.isChanged && (
          <div>
            <dt>Rule</dt>
            <dd>changed by hand</dd>
          </div>
        )}
      </dl>
      {open === "change" && <KeepDialog rule={rule} onClose={close} />}
      {open === "prune" && <PruneDialog rule={rule} onClose={close} />}
    </section>
  );
}

function KeepDialog({ rule, onClose }: { rule: Retention; onClose: () => void }): JSX.Element {
  const [fields, setFields] = useState({
    completed: fieldOf(rule.keep.completed),
    failed: fieldOf(rule.keep.failed),
    cancelled: fieldOf(rule.keep.cancelled),
  });
  const id = useId();
  const submit = async (): Promise<void> => {
    await send("PATCH", pathOf("retention", rule.flow), fields);
    tell(`Flow ${rule.flow}: changed.`);
  };
  return (
    <Confirm title="Change how long it is kept" verb="Change it" act={submit} onClose={onClose}>
      <p>Spans such as 30d or 12h, or "forever". It holds for all workers, whatever code says, until it is reset.</p>
      <fieldset class="fields">
        <legend>{rule.flow}</legend>
        {ENDS.map((end) => (
          <div class="field" key={end}>
            <label htmlFor={`${id}-${end}`}>{end}</label>
            <input
              id={`${id}-${end}`}
              class="input"
              required
              value={fields[end]}
              onInput={(event) => setFields({ ...fields, [end]: event.currentTarget.value })}
            />
          </div>
        ))}
      </fieldset>
    </Confirm>
  );
}

function PruneDialog({ rule: { flow, archives }, onClose }: { rule: Retention; onClose: () => void }): JSX.Element {
  const [olderThan, setOlderThan] = useState("");
  const [found, setFound] = useState<Pruned | null>(null);
  const id = useId();
  const body = {
    flow,
    ...(olderThan.trim() === "" ? {} : { olderThan: olderThan.trim() }),
    ...(archives ? { withoutArchive: true } : {}),
  };
  const count = async (): Promise<void> => {
    setFound(await send<Pruned>("POST", "prune", { ...body, dryRun: true }));
  };
  const submit = async (): Promise<void> => {
    const { pruned } = await send<Pruned>("POST", "prune", body);
    tell(`${countText(pruned)} instances removed.`);
    tellHint({ topics: ["instances"], instanceIds: [] });
  };
  return (
    <Confirm title="Remove ended instances now" verb="Remove them" isDanger act={submit} onClose={onClose}>
      <p>
        Those whose time is over, or that ended at least so long ago. They can't be brought back
        {archives ? ", and are not archived by this" : ""}.
      </p>
      <div class="field">
        <label htmlFor={id}>Ended at least so long ago</label>
        <input
          id={id}
          class="input"
          placeholder="as long as they are kept"
          value={olderThan}
          onInput={(event) => setOlderThan(event.currentTarget.value)}
        />
      </div>
      <div class="row">
        <button type="button" class="button is-small" onClick={() => void count().catch(() => setFound(null))}>
          Count them
        </button>
        {found !== null && <span aria-live="polite">{countText(found.pruned)} would be removed.</span>}
      </div>
    </Confirm>
  );
}

function keepText(ms: number | null): string {
  return ms === null ? "for ever" : durationText(ms);
}

function fieldOf(ms: number | null): string {
  if (ms === null) return "forever";
  return ms % 86_400_000 === 0 ? `${ms / 86_400_000}d` : `${ms}ms`;
}
