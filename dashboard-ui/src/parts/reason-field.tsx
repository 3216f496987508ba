import type { JSX } from "preact";
import { useId } from "preact/hooks";

interface ReasonFieldProps {
  readonly value: string;
  readonly onInput: (reason: string) => void;
  /** With what it is kept: "the instance". */
  readonly keptWith: string;
}

/** Asks why something is done. */
export function ReasonField({ value, onInput, keptWith }: ReasonFieldProps): JSX.Element {
  const id = useId();
  return (
    <div class="field">
      <label htmlFor={id}>Reason</label>
      <input
        id={id}
        class="input"
        maxLength={1_000}
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      <span class="hint">Kept with {keptWith}. May be left empty.</span>
    </div>
  );
}
