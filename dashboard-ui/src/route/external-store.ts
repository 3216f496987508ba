import { useEffect, useState } from "preact/hooks";

/** The value that `read` gives, kept up to date by `subscribe`, which is to be the same function each time. */
export function useSyncExternalStore<T>(subscribe: (changed: () => void) => () => void, read: () => T): T {
  const value = read();
  const [, setSeen] = useState({ value });
  useEffect(() => {
    const look = (): void => {
      const now = read();
      setSeen((seen) => (Object.is(seen.value, now) ? seen : { value: now }));
    };
    look();
    return subscribe(look);
  }, [subscribe]);
  return value;
}
