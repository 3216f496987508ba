import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { Problem } from "../api/problem.ts";
import { problemOf } from "../api/problem.ts";
import { ProblemBox } from "./problem-box.tsx";

interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly isWide?: boolean;
  readonly children: ComponentChildren;
}

/** A dialog over the page. Escape closes it; the focus stays inside, and returns to where it was. */
export function Dialog({ title, onClose, isWide = false, children }: DialogProps): JSX.Element {
  const ref = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => {
    const before = document.activeElement;
    ref.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog ref={ref} class={isWide ? "is-wide" : undefined} aria-labelledby={titleId} onClose={onClose}>
      <div class="dialog-body">
        <h2 id={titleId}>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}

interface ConfirmProps {
  readonly title: string;
  /** On the button that does it. */
  readonly verb: string;
  readonly isDanger?: boolean;
  readonly isWide?: boolean;
  /** Does it. What it throws is shown, and the dialog stays. */
  readonly act: () => Promise<unknown>;
  readonly onClose: () => void;
  readonly children?: ComponentChildren;
}

/** Asks before something is done. */
export function Confirm({
  title,
  verb,
  isDanger = false,
  isWide = false,
  act,
  onClose,
  children,
}: ConfirmProps): JSX.Element {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      await act();
      onClose();
    } catch (error) {
      setProblem(problemOf(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose} isWide={isWide}>
      <form class="stack" onSubmit={(event) => void submit(event)}>
        {children}
        {problem !== null && <ProblemBox problem={problem} />}
        <div class="dialog-actions">
          <button type="button" class="button" onClick={onClose}>
            Back
          </button>
          <button
            type="submit"
            class={isDanger ? "button is-primary is-danger" : "button is-primary"}
            disabled={isBusy}
          >
            {isBusy ? "Working …" : verb}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
