/** Most that run at once: where each spends its time waiting for leases, this many share it. */
const AT_ONCE = 4;

/** Runs `task` for each item, several at once; the first error ends it, when those that run have ended. */
export async function sideBySide<T>(items: readonly T[], task: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  let failure: { readonly error: unknown } | null = null;
  const work = async (): Promise<void> => {
    for (const item of left) {
      if (failure !== null) return;
      await task(item).catch((error: unknown) => (failure ??= { error }));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  if (failure !== null) throw (failure as { readonly error: unknown }).error;
}
