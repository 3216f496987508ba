import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { KeyUnavailableError } from "../errors/codec-errors.ts";
import { idIssue, kindOf } from "../ids.ts";
import { andThen, isPromiseLike, type MaybePromise } from "./maybe-promise.ts";

/** Bytes in a key. */
export const KEY_BYTES = 32;

/** Keys that are at hand. To rotate: add the new key everywhere, then make it current everywhere. */
export interface StaticKeyRing {
  /** The id of the key that payloads are encrypted with. Stored with each payload, in the clear. */
  readonly currentKeyId: string;
  /** All keys that payloads may have been encrypted with, by id. 32 random bytes each. */
  readonly keys: Readonly<Record<string, Uint8Array>>;
}

/**
 * Keys that somebody else keeps. Asked for each payload, so that a key which is taken away is gone at
 * once; how long to keep keys in memory is the provider's decision.
 *
 * Whatever it throws is taken for temporary and reported as `KeyUnavailableError`.
 */
export interface KeyProvider {
  /** The key to encrypt with. 32 random bytes. */
  current(): MaybePromise<{ readonly id: string; readonly key: Uint8Array }>;
  /** The key with this id, `null` if there is none (any more). */
  find(id: string): MaybePromise<Uint8Array | null>;
}

/** Where keys come from. */
export type KeyRing = StaticKeyRing | KeyProvider;

/** A key together with its id. Has the right length. */
export interface NamedKey {
  readonly id: string;
  readonly key: Uint8Array;
}

/** A key ring whose answers were checked. */
export class CheckedKeyRing {
  readonly #provider: KeyProvider;

  /** @throws {InvalidArgumentError} a key is not 32 bytes long, or the current one is not there */
  constructor(ring: KeyRing) {
    const isObject = typeof ring === "object" && ring !== null;
    if (isObject && "keys" in ring) this.#provider = providerOf(ring);
    else if (isObject && typeof ring.current === "function" && typeof ring.find === "function") this.#provider = ring;
    else
      throw new InvalidArgumentError(
        "options.keys",
        "must be a key ring: { currentKeyId, keys } or { current, find }.",
      );
  }

  /** @throws {KeyUnavailableError} the provider failed, or gave something that is no key */
  current(): MaybePromise<NamedKey> {
    return asked("current", () =>
      andThen(this.#provider.current(), ({ id, key }) => {
        const issue = idIssue(id);
        if (issue !== null) throw new KeyUnavailableError("current", `the id that the key provider gave ${issue}`);
        return { id, key: checkedKey(id, key) };
      }),
    );
  }

  /** @throws {KeyUnavailableError} there is no such key, or the provider failed */
  get(id: string): MaybePromise<NamedKey> {
    return asked(id, () =>
      andThen(this.#provider.find(id), (key) => {
        // Not CodecDecodeError, which nobody tries again: most likely a key that was added elsewhere is yet
        // to come here, and giving an instance up for that could not be undone.
        if (key === null) throw new KeyUnavailableError(id, "the key ring doesn't have it. Add it to go on.");
        return { id, key: checkedKey(id, key) };
      }),
    );
  }
}

// Everything is copied, so that nothing changes when the caller wipes or replaces its own.
function providerOf({ currentKeyId, keys }: StaticKeyRing): KeyProvider {
  if (typeof keys !== "object" || keys === null) {
    throw new InvalidArgumentError("options.keys.keys", `must be an object, not ${kindOf(keys)}.`);
  }
  const byId = new Map(Object.entries(keys).map(([id, key]) => [id, parseKey(id, key)]));
  const current = byId.get(currentKeyId);
  if (current === undefined) {
    throw new InvalidArgumentError("options.keys.currentKeyId", `"${currentKeyId}" is not among the keys.`);
  }
  return { current: () => ({ id: currentKeyId, key: current }), find: (id) => byId.get(id) ?? null };
}

function parseKey(id: string, key: unknown): Uint8Array {
  const field = `options.keys.keys[${JSON.stringify(id)}]`;
  const issue = idIssue(id);
  if (issue !== null) throw new InvalidArgumentError(field, `has an id that ${issue}.`);
  const problem = keyIssue(key);
  if (problem !== null) throw new InvalidArgumentError(field, `${problem}.`);
  return new Uint8Array(key as Uint8Array);
}

function checkedKey(id: string, key: Uint8Array): Uint8Array {
  const problem = keyIssue(key);
  if (problem !== null) throw new KeyUnavailableError(id, `what the key provider gave ${problem}`);
  return key;
}

/** What is wrong with a key, as the end of a sentence that never shows the key; `null` if nothing is. */
function keyIssue(key: unknown): string | null {
  if (!(key instanceof Uint8Array)) return `must be a Uint8Array, not ${kindOf(key)}`;
  return key.length === KEY_BYTES ? null : `must have ${KEY_BYTES} bytes, not ${key.length}`;
}

/** What `ask` gives; whatever it throws, or rejects with, becomes a `KeyUnavailableError`. */
function asked<T>(keyId: string, ask: () => T | Promise<T>): T | Promise<T> {
  try {
    const answer = ask();
    return isPromiseLike(answer) ? answer.then(undefined, (cause: unknown) => unavailable(keyId, cause)) : answer;
  } catch (cause) {
    return unavailable(keyId, cause);
  }
}

function unavailable(keyId: string, cause: unknown): never {
  throw cause instanceof KeyUnavailableError
    ? cause
    : new KeyUnavailableError(keyId, "the key provider failed", { cause });
}
