import { useRef } from "preact/hooks";
import { goTo, hrefOf } from "../route/place.ts";
import { type KeyMap, useKeys } from "./keys.ts";
import { SECTIONS } from "./sections.ts";

/** How long the second key of a pair may take. */
const PATIENCE_MS = 1_200;

/** Keys that work on every page: single ones, and pairs that begin with `g` and lead to a page. */
export function useGlobalKeys(keys: KeyMap): void {
  const begunAt = useRef(0);
  const isBegun = (): boolean => Date.now() - begunAt.current < PATIENCE_MS;
  const pairs = SECTIONS.map(({ key, path }) => [
    key,
    (): void => {
      if (!isBegun()) return;
      begunAt.current = 0;
      goTo(hrefOf([path]));
    },
  ]);
  useKeys({
    ...(Object.fromEntries(pairs) as KeyMap),
    ...keys,
    g: () => {
      begunAt.current = Date.now();
    },
  });
}
