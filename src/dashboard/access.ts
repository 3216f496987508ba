import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { Clock } from "../time/clock.ts";
import type { ActionName, Role } from "./api-types.ts";
import { RequestRefused } from "./problems.ts";

/** Who asks, and what they may do. */
export interface Caller {
  /** For the audit log. */
  readonly actor: string;
  readonly role: Role;
}

/** A token as it is kept: nobody can read it back. */
export interface KnownToken extends Caller {
  readonly digest: Buffer;
}

const RANK: Readonly<Record<Role, number>> = { viewer: 0, operator: 1, admin: 2 };
const SESSION_MS = 12 * 3_600_000;
/** Failures that are answered with 401; those beyond, within the time, with 429. */
const MOST_FAILURES = 20;
const FAILURES_MS = 60_000;
const BEARER = /^Bearer +([^\s]{1,512})$/i;
const COOKIE_VALUE = /^(\d{1,15})\.([0-9a-f]{16})\.([0-9a-f]{64})$/;

export function allows(caller: Caller, role: Role): boolean {
  return RANK[caller.role] >= RANK[role];
}

export function digestOf(token: string): Buffer {
  return createHash("sha256").update(token, "utf8").digest();
}

/** What a role may do beyond reading. */
export function actionsOf(
  caller: Caller | null,
  isReadOnly: boolean,
  roles: Readonly<Record<ActionName, Role>>,
): Readonly<Record<ActionName, boolean>> {
  const entries = Object.entries(roles).map(([action, role]) => [
    action,
    caller !== null && !isReadOnly && allows(caller, role),
  ]);
  return Object.fromEntries(entries) as Record<ActionName, boolean>;
}

/**
 * Tells by tokens and cookies who asks. A cookie holds no secret of ours and needs no memory: it is a time and a token's mark,
 * signed with a key that only who knows the token's digest can make. It ends with its time, or when its token is taken away.
 */
export class Access {
  readonly #tokens: readonly KnownToken[];
  readonly #clock: Clock;
  #failures = 0;
  #countedSince = Number.NEGATIVE_INFINITY;

  constructor(tokens: readonly KnownToken[], clock: Clock) {
    this.#tokens = tokens;
    this.#clock = clock;
  }

  /** `null` if the request says nothing of who asks. @throws {RequestRefused} what it says is not true */
  identify(request: Request, cookieName: string): Caller | null {
    const authorization = request.headers.get("authorization");
    if (authorization !== null) return this.verify(BEARER.exec(authorization)?.[1] ?? "");
    const cookie = readCookie(request.headers.get("cookie"), cookieName);
    return cookie === null ? null : this.#ofCookie(cookie);
  }

  /** @throws {RequestRefused} nobody has this token */
  verify(token: string): KnownToken {
    const digest = digestOf(token);
    // All are compared, so that the time says nothing of which one was close.
    let found: KnownToken | null = null;
    for (const known of this.#tokens) if (timingSafeEqual(known.digest, digest)) found = known;
    if (found !== null) return found;
    throw this.#failure();
  }

  /** The value of a cookie that stands for a token, until it expires. */
  cookieFor(token: KnownToken): { readonly value: string; readonly maxAgeSeconds: number } {
    const until = this.#clock.now() + SESSION_MS;
    const mark = markOf(token);
    return { value: `${until}.${mark}.${sign(token, until, mark)}`, maxAgeSeconds: SESSION_MS / 1_000 };
  }

  #ofCookie(value: string): Caller | null {
    const [, until = "", mark = "", signature = ""] = COOKIE_VALUE.exec(value) ?? [];
    const token = this.#tokens.find((known) => markOf(known) === mark);
    if (token === undefined || Number(until) < this.#clock.now()) return null;
    const expected = Buffer.from(sign(token, Number(until), mark), "hex");
    return timingSafeEqual(expected, Buffer.from(signature, "hex")) ? token : null;
  }

  #failure(): RequestRefused {
    const now = this.#clock.monotonicMs();
    if (now - this.#countedSince > FAILURES_MS) {
      this.#countedSince = now;
      this.#failures = 0;
    }
    this.#failures++;
    if (this.#failures <= MOST_FAILURES)
      return new RequestRefused("UNAUTHENTICATED", "Nobody has this token.", { headers: CHALLENGE });
    const seconds = Math.max(1, Math.ceil((this.#countedSince + FAILURES_MS - now) / 1_000));
    return new RequestRefused("TOO_MANY_REQUESTS", "Too many wrong tokens. Try again later.", {
      headers: { "retry-after": String(seconds) },
    });
  }
}

export const CHALLENGE: Readonly<Record<string, string>> = { "www-authenticate": 'Bearer realm="waymark"' };

function markOf({ digest }: KnownToken): string {
  return createHash("sha256").update("waymark session mark").update(digest).digest("hex").slice(0, 16);
}

function sign({ digest }: KnownToken, until: number, mark: string): string {
  const key = createHash("sha256").update("waymark session key").update(digest).digest();
  return createHmac("sha256", key).update(`${until}.${mark}`).digest("hex");
}

function readCookie(header: string | null, name: string): string | null {
  for (const part of header?.slice(0, 8_192).split(";") ?? []) {
    const [key = "", ...value] = part.split("=");
    if (key.trim() === name) return value.join("=").trim();
  }
  return null;
}
