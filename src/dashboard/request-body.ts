import { checkTextDepth } from "../codec/json-revival.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { RequestRefused } from "./problems.ts";

const JSON_TYPE = /^application\/json\s*(?:;|$)/i;

/**
 * The JSON that a request carries; `{}` where it carries nothing.
 *
 * @throws {RequestRefused} it is too large, or no JSON by its type
 * @throws {InvalidArgumentError} it can't be parsed
 */
export async function readJson(request: Request, maxBytes: number): Promise<unknown> {
  if (request.body === null) return {};
  const declared = Number(request.headers.get("content-length") ?? 0);
  if (declared > maxBytes) throw tooLarge(maxBytes);
  const type = request.headers.get("content-type");
  if (type !== null && !JSON_TYPE.test(type)) throw notJson(type);
  const bytes = await readBytes(request.body, maxBytes);
  if (bytes.byteLength === 0) return {};
  if (type === null) throw notJson("nothing");
  return parse(bytes);
}

async function readBytes(body: ReadableStream<Uint8Array>, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks, size);
    size += value.byteLength;
    if (size > maxBytes) {
      await reader.cancel().catch(() => undefined);
      throw tooLarge(maxBytes);
    }
    chunks.push(value);
  }
}

function parse(bytes: Uint8Array): unknown {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    checkTextDepth(text);
    return JSON.parse(text) as unknown;
  } catch {
    // Without the cause, whose message quotes the text.
    throw new InvalidArgumentError("body", "must be JSON in UTF-8, not nested too deeply.");
  }
}

function tooLarge(maxBytes: number): RequestRefused {
  return new RequestRefused("BODY_TOO_LARGE", `The body may have at most ${maxBytes} bytes.`);
}

function notJson(type: string): RequestRefused {
  const detail = `The body's type must be application/json, not ${JSON.stringify(type.slice(0, 100))}.`;
  return new RequestRefused("UNSUPPORTED_MEDIA_TYPE", detail);
}
