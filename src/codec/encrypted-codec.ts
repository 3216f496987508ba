import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from "node:crypto";
import { CodecDecodeError } from "../errors/codec-errors.ts";
import type { Codec, PayloadContext } from "./codec.ts";
import { EnvelopeReader, envelopeHead } from "./envelope.ts";
import { CheckedKeyRing, KEY_BYTES, type KeyRing, type NamedKey } from "./key-ring.ts";
import { andThen } from "./maybe-promise.ts";
import { wrappedCodecId } from "./wrapped-codec-id.ts";

/** How payloads are encrypted. */
export interface EncryptionOptions {
  readonly keys: KeyRing;
}

const MAGIC = "WMKE";
const VERSION = 1;
const ALGORITHM = "aes-256-gcm";
const HEAD: Uint8Array = envelopeHead(MAGIC, VERSION);
const LENGTH_BYTES = 4;
const CHECKSUM_BYTES = 4;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const SALT = "waymark/aes-256-gcm/1";

const MAX_CACHED_KEYS = 100;
const MAX_CACHED_INSTANCE_KEYS = 1_000;

const encoder = new TextEncoder();

/**
 * A codec that encrypts what `inner` writes, with AES-256-GCM.
 *
 * The bytes are bound to the instance, the task and the kind that they were written for: moved to another
 * row, they don't decrypt. Each instance has a key of its own, derived from the key ring's. The key's id is
 * stored with each payload, so that payloads outlive the change of the current key. Nothing but payloads
 * is encrypted: ids, names and tags are not.
 *
 * Not deterministic: the same value gives other bytes each time. As synchronous as `inner` and the key ring.
 *
 * @throws {InvalidArgumentError} a key is not 32 bytes long, or `inner` is no codec
 * @example
 * ```ts
 * import { encrypted, JsonCodec } from "waymark";
 *
 * const key = Buffer.from(process.env["WAYMARK_KEY"] ?? "", "base64");
 * const codec = encrypted(new JsonCodec(), { keys: { currentKeyId: "2026-03", keys: { "2026-03": key } } });
 * ```
 * @see docs/formats/encrypted.md
 */
export function encrypted(inner: Codec, options: EncryptionOptions): Codec {
  return new EncryptedCodec(inner, new CheckedKeyRing(options.keys));
}

class EncryptedCodec implements Codec {
  readonly id: string;
  readonly bindsContext = true;
  readonly #inner: Codec;
  readonly #ring: CheckedKeyRing;
  readonly #instanceKeys: InstanceKeys = new InstanceKeys();
  /** What payloads start with, by key id. */
  readonly #headers: Map<string, Uint8Array> = new Map();

  constructor(inner: Codec, ring: CheckedKeyRing) {
    this.id = wrappedCodecId(ALGORITHM, inner);
    this.#inner = inner;
    this.#ring = ring;
  }

  encode(value: unknown, context: PayloadContext): Uint8Array | Promise<Uint8Array> {
    return andThen(this.#inner.encode(value, context), (plain) =>
      andThen(this.#ring.current(), (key) => this.#seal(plain, key, context)),
    );
  }

  decode(bytes: Uint8Array, context: PayloadContext): unknown {
    const sealed = readEnvelope(bytes, this.id);
    return andThen(this.#ring.get(sealed.keyId), (key) =>
      this.#inner.decode(this.#open(sealed, key, context), context),
    );
  }

  #seal(plain: Uint8Array, key: NamedKey, context: PayloadContext): Uint8Array {
    const nonce = randomBytes(NONCE_BYTES);
    const instanceKey = this.#instanceKeys.get(key, context.instanceId);
    const cipher = createCipheriv(ALGORITHM, instanceKey, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(associatedData(this.id, key.id, context));
    const ciphertext = cipher.update(plain);
    // GCM is a stream cipher: final() gives no more bytes, but makes the tag.
    cipher.final();
    return joined([this.#header(key.id), nonce, ciphertext, cipher.getAuthTag()]);
  }

  #header(keyId: string): Uint8Array {
    const cached = this.#headers.get(keyId);
    if (cached !== undefined) return cached;
    const made = header(this.id, keyId);
    setBounded(this.#headers, keyId, made, MAX_CACHED_KEYS);
    return made;
  }

  #open(sealed: Sealed, key: NamedKey, context: PayloadContext): Uint8Array {
    const instanceKey = this.#instanceKeys.get(key, context.instanceId);
    const decipher = createDecipheriv(ALGORITHM, instanceKey, sealed.nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(associatedData(this.id, key.id, context));
    decipher.setAuthTag(sealed.tag);
    const plain = decipher.update(sealed.ciphertext);
    try {
      decipher.final();
    } catch (cause) {
      throw new CodecDecodeError(
        `it doesn't authenticate with key "${key.id}": it was changed, belongs to another instance, task or kind, ` +
          "or the key is another one of this name",
        { cause },
      );
    }
    return plain;
  }
}

/** The keys of instances, derived from the key ring's. Bounded; what is dropped is derived again. */
class InstanceKeys {
  readonly #byKeyId: Map<string, { readonly key: KeyObject; readonly derived: Map<string, KeyObject> }> = new Map();

  get({ id, key }: NamedKey, instanceId: string): KeyObject {
    const imported = createSecretKey(key);
    let known = this.#byKeyId.get(id);
    // A provider may have given another key by this name, or wiped the array in which it gave it.
    if (known === undefined || !known.key.equals(imported)) {
      known = { key: imported, derived: new Map() };
      setBounded(this.#byKeyId, id, known, MAX_CACHED_KEYS);
    }
    const cached = known.derived.get(instanceId);
    if (cached !== undefined) return cached;
    const bytes = hkdfSync("sha256", known.key, SALT, encoder.encode(instanceId), KEY_BYTES);
    const derived = createSecretKey(new Uint8Array(bytes));
    setBounded(known.derived, instanceId, derived, MAX_CACHED_INSTANCE_KEYS);
    return derived;
  }
}

/** Sets an entry; if there are too many then, the one that was set first goes. */
function setBounded<T>(map: Map<string, T>, key: string, value: T, limit: number): void {
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= limit) return;
    map.delete(oldest);
  }
}

interface Sealed {
  readonly keyId: string;
  readonly nonce: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly tag: Uint8Array;
}

function header(codecId: string, keyId: string): Uint8Array {
  const codec = encoder.encode(codecId);
  const key = encoder.encode(keyId);
  const checked = joined([
    HEAD,
    Uint8Array.of(codec.length),
    codec,
    Uint8Array.of(key.length >> 8, key.length & 0xff),
    key,
  ]);
  return joined([checked, checksum(checked)]);
}

function readEnvelope(bytes: Uint8Array, codecId: string): Sealed {
  const reader = new EnvelopeReader(bytes);
  reader.head(MAGIC, VERSION);
  const foundId = reader.text(reader.uint8());
  const keyId = reader.text(reader.uint16());
  const checked = bytes.subarray(0, reader.position);
  // Without it, a flipped bit in the key's id would look like a key that is yet to come.
  if (!checksum(checked).equals(reader.bytes(CHECKSUM_BYTES))) throw new CodecDecodeError("its header is damaged");
  if (foundId !== codecId) throw new CodecDecodeError(`it was written by codec "${foundId}", not by "${codecId}"`);
  const nonce = reader.bytes(NONCE_BYTES);
  // At least the tag has to be there.
  const ciphertext = reader.bytes(Math.max(reader.remaining - TAG_BYTES, 0));
  return { keyId, nonce, ciphertext, tag: reader.bytes(TAG_BYTES) };
}

/** Tells damage, no more: what protects the header from being forged is that all of it is authenticated. */
function checksum(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest().subarray(0, CHECKSUM_BYTES);
}

/** What is authenticated but not stored, or stored in the clear. Each field has its length, so that none can shift. */
function associatedData(codecId: string, keyId: string, context: PayloadContext): Uint8Array {
  const fields = [codecId, keyId, context.instanceId, context.taskId, context.kind];
  const fieldBytes = fields.reduce((total, field) => total + LENGTH_BYTES + Buffer.byteLength(field), 0);
  const bytes = Buffer.alloc(HEAD.length + fieldBytes);
  bytes.set(HEAD);
  let position = HEAD.length;
  for (const field of fields) {
    const length = bytes.write(field, position + LENGTH_BYTES);
    bytes.writeUInt32BE(length, position);
    position += LENGTH_BYTES + length;
  }
  return bytes;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let position = 0;
  for (const part of parts) {
    bytes.set(part, position);
    position += part.length;
  }
  return bytes;
}
