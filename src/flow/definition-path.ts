import { nameIssue } from "../ids.ts";
import { quoted } from "./known-options.ts";

/** How a node, flow or branch is named in the paths of issues; `ordinal` counts from 1, where its name is no name. */
export function pathSegment(name: unknown, what: string, ordinal: number): string {
  return nameIssue(name) === null ? String(name) : `(${what} ${ordinal})`;
}

/** How a route's branch is named in the paths of issues: keys may hold anything. */
export function keySegment(key: unknown, ordinal: number): string {
  if (nameIssue(key) === null || typeof key !== "string") return pathSegment(key, "branch", ordinal);
  return quoted(key);
}

export const DEFAULT_SEGMENT = "(default)";
