import { setTimeout as sleep } from "node:timers/promises";

export const pause = async (milliseconds: number): Promise<void> => void (await sleep(milliseconds));

/** Runs `body` for every item, at most `limit` at the same time. */
export async function inParallel<T>(
  items: readonly T[],
  limit: number,
  body: (item: T) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const item = items[next] as T;
      next += 1;
      await body(item);
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
}

export function chunksOf<T>(items: readonly T[], size: number): T[][] {
  const chunks: T[][] = [];
  for (let from = 0; from < items.length; from += size) chunks.push(items.slice(from, from + size));
  return chunks;
}
