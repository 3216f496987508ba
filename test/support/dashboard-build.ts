import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "vite";
import type { TestProject } from "vitest/node";

const UI = join(import.meta.dirname, "../../dashboard-ui");

declare module "vitest" {
  interface ProvidedContext {
    /** Folder of the dashboard's static files, as a URL that ends in a slash. */
    dashboardFiles: string;
  }
}

/** Builds the dashboard's browser code, as the package ships it, into a folder that is gone afterwards. */
export default async function setup(project: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), "waymark-dashboard-"));
  const configFile = join(UI, "vite.config.ts");
  await build({ root: UI, configFile, logLevel: "warn", build: { outDir: folder, emptyOutDir: true } });
  project.provide("dashboardFiles", pathToFileURL(`${folder}/`).href);
  return () => rmSync(folder, { recursive: true, force: true });
}
