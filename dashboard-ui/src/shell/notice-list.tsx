import type { JSX } from "preact";
import { Icon } from "../parts/icon.tsx";
import { dismiss, useNotices } from "./notices.ts";

/** What the page tells in passing, read out by screen readers. */
export function NoticeList(): JSX.Element {
  const notices = useNotices();
  return (
    <div class="toasts" role="status" aria-live="polite">
      {notices.map(({ id, text, isProblem }) => (
        <div key={id} class={isProblem ? "toast is-problem" : "toast"}>
          <div class="toast-text">{text}</div>
          <button type="button" class="button is-quiet is-small" aria-label="Dismiss" onClick={() => dismiss(id)}>
            <Icon name="cross" size={12} />
          </button>
        </div>
      ))}
    </div>
  );
}
