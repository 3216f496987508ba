import { useEffect, useRef } from "preact/hooks";

/** What a key does; gets the event. */
export type KeyMap = Readonly<Record<string, (event: KeyboardEvent) => void>>;

/**
 * Listens for single keys (`"j"`, `"Enter"`) while the component is shown. They are left to fields in which something is
 * typed, to open dialogs, and to chords with Ctrl, Alt or Meta. Enter and the space bar stay with what has the focus.
 */
export function useKeys(keys: KeyMap): void {
  const current = useRef(keys);
  current.current = keys;
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const act = current.current[event.key];
      if (act === undefined || event.defaultPrevented || !isFree(event)) return;
      event.preventDefault();
      act(event);
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
}

function isFree({ ctrlKey, altKey, metaKey, key, target }: KeyboardEvent): boolean {
  if (ctrlKey || altKey || metaKey || document.querySelector("dialog[open]") !== null) return false;
  if (!(target instanceof HTMLElement)) return true;
  if (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
    return target instanceof HTMLInputElement && target.type === "checkbox" && key !== " ";
  return key !== "Enter" || target.closest("a, button, summary") === null;
}
