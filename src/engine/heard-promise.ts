/**
 * A promise that knows whether anybody has asked what comes of it. `await` asks by `then`, too, because this is none of the
 * language's own promises. That it rejects never ends the process: whoever made it sees to what nobody has asked for.
 */
export class HeardPromise<T> extends Promise<T> {
  #isHeard = false;

  static of<T>(promise: Promise<T>): HeardPromise<T> {
    const made = new HeardPromise<T>((resolve, reject) => void promise.then(resolve, reject));
    void Promise.prototype.then.call(made, undefined, () => undefined);
    return made;
  }

  /** What is made of it is an ordinary promise. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  get isHeard(): boolean {
    return this.#isHeard;
  }

  // oxlint-disable-next-line unicorn/no-thenable -- it is a promise
  override then<Result1 = T, Result2 = never>(
    onFulfilled?: ((value: T) => Result1 | PromiseLike<Result1>) | null,
    onRejected?: ((reason: unknown) => Result2 | PromiseLike<Result2>) | null,
  ): Promise<Result1 | Result2> {
    this.#isHeard = true;
    return super.then(onFulfilled, onRejected);
  }
}
