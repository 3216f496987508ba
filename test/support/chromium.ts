import { accessSync, constants } from "node:fs";
import { type Browser, chromium } from "playwright-core";

/** Where distributions put it; another place can be named by WAYMARK_TEST_CHROMIUM. */
const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Why tests in a browser are skipped where they are. */
export const NO_CHROMIUM = "Chromium is not installed; WAYMARK_TEST_CHROMIUM can name its program";

/** The program, or `null` if it is not installed. */
export function findChromium(): string | null {
  const given = process.env["WAYMARK_TEST_CHROMIUM"];
  return (given === undefined ? PLACES : [given]).find(isExecutable) ?? null;
}

/** Starts a browser that reaches nothing but what a test gives it. To be closed by whoever started it. */
export async function startChromium(program: string): Promise<Browser> {
  return await chromium.launch({
    executablePath: program,
    // Chromium refuses to be sandboxed when root starts it; the pages are our own.
    chromiumSandbox: process.getuid?.() !== 0,
    args: [
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
