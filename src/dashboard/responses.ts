import { problemOf, RequestRefused } from "./problems.ts";

const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'self'",
].join("; ");

/** On every answer. */
const HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": CSP,
  "x-frame-options": "DENY",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
};

const NOT_STORED = { "cache-control": "no-store" };
const JSON_TYPE = "application/json; charset=utf-8";

type ReplyBody = string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;

/** What a route answers if not 200 with a body of JSON. */
export class Reply {
  readonly status: number;
  readonly body: ReplyBody | null;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, body: ReplyBody | null, headers: Readonly<Record<string, string>> = {}) {
    this.status = status;
    this.body = body;
    this.headers = headers;
  }

  static json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
    return new Reply(status, JSON.stringify(body), { "content-type": JSON_TYPE, ...headers });
  }

  static empty(headers: Readonly<Record<string, string>> = {}): Reply {
    return new Reply(204, null, headers);
  }

  /** JSON that is to be saved, not shown. @param name - without an ending */
  static download(json: string, name: string): Reply {
    const safe = name.replaceAll(/[^A-Za-z0-9._-]/g, "_").slice(0, 100);
    return new Reply(200, json, {
      "content-type": JSON_TYPE,
      "content-disposition": `attachment; filename="${safe}.json"`,
    });
  }
}

/** An answer with the headers that every answer has. `no-store` unless it says otherwise. */
export function responseOf(reply: Reply, isHead: boolean = false): Response {
  const { status, body, headers } = reply;
  return new Response(isHead ? null : body, { status, headers: { ...NOT_STORED, ...HEADERS, ...headers } });
}

/** What an error is answered with. */
export function replyTo(error: unknown): Reply {
  const problem = problemOf(error);
  const own = error instanceof RequestRefused ? error.headers : {};
  const headers = problem.status === 503 ? { "retry-after": "5", ...own } : own;
  return new Reply(problem.status, JSON.stringify(problem), { "content-type": "application/problem+json", ...headers });
}
