import { useRef, useState } from "preact/hooks";
import type { HistoryEntry, Page } from "../../../src/dashboard/api-types.ts";
import { get, pathOf } from "../api/client.ts";
import type { Interest } from "../api/live.ts";
import { type Problem, problemOf } from "../api/problem.ts";
import { useAsker } from "../api/resource.ts";

/** What has been recorded of an instance, as far as it has been read. */
export interface History {
  /** In the order of their sequences. */
  readonly entries: readonly HistoryEntry[];
  /** Whether there are more than have been read. */
  readonly hasMore: boolean;
  /** Whether no answer has come yet. */
  readonly isFresh: boolean;
  readonly problem: Problem | null;
  readonly readMore: () => void;
  readonly refresh: () => void;
}

const PAGE = 200;
/** Read without being asked for. */
const FIRST_MOST = 1_000;
/** While an instance runs, an entry may still appear before the last one that has been seen; so many are read again. */
const OVERLAP = 40;

interface State {
  readonly key: string;
  readonly entries: readonly HistoryEntry[];
  readonly hasMore: boolean;
  readonly isFresh: boolean;
  readonly problem: Problem | null;
}

/** Reads the history of an instance's run, and what is added to it. */
export function useHistory(instanceId: string, run: number, interest: Interest): History {
  const key = `${run} ${instanceId}`;
  const nothing: State = { key, entries: [], hasMore: false, isFresh: true, problem: null };
  const [kept, setState] = useState(nothing);
  const state = kept.key === key ? kept : nothing;
  const current = useRef(state);
  current.current = state;
  const most = useRef(FIRST_MOST);
  const refresh = useAsker(key, interest, async (signal) => {
    const { entries: before } = current.current;
    try {
      let known = before;
      let after = before.at(-OVERLAP)?.sequence ?? "0";
      for (;;) {
        const path = pathOf("instances", instanceId, "history");
        const { items, next } = await get<Page<HistoryEntry>>(path, { after, limit: PAGE }, signal);
        known = merged(known, items);
        const hasMore = next !== null && known.length >= most.current;
        setState({ key, entries: known, hasMore, isFresh: false, problem: null });
        if (next === null || hasMore) return;
        after = next;
      }
    } catch (error) {
      if (!signal.aborted) setState({ ...current.current, isFresh: false, problem: problemOf(error) });
    }
  });
  const readMore = (): void => {
    most.current = state.entries.length + FIRST_MOST;
    refresh();
  };
  return { ...state, readMore, refresh };
}

function merged(known: readonly HistoryEntry[], read: readonly HistoryEntry[]): readonly HistoryEntry[] {
  const seen = new Set(known.map(({ sequence }) => sequence));
  const added = read.filter(({ sequence }) => !seen.has(sequence));
  if (added.length === 0) return known;
  const last = known.at(-1);
  const all = [...known, ...added];
  const inOrder = last === undefined || added.every((entry) => isLater(entry, last));
  return inOrder ? all : all.sort((a, b) => (isLater(a, b) ? 1 : -1));
}

function isLater(a: HistoryEntry, b: HistoryEntry): boolean {
  return BigInt(a.sequence) > BigInt(b.sequence);
}
