/** A value that may be there at once. */
export type MaybePromise<T> = T | PromiseLike<T>;

/** What `next` makes of `value`: at once if `value` is there at once. */
export function andThen<T, U>(value: MaybePromise<T>, next: (value: T) => U | Promise<U>): U | Promise<U> {
  return isPromiseLike(value) ? Promise.resolve(value).then(next) : next(value);
}

/** Whether `value` is a promise of anybody's making. */
export function isPromiseLike<T>(value: MaybePromise<T>): value is PromiseLike<T> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

/** As `andThen`, for a `next` that may itself give a promise of anybody's making. */
export function chain<T, U>(value: MaybePromise<T>, next: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return isPromiseLike(value) ? value.then(next) : next(value);
}

/** For what need not be awaited: that it rejects does not end the process, and whoever awaits it hears of it all the same. */
export function unawaited<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
