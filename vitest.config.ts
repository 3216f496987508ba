import { existsSync } from "node:fs";
import { configDefaults, defineConfig } from "vitest/config";
import ClosingLineReporter from "./test/support/closing-line-reporter.ts";
import SlowestFirst from "./test/support/slowest-first.ts";

const src = `${import.meta.dirname}/src`;

/** Starts the PostgreSQL that the tests of the project "system" share, and migrates the template database. */
const GLOBAL_SETUP = "./test/support/global-setup.ts";

/** What needs no server, no child process and no network. Most of the rest under test/ is "system". */
const PURE_TESTS = [
  "test/architecture.test.ts",
  "test/errors-doc.test.ts",
  "test/mutants/**/*.test.ts",
  "test/support/**/*.test.ts",
  "test/scripts/**/*.test.ts",
];
// They start servers of their own, whichever one the others use.
const LOCAL_TESTS = ["test/integration/local-postgres*.test.ts"];
const PACKAGE_TESTS = ["test/package/**/*.test.ts"];
// They need Chromium, and the dashboard's browser code built.
const BROWSER_TESTS = ["test/dashboard-ui/**/*.test.ts"];
// Checked by tsc alone: to run them would prove nothing.
const TYPE_TESTS = ["test/types/**"];

export default defineConfig({
  resolve: {
    alias: [
      { find: /^waymark$/, replacement: `${src}/index.ts` },
      { find: /^waymark\/([a-z-]+(?:\/[a-z-]+)?)$/, replacement: `${src}/$1/index.ts` },
    ],
  },
  test: {
    pool: "forks",
    // Most of a test of the database is waiting for it.
    maxWorkers: "100%",
    sequence: { sequencer: SlowestFirst },
    restoreMocks: true,
    setupFiles: ["./test/support/seed.ts"],
    allowOnly: process.env["CI"] === undefined,
    reporters: ["default", new ClosingLineReporter()],
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["src/**/*.test.ts", "dashboard-ui/src/**/*.test.ts", ...PURE_TESTS],
          exclude: [...configDefaults.exclude, ...TYPE_TESTS],
          // They take milliseconds; but a machine may be busy with something else.
          testTimeout: 20_000,
        },
      },
      {
        extends: true,
        test: {
          name: "system",
          include: ["test/**/*.test.ts"],
          exclude: [
            ...configDefaults.exclude,
            ...PURE_TESTS,
            ...LOCAL_TESTS,
            ...PACKAGE_TESTS,
            ...BROWSER_TESTS,
            ...TYPE_TESTS,
          ],
          globalSetup: existsSync(new URL(GLOBAL_SETUP, import.meta.url)) ? [GLOBAL_SETUP] : [],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: "local",
          include: LOCAL_TESTS,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: "browser",
          include: BROWSER_TESTS,
          globalSetup: [GLOBAL_SETUP, "./test/support/dashboard-build.ts"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: "package",
          include: PACKAGE_TESTS,
          globalSetup: ["./test/package/global-setup.ts"],
          testTimeout: 60_000,
          hookTimeout: 180_000,
        },
      },
    ],
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      // Tested as a binary (cli); generated (embedded.ts); re-exports and types have no lines to run.
      exclude: ["src/**/*.test.ts", "src/cli/**", "src/**/embedded.ts", "src/**/index.ts"],
      reporter: ["text-summary", "html", "json-summary"],
      // Enforced by `npm run coverage`, not by `npm test`.
      thresholds: {
        lines: 90,
        branches: 90,
        "src/{snapshot,flow,time,codec}/**/*.ts": { lines: 100, branches: 100 },
      },
    },
  },
});
