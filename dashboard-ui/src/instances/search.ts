import type { BulkFilter, StoredStatus } from "../../../src/dashboard/api-types.ts";
import type { Parameters } from "../api/client.ts";

/** Which instances the reader wants to see, as the address says. */
export interface Search {
  /** What stands in the search field. */
  readonly text: string;
  readonly statuses: readonly StoredStatus[];
  readonly flow: string | null;
  readonly parent: string | null;
  readonly order: "newest" | "id";
}

export const STATUSES: readonly StoredStatus[] = ["in_progress", "paused", "completed", "failed", "cancelled"];

/** Reads what an address says. */
export function searchIn(query: URLSearchParams): Search {
  return {
    text: query.get("q") ?? "",
    statuses: STATUSES.filter((status) => query.getAll("status").includes(status)),
    flow: query.get("flow"),
    parent: query.get("parent"),
    order: query.get("order") === "id" ? "id" : "newest",
  };
}

/** What the words of a search field mean. */
export interface Words {
  readonly idPrefix: string;
  readonly tags: readonly string[];
  /** Each `name=value`. */
  readonly labels: readonly string[];
}

/** `#tag` is a tag, `name=value` a label; whatever else there is begins an id. What is in double quotes is part of an id. */
export function wordsOf(text: string): Words {
  const words = text.match(/"[^"]*"|\S+/g) ?? [];
  const id: string[] = [];
  const [tags, labels]: [string[], string[]] = [[], []];
  for (const word of words) {
    if (word.startsWith('"')) id.push(word.replaceAll('"', ""));
    else if (word.startsWith("#") && word.length > 1) tags.push(word.slice(1));
    else if (/^[^=]+=/.test(word)) labels.push(word);
    else id.push(word);
  }
  return { idPrefix: id.join(" "), tags, labels };
}

/** The conditions, as a list takes them. */
export function parametersOf({ text, statuses, flow, parent, order }: Search): Parameters {
  const { idPrefix, tags, labels } = wordsOf(text);
  return {
    status: statuses,
    tag: tags,
    label: labels,
    order,
    ...(idPrefix === "" ? {} : { idPrefix }),
    ...(flow === null ? {} : { flow }),
    ...(parent === null ? {} : { parent }),
  };
}

/** The conditions, as a bulk action takes them. */
export function bulkFilterOf({ text, statuses, flow, parent }: Search): BulkFilter {
  const { idPrefix, tags, labels } = wordsOf(text);
  return {
    ...(statuses.length === 0 ? {} : { status: statuses }),
    ...(flow === null ? {} : { flow }),
    ...(parent === null ? {} : { parent }),
    ...(idPrefix === "" ? {} : { idPrefix }),
    ...(tags.length === 0 ? {} : { tags }),
    ...(labels.length === 0 ? {} : { labels: Object.fromEntries(labels.map(labelPair)) }),
  };
}

function labelPair(label: string): readonly [string, string] {
  const at = label.indexOf("=");
  return [label.slice(0, at), label.slice(at + 1)];
}
