import { chmod, lstat, mkdir, realpath } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { canEnter } from "./account.ts";
import type { Account } from "./command.ts";
import { codeOf } from "./error-code.ts";

/** Group and others may write. */
const WRITABLE_BY_OTHERS = 0o022;

/**
 * A folder that this process owns, that nobody else can write to, and that `account` can enter; the first of
 * several usual places where that is so.
 *
 * - `cache`: can be made again; `XDG_CACHE_HOME`, or else the system's or user's cache
 * - `data`: has to be kept; `XDG_DATA_HOME`, or else the system's place for such data
 *
 * @returns `null` if there is none
 */
export async function sharedFolder(purpose: "cache" | "data", account: Account | null): Promise<string | null> {
  for (const place of placesFor(purpose, account)) {
    const folder = await ownFolder(place).catch(() => null);
    if (folder !== null && (await canEnter(account, folder))) return folder;
  }
  return null;
}

function placesFor(purpose: "cache" | "data", account: Account | null): readonly string[] {
  const named = process.env[purpose === "cache" ? "XDG_CACHE_HOME" : "XDG_DATA_HOME"];
  const places = named === undefined || named === "" ? [] : [join(named, "waymark")];
  if (purpose === "data") return [...places, "/var/lib/waymark"];
  const usual = account === null ? join(homedir(), ".cache", "waymark") : "/var/cache/waymark";
  // Last, because systems tidy their temporary folder file by file, which leaves a broken copy.
  return [...places, usual, join(tmpdir(), `waymark-cache-${process.geteuid?.() ?? "user"}`)];
}

async function ownFolder(place: string): Promise<string | null> {
  await mkdir(dirname(place), { recursive: true });
  await mkdir(place, { mode: 0o755 }).then(
    // The umask may have taken away what others need.
    () => chmod(place, 0o755),
    (error: unknown) => {
      if (codeOf(error) !== "EEXIST") throw error;
    },
  );
  return (await isSafe(place)) ? await realpath(place) : null;
}

/** Whether `path` is a real folder of this process's user to which nobody else can write. */
export async function isSafe(path: string): Promise<boolean> {
  const facts = await lstat(path);
  const own =
    process.geteuid === undefined || (facts.uid === process.geteuid() && (facts.mode & WRITABLE_BY_OTHERS) === 0);
  return facts.isDirectory() && own;
}
