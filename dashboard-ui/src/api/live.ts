import type { Change, ChangeTopic } from "../../../src/dashboard/api-types.ts";
import { useSyncExternalStore } from "../route/external-store.ts";
import { urlOf } from "./client.ts";

/** What the server says has changed. It may say so late, twice, or not at all; what has become of it must be asked. */
export interface Hint {
  /** `null`: anything may have. */
  readonly topics: readonly ChangeTopic[] | null;
  /** Those that are known. */
  readonly instanceIds: readonly string[];
}

/** Which hints matter to somebody. */
export interface Interest {
  readonly topics?: readonly ChangeTopic[];
  /** Hints that name this instance. The stream is asked to name it. */
  readonly instanceId?: string;
}

/** How it stands with the stream of hints. */
export type LiveState = "connecting" | "live" | "lost";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
/** Several instances may come into view at a time. */
const SETTLE_MS = 50;
/** The server names no more. */
const MOST_WATCHED = 20;
const ANYTHING: Hint = { topics: null, instanceIds: [] };

const hearers = new Set<(hint: Hint) => void>();
const watchers = new Set<() => void>();
/** Instances that somebody looks at, and how many do. */
const watched = new Map<string, number>();
let state: LiveState = "connecting";
let stream: EventSource | null = null;
let isListening = false;
/** Whether something may have happened that was not told. */
let isBehind = false;
let pauseMs = FIRST_PAUSE_MS;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Whether this one matters. */
export function isOfInterest({ topics = [], instanceId }: Interest, hint: Hint): boolean {
  if (hint.topics === null) return true;
  if (instanceId !== undefined && hint.instanceIds.includes(instanceId)) return true;
  return hint.topics.some((topic) => topics.includes(topic));
}

/** Calls `hear` for each hint; gives what ends that. */
export function onHint(hear: (hint: Hint) => void): () => void {
  hearers.add(hear);
  return () => hearers.delete(hear);
}

export function useLiveState(): LiveState {
  return useSyncExternalStore(watchState, () => state);
}

/** Tells everybody. Used for what this page has done itself, too: the stream may be slower. */
export function tellHint(hint: Hint): void {
  for (const hear of hearers) hear(hint);
}

/** Has the stream name this instance, until what is given back is called. */
export function watchInstance(instanceId: string): () => void {
  watched.set(instanceId, (watched.get(instanceId) ?? 0) + 1);
  if (watched.get(instanceId) === 1) restart();
  return () => {
    const count = (watched.get(instanceId) ?? 1) - 1;
    // The stream goes on naming it until it is opened for another one: nobody is disturbed by that.
    if (count === 0) watched.delete(instanceId);
    else watched.set(instanceId, count);
  };
}

/**
 * Listens to the server's hints while the page is visible, until it is ended, and connects again when the stream breaks. After
 * a break, whatever is shown is asked again.
 */
export function listen(): () => void {
  isListening = true;
  const onVisible = (): void => (document.hidden ? disconnect() : connect());
  // A browser has few connections for each host: those of pages that nobody sees are left to the others.
  document.addEventListener("visibilitychange", onVisible);
  onVisible();
  return () => {
    isListening = false;
    document.removeEventListener("visibilitychange", onVisible);
    disconnect();
  };
}

/** Opens the stream anew, once the page has settled: what is looked at has changed. */
function restart(): void {
  if (!isListening || document.hidden) return;
  clearTimeout(timer);
  timer = setTimeout(connect, SETTLE_MS);
}

function disconnect(): void {
  clearTimeout(timer);
  stream?.close();
  stream = null;
  isBehind = true;
}

function connect(): void {
  clearTimeout(timer);
  stream?.close();
  const source = new EventSource(urlOf("changes", { instance: [...watched.keys()].slice(-MOST_WATCHED) }));
  stream = source;
  source.addEventListener("open", () => {
    pauseMs = FIRST_PAUSE_MS;
    if (isBehind) tellHint(ANYTHING);
    isBehind = false;
    setState("live");
  });
  source.addEventListener("change", ({ data }: MessageEvent<string>) => tellHint(JSON.parse(data) as Change));
  source.addEventListener("reset", () => tellHint(ANYTHING));
  source.addEventListener("error", () => {
    // A browser that tries again by itself does so without a pause that grows.
    disconnect();
    setState("lost");
    timer = setTimeout(connect, pauseMs);
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  });
}

function setState(next: LiveState): void {
  state = next;
  for (const changed of watchers) changed();
}

function watchState(changed: () => void): () => void {
  watchers.add(changed);
  return () => watchers.delete(changed);
}
