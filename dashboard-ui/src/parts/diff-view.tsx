import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { differences, MOST_DIFFERENCES } from "./value-diff.ts";

const LONGEST = 300;

/** What differs between two values, place by place. Added and removed are told by signs, not by colour alone. */
export function DiffView({ before, after }: { before: unknown; after: unknown }): JSX.Element {
  const found = useMemo(() => differences(before, after), [before, after]);
  if (found.length === 0) return <p class="muted">The two values are equal.</p>;
  return (
    <div class="diff" role="list" aria-label="Differences">
      {found.map(({ path, before: old, after: now }) => (
        <div key={path} role="listitem">
          <div class="muted">{path}</div>
          {old !== undefined && <div class="is-removed">− {shortened(old)}</div>}
          {now !== undefined && <div class="is-added">+ {shortened(now)}</div>}
        </div>
      ))}
      {found.length >= MOST_DIFFERENCES && <p class="muted">There are more differences than are shown.</p>}
    </div>
  );
}

function shortened(value: unknown): string {
  const text = JSON.stringify(value) ?? "undefined";
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}… (${text.length} characters)` : text;
}
