import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { kindOf } from "../ids.ts";
import type { Codec } from "./codec.ts";

const CODEC_ID = /^[a-z0-9\-+.()]{1,100}$/;

/**
 * The id of a codec that wraps `inner`, e.g. `gzip(json)`.
 *
 * @throws {InvalidArgumentError} `inner` is no codec, or the id would be too long
 */
export function wrappedCodecId(wrapper: string, inner: Codec): string {
  const innerId: unknown = (inner as Partial<Codec> | null | undefined)?.id;
  if (typeof innerId !== "string") throw new InvalidArgumentError("inner", `must be a codec, not ${kindOf(inner)}.`);
  const id = `${wrapper}(${innerId})`;
  if (!CODEC_ID.test(id)) {
    throw new InvalidArgumentError("inner", `gives the codec id "${id}", which is not 1–100 of a–z, 0–9 and -+.()`);
  }
  return id;
}
