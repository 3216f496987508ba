import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Limit, LimitKey } from "../../../src/dashboard/api-types.ts";
import { pathOf, send } from "../api/client.ts";
import { tellHint } from "../api/live.ts";
import { usePages } from "../api/pages.ts";
import { useMay } from "../api/session.ts";
import { Confirm } from "../parts/dialog.tsx";
import { Icon } from "../parts/icon.tsx";
import { Meter } from "../parts/meter.tsx";
import { ProblemBox } from "../parts/problem-box.tsx";
import { countText, durationText } from "../parts/time-text.ts";
import { tell } from "../shell/notices.ts";

/** What runs and waits under each key of a limit. */
export function KeyList({ limit }: { limit: Limit }): JSX.Element {
  const path = pathOf("limits", limit.name, "keys");
  const list = usePages<LimitKey>(path, { limit: 100 }, { topics: ["limits", "instances"] });
  const mayChange = useMay("changeLimits");
  const [open, setOpen] = useState<LimitKey | null>(null);
  if (list.isFresh)
    return list.problem === null ? (
      <p class="muted">Reading …</p>
    ) : (
      <ProblemBox problem={list.problem} retry={list.refresh} />
    );
  if (list.items.length === 0) return <p class="muted">Nothing runs or waits under any key.</p>;
  return (
    <div class="scroll-x">
      <table class="table">
        <thead>
          <tr>
            <th>Key</th>
            <th>Running</th>
            <th class="right">Waiting</th>
            <th>Longest wait</th>
            <th class="right">At each turn</th>
            <th>
              <span class="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {list.items.map((key) => (
            <KeyRow key={key.key} limit={limit} limitKey={key} onChange={mayChange ? () => setOpen(key) : null} />
          ))}
        </tbody>
      </table>
      {!list.isWhole && (
        <button type="button" class="button" onClick={() => list.look(0, list.items.length)}>
          Read more
        </button>
      )}
      {open !== null && <KeyDialog limit={limit.name} limitKey={open} onClose={() => setOpen(null)} />}
    </div>
  );
}

interface KeyRowProps {
  readonly limit: Limit;
  readonly limitKey: LimitKey;
  /** `null` where the reader may not. */
  readonly onChange: (() => void) | null;
}

function KeyRow({ limit, limitKey: key, onChange }: KeyRowProps): JSX.Element {
  return (
    <tr data-key={key.key}>
      <td>
        <code>{key.key}</code>
        {key.isPaused && (
          <>
            {" "}
            <span class="badge is-amber">
              <Icon name="pause" size={13} /> Paused
            </span>
          </>
        )}
      </td>
      <td class="number">
        {countText(key.running)}
        <Meter value={key.running} most={limit.perKey.concurrency} label={`Running under ${key.key}`} />
      </td>
      <td class="right number">{countText(key.waiting)}</td>
      <td>{key.oldestWaitMs === null ? "—" : durationText(key.oldestWaitMs)}</td>
      <td class="right number">{key.weight}</td>
      <td class="right">
        {onChange !== null && (
          <button type="button" class="button is-small" onClick={onChange}>
            Change …
          </button>
        )}
      </td>
    </tr>
  );
}

interface KeyDialogProps {
  readonly limit: string;
  readonly limitKey: LimitKey;
  readonly onClose: () => void;
}

function KeyDialog({ limit, limitKey, onClose }: KeyDialogProps): JSX.Element {
  const [weight, setWeight] = useState(String(limitKey.weight));
  const [isPaused, setPaused] = useState(limitKey.isPaused);
  const submit = async (): Promise<void> => {
    await send("PATCH", pathOf("limits", limit, "keys", limitKey.key), { weight: Number(weight), isPaused });
    tell(`Key ${limitKey.key}: done.`);
    tellHint({ topics: ["limits"], instanceIds: [] });
  };
  return (
    <Confirm title={`Change the key ${limitKey.key}`} verb="Change it" act={submit} onClose={onClose}>
      <div class="field">
        <label htmlFor="key-weight">At each turn</label>
        <input
          id="key-weight"
          class="input"
          type="number"
          min={1}
          max={1_000}
          required
          value={weight}
          onInput={(event) => setWeight(event.currentTarget.value)}
        />
        <span class="hint">How many it gets where the other keys get one.</span>
      </div>
      <label class="check">
        <input type="checkbox" checked={isPaused} onChange={(event) => setPaused(event.currentTarget.checked)} />
        Let nothing more of this key begin
      </label>
    </Confirm>
  );
}
