/** For what need not be awaited: that it rejects does not end the process, and whoever awaits it hears of it all the same. */
export function unawaited<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
