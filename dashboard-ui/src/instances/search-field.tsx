import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../parts/icon.tsx";
import { changeQuery } from "../route/place.ts";
import { useKeys } from "../shell/keys.ts";

/** After so long without another key, it is searched. */
const PATIENCE_MS = 250;

/** Where ids, labels and tags are searched for. The address follows what is typed. */
export function SearchField({ text }: { text: string }): JSX.Element {
  const [typed, setTyped] = useState(text);
  const field = useRef<HTMLInputElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => setTyped(text), [text]);
  useKeys({ "/": () => field.current?.focus() });
  return (
    <div class="search">
      <Icon name="search" size={14} />
      <input
        ref={field}
        class="input"
        type="search"
        aria-label="Search by id, label or tag"
        placeholder="Id, label=value or #tag"
        spellcheck={false}
        value={typed}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          // It would be emptied.
          event.preventDefault();
          field.current?.blur();
        }}
        onInput={(event) => {
          const { value } = event.currentTarget;
          setTyped(value);
          clearTimeout(timer.current);
          timer.current = setTimeout(() => changeQuery({ q: value }, { replace: true }), PATIENCE_MS);
        }}
      />
      <kbd aria-hidden="true">/</kbd>
    </div>
  );
}
