import { execFile } from "node:child_process";
import { cpus, release, totalmem } from "node:os";
import { promisify } from "node:util";

const GIBIBYTE = 2 ** 30;

/** What it ran on. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
  readonly node: string;
  /** File system and device that the database is on. */
  readonly disk: string;
}

export async function describeMachine(directory: string): Promise<Machine> {
  const processors = cpus();
  return {
    cpu: processors[0]?.model ?? "unknown",
    cores: processors.length,
    memoryGib: Math.round(totalmem() / GIBIBYTE),
    kernel: `${process.platform} ${release()}`,
    node: process.version,
    disk: await fileSystemOf(directory),
  };
}

/** Type and device of the file system that has the data. */
async function fileSystemOf(directory: string): Promise<string> {
  const { stdout } = await promisify(execFile)("df", ["--output=fstype,source", directory]);
  return stdout.trim().split("\n").at(-1)?.replaceAll(/\s+/g, " ") ?? "unknown";
}
