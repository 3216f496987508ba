import type { JSX } from "preact";
import { useId } from "preact/hooks";

interface JsonFieldProps {
  readonly label: string;
  readonly hint?: string;
  readonly text: string;
  readonly onText: (text: string) => void;
}

/** Where a value is written as JSON, with tags for what JSON can't say. */
export function JsonField({ label, hint, text, onText }: JsonFieldProps): JSX.Element {
  const id = useId();
  const problem = jsonProblem(text);
  return (
    <div class="field">
      <label htmlFor={id}>{label}</label>
      <textarea
        id={id}
        class="input"
        spellcheck={false}
        value={text}
        onInput={(event) => onText(event.currentTarget.value)}
        aria-invalid={problem !== null}
        aria-describedby={`${id}-hint`}
      />
      <span id={`${id}-hint`} class="hint">
        {problem === null ? (
          (hint ?? "JSON. Leave it empty for undefined.")
        ) : (
          <span class="problem-text">{problem}</span>
        )}
      </span>
    </div>
  );
}

/** Why a text is no value; `null` if it is one. */
export function jsonProblem(text: string): string | null {
  if (text.trim() === "") return null;
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The value that a text says; `undefined` for none. */
export function valueOfJson(text: string): unknown {
  return text.trim() === "" ? undefined : (JSON.parse(text) as unknown);
}
