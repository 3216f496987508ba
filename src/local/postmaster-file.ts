import { readFile, readlink, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { runCommand } from "./command.ts";
import { stateOf } from "./process-identity.ts";

/** The running server's own notes in its data directory, `postmaster.pid`. */
export interface PostmasterFile {
  readonly pid: number;
  /** `null` while it is starting or stopping. */
  readonly port: number | null;
}

/** Whether a process is the server of a data directory; `unknown` where that can't be looked up. */
export type Role = "ours" | "other" | "unknown";

const FILE = "postmaster.pid";
const PROGRAMS: ReadonlySet<string> = new Set(["postgres", "postmaster"]);

/** @returns `null` if there is none, or if it is only just being written */
export async function readPostmasterFile(data: string): Promise<PostmasterFile | null> {
  const text = await readFile(join(data, FILE), "utf8").catch(() => "");
  const lines = text.split("\n");
  const pid = Number(lines[0]);
  const port = Number(lines[3]);
  if (!Number.isInteger(pid) || pid <= 0) return null;
  return { pid, port: lines[7]?.trim() === "ready" && Number.isInteger(port) ? port : null };
}

/**
 * The process that `postmaster.pid` names, if it may be the server of this data directory.
 *
 * A file left by a crash is removed where PostgreSQL would take it for that of a running server: when another
 * process has got the pid since, or when the ended server still keeps it. In all other cases PostgreSQL decides.
 */
export async function findPostmaster(data: string): Promise<(PostmasterFile & { readonly role: Role }) | null> {
  const file = await readPostmasterFile(data);
  if (file === null) return null;
  const state = stateOf(file.pid);
  if (state === "gone") return null;
  const role = state === "ended" ? "other" : await roleOf(file.pid, data);
  if (role !== "other") return { ...file, role };
  // Read again, in case somebody has started the server by hand in the meantime.
  if ((await readPostmasterFile(data))?.pid === file.pid) await rm(join(data, FILE), { force: true });
  return null;
}

/** Whether the process is a server that runs on this data directory. */
async function roleOf(pid: number, data: string): Promise<Role> {
  if (process.platform === "linux") return roleOnLinux(pid, data);
  if (process.platform === "win32") return "unknown";
  const [program] = (await runCommand("/bin/ps", ["-p", String(pid), "-o", "comm="], null)).output;
  if (program === undefined) return "unknown";
  if (!PROGRAMS.has(basename(program.trim()))) return "other";
  const [commandLine = ""] = (await runCommand("/bin/ps", ["-ww", "-p", String(pid), "-o", "args="], null)).output;
  return `${commandLine} `.includes(` -D ${data} `) ? "ours" : "unknown";
}

async function roleOnLinux(pid: number, data: string): Promise<Role> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => null);
  if (commandLine === null) return "unknown";
  const args = commandLine.split("\0");
  // The server's helper processes rename themselves to "postgres: …", so they don't count.
  if (!PROGRAMS.has(basename(args[0] ?? ""))) return "other";
  // The server works in its data directory. Root without the right to trace others can't see where that is.
  const workingDirectory = await readlink(`/proc/${pid}/cwd`).catch(() => null);
  if (workingDirectory !== null) return workingDirectory === data ? "ours" : "other";
  return args[args.indexOf("-D") + 1] === data ? "ours" : "unknown";
}
