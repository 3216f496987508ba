import { useSyncExternalStore } from "../route/external-store.ts";

/** What the page tells in passing. */
export interface Notice {
  readonly id: number;
  readonly text: string;
  readonly isProblem: boolean;
}

const PATIENCE_MS = 6_000;
const PROBLEM_PATIENCE_MS = 20_000;

let notices: readonly Notice[] = [];
let made = 0;
const listeners = new Set<() => void>();

/** Tells the reader what has been done, or why it could not be. Problems stay longer. */
export function tell(text: string, { isProblem = false }: { readonly isProblem?: boolean } = {}): void {
  const notice = { id: ++made, text, isProblem };
  set([...notices.slice(-3), notice]);
  setTimeout(() => dismiss(notice.id), isProblem ? PROBLEM_PATIENCE_MS : PATIENCE_MS);
}

export function dismiss(id: number): void {
  set(notices.filter((one) => one.id !== id));
}

export function useNotices(): readonly Notice[] {
  return useSyncExternalStore(subscribe, () => notices);
}

function set(next: readonly Notice[]): void {
  notices = next;
  for (const listener of listeners) listener();
}

function subscribe(changed: () => void): () => void {
  listeners.add(changed);
  return () => listeners.delete(changed);
}
