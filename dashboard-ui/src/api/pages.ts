import { useMemo, useRef, useState } from "preact/hooks";
import type { Page } from "../../../src/dashboard/api-types.ts";
import { get, type Parameters, urlOf } from "./client.ts";
import type { Interest } from "./live.ts";
import { type Problem, problemOf } from "./problem.ts";
import { useAsker } from "./resource.ts";

/** A list of any length, of which what is looked at has been read. */
export interface PagedList<T> {
  readonly items: readonly T[];
  /** Whether there is nothing behind `items`. */
  readonly isWhole: boolean;
  /** Whether no answer has come yet. */
  readonly isFresh: boolean;
  readonly problem: Problem | null;
  /** Tells which items are visible: what comes next is read, and only those are read again. */
  readonly look: (first: number, last: number) => void;
  readonly refresh: () => void;
}

interface Loaded<T> {
  /** `undefined` for the first page. */
  readonly after: string | undefined;
  readonly items: readonly T[];
  readonly next: string | null;
}

interface State<T> {
  readonly key: string;
  readonly pages: readonly Loaded<T>[];
  readonly problem: Problem | null;
}

/** So many items before the end of what has been read, the next page is. */
const AHEAD = 30;

/** A list that is read page by page as it is scrolled; what is visible of it is read again when something happens. */
export function usePages<T>(path: string, parameters: Parameters, interest: Interest): PagedList<T> {
  const key = urlOf(path, parameters).href;
  const [kept, setState] = useState<State<T>>({ key, pages: [], problem: null });
  const state = kept.key === key ? kept : { key, pages: [], problem: null };
  const current = useRef(state);
  current.current = state;
  const range = useRef({ key, first: 0, last: 0 });
  if (range.current.key !== key) range.current = { key, first: 0, last: 0 };
  const set = (pages: readonly Loaded<T>[], problem: Problem | null): void => {
    current.current = { key, pages, problem };
    setState(current.current);
  };
  const read = async (after: string | undefined, signal: AbortSignal): Promise<Loaded<T>> => {
    const { items, next } = await get<Page<T>>(path, { ...parameters, after }, signal);
    return { after, items, next };
  };
  const refresh = useAsker(key, interest, async (signal) => {
    try {
      const pages = await readVisible(current.current.pages, range.current, (after) => read(after, signal));
      if (!signal.aborted) set(pages, null);
    } catch (error) {
      if (!signal.aborted) set(current.current.pages, problemOf(error));
    }
  });
  const items = useMemo(() => state.pages.flatMap((page) => page.items), [state.pages]);
  const last = state.pages.at(-1);
  const look = (first: number, lastSeen: number): void => {
    range.current = { key, first, last: lastSeen };
    if (last !== undefined && last.next !== null && lastSeen + AHEAD >= items.length) refresh();
  };
  return {
    items,
    isWhole: last !== undefined && last.next === null,
    isFresh: state.pages.length === 0,
    problem: state.problem,
    look,
    refresh,
  };
}

/**
 * Reads the pages that are visible once more, and the next one if the end of what is known is near. Pages before them stay as
 * they were read; those behind them are dropped if they don't follow any more.
 */
async function readVisible<T>(
  pages: readonly Loaded<T>[],
  range: { readonly first: number; readonly last: number },
  read: (after: string | undefined) => Promise<Loaded<T>>,
): Promise<readonly Loaded<T>[]> {
  const fresh: Loaded<T>[] = [];
  let count = 0;
  let after: string | undefined;
  for (const page of pages) {
    const end = count + page.items.length;
    // As they were: above what is visible, or below it and following what has been read before.
    const isAbove = end < range.first;
    const isBelow = count > range.last && page.after === after;
    const next: Loaded<T> = isAbove || isBelow ? page : await read(after);
    fresh.push(next);
    count += next.items.length;
    if (next.next === null) return fresh;
    after = next.next;
    if (count > range.last + AHEAD && pages[fresh.length]?.after !== after) return fresh;
  }
  if (count <= range.last + AHEAD) fresh.push(await read(after));
  return fresh;
}
