import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the command line as a process of its own, with nobody at its terminal. */
export async function waymark(url: string | null, ...args: readonly string[]): Promise<Ran> {
  return await startWaymark(url, ...args).ended;
}

/** The same, for what runs until it is told to stop. */
export function startWaymark(
  url: string | null,
  ...args: readonly string[]
): {
  readonly ended: Promise<Ran>;
  /** What it says first: all of one value, or one line. */
  readonly firstOutput: Promise<string>;
  stop(): void;
  closeOutput(): void;
} {
  const { DATABASE_URL: _, ...env } = process.env;
  const child = spawn(process.execPath, ["--import", "tsx", MAIN, ...args], {
    env: { ...env, ...(url === null ? {} : { DATABASE_URL: url }) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  const ended = new Promise<Ran>((resolve) => child.on("close", (code) => resolve({ code, out, err })));
  const firstOutput = new Promise<string>((resolve) => child.stdout.once("data", (text: string) => resolve(text)));
  return { ended, firstOutput, stop: () => void child.kill("SIGTERM"), closeOutput: () => void child.stdout.destroy() };
}
