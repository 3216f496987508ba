import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { findChromium, startChromium } from "./chromium.ts";

/** How long a test waits for something to be seen. A test that has to wait so long fails. */
const PATIENCE_MS = 15_000;

export interface Pages {
  /** Opens a page of its own, with cookies of its own, at an address. */
  open(url: string, options?: BrowserContextOptions): Promise<Page>;
  /** Of what the browser complained, it is right that it did; taken off the list of problems. */
  expectProblems(pattern: RegExp): void;
}

/**
 * One browser for a test file. Whatever it complains of in a test fails that test: errors of scripts, what the content
 * security policy has refused, and dialogs that markup in a value has opened.
 */
export function browserPages(): Pages {
  let browser: Browser | null = null;
  const contexts: BrowserContext[] = [];
  let problems: string[] = [];
  let expected: RegExp[] = [];
  beforeAll(async () => {
    const program = findChromium();
    browser = program === null ? null : await startChromium(program);
  });
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close();
    const unexpected = problems.filter((problem) => !expected.some((pattern) => pattern.test(problem)));
    [problems, expected] = [[], []];
    expect(unexpected).toEqual([]);
  });
  afterAll(async () => await browser?.close());
  return {
    open: async (url, options = {}) => {
      if (browser === null) throw new Error("There is no browser.");
      const context = await browser.newContext({ locale: "en-GB", timezoneId: "UTC", ...options });
      contexts.push(context);
      const page = await context.newPage();
      page.setDefaultTimeout(PATIENCE_MS);
      page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
      page.on("console", (message) => {
        if (message.type() === "error") problems.push(`console: ${message.text()}`);
      });
      page.on("dialog", (dialog) => {
        problems.push(`dialog: ${dialog.message()}`);
        void dialog.dismiss();
      });
      await page.goto(url);
      return page;
    },
    expectProblems: (pattern) => void expected.push(pattern),
  };
}
