import { randomBytes } from "node:crypto";
import { chown, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { LocalPostgresError } from "../errors/local-errors.ts";
import { systemRandom } from "../time/random.ts";
import { codeOf } from "./error-code.ts";

/** What is remembered of a server between runs, in `server.json`. */
export interface ServerFile {
  readonly format: 1;
  /** Of the role `postgres`. The file is for its owner only, since the port is open to every user of the machine. */
  readonly password: string;
  /** `null` before the first start. */
  readonly port: number | null;
  /** The data directory; relative to this file if it is beside it, so that a project can be moved. */
  readonly data: string;
  /** What the server was last started with. */
  readonly settings: Readonly<Record<string, string>>;
}

export function newPassword(): string {
  return randomBytes(24).toString("base64url");
}

/**
 * @returns `null` if there is none
 * @throws {LocalPostgresError} `directory`: it can't be read or is not what this module wrote
 */
export async function readServerFile(directory: string): Promise<ServerFile | null> {
  const path = join(directory, "server.json");
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    if (codeOf(cause) === "ENOENT") return null;
    throw new LocalPostgresError(
      "directory",
      `"${path}" can't be read (${codeOf(cause)}). Run as the user who made it.`,
      {
        cause,
      },
    );
  });
  if (text === null) return null;
  const content = parseJson(text);
  if (isServerFile(content)) return content;
  throw new LocalPostgresError(
    "directory",
    `"${path}" is damaged. It holds the password, so restore it, or remove "${directory}" to start with an empty database.`,
  );
}

/** Replaces the file in one step, so that it is never half written. */
export async function writeServerFile(directory: string, content: ServerFile): Promise<void> {
  const path = join(directory, "server.json");
  const draft = `${path}.${systemRandom.uuid()}`;
  try {
    await writeFile(draft, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flush: true });
    await giveToOwnerOfFolder(draft);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** Keeps what root writes into somebody's project readable to that somebody. */
export async function giveToOwnerOfFolder(path: string): Promise<void> {
  if (process.geteuid?.() !== 0) return;
  const { uid, gid } = await stat(dirname(path));
  await chown(path, uid, gid);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isServerFile(value: unknown): value is ServerFile {
  if (typeof value !== "object" || value === null) return false;
  const { format, password, port, data, settings } = value as Readonly<Record<string, unknown>>;
  return (
    format === 1 &&
    typeof password === "string" &&
    (port === null || Number.isInteger(port)) &&
    typeof data === "string" &&
    typeof settings === "object" &&
    settings !== null
  );
}
