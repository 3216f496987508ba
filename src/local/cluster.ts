import { createHash, randomBytes } from "node:crypto";
import { chmod, chown, mkdir, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { LocalPostgresError } from "../errors/local-errors.ts";
import { canEnter, chooseAccount, giveTo } from "./account.ts";
import { SUPERUSER } from "./admin.ts";
import { type Account, runCommand } from "./command.ts";
import { giveToOwnerOfFolder, newPassword, readServerFile, type ServerFile, writeServerFile } from "./server-file.ts";
import { sharedFolder } from "./shared-folders.ts";
import type { UsableBinaries } from "./usable-binaries.ts";

const DATA = "data";

/** The files of one server, and who they belong to. */
export interface Cluster {
  /** Where `server.json`, the lock and the log are. */
  readonly directory: string;
  /** The data directory, without links in its path; `null` if it is still to be made. */
  readonly data: string | null;
  readonly account: Account | null;
  /** `null` if nothing is remembered. */
  readonly file: ServerFile | null;
}

/** Makes the directory if necessary, and returns its path without links. */
export async function openDirectory(path: string): Promise<string> {
  const firstMade = await mkdir(path, { recursive: true });
  const directory = await realpath(path);
  if (firstMade === undefined) return directory;
  // Data and password have no business in the project's history.
  await writeFile(join(directory, ".gitignore"), "*\n");
  if (process.geteuid?.() === 0) await openToServerUser(directory, await realpath(firstMade));
  return directory;
}

/** A strict umask would lock the server's user out of what root has just made. */
async function openToServerUser(directory: string, firstMade: string): Promise<void> {
  for (let path = directory; path.startsWith(firstMade); path = resolve(path, "..")) await chmod(path, 0o755);
}

/**
 * What there is in a directory.
 *
 * @throws {LocalPostgresError} `directory`: data without its password, or somebody else's · `account`
 */
export async function openCluster(directory: string): Promise<Cluster> {
  const file = await readServerFile(directory);
  const data = resolve(directory, file?.data ?? DATA);
  const account = await chooseAccount(data);
  // initdb works under another name, so a data directory is always complete.
  const isThere = await stat(data).catch(() => null);
  if (isThere === null) return { directory, data: null, account, file };
  if (!(await stat(join(data, "PG_VERSION")).catch(() => null))) {
    throw new LocalPostgresError(
      "directory",
      `"${data}" is not a data directory of PostgreSQL. Remove it, or choose another one.`,
    );
  }
  if (file !== null) return { directory, data: await realpath(data), account, file };
  throw new LocalPostgresError(
    "directory",
    `"${directory}" has data but no server.json with the password.\nRestore that, or remove the directory to start with an empty database.`,
  );
}

/**
 * Makes the data directory with `initdb`.
 *
 * @param durable - whether the files must be on the disk when this returns
 * @throws {LocalPostgresError} `start`: `initdb` failed, with what it printed · `directory`: no place for the data
 */
export async function createData(
  cluster: Cluster,
  binaries: UsableBinaries,
  durable: boolean,
  say: (line: string) => void,
): Promise<{ readonly data: string; readonly file: ServerFile }> {
  const data = await placeForData(cluster, say);
  say(`creating a database cluster in ${data}`);
  const draft = `${data}.new`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  if (cluster.account !== null) await giveTo(cluster.account, draft);
  const password = newPassword();
  try {
    await initialize(draft, password, cluster.account, binaries, durable);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
  // The password first: data whose password nobody knows would be of no use.
  const where = data === join(cluster.directory, DATA) ? DATA : data;
  const file: ServerFile = { format: 1, password, port: cluster.file?.port ?? null, data: where, settings: {} };
  await writeServerFile(cluster.directory, file);
  await rename(draft, data);
  return { data: await realpath(data), file };
}

async function initialize(
  data: string,
  password: string,
  account: Account | null,
  binaries: UsableBinaries,
  durable: boolean,
): Promise<void> {
  // initdb reads the password from a file that its user must be able to open, and it wants the data directory empty.
  const passwordFile = `${data}.password`;
  try {
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
    if (account !== null) await chown(passwordFile, account.uid, account.gid);
    const login = ["-U", SUPERUSER, "--auth=scram-sha-256", `--pwfile=${passwordFile}`];
    // Other locales differ between machines and may be missing; this one never is.
    const locale = ["--locale=C", "--encoding=UTF8"];
    const args = ["-D", data, ...login, ...locale, ...(durable ? [] : ["--no-sync"])];
    const result = await runCommand(binaries.initdb, args, account);
    if (result.exitCode === 0) return;
    const output =
      result.spawnError === null ? result.output.slice(-10) : [`initdb could not be started: ${result.spawnError}`];
    // Typical of containers that run under a number without a name.
    const nameless = output.some((line) => line.includes("could not look up effective user ID"));
    const hint = nameless ? " Its user needs an entry in /etc/passwd." : "";
    throw new LocalPostgresError("start", `initdb could not make a database cluster in "${data}".${hint}`, { output });
  } finally {
    await rm(passwordFile, { force: true });
  }
}

async function placeForData(cluster: Cluster, say: (line: string) => void): Promise<string> {
  const { directory, account } = cluster;
  if (account === null || (await canEnter(account, directory))) return join(directory, DATA);
  const folder = await sharedFolder("data", account);
  if (folder === null) {
    throw new LocalPostgresError(
      "directory",
      `User id ${account.uid}, which the server has to run as, can't enter "${directory}".\nChoose another options.directory, or run as an ordinary user.`,
    );
  }
  // With some chance in the name: whoever removes the directory wants an empty database, not the one before.
  const key = createHash("sha256").update(directory).digest("hex").slice(0, 12);
  const data = join(folder, `postgres-${key}-${randomBytes(3).toString("hex")}`);
  say(`keeping the data in ${data}, since the server's user can't enter ${directory}`);
  return data;
}

/** The files that a server needs to own, whoever copied them here. */
export async function claimData(data: string, account: Account | null): Promise<void> {
  const facts = await stat(data);
  if (account !== null && facts.uid !== account.uid) await giveTo(account, data);
  // PostgreSQL refuses data that others can read.
  if ((facts.mode & 0o027) !== 0) await chmod(data, 0o700);
}

/** The server's log, beside its data, readable to the owner of the directory only. */
export async function prepareLog(directory: string): Promise<string> {
  const log = join(directory, "log");
  await writeFile(log, "", { flag: "a", mode: 0o600 });
  await giveToOwnerOfFolder(log);
  return log;
}
