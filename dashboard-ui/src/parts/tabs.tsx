import type { JSX } from "preact";
import { useRef } from "preact/hooks";

interface TabsProps<Name extends string> {
  readonly tabs: readonly (readonly [Name, string])[];
  readonly current: Name;
  readonly onChoose: (name: Name) => void;
  readonly label: string;
}

/** Tabs, of which the arrow keys choose the next one. */
export function Tabs<Name extends string>({ tabs, current, onChoose, label }: TabsProps<Name>): JSX.Element {
  const list = useRef<HTMLDivElement>(null);
  const onKey = (event: KeyboardEvent): void => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (by === 0) return;
    event.preventDefault();
    const index = (tabs.findIndex(([name]) => name === current) + by + tabs.length) % tabs.length;
    const [name] = tabs[index] ?? [current];
    onChoose(name);
    list.current?.querySelectorAll("button")[index]?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={label} ref={list} tabIndex={-1} onKeyDown={onKey}>
      {tabs.map(([name, title]) => (
        <button
          key={name}
          type="button"
          role="tab"
          aria-selected={name === current}
          aria-controls="tabpanel"
          tabIndex={name === current ? 0 : -1}
          onClick={() => onChoose(name)}
        >
          {title}
        </button>
      ))}
    </div>
  );
}
