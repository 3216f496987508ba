import { lchown, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { LocalPostgresError } from "../errors/local-errors.ts";
import { type Account, runCommand } from "./command.ts";

const PREFERRED = ["postgres", "nobody"];
const ROOT = 0;

/**
 * The user to run the server as: `null` means this process's own. PostgreSQL refuses to run as root, so for
 * root it is the owner of the data if there is any, else `postgres` or `nobody`. No user is ever created.
 *
 * @param data - the data directory; need not exist
 * @throws {LocalPostgresError} `account`: there is no user but root · `directory`: the data is somebody else's
 */
export async function chooseAccount(data: string): Promise<Account | null> {
  const self = process.geteuid?.();
  if (self === undefined) return null;
  const owner = await stat(data).catch(() => null);
  if (self !== ROOT) {
    if (owner === null || owner.uid === self) return null;
    throw new LocalPostgresError(
      "directory",
      `The data in "${data}" belongs to user id ${owner.uid}, not to ${self}. Run as that user, or choose another directory.`,
    );
  }
  if (owner !== null && owner.uid !== ROOT) return { uid: owner.uid, gid: owner.gid };
  const account = accountFrom(await readFile("/etc/passwd", "utf8").catch(() => ""));
  if (account !== null) return account;
  throw new LocalPostgresError(
    "account",
    "PostgreSQL refuses to run as root, and /etc/passwd has no other user to run it as. Run this process as an ordinary user.",
  );
}

/**
 * The user in the text of /etc/passwd that suits a server best; `null` if all are root. It has to be one that is
 * listed: `initdb` looks its own name up.
 */
export function accountFrom(passwd: string): Account | null {
  const users = passwd
    .split("\n")
    .map((line) => line.split(":"))
    .map(([name = "", , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter(({ uid, gid }) => Number.isInteger(uid) && Number.isInteger(gid) && uid > ROOT);
  const user =
    PREFERRED.map((name) => users.find((candidate) => candidate.name === name)).find((found) => found !== undefined) ??
    users[0];
  return user === undefined ? null : { uid: user.uid, gid: user.gid };
}

/**
 * Whether the account can get into a directory. Asked of the system, since mode bits don't tell the whole truth.
 *
 * @throws {LocalPostgresError} `account`: this process may not start programs as `account`
 */
export async function canEnter(account: Account | null, directory: string): Promise<boolean> {
  if (account === null) return true;
  const result = await runCommand("/bin/sh", ["-c", 'cd "$1"', "sh", directory], account);
  return result.exitCode === 0;
}

/** Gives a directory and everything in it to the account. What links point to outside of it stays as it is. */
export async function giveTo(account: Account, directory: string): Promise<void> {
  await lchown(directory, account.uid, account.gid);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    await (entry.isDirectory() ? giveTo(account, path) : lchown(path, account.uid, account.gid));
  }
}
