import { createHash } from "node:crypto";
import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  symlink,
} from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { LocalPostgresError } from "../errors/local-errors.ts";
import { systemRandom } from "../time/random.ts";
import { getPostgresBinaries } from "./binaries.ts";
import { type Account, type CommandResult, runCommand } from "./command.ts";
import { codeOf } from "./error-code.ts";
import { fateOf, identityOf } from "./process-identity.ts";
import { isSafe, sharedFolder } from "./shared-folders.ts";

const SUFFIX = process.platform === "win32" ? ".exe" : "";
const COPIED = ["bin", "lib", "share", "pg-symlinks.json"];
const COPYING = "copying-";

/** The programs that a server needs, seen to run as its account. */
export interface UsableBinaries {
  readonly initdb: string;
  readonly pgCtl: string;
  readonly postgres: string;
}

/**
 * Makes sure that the programs run: adds links between libraries that an install script should have made, and
 * copies the programs if the account can't reach them, or if the links can't be added where they are.
 *
 * @param folder - with `bin`, `lib` and `share` in it; `null` for those that npm has installed
 * @throws {LocalPostgresError} `binaries`: they don't run here, with what they print · `account`
 */
export async function usableBinaries(
  folder: string | null,
  account: Account | null,
  say: (line: string) => void,
): Promise<UsableBinaries> {
  const original = folder ?? getPostgresBinaries().directory;
  if (!(await exists(programsIn(original).postgres))) {
    throw new LocalPostgresError(
      "binaries",
      `"${programsIn(original).postgres}" does not exist. options.binaries needs a folder with bin/postgres in it.`,
    );
  }
  const linked = await addLinks(original);
  const first = linked ? await tryOut(original, account) : null;
  if (first?.exitCode === 0) return programsIn(original);
  // A copy helps against a closed folder, not against a program that does not run.
  if (first !== null && first.spawnError !== "EACCES") throw unusableError(original, first);
  const copy = await copyOf(original, account, say);
  const second = await tryOut(copy, account);
  if (second.exitCode !== 0) throw unusableError(copy, second);
  return programsIn(copy);
}

function programsIn(folder: string): UsableBinaries {
  const program = (name: string): string => join(folder, "bin", `${name}${SUFFIX}`);
  return { initdb: program("initdb"), pgCtl: program("pg_ctl"), postgres: program("postgres") };
}

async function tryOut(folder: string, account: Account | null): Promise<CommandResult> {
  return runCommand(programsIn(folder).postgres, ["--version"], account);
}

function unusableError(folder: string, result: CommandResult): LocalPostgresError {
  // The program is there, so ENOENT speaks of the loader that it names: on musl systems there is none for it.
  const hint =
    result.spawnError === "ENOENT"
      ? "It needs the GNU C library, which Alpine does not have.\nInstall the system's own PostgreSQL and name its folder in options.binaries."
      : `It ended with ${result.spawnError ?? `exit code ${result.exitCode ?? "none"}`}:`;
  return new LocalPostgresError("binaries", `"${programsIn(folder).postgres}" does not run here. ${hint}`, {
    output: result.output,
  });
}

/**
 * Adds the links that the packages keep as a list, since npm packages can't contain links. An install script
 * normally does it, but may have been off.
 *
 * @returns whether all are there now
 */
async function addLinks(folder: string): Promise<boolean> {
  const list = await readFile(join(folder, "pg-symlinks.json"), "utf8").catch(() => "[]");
  for (const { source, target } of JSON.parse(list) as readonly { source: string; target: string }[]) {
    // Paths in the list start at the package, which is one level up.
    const [from, to] = [resolve(folder, "..", source), resolve(folder, "..", target)].map((path) =>
      insideOf(folder, path),
    );
    if (from === undefined || to === undefined) continue;
    try {
      await symlink(relative(dirname(to), from), to);
    } catch (error) {
      if (codeOf(error) !== "EEXIST" && !(await exists(to))) return false;
    }
  }
  return true;
}

/** The list may have been made for a folder of another name, as for a copy of `native`. */
function insideOf(folder: string, path: string): string | undefined {
  const [, ...parts] = relative(dirname(folder), path).split(sep);
  return parts.length === 0 || parts.includes("..") ? undefined : join(folder, ...parts);
}

/** A copy that the account can reach. Made once for each build of PostgreSQL, however many processes ask. */
async function copyOf(original: string, account: Account | null, say: (line: string) => void): Promise<string> {
  const cache = await sharedFolder("cache", account);
  if (cache === null) {
    throw new LocalPostgresError(
      "binaries",
      `PostgreSQL's programs in "${original}" can't be run by the server's user, and no folder was found for a copy.\nSet XDG_CACHE_HOME to one that this user can enter.`,
    );
  }
  const content = createHash("sha256")
    .update(await readFile(programsIn(original).postgres))
    .digest("hex");
  const copy = join(cache, `postgres-${content.slice(0, 16)}`);
  if (await exists(copy)) {
    if (await isSafe(copy)) return copy;
    throw new LocalPostgresError("binaries", `"${copy}" can be changed by other users, so it is not used. Remove it.`);
  }
  await removeUnfinishedCopies(cache);
  say(`copying PostgreSQL's programs to ${copy}, since its user can't reach them in ${original}`);
  const unfinished = join(cache, `${COPYING}${identityOf(process.pid)}.${systemRandom.uuid()}`);
  await copyTree(await realpath(original), unfinished);
  await addLinks(unfinished);
  await rename(unfinished, copy).catch(async (error: unknown) => {
    await rm(unfinished, { recursive: true, force: true });
    if (!(await exists(copy))) throw error;
  });
  return copy;
}

async function removeUnfinishedCopies(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    const [owner = ""] = name.slice(COPYING.length).split(".");
    const isAbandoned = name.startsWith(COPYING) && fateOf(owner) === "dead";
    if (isAbandoned) await rm(join(cache, name), { recursive: true, force: true });
  }
}

async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to);
  for (const name of COPIED) {
    if (await exists(join(from, name))) await copyEntry(join(from, name), join(to, name));
  }
  await chmod(to, 0o755);
}

async function copyEntry(from: string, to: string): Promise<void> {
  const facts = await lstat(from);
  if (facts.isSymbolicLink()) return symlink(await readlink(from), to);
  if (!facts.isDirectory()) {
    await copyFile(from, to);
    // Whatever the original allowed: here everybody may read, and run the programs.
    return chmod(to, basename(dirname(to)) === "bin" ? 0o755 : 0o644);
  }
  await mkdir(to);
  await chmod(to, 0o755);
  for (const name of await readdir(from)) await copyEntry(join(from, name), join(to, basename(name)));
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
