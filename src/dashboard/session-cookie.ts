import type { ResolvedOptions } from "./dashboard-options.ts";

type CookieOptions = Pick<ResolvedOptions, "secureCookie">;

/** With this prefix, a browser takes it only by https, and from nobody but this very host. */
const SECURE_NAME = "__Host-waymark";
const PLAIN_NAME = "waymark";

function isSecure({ secureCookie }: CookieOptions, url: URL): boolean {
  return secureCookie ?? url.protocol === "https:";
}

export function cookieName(options: CookieOptions, url: URL): string {
  return isSecure(options, url) ? SECURE_NAME : PLAIN_NAME;
}

/** The header that gives a browser its cookie. */
export function sessionCookie(
  options: CookieOptions,
  url: URL,
  { value, maxAgeSeconds }: { readonly value: string; readonly maxAgeSeconds: number },
): string {
  const secure = isSecure(options, url) ? "; Secure" : "";
  return `${cookieName(options, url)}=${value}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Strict${secure}`;
}

/** The header that takes it away. */
export function clearedCookie(options: CookieOptions, url: URL): string {
  return sessionCookie(options, url, { value: "", maxAgeSeconds: 0 });
}
