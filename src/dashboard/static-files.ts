import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { RequestRefused } from "./problems.ts";
import { Reply } from "./responses.ts";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".txt": "text/plain; charset=utf-8",
};
/** Whose name says what is in it, so that it never changes: `index-B7xY_9aK.js`. */
const HASHED = /[-.][A-Za-z0-9_-]{8,}\.\w+$/;
const FOREVER = "public, max-age=31536000, immutable";
const FALLBACK = "/index.html";

interface StaticFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly type: string;
  readonly etag: string;
  readonly cacheControl: string;
}

/** Where the pages for the browser are, once they have been built. */
export const STATIC_FOLDER: URL = new URL("./static/", import.meta.url);

/**
 * The pages for the browser, read once. What is asked for is looked up among the names of the files that are there; no path is
 * made of it.
 */
export class StaticFiles {
  readonly #folder: URL;
  #files: Promise<ReadonlyMap<string, StaticFile>> | null = null;

  constructor(folder: URL) {
    this.#folder = folder;
  }

  /**
   * @param path - below the base path, as the URL has it
   * @throws {RequestRefused} there is no such file
   */
  async find(path: string, ifNoneMatch: string | null): Promise<Reply> {
    this.#files ??= readAll(this.#folder);
    const files = await this.#files;
    // A page's path is the browser's matter; a file's is not.
    const file = files.get(path) ?? (extname(path) === "" ? files.get(FALLBACK) : undefined);
    if (file === undefined) {
      const detail =
        files.size === 0 ? "The pages for the browser are not part of this build." : "There is no such file.";
      throw new RequestRefused("NOT_FOUND", detail);
    }
    const headers = { etag: file.etag, "cache-control": file.cacheControl };
    if (ifNoneMatch === file.etag) return new Reply(304, null, headers);
    return new Reply(200, file.bytes, { ...headers, "content-type": file.type });
  }
}

async function readAll(folder: URL): Promise<ReadonlyMap<string, StaticFile>> {
  const files = new Map<string, StaticFile>();
  for (const path of await namesIn(folder)) {
    const type = TYPES[extname(path)];
    if (type === undefined) continue;
    const bytes = new Uint8Array(await readFile(new URL(path.split("/").map(encodeURIComponent).join("/"), folder)));
    const etag = `"${createHash("sha256").update(bytes).digest("hex").slice(0, 32)}"`;
    files.set(`/${path}`, { bytes, type, etag, cacheControl: HASHED.test(path) ? FOREVER : "no-cache" });
  }
  return files;
}

/** Names of all files, with `/` between folders; none where there is no such folder. */
async function namesIn(folder: URL): Promise<readonly string[]> {
  try {
    const entries = await readdir(fileURLToPath(folder), { recursive: true, withFileTypes: true });
    const root = fileURLToPath(folder);
    return entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) =>
        `${parentPath}/${name}`.slice(root.length).replaceAll("\\", "/").replace(/^\//, ""),
      );
  } catch {
    return [];
  }
}
