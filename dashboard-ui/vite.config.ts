import { defineConfig } from "vite";

/**
 * Builds the dashboard into static files that the package ships. They name each other by relative paths, so that they
 * work wherever the handler is mounted, and hold nothing inline, so that the handler's content security policy holds.
 */
export default defineConfig({
  root: import.meta.dirname,
  // Relative: the prefix under which a handler is mounted is known at run time only.
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../dist/dashboard/static",
    emptyOutDir: true,
    // light-dark() and nesting are kept as they are written.
    target: "es2022",
    cssTarget: ["chrome123", "firefox121", "safari17.5"],
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: false,
  },
});
