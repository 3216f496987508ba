import { useEffect, useRef, useState } from "preact/hooks";
import { get, type Parameters, urlOf } from "./client.ts";
import { type Interest, isOfInterest, onHint, watchInstance } from "./live.ts";
import { type Problem, problemOf } from "./problem.ts";

/** What is known of something that the API tells. */
export interface Resource<T> {
  /** The last answer; `null` before the first one. Kept while it is asked again, and when that fails. */
  readonly value: T | null;
  /** Why the last request failed; `null` if it did not. */
  readonly problem: Problem | null;
  readonly refresh: () => void;
}

/** Answers are asked again no more often than this, however much happens. */
const GAP_MS = 1_000;
/** And at least so often while they are shown: a hint may be lost. */
const LONGEST_GAP_MS = 20_000;

interface State<T> {
  readonly key: string | null;
  readonly value: T | null;
  readonly problem: Problem | null;
}

/**
 * What a route answers, asked again when something happens that it may tell of, while the page is visible.
 *
 * @param path - `null`: nothing is asked
 */
export function useResource<T>(path: string | null, parameters: Parameters = {}, interest: Interest = {}): Resource<T> {
  const key = path === null ? null : urlOf(path, parameters).href;
  const [state, setState] = useState<State<T>>({ key, value: null, problem: null });
  const refresh = useAsker(key, interest, async (signal) => {
    if (path === null) return;
    try {
      const value = await get<T>(path, parameters, signal);
      setState({ key, value, problem: null });
    } catch (error) {
      if (signal.aborted) return;
      setState((old) => ({ key, value: old.key === key ? old.value : null, problem: problemOf(error) }));
    }
  });
  // What belongs to another address is not shown under this one.
  const { value, problem } = state.key === key ? state : { value: null, problem: null };
  return { value, problem, refresh };
}

/**
 * Calls `load` at once, after hints that matter, and from time to time; never twice at a time, nor while the page is hidden.
 *
 * @param key - what is asked for; `null` for nothing. `load` is called anew when it changes
 * @returns what asks again at once
 */
export function useAsker(
  key: string | null,
  interest: Interest,
  load: (signal: AbortSignal) => Promise<void>,
): () => void {
  const current = useRef(load);
  current.current = load;
  const asker = useRef<Asker | null>(null);
  useEffect(() => {
    if (key === null) return;
    const made = new Asker((signal) => current.current(signal));
    asker.current = made;
    const stopHearing = onHint((hint) => {
      if (isOfInterest(interest, hint)) made.askSoon();
    });
    const stopWatching = interest.instanceId === undefined ? null : watchInstance(interest.instanceId);
    const onVisible = (): void => made.catchUp();
    document.addEventListener("visibilitychange", onVisible);
    made.ask();
    return () => {
      made.stop();
      stopHearing();
      stopWatching?.();
      document.removeEventListener("visibilitychange", onVisible);
    };
  }, [key, JSON.stringify(interest)]);
  return () => asker.current?.ask();
}

/** Decides when to ask. */
class Asker {
  readonly #load: (signal: AbortSignal) => Promise<void>;
  readonly #control = new AbortController();
  #isLoading = false;
  #isWanted = false;
  #askedAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(load: (signal: AbortSignal) => Promise<void>) {
    this.#load = load;
  }

  /** Now, or when the answer under way has come, or when the page is visible. */
  ask(): void {
    clearTimeout(this.#timer);
    this.#isWanted = true;
    if (!this.#isLoading && !document.hidden) void this.#run();
  }

  /** Not before a gap has passed. */
  askSoon(): void {
    if (this.#isWanted) return;
    this.#isWanted = true;
    this.#plan();
  }

  /** The page has become visible. */
  catchUp(): void {
    if (!document.hidden && this.#isWanted) this.ask();
  }

  stop(): void {
    this.#control.abort();
    clearTimeout(this.#timer);
  }

  async #run(): Promise<void> {
    this.#isLoading = true;
    this.#isWanted = false;
    this.#askedAt = Date.now();
    await this.#load(this.#control.signal);
    this.#isLoading = false;
    this.#plan();
  }

  #plan(): void {
    if (this.#isLoading || this.#control.signal.aborted) return;
    clearTimeout(this.#timer);
    const gapMs = this.#isWanted ? GAP_MS : LONGEST_GAP_MS;
    this.#timer = setTimeout(() => this.ask(), Math.max(0, this.#askedAt + gapMs - Date.now()));
  }
}
