import { readFileSync, readlinkSync } from "node:fs";

/** `unknown`: it belongs to another process namespace (another container), where this process can't look. */
export type Fate = "alive" | "dead" | "unknown";

const UNKNOWN_START = "0";
const IDENTITY = /^(\d+)-(\d+)-([0-9a-f]+)-(\d+)$/;

/**
 * A name for a process that no other process gets, not even one that later has the same pid: pid,
 * start time, boot and process namespace. Fit for a file name. Where there is no /proc, only the pid counts.
 */
export function identityOf(pid: number): string {
  return `${pid}-${statOf(pid)?.startedAt ?? UNKNOWN_START}-${currentBoot()}-${currentNamespace()}`;
}

/** What has become of the process that `identity` names. */
export function fateOf(identity: string): Fate {
  const [, pid, startedAt, boot, namespace] = IDENTITY.exec(identity) ?? [];
  if (pid === undefined) return "unknown";
  if (boot !== currentBoot()) return "dead";
  if (namespace !== currentNamespace()) return "unknown";
  if (!isRunning(Number(pid))) return "dead";
  const current = statOf(Number(pid))?.startedAt ?? UNKNOWN_START;
  const sameStart = startedAt === current || startedAt === UNKNOWN_START || current === UNKNOWN_START;
  return sameStart ? "alive" : "dead";
}

/** Whether a process has this pid and has not ended. */
export function isRunning(pid: number): boolean {
  return stateOf(pid) === "running";
}

/**
 * `ended`: it no longer runs but keeps its pid until its parent asks for the exit code. In a container whose
 * first process never asks, an orphan stays like that for ever.
 */
export function stateOf(pid: number): "running" | "ended" | "gone" {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Any other refusal (EPERM) comes from a process that is there.
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return "gone";
  }
  const state = statOf(pid)?.state;
  return state === "Z" || state === "X" ? "ended" : "running";
}

function statOf(pid: number): { readonly state: string; readonly startedAt: string } | null {
  const text = readText(`/proc/${pid}/stat`);
  if (text === null) return null;
  // The second field is the program's name in parentheses and may itself contain spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const state = fields[0];
  const startedAt = fields[19];
  return state === undefined || startedAt === undefined ? null : { state, startedAt };
}

function currentBoot(): string {
  return readText("/proc/sys/kernel/random/boot_id")?.slice(0, 8) ?? "0";
}

function currentNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "0";
  } catch {
    return "0";
  }
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
