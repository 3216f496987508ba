import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { absoluteTime, relativeTime } from "./time-text.ts";

const TICK_MS = 1_000;
const listeners = new Set<(now: number) => void>();
let timer: number | undefined;

/** The time, told again each second while somebody looks. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    listeners.add(setNow);
    timer ??= setInterval(tick, TICK_MS);
    return () => {
      listeners.delete(setNow);
      if (listeners.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    };
  }, []);
  return now;
}

/** A time as it relates to now; the exact one is shown when the pointer rests on it. `—` for none. */
export function Time({ at }: { at: string | null | undefined }): JSX.Element {
  const now = useNow();
  if (at == null) return <span class="muted">—</span>;
  const ms = Date.parse(at);
  return (
    <time dateTime={at} title={absoluteTime(ms)} class="nowrap">
      {relativeTime(ms, now)}
    </time>
  );
}

function tick(): void {
  if (document.hidden) return;
  const now = Date.now();
  for (const listener of listeners) listener(now);
}
