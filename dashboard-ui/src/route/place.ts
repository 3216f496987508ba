import { useSyncExternalStore } from "./external-store.ts";

/** Where the reader is, as the part of the address behind `#` says: `#/instances/order-42?tab=history`. */
export interface Place {
  /** Decoded segments: `["instances", "order-42"]`. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
}

/** Parameters of an address; what is `undefined` or empty is left out. */
export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Reads an address. Segments that can't be decoded are taken as they stand. */
export function parsePlace(hash: string): Place {
  const [path = "", query = ""] = split(hash.replace(/^#/, ""), "?");
  return { path: path.split("/").filter(Boolean).map(decoded), query: new URLSearchParams(query) };
}

/** The address of a place, for links. */
export function hrefOf(path: readonly string[], query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    for (const one of typeof value === "string" ? [value] : (value ?? [])) if (one !== "") parameters.append(name, one);
  const search = parameters.toString();
  return `#/${path.map(encodeURIComponent).join("/")}${search === "" ? "" : `?${search}`}`;
}

/** Goes to an address; `replace` leaves no entry in the browser's history. */
export function goTo(href: string, { replace = false }: { readonly replace?: boolean } = {}): void {
  if (href === location.hash) return;
  if (!replace) {
    location.hash = href;
    return;
  }
  history.replaceState(null, "", href);
  dispatchEvent(new HashChangeEvent("hashchange"));
}

/** Changes parameters of the place where the reader is. */
export function changeQuery(changes: Query, { replace = false }: { readonly replace?: boolean } = {}): void {
  const { path, query } = parsePlace(location.hash);
  const all: Record<string, string | readonly string[] | undefined> = {};
  for (const name of query.keys()) all[name] = query.getAll(name);
  goTo(hrefOf(path, { ...all, ...changes }), { replace });
}

/** Where the reader is; renders again when that changes. */
export function usePlace(): Place {
  return parsePlace(useSyncExternalStore(subscribe, () => location.hash));
}

function subscribe(changed: () => void): () => void {
  addEventListener("hashchange", changed);
  return () => removeEventListener("hashchange", changed);
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function split(text: string, at: string): readonly string[] {
  const index = text.indexOf(at);
  return index === -1 ? [text] : [text.slice(0, index), text.slice(index + 1)];
}
