import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { BulkRequest } from "../../../src/dashboard/api-types.ts";
import { countText } from "../parts/time-text.ts";
import { BulkDialog, type BulkTarget } from "./bulk-dialog.tsx";
import { bulkFilterOf, type Search } from "./search.ts";

const ACTIONS: readonly (readonly [BulkRequest["action"], string])[] = [
  ["pause", "Pause"],
  ["unpause", "Resume"],
  ["cancel", "Cancel"],
  ["retry", "Retry"],
  ["delete", "Delete"],
];

interface BulkBarProps {
  readonly selected: ReadonlySet<string>;
  readonly clear: () => void;
  readonly search: Search | null;
}

/** What can be done to the selected instances at once, or to all that fit the search. */
export function BulkBar({ selected, clear, search }: BulkBarProps): JSX.Element | null {
  const [open, setOpen] = useState<{ action: BulkRequest["action"]; target: BulkTarget } | null>(null);
  const filter = search === null ? null : bulkFilterOf(search);
  const hasConditions = filter !== null && Object.keys(filter).length > 0;
  if (selected.size === 0 && !hasConditions) return null;
  const target: BulkTarget = selected.size > 0 ? { ids: [...selected] } : { filter: filter ?? {} };
  return (
    <>
      <div class="bulk" role="toolbar" aria-label="Actions for several instances">
        <strong>{selected.size > 0 ? `${countText(selected.size)} selected` : "All that fit"}</strong>
        {ACTIONS.map(([action, text]) => (
          <button
            key={action}
            type="button"
            class={action === "cancel" || action === "delete" ? "button is-small is-danger" : "button is-small"}
            onClick={() => setOpen({ action, target })}
          >
            {text} …
          </button>
        ))}
        {selected.size > 0 && (
          <button type="button" class="link" onClick={clear}>
            Clear
          </button>
        )}
      </div>
      {open !== null && (
        <BulkDialog
          {...open}
          onDone={() => {
            clear();
          }}
          onClose={() => setOpen(null)}
        />
      )}
    </>
  );
}
